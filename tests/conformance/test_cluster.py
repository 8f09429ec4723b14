"""A prefix in braces keeps all keys in one slot, so that a Redis Cluster will do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from genesis.bus.conformance import CASES
from genesis.connections import connect
from genesis.embedded import binary
from genesis.embedded.redis import redis_command
from genesis.monitoring.doctor import examine
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions
from tests.conformance.conftest import program_of
from tests.processes import program, wait_until


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of a cluster that has one node."""
    monkeypatch.setenv(binary.SERVER_VARIABLE, str(program_of("redis-7")))
    port = random.randint(20_000, 40_000)
    command = redis_command("ledger", tmp_path / "node", port=port, appendfsync="no")
    with (
        program([*command, "--cluster-enabled", "yes"], tmp_path / "log"),
        closing(redis.Redis(port=port, protocol=2, decode_responses=True)) as client,
    ):
        wait_until(lambda: _answers(client), f"the node answers; see {tmp_path}")
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        wait_until(lambda: client.cluster("INFO")["cluster_state"] == "ok", "the cluster is ready")
        yield f"redis://127.0.0.1:{port}/0"


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_with_a_prefix_in_braces_a_cluster_behaves_as_genesis_needs(cluster: str, settings: Settings) -> None:
    with closing(connect(cluster)) as client:
        for case in CASES:
            case.run(client, "{genesis}:test")
        assert client.dbsize() == 0

    found = {}
    for prefix in ("{genesis}", "genesis"):
        here = settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": cluster, "prefix": prefix})})
        found[prefix] = {
            row.check: row.level for row in examine(here, builtin_subscriptions(), cases=()).findings if row.about == "redis.url"
        }

    assert (found["{genesis}"]["cluster"], found["{genesis}"]["conformance"]) == ("ok", "ok")
    assert (found["genesis"]["cluster"], found["genesis"]["conformance"]) == ("error", "unknown")
