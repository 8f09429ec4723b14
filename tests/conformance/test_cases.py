"""Every case, on every Redis that Genesis supports. GENESIS_CONFORMANCE_URL adds yours, GENESIS_REDIS_SERVER a program."""

from __future__ import annotations

import pytest
import redis

from genesis.bus.conformance import CASES, Case, ConformanceError
from genesis.bus.conformance.case import Bench
from tests.conformance.conftest import Tried


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.identifier)
def test_the_server_behaves_as_genesis_needs(case: Case, tried: Tried, client: redis.Redis, prefix: str) -> None:
    if case.alone and not tried.own:
        pytest.skip("cases that change the settings of a server that others may use")

    case.run(client, prefix)

    assert list(client.scan_iter(match=f"{prefix}*")) == []


def test_names_are_sentences_and_unique() -> None:
    assert len({case.name for case in CASES}) == len({case.identifier for case in CASES}) == len(CASES)
    assert all(case.name[0].isupper() and len(case.name.split()) >= 5 for case in CASES)
    assert not [case for case in CASES if case.alone and case.quick]


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, redis.TimeoutError, ValueError])
def test_nothing_is_left_behind_whatever_happens(trouble: type[BaseException], client: redis.Redis, prefix: str) -> None:
    def check(bench: Bench) -> None:
        bench.group("a", "b")
        bench.lua("return redis.call('SET', KEYS[1], '1')", [f"{bench.prefix}:string"])
        assert client.exists(f"{prefix}:stream", f"{prefix}:string") == 2
        raise trouble

    with pytest.raises((KeyboardInterrupt, ConformanceError)):
        Case("A case that is broken off", "broken_off", check).run(client, prefix)

    assert list(client.scan_iter(match=f"{prefix}*")) == []
