"""What a Grafana dashboard consists of, without Grafana's form: rows of panels, each with its questions to Prometheus.

The dashboards are in `panels_pipeline.py` and its neighbours; `dashboards.py` writes them in Grafana's form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GREEN, ORANGE, RED, GREY = "green", "orange", "red", "text"
UP = ((0, "down", RED), (1, "up", GREEN))
"""Words for a figure that is 0 or 1."""
RATE = "[$__rate_interval]"
OF_STREAM, OF_CAMERA = '{stream=~"$stream"}', '{camera=~"$camera"}'
"""What is chosen at the top of a dashboard."""
BY_GROUP = "{{stream}} {{group}}"
"""Name of a group's line."""


@dataclass(frozen=True)
class Query:
    """A question to Prometheus.

    Attributes:
        expr: in its language.
        name: of its lines, with labels in braces; in a table, of its column.
    """

    expr: str
    name: str


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: above it.
        about: what it means, and what to do if it looks bad.
        queries: asked for it.
        unit: one of Grafana's.
        kind: how it is drawn.
        width: of the dashboard's 24 columns.
        stacked: lines add up.
        limits: from which value on it has which colour, beside green below.
        most: the axis ends here.
        words: what to show instead of a number, and in which colour.
    """

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat", "table", "state-timeline"] = "timeseries"
    width: int = 8
    stacked: bool = False
    limits: tuple[tuple[float, str], ...] = ()
    most: float | None = None
    words: tuple[tuple[int, str, str], ...] = ()


@dataclass(frozen=True)
class Row:
    """Panels below a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Choice:
    """Something to choose at the top: a label's values."""

    label: str
    metric: str


@dataclass(frozen=True)
class Dashboard:
    """One dashboard; its uid and file are `name`."""

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()


def one(expr: str, name: str) -> tuple[Query, ...]:
    """Return a single query."""
    return (Query(expr, name),)


def quantiles(metric: str, by: str, where: str = "", shares: tuple[int, ...] = (50, 95, 99)) -> tuple[Query, ...]:
    """Return a query for each of some percentiles of a histogram."""
    braced = "".join(f" {{{{{label}}}}}" for label in by.split(", ") if label)
    labels = f"le, {by}" if by else "le"
    return tuple(
        Query(f"histogram_quantile({share / 100}, sum by ({labels}) (rate({metric}_bucket{where}[$__rate_interval])))", f"p{share}{braced}")
        for share in shares
    )


def runbook(section: str) -> str:
    """Say where to read on."""
    return f" What to do: docs/runbook.md#{section}"
