"""The figures of one camera, by windows of capture time.

A window begins at a multiple of its length, and is told when a frame of a later one comes, or when the session ends. What is kept
is plain data that JSON can say, written with every frame: sums, the latencies as a histogram, and the tracks of the open window.

A frame stands for the time until the next one. What nobody filmed is not covered: when nothing comes for much longer than
usual, and nothing was dropped meanwhile, the camera was away. A window without a single frame is not told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import msgspec
from msgspec import Struct

from genesis.analytics.kept import Kept
from genesis.analytics.quantiles import Histogram, added, quantile
from genesis.events import MetricsEvent

AWAY_MS = 5000
"""Frames that are less apart than this belong together ..."""
AWAY_STEPS = 4
"""... and so do those that are apart by less than so many usual steps, as of a camera that gives a frame a minute."""
MOST_RECENT = 1000
"""Tracks of the open window that are remembered; one that was out of view for so many others would be counted again."""
UNSURE = "redis_unavailable"
"""Reason of drops whose numbers are used up all the same: an answer was lost, and perhaps not the frame (see `genesis.capture.feed`)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_STEPS = 2  # between the last frames, of which the shorter one is the usual one


@dataclass(frozen=True, slots=True)
class Frame:
    """What counts of a frame.

    Attributes:
        at_ms: its capture time, in milliseconds since 1970.
        number: in its session, from 0; numbers that were left out were captured and never came.
        session: of the capture.
        persons: confirmed ones in it.
        tracks: their names.
        dropped: frames dropped since the one before, by reason.
        latency_s: seconds from capture to here; None for a recording.
    """

    at_ms: int
    number: int
    session: str
    persons: int = 0
    tracks: Sequence[str] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    latency_s: float | None = None


class Figures(Struct, frozen=True, omit_defaults=True):
    """The open window; see `MetricsEvent` for what is counted. All times in milliseconds.

    `covered_ms` is how much of it the camera was there, `recent` its tracks without the session's name, those in view last,
    `dwell_ms` the sum over the visits, by zone.
    """

    start_ms: int
    window_ms: int
    covered_ms: int = 0
    captured: int = 0
    processed: int = 0
    late: int = 0
    persons: int = 0
    most_persons: int = 0
    tracks: int = 0
    recent: tuple[str, ...] = ()
    occupancy: dict[str, int] = {}
    visits: dict[str, int] = {}
    dwell_ms: dict[str, int] = {}
    dropped: dict[str, int] = {}
    latencies: Histogram = ()

    @property
    def end_ms(self) -> int:
        """Where the next window begins."""
        return self.start_ms + self.window_ms


class Window(Kept, frozen=True, omit_defaults=True):
    """A camera's figures so far.

    Attributes:
        session: of the capture.
        number: of its newest frame.
        newest_ms: when that was.
        steps_ms: between the last frames.
        dropped: told of this session so far, by reason.
        open: the window that is being counted; None before the first frame, and after the end of a session.
    """

    session: str = ""
    number: int = -1
    newest_ms: int = 0
    steps_ms: tuple[int, ...] = ()
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    open: Figures | None = None


def counted(
    state: Window,
    frame: Frame,
    occupancy: Mapping[str, int],
    visits_ended: Iterable[tuple[str, float]],
    window_ms: int,
    camera: str,
) -> tuple[Window, list[MetricsEvent]]:
    """Count a frame; one of a later window, or of another session, closes the window before and tells it.

    Args:
        state: before it.
        frame: in the order of the session; one that is older than the open window is counted there, as `late` too.
        occupancy: persons in each zone after it.
        visits_ended: zone and seconds of each visit that has ended since the frame before.
        window_ms: length of a window.
        camera: its name.

    Returns:
        The state after it, and the window that was closed, if one was.
    """
    told: list[MetricsEvent] = []
    if state.session != frame.session:
        _, told = closed(state, camera)
        state = Window(session=frame.session)
    figures, start_ms = state.open, frame.at_ms - frame.at_ms % window_ms
    if figures is None:
        figures = Figures(start_ms, window_ms)
    elif frame.at_ms > state.newest_ms:
        step = frame.at_ms - state.newest_ms
        covered_ms = step if _filmed(state, frame, step) else _usual(state)
        if frame.at_ms >= figures.end_ms:
            told.append(_told(_covering(figures, state.newest_ms, covered_ms), state.session, camera))
            figures = Figures(start_ms, window_ms)
        figures = _covering(figures, state.newest_ms, covered_ms)
        state = msgspec.structs.replace(state, steps_ms=(*state.steps_ms, step)[-_STEPS:])
    captured = _captured(state.number, frame.number, frame.dropped)
    after = msgspec.structs.replace(
        state,
        number=max(state.number, frame.number),
        newest_ms=frame.at_ms if state.open is None else max(state.newest_ms, frame.at_ms),
        dropped=_summed(state.dropped, frame.dropped),
        open=_with(figures, frame, captured, occupancy, visits_ended),
    )
    return after, told


