"""The parts of the screen of `genesis status --watch`: cameras, streams, programs, stores, the newest events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text

from genesis.cli.figures import age, camera_figures, camera_state, drops, queues_or_cameras, size, standing
from genesis.cli.screen_layout import Part
from genesis.cli.screen_tables import Column, Row, gauge, spark, table
from genesis.cli.terminal import safe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from genesis.cli.screen_view import View
    from genesis.monitoring.latest import Happening
    from genesis.monitoring.status import GroupStatus, ProgramStatus, Status, StreamStatus

BARS = 20  # parts of the last minute, 3 s each
_TEXT = 300  # characters of what comes from events, names and servers
_FEW = 5  # programs: fewer are not shown one by one while others are left out
_WEIGHTS = {"alarm": "bold red", "notice": "bold", "plain": "", "faint": "dim"}
_COLOURS = {"alerts": "magenta", "zones": "cyan", "faces": "green", "sessions": "blue"}

_CAMERAS = (
    Column("camera", 9, least=12), Column("state", 8), Column("fps", 7, right=True), Column("processed", 6, right=True),
    Column("last minute", 5), Column("persons", 4, right=True), Column("latency", 3, right=True), Column("heard of", 2, right=True),
    Column("dropped", 1, least=14),
)  # fmt: skip
_GROUPS = (
    Column("stream", 9), Column("group", 8, least=12), Column("pending", 7, right=True), Column("lag", 6, right=True),
    Column("oldest", 5, right=True), Column("per s", 4, right=True), Column("settled", 1, right=True), Column("retried", 2, right=True),
    Column("dead", 3, right=True),
)  # fmt: skip
_PROGRAMS = (
    Column("program", 9), Column("name", 5, least=12), Column("state", 8, least=8), Column("queues, cameras", 4, least=15),
    Column("children", 3, right=True), Column("seen", 6, right=True), Column("runs for", 1, right=True), Column("host", 2, least=6),
)  # fmt: skip
_EVENTS = (Column("time", 7), Column("stream", 3), Column("camera", 5, least=8), Column("", 9, least=20))


def parts(view: View) -> tuple[Part, ...]:
    """Return all parts, from top to bottom; none before anything was seen."""
    status = view.status
    if status is None:
        return ()
    cameras, programs, events = len(status.cameras), len(status.programs), len(view.happenings)
    return (
        Part("cameras", 1, range(min(cameras, 3) + 1, max(cameras, 1) + 2), partial(_cameras, view, status)),
        Part("streams", 2, _steps(status), partial(_streams, view, status)),
        Part("programs", 4, (1, *range(min(programs, _FEW) + 1, programs + 2)) if programs else (1,), partial(_programs, status)),
        Part("stores", 5, (1, 2) if view.servers else (1,), partial(_stores, view, status)),
        Part("newest events", 3, range(1, max(events, 1) + 1), partial(_events, view)),
    )


def _steps(status: Status) -> tuple[int, ...]:
    streams, groups = len(status.streams), sum(len(stream.groups) for stream in status.streams)
    return (4, streams + 1, groups + 1) if streams > 3 else (groups + 1,)  # noqa: PLR2004 - so many fit in the first step


def _cameras(view: View, status: Status, width: int, lines: int) -> RenderableType:
    rows = []
    for camera in status.cameras:
        done, persons, latency = camera_figures(camera)
        bars = view.history.frames(camera.camera, BARS)
        most = max([camera.fps or 0.0, *(bar for bar in bars if bar is not None)])
        fps = "-" if camera.fps is None or camera.state == "ended" else f"{camera.fps:.1f}"
        rows.append((
            Text(safe(camera.camera, _TEXT)), camera_state(camera), Text(fps), Text(done), spark(bars, most), Text(persons), Text(latency),
            Text(f"{age(camera.age)} ago"), drops(camera),
        ))  # fmt: skip
    if not rows:
        return Text("no camera has been seen yet", style="dim")
    return table(_CAMERAS, sorted(rows, key=lambda row: row[1].plain != "lost"), width, lines)


def _streams(view: View, status: Status, width: int, lines: int) -> RenderableType:
    whole = lines > sum(len(stream.groups) for stream in status.streams)
    rows: list[Row] = []
    for stream in status.streams:
        name = safe(stream.stream.removeprefix(f"{status.prefix}:"), _TEXT)
        if whole:
            rows += [_group(view, stream, group, name if not place else "") for place, group in enumerate(stream.groups)]
        else:
            rows.append(_slowest(view, stream, name))
    if len(rows) >= lines:  # those that want to be seen come first
        rows.sort(key=lambda row: not any(cell.style in {"yellow", "red"} for cell in row))
    return table(_GROUPS, rows, width, lines)


def _group(view: View, stream: StreamStatus, group: GroupStatus, name: str) -> Row:
    title = Text(safe(group.group, _TEXT))
    if not group.exists:
        return [Text(name), title, Text("missing", style="red"), *[Text("")] * 6]
    rate = view.history.rate(stream.stream, group.group)
    return (
        Text(name), title, _warm(group.pending), _warm(group.lag), Text(age(group.oldest_pending)), _rate(rate),
        Text(str(group.totals.get("settled", 0)), style="dim"), _warm(group.totals.get("retried", 0)),
        _bad(stream.dead_letters) if name else Text(""),
    )  # fmt: skip


def _slowest(view: View, stream: StreamStatus, name: str) -> Row:
    """Return a stream in one row: the figures of its slowest group, and what all of them did."""
    there = [group for group in stream.groups if group.exists]
    if len(there) < len(stream.groups):
        missing = len(stream.groups) - len(there)
        return [Text(name), Text(f"{missing} of {len(stream.groups)} groups"), Text("missing", style="red"), *[Text("")] * 6]
    slowest = max(there, key=lambda group: (group.pending + group.lag, group.oldest_pending or 0.0), default=None)
    if slowest is None:
        return [Text(name), Text("no group", style="dim"), *[Text("")] * 6, _bad(stream.dead_letters)]
    quiet = not slowest.pending + slowest.lag and len(there) > 1
    rates = [rate for group in there if (rate := view.history.rate(stream.stream, group.group)) is not None]
    return (
        Text(name), Text(f"all {len(there)}" if quiet else safe(slowest.group, _TEXT)), _warm(slowest.pending), _warm(slowest.lag),
        Text(age(slowest.oldest_pending)), _rate(sum(rates) if rates else None),
        Text(str(sum(group.totals.get("settled", 0) for group in there)), style="dim"),
        _warm(sum(group.totals.get("retried", 0) for group in there)), _bad(stream.dead_letters),
    )  # fmt: skip


def _programs(status: Status, width: int, lines: int) -> RenderableType:
    if not status.programs:
        return Text("none has given a sign of life", style="dim")
    if lines == 1:
        return _by_role(status.programs)
    rows = [
        (
            Text(program.role), Text(safe(program.name, _TEXT)), standing(program), Text(safe(queues_or_cameras(program), _TEXT)),
            Text(str(program.children or "")), Text(f"{age(program.age)} ago"), Text(age(program.running)), Text(safe(program.host, _TEXT)),
        )
        for program in sorted(status.programs, key=lambda program: program.alive and not program.ailing)
    ]  # fmt: skip
    return table(_PROGRAMS, rows, width, lines)


def _by_role(programs: Sequence[ProgramStatus]) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    for role in dict.fromkeys(program.role for program in programs):
        alive = [program for program in programs if program.role == role and program.alive]
        children = sum(program.children for program in alive)
        line.append(f"{role} {len(alive)}" + (f" with {children} children" if children else ""))
        if silent := sum(program.role == role for program in programs) - len(alive):
            line.append(f", {silent} silent", style="red")
        if ailing := sum(bool(program.ailing) for program in alive):
            line.append(f", {ailing} ailing", style="red")
        line.append("   ")
    return line


def _stores(view: View, status: Status, width: int, lines: int) -> RenderableType:
    cache = status.cache
    if cache.error:
        frames = Text(f"frame cache: {safe(cache.error, _TEXT)}", style="red", no_wrap=True, overflow="ellipsis")
    else:
        share = cache.bytes / cache.limit if cache.limit else 0.0
        bar = gauge(share, min(30, max(10, width // 6)))
        count = f"{cache.frames} frame{'' if cache.frames == 1 else 's'}"
        told = f" {size(cache.bytes)} of {size(cache.limit)}, {count}, {cache.references} referenced"
        frames = Text.assemble("frames  ", bar, told, no_wrap=True, overflow="ellipsis")
    if lines == 1:
        return frames
    servers = Text("memory  ", no_wrap=True, overflow="ellipsis")
    for server in view.servers:
        servers.append(f"{server.name} ")
        servers.append(server.told, style="" if server.well else "red")
        servers.append("   ")
    return Text("\n", no_wrap=True, overflow="ellipsis").join([frames, servers])


def _events(view: View, width: int, lines: int) -> RenderableType:
    if not view.happenings:
        return Text("nothing has happened yet", style="dim")
    return table(_EVENTS, [_event(row, view.local) for row in chosen(view.happenings, lines)], width, lines, heads=False)


def chosen(happenings: Sequence[Happening], count: int) -> list[Happening]:
    """Return so many of the newest, newest first: strangers who come and go take no more than half of the room that others want."""
    others = [row for row in happenings if row.weight != "faint"][: (count + 1) // 2]
    rest = [row for row in happenings if row not in others][: count - len(others)]
    return [row for row in happenings if row in others or row in rest]


def _event(row: Happening, local: Callable[[Happening], str]) -> Row:
    return (
        Text(local(row), style="dim"), Text(row.kind, style=_COLOURS.get(row.kind, "")), Text(safe(row.camera, _TEXT)),
        Text(safe(row.text, _TEXT), style=_WEIGHTS[row.weight]),
    )  # fmt: skip


def _warm(value: int) -> Text:
    return Text(str(value), style="yellow" if value else "dim")


def _bad(value: int) -> Text:
    return Text(str(value), style="red" if value else "dim")


def _rate(value: float | None) -> Text:
    return Text("-" if value is None else f"{value:.1f}", style="dim" if not value else "")
