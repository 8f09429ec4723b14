"""What became of each run of a delivery, told three ways: counted, remembered on the ledger for `genesis trace`, sent as a span.

The ledger's memory is a stream of the newest `tracing.keep` runs. A settlement writes its record in the same step, so that what is
remembered took effect; failures and burials write theirs right afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from genesis.masking import mask
from genesis.telemetry import catalogue as metrics
from genesis.telemetry.instruments import count, observe
from genesis.telemetry.spans import RunSpan

if TYPE_CHECKING:
    from genesis.bus.ledger import Delivery
    from genesis.events import Event
    from genesis.telemetry.spans import Spans

FIELD = "run"
MOST_ERROR = 300  # characters of an error that are remembered


class RunRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run of one delivery, as the ledger remembers it.

    Attributes:
        trace: 32 hexadecimal digits, the same for all that came of one frame.
        event: id of the event that was handled.
        camera: of that event.
        stream: short name of its stream.
        group: that handled it.
        entry: its entry there.
        outcome: settled, stale, late, filtered, retried or buried.
        begun: when the handler was called, in seconds since 1970 on the worker's clock.
        seconds: that it ran.
        worker: node name of the worker; a bridge's name where no worker was needed.
        outputs: what was published with it, each as `STREAM/ID`.
        error: what went wrong, in one line.
    """

    trace: str
    event: str
    camera: str
    stream: str
    group: str
    entry: str
    outcome: str
    begun: float
    seconds: float = 0.0
    worker: str = ""
    outputs: tuple[str, ...] = ()
    error: str = ""


def trace_of(traceparent: str) -> str:
    """Return the trace id of a W3C trace context; empty if it is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""  # noqa: PLR2004 - version, trace, span, flags


@dataclass(frozen=True, slots=True)
class Report:
    """A run that is over.

    Attributes:
        event: that was handled.
        delivery: its entry.
        outcome: see `RunRecord`; `waiting` and `held` are counted, and not remembered.
        worker: node name.
        task: name of the Celery task.
        outputs: events that come of it.
        seconds: that the handler ran.
        ended: seconds since 1970.
        error: what went wrong.
    """

    event: Event
    delivery: Delivery
    outcome: str
    worker: str = ""
    task: str = ""
    outputs: Sequence[Event] = ()
    seconds: float = 0.0
    ended: float = field(default_factory=time.time)
    error: str = ""

    @property
    def stream(self) -> str:
        """Short name of the entry's stream."""
        return self.event.STREAM

    def record(self) -> str:
        """Return what the ledger remembers: a `RunRecord` as JSON."""
        return msgspec.json.encode(
            RunRecord(
                trace=trace_of(self.event.traceparent),
                event=self.event.id,
                camera=self.event.camera,
                stream=self.stream,
                group=self.delivery.group,
                entry=self.delivery.entry,
                outcome=self.outcome,
                begun=round(self.ended - self.seconds, 6),
                seconds=round(self.seconds, 6),
                worker=self.worker,
                outputs=tuple(f"{output.STREAM}/{output.id}" for output in self.outputs),
                error=mask(self.error[: 2 * MOST_ERROR])[:MOST_ERROR],
            )
        ).decode("utf-8", "replace")

    def tell(self, spans: Spans | None) -> None:
        """Count the run, and send its spans if that is wanted."""
        labels = (self.stream, self.delivery.group)
        count(metrics.RUNS, *labels, self.outcome)
        if self.outcome in _RAN:
            observe(metrics.RUN_SECONDS, self.seconds, *labels)
        if self.outcome == "settled":
            observe(metrics.EVENT_AGE, max(0.0, self.ended - self.event.time.timestamp()), *labels)
        count_published(self.outputs)
        if spans is not None and self.outcome in _SPANNED:
            spans.ran(self._span())

    def _span(self) -> RunSpan:
        return RunSpan(
            event=self.event,
            group=self.delivery.group,
            entry=self.delivery.entry,
            task=self.task,
            worker=self.worker,
            outcome=self.outcome,
            begun=self.ended - self.seconds,
            ended=self.ended,
            outputs=self.outputs,
            error=mask(self.error),
        )


_RAN = frozenset({"settled", "retried", "buried"})
_SPANNED = frozenset({"settled", "retried", "buried", "stale", "late"})


def count_published(events: Iterable[Event]) -> None:
    """Count events that were published."""
    for event in events:
        count(metrics.PUBLISHED, event.STREAM, event.camera)


def records_of(reports: Iterable[Report], keep: int) -> list[str]:
    """Return what the ledger is to remember of runs; nothing where it keeps none."""
    return [report.record() for report in reports] if keep else []


def parse(fields: Mapping[bytes, bytes]) -> RunRecord | None:
    """Return the record in an entry of the stream of runs; None if it can't be read (a newer release wrote it)."""
    try:
        return msgspec.json.decode(fields.get(FIELD.encode(), b""), type=RunRecord)
    except msgspec.DecodeError:
        return None
