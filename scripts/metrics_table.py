"""Write the tables of `docs/metrics.md` out of the catalogue: `make settings` runs it."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from math import prod
from pathlib import Path

from genesis.events import STREAMS
from genesis.monitoring.families import REASONS
from genesis.monitoring.queues import ROLES
from genesis.monitoring.status import COUNTED
from genesis.subscriptions import load_subscriptions
from genesis.telemetry.catalogue import LABELS, METRICS, Metric, Teller

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"

_OF = {"exporter": "the exporter", "bridge": "a bridge", "capture": "a capture", "worker": "a worker"}
_RUNS = ("settled", "stale", "late", "filtered", "retried", "buried", "waiting", "held")
_WORDS = {"outcome": len(COUNTED), "reason": len(REASONS), "role": len(ROLES), "server": 3, "version": 1}
_THINGS: dict[tuple[str, ...], str] = {
    (): "-",
    ("stream",): "stream",
    ("stream", "group"): "subscription",
    ("stream", "camera"): "stream and camera",
    ("queue",): "queue",
    ("camera",): "camera",
    ("camera", "zone"): "zone",
    ("role", "program"): "program",
    ("model",): "model",
    ("child",): "child",
}
_ZONES, _PROGRAMS, _CHILDREN = 2, 20, 4


def metrics() -> str:
    """Return a table for each set of programs that tell the same metrics."""
    parts = []
    for told_by in dict.fromkeys(metric.told_by for metric in METRICS):
        rows = [[f"`{row.name}`", row.kind, _quoted(row.labels), row.help] for row in METRICS if row.told_by == told_by]
        parts.append(f"### Told by {_joined(told_by)}\n\n{_table(('metric', 'kind', 'labels', 'meaning'), rows)}")
    return "\n\n".join(parts)


def labels() -> str:
    """Return the table of labels."""
    return _table(("label", "what its values are"), [[f"`{name}`", text] for name, text in LABELS.items()])


def series(cameras: int = 20) -> str:
    """Return the table of how many series each program has.

    Args:
        cameras: of the example, with two zones each.
    """
    queues = load_subscriptions()
    sizes = {
        "-": 1,
        "stream": len(STREAMS),
        "subscription": len(queues),
        "stream and camera": len(STREAMS) * cameras,
        "queue": len(queues.queues),
        "camera": cameras,
        "zone": cameras * _ZONES,
        "program": _PROGRAMS,
        "model": 1,
        "child": _CHILDREN,
    }
    rows = []
    for teller, name in _OF.items():
        each: Counter[str] = Counter()
        for metric in METRICS:
            if teller in metric.told_by:
                thing, count = series_of(metric)
                each[thing] += count
        for thing, count in sorted(each.items(), key=lambda item: list(sizes).index(item[0])):
            rows.append([name, thing, str(count), f"{sizes[thing] * count:,}"])
        rows.append([f"**{name}**", "", "", f"**{sum(sizes[thing] * count for thing, count in each.items()):,}**"])
    return _table(("told by", "for each", "series", f"with {cameras} cameras"), rows)


def series_of(metric: Metric) -> tuple[str, int]:
    """Return what a metric has series for, and how many for each of it at most."""
    words = [
        len(_RUNS) if (name, metric.name) == ("outcome", "genesis_runs_total") else _WORDS[name] for name in metric.labels if name in _WORDS
    ]
    things = tuple(name for name in metric.labels if name not in _WORDS)
    if "program" in things:
        # A program has one role.
        return "program", 1
    # Of a histogram: each bucket, the one without a bound, the sum and the count.
    return _THINGS[things], prod(words) * (len(metric.buckets) + 3 if metric.kind == "histogram" else 1)


def with_metrics(text: str) -> str:
    """Return a page with its tables as they should be."""
    for name, table in (("metrics", metrics()), ("labels", labels()), ("series", series())):
        between = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        text = between.sub(f"{table}\n".replace("\\", r"\\"), text)
    return text


def _joined(told_by: Iterable[Teller]) -> str:
    *names, last = [_OF[teller].removeprefix("the ").removeprefix("a ") for teller in told_by]
    every = len(names) + 1 == len(_OF)
    return "every program" if every else " and ".join([*names, last])


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


def _table(heads: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in (heads, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:]])


if __name__ == "__main__":
    PAGE.write_text(with_metrics(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name}: tables of metrics written\n")
