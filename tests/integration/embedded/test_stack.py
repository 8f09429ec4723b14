"""An installation finds the servers that it is given."""

from __future__ import annotations

import sys

import pytest
from kombu import Connection

from genesis.embedded.redis import RedisServer
from genesis.embedded.servers import Servers
from genesis.embedded.stack import Stack, default_detectors
from genesis.embedded.supervisor import Program
from genesis.events import AlertEvent
from genesis.settings import Notifier, Settings
from genesis.subscriptions import Registry, Subscription
from tests.catalogue import builtin_subscriptions


def test_a_database_behind_a_socket_is_the_same_for_frames_and_queues(volatile: str, volatile_server: RedisServer) -> None:
    del volatile

    env = Servers.existing(volatile_server.url(3)).env

    with Connection(env["GENESIS_CELERY__BROKER_URL"]) as connection:
        assert connection.default_channel.client.connection_pool.connection_kwargs["db"] == 3


def test_detectors_are_chosen_on_a_system_that_does_not_tell_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)

    assert default_detectors() >= 1


def started(stack: Stack) -> dict[str, Program]:
    """Return the programs that a stack would start, in order."""
    programs: dict[str, Program] = {}
    stack.supervisor.start = lambda program: programs.__setitem__(program.name, program)  # type: ignore[method-assign]
    stack.start()
    stack.start_flower()
    return programs


@pytest.mark.parametrize(
    ("exporter", "flower", "more", "telling"),
    [(0, 0, [], False), (9108, 0, ["exporter"], False), (9109, 5556, ["exporter", "flower"], True)],
)
def test_exporter_and_flower_run_where_they_have_a_port_and_workers_tell_flower_alone_of_their_tasks(
    exporter: int, flower: int, more: list[str], telling: bool
) -> None:
    stack = Stack(Settings(), builtin_subscriptions(), {}, sys.stdout, detectors=1, flower_port=flower, exporter_port=exporter)

    programs = started(stack)

    assert list(programs) == ["bridge", "worker-detection", "worker-others", *more]
    assert all(("-E" in programs[name].argv) is telling for name in stack.workers)
    assert [programs[name].argv[-1].rpartition("=")[2] for name in more] == [str(port) for port in (exporter, flower) if port]


@pytest.mark.parametrize(
    ("notifiers", "workers"),
    [
        ((), {"worker-detection": 3, "worker-others": 1}),
        ((Notifier(name="log", kind="log"),), {"worker-detection": 3, "worker-notifications": 2, "worker-others": 1}),
    ],
)
def test_every_queue_has_one_worker_and_notifications_one_of_their_own_where_somebody_is_told(
    notifiers: tuple[Notifier, ...], workers: dict[str, int]
) -> None:
    settings = Settings()
    settings = settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"notifiers": notifiers})})
    registry = Registry()
    for row in [*builtin_subscriptions(), Subscription(AlertEvent, "tellers", "notifications", lambda _event, _context: None)]:
        registry.add(row)
    stack = Stack(settings, registry, {}, sys.stdout, detectors=3)

    programs = started(stack)

    argv = {name: list(program.argv) for name, program in programs.items() if name.startswith("worker-")}
    assert {name: int(words[words.index("-c") + 1]) for name, words in argv.items()} == workers
    served = [queue for words in argv.values() for queue in words[words.index("-Q") + 1].split(",")]
    assert sorted(served) == sorted(registry.queues)
    assert stack.workers == list(argv)
