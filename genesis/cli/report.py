"""The report of a run: what was published, what became of it, and how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import redis

from genesis.cli.journal import events
from genesis.events import FaceRecognized, FrameCaptured, Keys, PersonDetected, SessionEvent
from genesis.monitoring.status import Status


class Latency(msgspec.Struct, frozen=True):
    """Seconds from the publication of a frame to the publication of its persons, by the server's clock."""

    p50: float | None
    p95: float | None
    samples: int


class Faces(msgspec.Struct, frozen=True):
    """What was decided about the people who were seen, each once in a while.

    Attributes:
        decisions: how often.
        known: how often for each name.
        unknown: how many different people nobody has a name for.
    """

    decisions: int = 0
    known: dict[str, int] = {}
    unknown: int = 0


class GroupFate(msgspec.Struct, frozen=True):
    """What one group did with a stream's entries."""

    stream: str
    group: str
    entries: int
    settled: int
    stale: int
    filtered: int
    dead_lettered: int
    retried: int
    pending: int

    @property
    def unaccounted(self) -> int:
        """Entries that are neither settled nor a dead letter."""
        return self.entries - self.settled - self.stale - self.filtered - self.dead_lettered


class RunReport(msgspec.Struct, frozen=True):
    """A whole run. `ok` says that every published frame and every event that came of it is accounted for."""

    ok: bool
    problems: tuple[str, ...]
    sources: tuple[str, ...]
    detector: str
    seconds: float
    frames: int
    frames_with_persons: int
    persons: int
    faces: Faces
    events: dict[str, int]
    settled: int
    retried: int
    dead_lettered: int
    stale: int
    dropped: dict[str, int]
    latency: Latency
    groups: tuple[GroupFate, ...]
    cache_peak_bytes: int
    frames_left_in_cache: int
    video: str | None = None


def make_report(
    client: redis.Redis,
    status: Status,
    *,
    sources: Sequence[str],
    seconds: float,
    cache_peak: int,
    problems: Sequence[str],
    unknown: int = 0,
    video: str | None,
) -> RunReport:
    """Read back a finished run from its ledger.

    Args:
        client: a connection to the ledger.
        status: the figures at its end.
        sources: what was played.
        seconds: how long it took.
        cache_peak: most bytes seen in the frame cache.
        problems: what went wrong on the way, in words.
        unknown: how many different unknown people the database has.
        video: path of the annotated video.
    """
    keys = Keys(status.prefix)
    fates = tuple(_fates(status))
    persons, people, latencies, detector = 0, 0, [], ""
    began = {frame.frame_key: published for published, frame in events(client, keys, FrameCaptured)}
    for published, event in events(client, keys, PersonDetected):
        people += bool(event.persons)
        persons += len(event.persons)
        if event.frame_key in began:
            latencies.append(published - began[event.frame_key])
        detector = event.detector
    dropped: dict[str, int] = {}
    published_frames = 0
    for _, session in events(client, keys, SessionEvent):
        if session.scope == "camera" and session.kind == "ended":
            published_frames += session.frames
            for reason, count in session.dropped.items():
                dropped[reason] = dropped.get(reason, 0) + count
    lengths = {stream.stream.removeprefix(f"{status.prefix}:"): stream.length for stream in status.streams}
    found = [*problems, *_imbalances(fates, lengths, published_frames)]
    return RunReport(
        ok=not found,
        problems=tuple(found),
        sources=tuple(sources),
        detector=detector,
        seconds=round(seconds, 2),
        frames=lengths["frames"],
        frames_with_persons=people,
        persons=persons,
        faces=_faces(client, keys, unknown),
        events=lengths,
        settled=sum(fate.settled for fate in fates),
        retried=sum(fate.retried for fate in fates),
        dead_lettered=sum(fate.dead_lettered for fate in fates),
        stale=sum(fate.stale for fate in fates),
        dropped=dropped,
        latency=Latency(_quantile(latencies, 0.5), _quantile(latencies, 0.95), len(latencies)),
        groups=fates,
        cache_peak_bytes=cache_peak,
        frames_left_in_cache=status.cache.frames,
        video=video,
    )


