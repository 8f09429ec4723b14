"""The commands that `genesis doctor` asks permission for are all that Genesis needs, and no more than an access list must grant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

import genesis
from genesis.bus.conformance import CASES
from genesis.cache import FrameCache
from genesis.connections import connect
from genesis.monitoring.doctor.permissions import FRAMES, LEDGER, permissions
from genesis.settings import FrameCacheSettings
from tests.conformance.conftest import Tried

PACKAGE = Path(genesis.__file__).parent
GRANTED = {"LEDGER": LEDGER, "FRAMES": FRAMES}
IN_PYTHON = {"xpending_range": "XPENDING", "delete": "DEL", "script_load": "SCRIPT|LOAD", "xgroup_create": "XGROUP|CREATE"}
TWO_WORDS = {
    "xinfo_groups": "XINFO|GROUPS",
    "xinfo_consumers": "XINFO|CONSUMERS",
    "xgroup_delconsumer": "XGROUP|DELCONSUMER",
    "xinfo_stream": "XINFO|STREAM",
}
NO_COMMANDS = {"close", "pipeline", "execute", "register_script", "execute_command", "connection_pool", "lua", "named", "parse_response"}


def names(commands: tuple[str, ...]) -> set[str]:
    parts = [command.split() for command in commands]
    return {"|".join(words[:2]) if words[0] in {"CLIENT", "SCRIPT", "XGROUP", "XINFO"} else words[0] for words in parts}


@pytest.fixture
def restricted(tried: Tried, client: redis.Redis, prefix: str) -> Iterator[redis.Redis]:
    """Return a connection that may do what `permissions` asks for, with keys below the prefix, and nothing else."""
    if not tried.own:
        pytest.skip("tests that make users on a server that others may use")
    grants = [f"+{name.lower()}" for name in names((*LEDGER, *FRAMES))]
    client.execute_command("ACL", "SETUSER", "restricted", "reset", "on", ">s3cret", f"~{prefix}*", *grants)
    made = connect(tried.url.replace("unix://", "unix://restricted:s3cret@"))
    yield made
    made.close()
    client.execute_command("ACL", "DELUSER", "restricted")


def test_with_these_permissions_every_quick_case_passes(restricted: redis.Redis, prefix: str) -> None:
    for case in CASES:
        if case.quick:
            case.run(restricted, prefix)

    assert [row.level for row in permissions(restricted, "redis.url", prefix, f"{prefix}:key", (*LEDGER, *FRAMES))] == ["ok"]


def test_with_these_permissions_frames_are_kept_and_given_back(restricted: redis.Redis, prefix: str) -> None:
    cache = FrameCache(FrameCacheSettings(), client=restricted, prefix=prefix)
    frame = np.zeros((16, 16, 3), np.uint8)

    size = cache.put("one", frame)

    assert (cache.get("one").shape, cache.get_cache_size(), cache.count(), cache.keep("one")) == (frame.shape, size, 1, 1)
    assert cache.delete("one") == 1


@pytest.mark.parametrize(("room", "granted"), [("bus", "LEDGER"), ("cache", "FRAMES")])
def test_no_command_of_a_script_is_forgotten(room: str, granted: str) -> None:
    used = set()
    for file in (PACKAGE / room / "lua").glob("*.lua"):
        for first, second in re.findall(r"redis\.p?call\('([A-Z]+)'(?:, '([A-Z]+)')?", file.read_text()):
            used.add(f"{first}|{second}" if first in {"XINFO", "XGROUP"} else first)

    assert used - names(GRANTED[granted]) == set()


@pytest.mark.parametrize(("room", "granted"), [("bus", "LEDGER"), ("cache", "FRAMES"), ("monitoring", "LEDGER")])
def test_no_command_of_the_code_is_forgotten(room: str, granted: str) -> None:
    used = set()
    for file in (PACKAGE / room).glob("*.py"):
        used |= set(re.findall(r"\b_?(?:client|pipe|pipeline)\.([a-z_]+)\(", file.read_text()))

    commands = {{**IN_PYTHON, **TWO_WORDS}.get(name, name.upper()) for name in used - NO_COMMANDS}
    # The doctor's question, those of the broker, and one of `genesis erase`, which does without an answer.
    of_others = {"INFO", "SETRANGE", "LLEN", "CONFIG_GET"}
    assert commands - names(GRANTED[granted]) - of_others == set()
