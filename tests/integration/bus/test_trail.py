"""What `genesis trace` tells of an event: every group, every run, and what followed; and which spans are sent of it."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click.testing
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from genesis.bus.delivery import deliver
from genesis.bus.judge import Judge
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.process import Process
from genesis.bus.producer import Producer
from genesis.bus.runs import Run
from genesis.bus.trail import Handling, Step, Tracker
from genesis.cli.trace import command, render
from genesis.errors import NoSuchEventError, PermanentError, UsageError
from genesis.events import AlertEvent, Event, FrameCaptured, PersonDetected, ZoneEvent, completed, encode
from genesis.settings import Settings
from genesis.subscriptions import Registry, Subscription
from tests.events_of_tests import frame, persons, zone
from tests.processes import wait_until

Take = Callable[[type[Event], str], Delivery]


@pytest.fixture
def handle(process: Process, bus: Ledger, take: Take) -> Callable[..., Event]:
    """Return a function that takes the next entry of a group and has a worker run it."""

    def handled(event: type[Event], group: str, *outputs: Event, error: Exception | None = None, again: Delivery | None = None) -> Any:
        def handler(_event: Event, _context: object) -> Sequence[Event]:
            if error is not None:
                raise error
            return outputs

        delivery = again or take(event, group)
        ((_, raw),) = bus.client.xrange(delivery.stream, delivery.entry, delivery.entry)
        fields = {name.decode(): value.decode() for name, value in raw.items()}
        row = Subscription(event, group, "detection", handler)
        deliver(Run(process, row, delivery, "t", "detection@box", again is not None), fields)
        return delivery

    return handled


@pytest.fixture
def tracker(settings: Settings, registry: Registry, bus: Ledger) -> Tracker:
    return Tracker(settings, registry, bus.client)


def group_of(step: Step, name: str) -> Handling:
    return next(handling for handling in step.handlings if handling.group == name)


def test_a_trail_has_every_group_every_run_and_what_followed(bus: Ledger, handle: Any, tracker: Tracker) -> None:
    first = completed(frame())
    bus.publish([first])
    handle(FrameCaptured, "frame-workers")
    failed = handle(FrameCaptured, "detection-workers", error=RuntimeError("no memory"))
    handle(FrameCaptured, "detection-workers", persons(), again=failed)
    handle(PersonDetected, "person-workers", zone())

    trail = tracker.follow(first.id)

    assert [handling.state for handling in trail.step.handlings] == ["settled", "settled"]
    detection = group_of(trail.step, "detection-workers")
    assert [run.outcome for run in detection.runs] == ["retried", "settled"]
    assert "RuntimeError: no memory" in detection.runs[0].error
    (found,) = detection.causes
    assert (found.stream, type(found.event)) == ("persons", PersonDetected)
    assert group_of(found, "face-workers").state == "unread"
    (entered,) = group_of(found, "person-workers").causes
    assert {handling.state for handling in entered.handlings} == {"unread"}
    assert entered.event is not None
    assert trail.trace == first.traceparent.split("-")[1] == entered.event.traceparent.split("-")[1]


def test_a_trail_begins_at_any_event_and_can_go_back_to_the_first(bus: Ledger, handle: Any, tracker: Tracker) -> None:
    first = completed(frame())
    bus.publish([first])
    handle(FrameCaptured, "detection-workers", persons())
    entry = handle(PersonDetected, "person-workers", zone()).entry

    names = [f"persons/{entry}", tracker.follow(f"persons/{entry}").step.id[:10]]
    trails = [tracker.follow(name) for name in names]
    root = Tracker(tracker._settings, tracker._registry, bus.client).follow(names[0], from_root=True)

    assert [trail.step.stream for trail in trails] == ["persons", "persons"]
    assert trails[0].above == (f"frames/{first.id}",)
    assert (root.step.id, root.above) == (first.id, ())
    assert Tracker(tracker._settings, tracker._registry, bus.client).follow(root.trace).step.id == first.id


def test_what_is_not_done_says_in_whose_hands_it_is(bus: Ledger, take: Take, tracker: Tracker) -> None:
    event = completed(zone())
    bus.publish([event])
    taken = take(ZoneEvent, "zone-workers")
    bus.leases.begin(taken, "worker-alerts@box")

    handling = group_of(tracker.follow(event.id).step, "zone-workers")

    assert handling.state == "pending"
    assert "worker-alerts@box" in handling.detail
    assert not handling.runs


def test_what_was_buried_names_its_dead_letter(bus: Ledger, handle: Any, tracker: Tracker) -> None:
    event = completed(zone())
    bus.publish([event])
    handle(ZoneEvent, "zone-workers", error=PermanentError("no such rule"))

    handling = group_of(tracker.follow(event.id).step, "zone-workers")

    ((letter, _),) = bus.client.xrange("genesis:zones:dlq")
    assert (handling.state, handling.detail) == ("buried", f"zones/{letter.decode()}")
    assert "no such rule" in handling.runs[-1].error


def test_what_a_bridge_answers_by_itself_is_told(bus: Ledger, process: Process, tracker: Tracker) -> None:
    event = completed(persons(count=0))
    bus.publish([event])
    ((_, [(entry, fields)]),) = bus.client.xreadgroup("face-workers", "bridge", {"genesis:persons": ">"}, count=1)
    row = next(row for row in bus.registry if row.group == "face-workers")

    kept = Judge(
        bus, Subscription(row.event, row.group, row.queue, row.handler, when=lambda _: False), process.release, process.burials
    ).judge([(entry.decode(), fields)])

    assert kept == []
    assert group_of(tracker.follow(event.id).step, "face-workers").state == "filtered"


def test_what_was_trimmed_is_still_followed_by_its_runs(bus: Ledger, handle: Any, tracker: Tracker) -> None:
    first = completed(frame())
    bus.publish([first])
    handle(FrameCaptured, "detection-workers", persons())
    handle(PersonDetected, "person-workers")
    bus.client.xtrim("genesis:frames", maxlen=0, approximate=False)
    bus.client.xtrim("genesis:persons", maxlen=0, approximate=False)

    trail = tracker.follow(first.id)

    (found,) = group_of(trail.step, "detection-workers").causes
    assert (trail.step.event, found.event) == (None, None)
    assert group_of(found, "person-workers").state == "settled"
    assert "no longer in its stream" in text_of(trail)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("0123456789abcdef", NoSuchEventError, "no event"),
        ("ab", NoSuchEventError, "no event"),
        ("frames/12-0", NoSuchEventError, "frames/12-0"),
        ("frames/yesterday", UsageError, "no entry's id"),
        ("pictures/12-0", UsageError, "no stream 'pictures'"),
    ],
)
def test_an_event_that_is_not_there_is_one_line(bus: Ledger, tracker: Tracker, name: str, error: type[Exception], words: str) -> None:
    bus.publish([completed(zone())])

    with pytest.raises(error, match=words):
        tracker.follow(name)


def test_no_more_runs_are_remembered_than_wanted(bus: Ledger, handle: Any) -> None:
    object.__setattr__(bus.settings.tracing, "keep", 50)
    bus.publish([completed(zone(str(number))) for number in range(400)])

    for _ in range(400):
        handle(ZoneEvent, "zone-workers")

    assert 50 <= bus.client.xlen("genesis:runs") <= 200  # Redis trims whole nodes of 100


def test_nothing_is_remembered_where_that_is_not_wanted(bus: Ledger, handle: Any, process: Process) -> None:
    for settings in (bus.settings, process.settings):
        object.__setattr__(settings.tracing, "keep", 0)
    bus.publish([completed(zone()), completed(zone())])

    handle(ZoneEvent, "zone-workers", AlertEvent.about(zone(), rule="night"))
    handle(ZoneEvent, "zone-workers", error=PermanentError("no"))

    assert not bus.client.exists("genesis:runs")
    assert bus.client.xlen("genesis:alerts") == 1


def test_the_command_shows_the_tree_and_gives_json(bus: Ledger, handle: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genesis.settings.current", lambda: settings)
    first = completed(frame())
    bus.publish([first])
    handle(FrameCaptured, "detection-workers", persons(count=2))

    shown = click.testing.CliRunner().invoke(command, [first.id])
    told = click.testing.CliRunner().invoke(command, [first.id, "--json"])

    assert shown.exit_code == told.exit_code == 0
    assert "door: frame 0" in shown.output
    assert "door: 2 persons" in shown.output
    document = json.loads(told.output)
    (detection,) = [group for group in document["groups"] if group["group"] == "detection-workers"]
    assert detection["events"][0]["fields"]["type"] == PersonDetected.TYPE
    assert detection["runs"][0]["worker"] == "detection@box"


def text_of(trail: Any) -> str:
    from rich.console import Console

    console = Console(width=160, record=True, file=io.StringIO())
    console.print(render(trail))
    return console.export_text()


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes spans as an OpenTelemetry collector does."""

    spans: list[Any]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest.FromString(body)
        self.spans += [span for group in request.resource_spans for scope in group.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[Any]]]:
    spans: list[Any] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Its", (Collector,), {"spans": spans}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()