def closed(
    state: Window,
    camera: str,
    *,
    visits_ended: Iterable[tuple[str, float]] = (),
    next_number: int | None = None,
    dropped: Mapping[str, int] | None = None,
) -> tuple[Window, list[MetricsEvent]]:
    """Tell the open window, as it is: the session has ended, or its clock has jumped.

    Args:
        state: before it.
        camera: its name.
        visits_ended: that end with it.
        next_number: the number that the session's next frame would have had: those before it that did not come are counted here.
        dropped: frames dropped in the whole session, by reason: what no frame has told of is counted here.
    """
    figures = state.open
    if figures is None:
        return state, []
    totals = dropped or {}
    untold = {reason: count - state.dropped.get(reason, 0) for reason, count in totals.items() if count > state.dropped.get(reason, 0)}
    # The last frame, too, stands for the time until the next one would have come.
    figures = _covering(figures, state.newest_ms, _usual(state))
    captured = 0 if next_number is None else max(0, _captured(state.number, next_number, untold) - 1)
    figures = msgspec.structs.replace(
        _visited(figures, visits_ended), captured=figures.captured + captured, dropped=_summed(figures.dropped, untold)
    )
    number = state.number if next_number is None else max(state.number, next_number - 1)
    after = Window(state.session, number, dropped=_summed(state.dropped, untold))
    return after, [_told(figures, state.session, camera)]


def _captured(before: int, number: int, dropped: Mapping[str, int]) -> int:
    """Return how many frames were published up to this one, which came after the one with the number `before`."""
    if number <= before:
        return 0  # it was missed already
    left_out = number - before - 1
    return 1 + left_out - min(left_out, dropped.get(UNSURE, 0))


def _filmed(state: Window, frame: Frame, step: int) -> bool:
    """Whether the camera was there since the frame before."""
    if step <= AWAY_MS or not state.steps_ms or frame.dropped or frame.number > state.number + 1:
        return True
    return step <= AWAY_STEPS * _usual(state)


def _usual(state: Window) -> int:
    return min(state.steps_ms, default=0)


def _covering(figures: Figures, from_ms: int, length_ms: int) -> Figures:
    """Return the window with what lies in it of a time that the camera was there."""
    inside = min(from_ms + length_ms, figures.end_ms) - max(from_ms, figures.start_ms)
    return msgspec.structs.replace(figures, covered_ms=figures.covered_ms + max(0, inside))


def _with(
    figures: Figures, frame: Frame, captured: int, occupancy: Mapping[str, int], visits_ended: Iterable[tuple[str, float]]
) -> Figures:
    start = f"{frame.session}-"
    names = tuple(dict.fromkeys(name.removeprefix(start) for name in frame.tracks))
    before = frozenset(figures.recent)
    inside = frozenset(names)
    return msgspec.structs.replace(
        _visited(figures, visits_ended),
        captured=figures.captured + captured,
        processed=figures.processed + 1,
        late=figures.late + (frame.at_ms < figures.start_ms),
        persons=figures.persons + frame.persons,
        most_persons=max(figures.most_persons, frame.persons),
        tracks=figures.tracks + len(inside - before),
        recent=(*(name for name in figures.recent if name not in inside), *names)[-MOST_RECENT:],
        occupancy={**figures.occupancy, **{zone: max(count, figures.occupancy.get(zone, 0)) for zone, count in occupancy.items()}},
        dropped=_summed(figures.dropped, frame.dropped),
        latencies=figures.latencies if frame.latency_s is None else added(figures.latencies, frame.latency_s),
    )


def _visited(figures: Figures, visits_ended: Iterable[tuple[str, float]]) -> Figures:
    visits, dwell_ms = Counter(figures.visits), Counter(figures.dwell_ms)
    for zone, seconds in visits_ended:
        visits[zone] += 1
        dwell_ms[zone] += round(seconds * 1000)
    return msgspec.structs.replace(figures, visits=dict(visits), dwell_ms=dict(dwell_ms))


def _summed(some: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted((Counter(some) + Counter(more)).items()))


def _told(figures: Figures, session: str, camera: str) -> MetricsEvent:
    return MetricsEvent(
        camera=camera,
        time=_EPOCH + timedelta(milliseconds=figures.start_ms),
        window=figures.window_ms / 1000,
        frames_captured=figures.captured,
        frames_processed=figures.processed,
        persons=figures.persons,
        dropped=figures.dropped,
        session=session,
        seconds=figures.covered_ms / 1000,
        late=figures.late,
        most_persons=figures.most_persons,
        tracks=figures.tracks,
        occupancy=figures.occupancy,
        visits=figures.visits,
        dwell={zone: round(figures.dwell_ms[zone] / count / 1000, 3) for zone, count in figures.visits.items()},
        latency_p50=quantile(figures.latencies, 0.5),
        latency_p95=quantile(figures.latencies, 0.95),
    )
