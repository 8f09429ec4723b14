"""The broken entries that are mixed in are broken, each for the reason that is expected of its dead letter."""

from __future__ import annotations

import itertools
import random

import pytest

from genesis.chaos.mixed import broken_entries
from genesis.errors import PermanentError
from genesis.events import decode

LIMIT = 20_000  # delivery.max_event_bytes of the system under test
SOME = list(itertools.islice(broken_entries(random.Random(1)), 30))


def read(fields: dict[str, bytes]) -> None:
    decode({name: value.decode() for name, value in fields.items()})


@pytest.mark.parametrize("index", range(len(SOME)))
def test_a_broken_entry_has_the_fault_that_it_is_said_to_have(index: int) -> None:
    reason, fields = SOME[index]
    size = sum(len(name) + len(value) for name, value in fields.items())

    assert (size > LIMIT) == (reason == "oversized")
    if reason != "oversized":
        with pytest.raises((PermanentError, UnicodeDecodeError)) as caught:
            read(fields)
        assert (caught.value.reason if isinstance(caught.value, PermanentError) else "malformed") == reason


def test_every_reason_is_there() -> None:
    assert {reason for reason, _ in SOME} == {"malformed", "oversized", "unknown_type"}
