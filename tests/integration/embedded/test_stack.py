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
    programs: dict[str, Program] = {}
    stack.supervisor.start = lambda program: programs.__setitem__(program.name, program)  # type: ignore[method-assign]

    stack.start()

    argv = {name: list(program.argv) for name, program in programs.items() if name.startswith("worker-")}
    assert {name: int(words[words.index("-c") + 1]) for name, words in argv.items()} == workers
    served = [queue for words in argv.values() for queue in words[words.index("-Q") + 1].split(",")]
    assert sorted(served) == sorted(registry.queues)
    assert stack.workers == list(argv)