def _faces(client: redis.Redis, keys: Keys, unknown: int) -> Faces:
    decided = [event for _, event in events(client, keys, FaceRecognized)]
    return Faces(
        decisions=len(decided),
        known=dict(Counter(event.identity for event in decided if event.identity is not None)),
        unknown=unknown,
    )


def _fates(status: Status) -> list[GroupFate]:
    return [
        GroupFate(
            stream=stream.stream,
            group=group.group,
            entries=stream.length,
            settled=group.totals["settled"],
            stale=group.totals["stale"] + group.totals["late"],
            filtered=group.totals["filtered"],
            dead_lettered=group.totals["buried"],
            retried=group.totals["retried"],
            pending=group.pending + group.lag,
        )
        for stream in status.streams
        for group in stream.groups
    ]


def _imbalances(fates: Sequence[GroupFate], lengths: dict[str, int], published: int) -> list[str]:
    found = [
        f"{fate.group} of {fate.stream}: {fate.unaccounted} of {fate.entries} entries are neither settled nor dead-lettered"
        for fate in fates
        if fate.unaccounted or fate.pending
    ]
    if published != lengths["frames"]:
        found.append(f"capture says that it published {published} frames, the stream has {lengths['frames']}")
    return found


def _told(faces: Faces) -> str:
    if not faces.decisions:
        return "none recognised"
    known = ", ".join(f"{name} {count}" for name, count in sorted(faces.known.items())) or "nobody"
    return f"{faces.decisions} looked at; known: {known}; {faces.unknown} different unknown"


def _quantile(values: Sequence[float], share: float) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)


def render(report: RunReport) -> Any:
    """Return the report as something that rich can print."""
    from rich import box  # noqa: PLC0415
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    rate = report.frames / report.seconds if report.seconds else 0.0
    facts.add_row("played", ", ".join(report.sources))
    facts.add_row("detector", report.detector or "none")
    facts.add_row("frames", f"{report.frames} in {report.seconds:.1f} s ({rate:.1f} a second)")
    facts.add_row("persons", f"{report.persons} in {report.frames_with_persons} frames")
    facts.add_row("faces", _told(report.faces))
    if report.latency.p50 is not None:
        facts.add_row("frame to detection", f"p50 {report.latency.p50 * 1000:.0f} ms, p95 {(report.latency.p95 or 0) * 1000:.0f} ms")
    facts.add_row(
        "settled", f"{report.settled} deliveries, {report.retried} retries, {report.dead_lettered} dead letters, {report.stale} stale"
    )
    facts.add_row("dropped", ", ".join(f"{count} {reason}" for reason, count in sorted(report.dropped.items())) or "nothing")
    facts.add_row("frame cache", f"{report.cache_peak_bytes / 1e6:.1f} MB at its fullest, {report.frames_left_in_cache} frames left in it")
    groups = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("stream", "group"):
        groups.add_column(name, no_wrap=True)
    for name in ("events", "settled", "filtered", "retried", "dead"):
        groups.add_column(name, justify="right")
    for fate in report.groups:
        if not fate.entries:
            continue
        groups.add_row(
            fate.stream.rpartition(":")[2],
            fate.group,
            *map(str, (fate.entries, fate.settled, fate.filtered, fate.retried, fate.dead_lettered)),
        )
    if report.ok:
        verdict = Text("Every published frame is accounted for.", style="bold green")
    else:
        verdict = Text("\n".join(report.problems), style="bold red")
    idle = [stream for stream, length in report.events.items() if not length]
    quiet = Text(f"No events in {', '.join(idle)}.\n" if idle else "", style="dim")
    return Group(facts, groups, quiet, verdict)
