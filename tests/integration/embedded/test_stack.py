"""An installation finds the servers that it is given."""

from __future__ import annotations

import pytest
from kombu import Connection

from genesis.embedded.redis import RedisServer
from genesis.embedded.servers import Servers
from genesis.embedded.stack import default_detectors


def test_a_database_behind_a_socket_is_the_same_for_frames_and_queues(volatile: str, volatile_server: RedisServer) -> None:
    del volatile

    env = Servers.existing(volatile_server.url(3)).env

    with Connection(env["GENESIS_CELERY__BROKER_URL"]) as connection:
        assert connection.default_channel.client.connection_pool.connection_kwargs["db"] == 3


def test_detectors_are_chosen_on_a_system_that_does_not_tell_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)

    assert default_detectors() >= 1
