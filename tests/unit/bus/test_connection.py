"""A broker is tried again soon, however long it was away."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import kombu.serialization
import pytest
from kombu.exceptions import OperationalError
from kombu.utils.json import loads

from genesis.bus.broker import transport_options
from genesis.bus.connection import Connection, Handful, read_json
from genesis.settings import Settings


@pytest.mark.parametrize("url", ["redis+socket://{}/nobody.sock", "amqp://127.0.0.1:1//"])
def test_no_wait_for_a_broker_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _seconds: None)
    waits: list[float] = []

    with Connection(url.format(tmp_path)) as connection, pytest.raises(OperationalError):
        connection.ensure_connection(lambda _error, wait: waits.append(wait), max_retries=60)

    assert len(waits) == 60
    assert waits[:5] == [0.5, 1.0, 1.5, 2.0, 2.0]
    assert max(waits) == 2.0


def test_a_caller_that_gives_its_own_waits_gets_them(tmp_path: Path) -> None:
    waits: list[float] = []

    with Connection(f"redis+socket://{tmp_path}/nobody.sock") as connection, pytest.raises(OperationalError):
        connection.ensure_connection(lambda _error, wait: waits.append(wait), max_retries=2, interval_start=0, interval_step=0)

    assert waits == [0, 0]


def test_every_connection_of_the_application_is_such_a_one() -> None:
    from genesis.celery import app

    assert isinstance(app.connection_for_read(), Connection)
    assert isinstance(app.connection_for_write(), Connection)


def test_a_command_to_a_broker_takes_no_longer_than_one_to_the_ledger() -> None:
    options = transport_options(Settings(redis={"timeout_seconds": 3}))

    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (3, 3)


class Queue:
    """Messages, a worker that needs some seconds for each, and its clock."""

    def __init__(self, messages: int, seconds: float, slow: dict[int, float] | None = None) -> None:
        self.left = list(range(messages))
        self.now, self.done, self.asked, self.back = 0.0, [], [], []
        self._seconds, self._slow = seconds, slow or {}

    def run(self, message: int) -> None:
        self.done.append(message)
        self.now += self._slow.get(message, self._seconds)

    def more(self, count: int) -> list[int]:
        self.asked.append(count)
        some, self.left = self.left[:count], self.left[count:]
        return some

    def give_back(self, messages: list[int]) -> None:
        self.back += messages

    def take(self) -> None:
        Handful(lambda: self.now).take(self.run, self.left.pop(0), self.more, self.give_back)


def test_light_messages_are_taken_by_the_handful_and_in_order() -> None:
    queue = Queue(100, seconds=0.0005)

    queue.take()

    assert queue.done == list(range(100))
    assert set(queue.asked) <= {9, 10}
    assert queue.back == []


@pytest.mark.parametrize("seconds", [0.003, 1.0])
def test_heavy_messages_are_taken_one_by_one_so_that_other_workers_find_some(seconds: float) -> None:
    queue = Queue(5, seconds)

    queue.take()

    assert (queue.done, queue.asked, queue.back) == ([0], [], [])


def test_what_turns_out_to_wait_behind_a_heavy_one_goes_back_in_order() -> None:
    queue = Queue(40, seconds=0.0005, slow={4: 2.0})

    queue.take()

    assert (queue.done, queue.back) == ([0, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10])


def test_what_a_worker_that_ends_has_not_begun_goes_back() -> None:
    queue = Queue(40, seconds=0.0005)

    def run(message: int) -> None:
        queue.run(message)
        if message == 2:
            raise SystemExit

    with pytest.raises(SystemExit):
        Handful(lambda: queue.now).take(run, queue.left.pop(0), queue.more, queue.give_back)

    assert queue.back == [3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b'{"body": "W10=", "headers": {"id": "a"}}', {"body": "W10=", "headers": {"id": "a"}}),
        (
            b'{"eta": {"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}}}',
            {"eta": UUID(int=0x12345678123456781234567812345678)},
        ),
        (b'{"priority": Infinity}', {"priority": float("inf")}),
    ],
    ids=["plain", "a type of kombu's", "what only Python writes"],
)
def test_a_message_is_read_as_kombu_reads_it(text: bytes, read: object) -> None:
    for given in (text, text.decode(), bytearray(text), memoryview(text)):
        assert read_json(given) == read == loads(given)


@pytest.mark.parametrize("text", [b"{", b'{"a": "\xff"}', b""])
def test_what_is_no_json_is_refused_as_kombu_refuses_it(text: bytes) -> None:
    with pytest.raises(ValueError) as ours:  # noqa: PT011 - compared below
        read_json(text)
    with pytest.raises(type(ours.value)):
        loads(text)


def test_half_a_character_is_read_as_kombu_reads_it() -> None:
    assert read_json('{"a": "\\ud800"}') == loads('{"a": "\\ud800"}')


def test_the_application_reads_what_messages_carry_quickly() -> None:
    import genesis.celery  # noqa: F401

    assert kombu.serialization.registry._decoders["application/json"] is read_json
