"""The cases tell a server that does something else: each of these lies makes the case about it fail, and a parrot makes all fail."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
import redis
from redis.connection import AbstractConnection, PythonRespSerializer

from genesis.bus.conformance import CASES, Case, ConformanceError
from tests.conformance.conftest import Tried

Command = tuple[Any, ...]
Lie = Callable[[Command], Command]
BY_NAME = {case.identifier: case for case in CASES}


class Liar:
    """Packs commands, other ones than it was given."""

    def __init__(self, honest: PythonRespSerializer, lie: Lie) -> None:
        self.honest = honest
        self.lie = lie

    def pack(self, *command: Any) -> Any:
        words = tuple(word.decode() if isinstance(word, bytes) and word.isalpha() else word for word in command)
        words = (*words[0].split(), *words[1:])
        return self.honest.pack(*self.lie(words))


def lying(tried: Tried, lie: Lie) -> redis.Redis:
    """Return a connection to a server that behaves otherwise."""
    client = tried.client()
    pool = client.connection_pool
    pool.connection_kwargs["command_packer"] = Liar(PythonRespSerializer(6000, pool.get_encoder().encode), lie)
    return client


def replacing(name: str, *changes: tuple[str, str]) -> Lie:
    """Return a lie that gives other arguments to a command; an empty one leaves the argument out."""

    def lie(command: Command) -> Command:
        if command[0] != name:
            return command
        wanted = dict(changes)
        return tuple(changed for word in command if (changed := wanted.get(word, word)) != "")

    return lie


def digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def in_scripts(command: str, instead: str) -> Lie:
    """Return a lie in which a command of scripts does something else."""
    digests: dict[str, str] = {}

    def lie(words: Command) -> Command:
        if words[:2] == ("SCRIPT", "LOAD"):
            text = words[2].replace(command, instead)
            digests[digest(words[2])] = digests[digest(text)] = digest(text)
            return ("SCRIPT", "LOAD", text)
        if words[0] == "EVALSHA":
            # Unknown, as long as it was not sent: the honest text may be there from before.
            return ("EVALSHA", digests.get(words[1], "0" * 40), *words[2:])
        return words

    return lie


def never_acknowledging(command: Command) -> Command:
    return ("EXISTS", *command[1:2]) if command[0] == "XACK" else command


def trimming_by_length(command: Command) -> Command:
    return ("XTRIM", command[1], "MAXLEN", "1") if command[0] == "XTRIM" else command


def claiming_at_once(command: Command) -> Command:
    return (*command[:4], 0, *command[5:]) if command[0] == "XCLAIM" else command


def not_looking_at_idle(command: Command) -> Command:
    return tuple(word for word in command[:3]) + command[5:] if command[0] == "XPENDING" and "IDLE" in command else command


LIES: list[tuple[str, Lie]] = [
    ("a_group_at_zero_misses_nothing", replacing("XGROUP", ("0", "$"))),
    ("own_entries_can_be_read_again", lambda c: (*c[:4], "NOACK", *c[4:]) if c[0] == "XREADGROUP" and c[-1] == ">" else c),
    ("an_acknowledgement_counts_once", never_acknowledging),
    ("minid_never_passes_its_bound", trimming_by_length),
    ("one_of_two_gets_a_lock", replacing("SET", ("NX", ""))),
    ("counts_are_exact", lambda c: (*c[:3], 1) if c[0] == "HINCRBY" else c),
    ("a_renewal_does_not_count", replacing("XCLAIM", ("JUSTID", ""))),
    ("a_claim_waits_for_the_idle_time", claiming_at_once),
    ("idle_time_and_deliveries_can_be_set", lambda c: tuple(w for w in c if w not in {"RETRYCOUNT", "7", 7}) if c[0] == "XCLAIM" else c),
    ("the_pending_list_knows_the_idle", not_looking_at_idle),
    ("only_empty_hands_are_removed", in_scripts("> 0 then", "> 9 then")),
    ("an_error_ends_a_script", in_scripts("redis.call(", "redis.pcall(")),
    ("settling_has_its_effect_once", in_scripts("'XACK'", "'EXISTS'")),
    ("a_publication_is_not_repeated", in_scripts("redis.call('SET', KEYS[5], entries[1].id", "redis.call('SET', KEYS[5], '0'")),
    ("the_last_reader_frees_the_frame", in_scripts("frame, -1) <= 0", "frame, -1) <= 9")),
    ("a_lease_that_is_renewed_is_not_taken", in_scripts("pending[3] >= lease", "pending[3] >= 0")),
    ("one_worker_runs_an_entry", in_scripts("idle >= lease", "idle >= 0")),
]


@pytest.mark.parametrize(("name", "lie"), LIES, ids=[name for name, _ in LIES])
def test_a_server_that_does_something_else_is_found_out(name: str, lie: Lie, tried: Tried, prefix: str) -> None:
    client = lying(tried, lie)

    with pytest.raises(ConformanceError, match=f"not so on this server: {BY_NAME[name].name[:40]}") as told:
        BY_NAME[name].run(client, prefix)

    assert not re.search("NoScript|Lua|user_script", str(told.value)), "it failed for another reason"
    client.close()
    honest = tried.client()
    honest.delete(*honest.scan_iter(match=f"{prefix}*"), prefix)


class Parrot(AbstractConnection):
    """A server that answers OK to everything."""

    def connect(self) -> None: ...

    def disconnect(self, *_: object) -> None: ...

    def send_command(self, *_: object, **__: object) -> None: ...

    def send_packed_command(self, *_: object, **__: object) -> None: ...

    def can_read(self, *_: object, **__: object) -> bool:
        return False

    def read_response(self, *_: object, **__: object) -> bytes:
        return b"OK"

    def repr_pieces(self) -> list[tuple[str, str]]:
        return []

    def _connect(self) -> None: ...

    def _host_error(self) -> str:
        return ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.identifier)
def test_a_server_that_agrees_to_everything_passes_no_case(case: Case, prefix: str) -> None:
    client = redis.Redis(connection_pool=redis.ConnectionPool(connection_class=Parrot))

    with pytest.raises(ConformanceError, match="not so on this server"):
        case.run(client, prefix)
