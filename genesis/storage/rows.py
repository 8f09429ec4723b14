"""What events say, as PostgreSQL can keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2.extras import Json

from genesis.events import Box


def cleaned(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row that PostgreSQL can keep: its texts have no zero characters."""
    return {name: value.replace("\x00", "\ufffd") if isinstance(value, str) else value for name, value in row.items()}


def by_name(values: Mapping[str, float]) -> Json:
    """Return numbers by name as JSON; their names have no zero characters."""
    return Json({name.replace("\x00", "\ufffd"): value for name, value in values.items()})


def corners(box: Box | None) -> list[float] | None:
    """Return a box as `x1 y1 x2 y2`."""
    return None if box is None else [box.x1, box.y1, box.x2, box.y2]
