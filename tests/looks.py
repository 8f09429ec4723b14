"""Looks at an installation, put together for tests."""

from __future__ import annotations

from typing import Any

from genesis.monitoring.status import COUNTED, CacheStatus, CameraFigures, CameraStatus, GroupStatus, ProgramStatus, Status, StreamStatus

NOW = 1_767_355_200.0
"""Noon of 2026-01-02, UTC."""
SERVED = ("ingestion", "detection", "analytics", "recognition")


def figures(**changes: Any) -> CameraFigures:
    """Return a camera's figures."""
    values: dict[str, Any] = {
        "time": "2026-01-02T12:00:00+00:00", "window": 10.0, "age": 3.0, "fps_captured": 10.0, "fps_processed": 9.5, "persons": 1.25,
        "most_persons": 4, "tracks": 5, "occupancy": {}, "dwell": {}, "latency_p50": 0.2, "latency_p95": 0.31,
    }  # fmt: skip
    return CameraFigures(**{**values, **changes})


def camera(name: str = "door", **changes: Any) -> CameraStatus:
    """Return a camera that gives frames."""
    values: dict[str, Any] = {
        "state": "live", "session": "s1", "frames": 120, "fps": 10.0, "newest_frame": "", "age": 0.5, "dropped": {}, "figures": figures(),
    }  # fmt: skip
    return CameraStatus(camera=name, **{**values, **changes})


def group(name: str, queue: str, **changes: Any) -> GroupStatus:
    """Return a group with nothing to do; a total such as `settled=3` goes where it belongs."""
    totals = {outcome: changes.pop(outcome, 0) for outcome in COUNTED}
    values: dict[str, Any] = {"exists": True, "pending": 0, "lag": 0, "oldest_pending": None, "totals": totals}
    return GroupStatus(group=name, queue=queue, **{**values, **changes})


def stream(name: str, *groups: GroupStatus, **changes: Any) -> StreamStatus:
    """Return a stream, by its short name."""
    values: dict[str, Any] = {"exists": True, "length": 10, "dead_letters": 0}
    return StreamStatus(stream=f"genesis:{name}", groups=groups, **{**values, **changes})


def program(role: str = "bridge", name: str = "", **changes: Any) -> ProgramStatus:
    """Return a program that is well."""
    values: dict[str, Any] = {
        "host": "north", "pid": 42, "version": "1.2.0", "running": 7200.0, "age": 2.0, "alive": changes.get("age", 2.0) < 20,
    }  # fmt: skip
    return ProgramStatus(role=role, name=name or f"{role}-north-1", **{**values, **changes})


def staff(**changes: ProgramStatus | None) -> tuple[ProgramStatus, ...]:
    """Return the programs of a small installation; one that is given takes the place of that role, None leaves it out."""
    found = {
        "bridge": program(),
        "capture": program("capture", "north-7", cameras=("door",)),
        "worker": program("worker", "all@north", queues=SERVED, children=4),
        **changes,
    }
    return tuple(one for one in found.values() if one is not None)


def look(**changes: Any) -> Status:
    """Return a look at an installation that is well."""
    values: dict[str, Any] = {
        "prefix": "genesis",
        "streams": (
            stream("frames", group("frame-workers", "ingestion", settled=120), group("detection-workers", "detection", settled=118)),
            stream("persons", group("person-workers", "analytics", settled=118), group("face-workers", "recognition", settled=118)),
        ),
        "cameras": (camera(),),
        "cache": CacheStatus(bytes=20_000_000, limit=500_000_000, frames=40, references=41),
        "programs": staff(),
        "time": NOW,
    }
    return Status(**{**values, **changes})