def test_spans_of_all_processes_join_into_one_tree(
    collector: tuple[str, list[Any]], settings: Settings, registry: Registry, take: Take, bus: Ledger
) -> None:
    endpoint, spans = collector
    traced = settings.model_copy(update={"tracing": settings.tracing.model_copy(update={"endpoint": endpoint})})
    producer, process = Producer(traced, registry), Process.open(traced)
    (first,) = producer.publish(frame())
    rows = {
        "detection-workers": Subscription(FrameCaptured, "detection-workers", "detection", lambda _e, _c: [persons()]),
        "frame-workers": Subscription(FrameCaptured, "frame-workers", "ingestion", _fail),
    }
    for group, row in rows.items():
        deliver(Run(process, row, take(FrameCaptured, group), "t", "w@box"), encode(first))
    producer.close()
    assert process.spans is not None
    process.spans.close()
    process.ledger.close()
    process.cache.close()

    named = wait_until(lambda: len(spans) == 4 and {span.name: span for span in spans}, "four spans")

    publish, detect = named["publish frames"], named["process frames detection-workers"]
    assert publish.span_id.hex() == first.traceparent.split("-")[2]
    assert publish.parent_span_id == b""
    assert detect.parent_span_id == publish.span_id
    assert named["publish persons"].parent_span_id == detect.span_id
    broken = named["process frames frame-workers"]
    assert (broken.parent_span_id, broken.status.message) == (publish.span_id, "RuntimeError: broken")
    assert len({span.trace_id for span in spans}) == 1
    outputs = [fields for _, fields in bus.client.xrange("genesis:persons")]
    assert outputs[0][b"traceparent"].decode().split("-")[2] == named["publish persons"].span_id.hex()


def _fail(_event: Event, _context: object) -> None:
    message = "broken"
    raise RuntimeError(message)


def test_a_share_of_the_traces_is_sent_the_same_in_every_process() -> None:
    from genesis.telemetry.spans import Spans

    class Kept(list[Any]):
        on_end = list.append

    events = [completed(frame(number)) for number in range(400)]
    kept = [Kept(), Kept()]

    for spans in kept:
        telling = Spans(0.25, spans)
        for event in events:
            telling.published(event, 0.0, 1.0)

    assert 60 <= len(kept[0]) <= 140
    assert [span.context.span_id for span in kept[0]] == [span.context.span_id for span in kept[1]]


def test_an_endpoint_without_the_package_is_a_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from genesis.settings import Tracing
    from genesis.telemetry.spans import require

    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(UsageError, match=r"pip install 'genesis\[tracing\]'"):
        require(Tracing(endpoint="http://127.0.0.1:4318"))
    require(Tracing())
