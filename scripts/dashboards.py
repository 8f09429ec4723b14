"""Write configs/grafana/dashboards out of the panels beside this file: what is shown is said there, in which form here."""

from __future__ import annotations

import itertools
import json
import string
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from panels import GREEN, GREY, Choice, Dashboard, Panel
from panels_cameras import CAMERAS
from panels_pipeline import PIPELINE
from panels_stores import STORES
from panels_workers import WORKERS

DASHBOARDS = (PIPELINE, CAMERAS, WORKERS, STORES)
FOLDER = Path(__file__).resolve().parents[1] / "configs" / "grafana" / "dashboards"
SCHEMA = 41
"""Version of the form, as Grafana 12 writes it; newer ones read it."""
COLUMNS = 24
HEIGHTS = {"stat": 4, "timeseries": 8, "table": 8, "state-timeline": 8}
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def rendered(dashboard: Dashboard) -> str:
    """Return the file of a dashboard."""
    return json.dumps(_dashboard(dashboard), indent=2) + "\n"


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "uid": f"genesis-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["genesis"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # the moment under the pointer is marked in all panels
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "weekStart": "",
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "links": [_link()],
        "annotations": {"list": [_alerts()]},
        "templating": {"list": [_source_variable(), *map(_variable, dashboard.choices)]},
        "panels": list(_panels(dashboard)),
    }


def _link() -> dict[str, Any]:
    return {
        "type": "dashboards", "title": "Genesis", "tags": ["genesis"], "asDropdown": False, "includeVars": False, "keepTime": True,
        "targetBlank": False, "icon": "external link", "tooltip": "", "url": "",
    }  # fmt: skip


def _alerts() -> dict[str, Any]:
    """Return the marks of alerts that fire; ours are those that say which part they are about."""
    return {
        "name": "Alerts", "enable": True, "hide": False, "iconColor": "red", "datasource": _SOURCE, "step": "15s",
        "expr": 'ALERTS{alertstate="firing",part!=""}', "titleFormat": "{{alertname}}", "tagKeys": "severity,part",
    }  # fmt: skip


def _source_variable() -> dict[str, Any]:
    return {
        "type": "datasource", "name": "source", "label": "Prometheus", "query": "prometheus", "hide": 0, "multi": False,
        "includeAll": False, "refresh": 1, "regex": "", "options": [], "skipUrlSync": False,
        "current": {"text": "Prometheus", "value": "genesis-prometheus"},
    }  # fmt: skip


def _variable(choice: Choice) -> dict[str, Any]:
    query = f"label_values({choice.metric}, {choice.label})"
    return {
        "type": "query", "name": choice.label, "label": choice.label, "datasource": _SOURCE, "definition": query,
        "query": {"query": query, "refId": "values"}, "refresh": 2, "multi": True, "includeAll": True, "allValue": ".*", "sort": 1,
        "regex": "", "hide": 0, "options": [], "skipUrlSync": False, "current": {"text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    numbers, top = itertools.count(1), 0
    for row in dashboard.rows:
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {"id": next(numbers), "type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": place}
        top += 1
        for line in _lines(row.panels):
            height, left = max(HEIGHTS[panel.kind] for panel in line), 0
            for panel in line:
                yield {"id": next(numbers), "gridPos": {"x": left, "y": top, "w": panel.width, "h": height}, **_panel(panel)}
                left += panel.width
            top += height


def _lines(panels: Iterable[Panel]) -> list[list[Panel]]:
    """Return the panels that stand side by side."""
    lines: list[list[Panel]] = [[]]
    for panel in panels:
        if sum(other.width for other in lines[-1]) + panel.width > COLUMNS:
            lines.append([])
        lines[-1].append(panel)
    return lines


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "targets": [
            _target(panel, letter, query.expr, query.name) for letter, query in zip(string.ascii_uppercase, panel.queries, strict=False)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
        **({"transformations": _columns(panel)} if panel.kind == "table" else {}),
    }


def _target(panel: Panel, letter: str, expr: str, name: str) -> dict[str, Any]:
    now = panel.kind in {"stat", "table"}
    return {
        "refId": letter, "datasource": _SOURCE, "editorMode": "code", "expr": expr, "legendFormat": name, "instant": now, "range": not now,
        "format": "table" if panel.kind == "table" else "time_series",
    }  # fmt: skip


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": GREEN if panel.limits or panel.words else GREY, "value": None}]
    steps += [{"color": color, "value": value} for value, color in panel.limits]
    made: dict[str, Any] = {
        "unit": panel.unit,
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "thresholds": {"mode": "absolute", "steps": steps},
        "mappings": [_mapping(panel)] if panel.words else [],
        "custom": _custom(panel),
    }
    if panel.kind == "timeseries":
        made["min"] = 0
    if panel.most is not None:
        made["max"] = panel.most
    return made


def _mapping(panel: Panel) -> dict[str, Any]:
    words = {str(value): {"text": text, "color": color, "index": index} for index, (value, text, color) in enumerate(panel.words)}
    return {"type": "value", "options": words}


def _custom(panel: Panel) -> dict[str, Any]:
    if panel.kind == "timeseries":
        return {
            "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 30 if panel.stacked else 8,
            "showPoints": "never", "spanNulls": False, "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if panel.limits else "off"},
        }  # fmt: skip
    return {"fillOpacity": 70, "lineWidth": 0} if panel.kind == "state-timeline" else {}


def _options(panel: Panel) -> dict[str, Any]:
    return {
        "timeseries": {
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "stat": {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "background", "graphMode": "none",
            "justifyMode": "center", "textMode": "value", "orientation": "auto", "wideLayout": True,
        },
        "state-timeline": {
            "mergeValues": True, "showValue": "auto", "alignValue": "left", "rowHeight": 0.8, "tooltip": {"mode": "single", "sort": "none"},
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        },
        "table": {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""}},
    }[panel.kind]  # fmt: skip


def _columns(panel: Panel) -> list[dict[str, Any]]:
    """Put the answers of all queries side by side, under their names."""
    names = {f"Value #{letter}": query.name for letter, query in zip(string.ascii_uppercase, panel.queries, strict=False)}
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": names}},
    ]


def main() -> int:
    """Write the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.name}.json").write_text(rendered(dashboard), encoding="utf-8")
    sys.stdout.write(f"{len(DASHBOARDS)} dashboards written to {FOLDER}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
