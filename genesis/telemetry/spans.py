"""Spans of OpenTelemetry: one for each event that is published, one for each run of a delivery, in one trace for all that came of a frame.

    publish frames ─▶ process frames detection-workers ─▶ publish persons ─▶ process persons person-workers ─▶ ...

An event's `traceparent` names the span of its publication, whose id is made from the event's. So a second run, or another process,
tells of the same span, and the parts join without asking each other. They are sent in batches by a thread, over OTLP/HTTP; what a
killed process had not sent is missing in the trace, and nowhere else.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import genesis
from genesis.errors import UsageError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, SpanKind

    from genesis.events import Event
    from genesis.settings import Tracing

logger = logging.getLogger(__name__)

PATH = "/v1/traces"  # of OTLP over HTTP, below the endpoint
SECONDS = 5.0  # that one request may take
FLUSH_MS = 2_000  # that a process which ends waits for its last spans


@dataclass(frozen=True, slots=True)
class RunSpan:
    """One run of one delivery.

    Attributes:
        event: that was handled.
        group: that handled it.
        entry: its entry in its stream.
        task: name of the Celery task.
        worker: node name.
        outcome: settled, retried, buried ...
        begun: seconds since 1970.
        ended: likewise.
        outputs: events that came of it.
        error: what went wrong; empty if nothing did.
    """

    event: Event
    group: str
    entry: str
    task: str
    worker: str
    outcome: str
    begun: float
    ended: float
    outputs: Sequence[Event] = ()
    error: str = ""


class Spans:
    """The spans of this process; made in the process that tells them, after any fork.

    Args:
        share: of the traces that is told; the same traces in every process.
        processor: takes finished spans.
        name: of this process, such as a worker's node name.
    """

    def __init__(self, share: float, processor: Any, name: str = "") -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

        self._share = share
        self._processor = processor
        self._closed = False
        about = {"service.name": "genesis", "service.version": genesis.__version__, "host.name": socket.gethostname()}
        self._resource = Resource.create({**about, "service.instance.id": name} if name else about)
        self._scope = InstrumentationScope("genesis", genesis.__version__)

    def published(self, event: Event, begun: float, ended: float) -> None:
        """Tell of an event that nothing of ours caused: a camera's frame, or a change of its session."""
        self._publication(event, None, begun, ended)

    def ran(self, run: RunSpan) -> None:
        """Tell of a run, and of the events that it published."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an extra

        parent = _context(run.event.traceparent)
        if parent is None or not self._told(parent):
            return
        own = _named(parent, f"{run.event.id}|{run.group}|{run.entry}|{run.begun!r}")
        attributes = {
            **_about(run.event),
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": run.group,
            "messaging.message.id": run.entry,
            "celery.task_name": run.task,
            "celery.worker": run.worker,
            "genesis.outcome": run.outcome,
        }
        name = f"process {run.event.STREAM} {run.group}"
        self._end(name, own, parent, SpanKind.CONSUMER, (run.begun, run.ended), attributes, run.error)
        for output in run.outputs:
            self._publication(output, own, run.ended, run.ended)

    def close(self) -> None:
        """Send what there is left, for a bounded time; a second time it does nothing."""
        if self._closed:
            return
        self._closed = True
        self._processor.force_flush(FLUSH_MS)
        self._processor.shutdown()

    def _publication(self, event: Event, parent: SpanContext | None, begun: float, ended: float) -> None:
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an extra

        own = _context(event.traceparent)
        if own is not None and self._told(own):
            attributes = {**_about(event), "messaging.operation.type": "send"}
            self._end(f"publish {event.STREAM}", own, parent, SpanKind.PRODUCER, (begun, ended), attributes)

    def _told(self, context: SpanContext) -> bool:
        # The lowest 56 bits of an id are random (a UUID's are, though not those above them).
        return (context.trace_id & (2**56 - 1)) < self._share * 2**56

    def _end(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        times: tuple[float, float],
        attributes: dict[str, str],
        error: str = "",
    ) -> None:
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - an extra
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

        span: ReadableSpan = ReadableSpan(
            name=name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes={key: value for key, value in attributes.items() if value},
            kind=kind,
            status=Status(StatusCode.ERROR, error) if error else Status(),
            start_time=int(times[0] * 1e9),
            end_time=int(times[1] * 1e9),
            instrumentation_scope=self._scope,
        )
        self._processor.on_end(span)


def _context(traceparent: str) -> SpanContext | None:
    """Return the span that a W3C trace context names; None if it names none."""
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415 - an extra

    parts = traceparent.split("-")
    try:
        _, trace, span, flags = parts
        context = SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    except ValueError:
        return None
    return context if context.is_valid and context.trace_flags.sampled else None


def _named(parent: SpanContext, text: str) -> SpanContext:
    """Return a span's context in the same trace, with an id made from a text."""
    from opentelemetry.trace import SpanContext  # noqa: PLC0415 - an extra

    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return SpanContext(parent.trace_id, int.from_bytes(digest, "big") or 1, is_remote=False, trace_flags=parent.trace_flags)


def _about(event: Event) -> dict[str, str]:
    return {
        "messaging.system": "redis",
        "messaging.destination.name": event.STREAM,
        "genesis.event": event.id,
        "genesis.type": event.TYPE,
        "genesis.camera": event.camera,
    }


def require(tracing: Tracing) -> None:
    """Make sure that spans can be sent, if they are to be.

    Raises:
        UsageError: a package is missing.
    """
    if not tracing.endpoint:
        return
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: PLC0415
        import opentelemetry.sdk.trace  # noqa: F401, PLC0415
    except ImportError as error:
        msg = f"tracing.endpoint is set, but the package {error.name} is missing: pip install 'genesis[tracing]', or leave it empty"
        raise UsageError(msg) from error


def spans_of(tracing: Tracing, name: str = "", at_exit: Callable[[Callable[[], None]], Any] = atexit.register) -> Spans | None:
    """Return the spans of this process; None where none are wanted.

    Args:
        tracing: of the settings.
        name: of this process.
        at_exit: is given what sends the last spans.

    Raises:
        UsageError: a package is missing.
    """
    if not tracing.endpoint:
        return None
    require(tracing)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    endpoint = tracing.endpoint.rstrip("/")
    if not endpoint.endswith(PATH):
        endpoint += PATH
    spans = Spans(tracing.share, BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=SECONDS)), name)
    at_exit(spans.close)
    return spans
