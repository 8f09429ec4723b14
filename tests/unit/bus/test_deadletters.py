"""The form of a dead letter: what is written can be read back, whatever failed and however the entry's fields are named."""

from __future__ import annotations

import time
from itertools import chain

import pytest

from genesis.bus.deadletters import MAX_MESSAGE, MAX_TRACEBACK, DeadLetter, letter
from genesis.bus.ledger import Delivery

DELIVERY = Delivery("genesis:zones", "zone-workers", "5-0")
TOLD = [(b"dlq-stream", b"genesis:zones"), (b"dlq-group", b"zone-workers"), (b"dlq-reason", b"permanent")]


def parsed(*pairs: tuple[bytes, bytes]) -> DeadLetter:
    return DeadLetter.parse("zones", b"7-0", list(chain(*pairs)))


class BrokenError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("pairs", "own"),
    [
        pytest.param([(b"a", b"1"), *TOLD, (b"dlq-fields", b"1")], 1, id="as it is written today"),
        pytest.param([(b"dlq-reason", b"x"), (b"dlq-stream", b"x"), *TOLD, (b"dlq-fields", b"2")], 2, id="own fields with our names"),
        pytest.param([*TOLD, (b"dlq-fields", b"0")], 0, id="the entry had been deleted"),
        pytest.param([(b"dlq-fields", b"9"), *TOLD, (b"dlq-fields", b"1")], 1, id="an own field with the last one's name"),
        pytest.param([(b"a", b"1"), (b"b", b"2"), *TOLD], 2, id="written by older code"),
        pytest.param([(b"dlq-reason", b"x"), (b"dlq-a", b"y"), *TOLD], 2, id="older code, own fields with our names"),
        pytest.param([(b"a", b"1"), (b"dlq-reason", b"permanent")], 1, id="without its stream"),
        pytest.param([(b"a", b"1"), (b"dlq-fields", b"99999999999")], 1, id="a number that can't be"),
        pytest.param([(b"a", b"1"), (b"dlq-fields", b"-1")], 1, id="no number"),
        pytest.param([(b"a", b"1")], 1, id="nothing of ours"),
    ],
)
def test_the_own_fields_are_told_from_what_was_added(pairs: list[tuple[bytes, bytes]], own: int) -> None:
    read = parsed(*pairs)

    assert read.fields == tuple(pairs[:own])
    assert set(read.told) == {name.decode().removeprefix("dlq-") for name, _ in pairs[own:]}


def test_of_an_own_field_that_comes_twice_the_last_one_counts() -> None:
    read = parsed((b"framekey", b"a"), (b"framekey", b"b"), (b"dlq-framekey", b"c"), *TOLD, (b"dlq-fields", b"3"))

    assert (read.frame, read.own("no-such"), read.group, read.name) == ("b", b"", "zone-workers", "zones/7-0")


def test_what_can_not_be_a_frames_key_is_none() -> None:
    assert parsed((b"framekey", b"\x80"), *TOLD, (b"dlq-fields", b"1")).frame == ""


@pytest.mark.parametrize("text", [b"", b"x", b"-1", b"1.5", b"9" * 50, "٣".encode(), b"\xff"])
def test_a_number_that_is_none_is_read_as_zero(text: bytes) -> None:
    assert parsed((b"dlq-replays", text)).replays == 0


def test_what_is_said_of_an_error_is_masked_and_bounded() -> None:
    error = ValueError(f"{'x' * (MAX_MESSAGE - 20)} redis://me:secret@host {'y' * 1_000_000}\n" + "z\n" * 20_000)

    told = letter(DELIVERY, "permanent", error)

    assert len(told["dlq-message"]) == MAX_MESSAGE
    assert len(told["dlq-traceback"]) == MAX_TRACEBACK
    assert "secret" not in told["dlq-message"] + told["dlq-traceback"]


def test_a_message_that_is_slow_to_mask_is_cut_first() -> None:
    error = ValueError("a-" * 500_000)
    started = time.process_time()

    letter(DELIVERY, "permanent", error)

    assert time.process_time() - started < 2  # it took minutes


@pytest.mark.parametrize(("error", "says"), [(ValueError("file \udcff"), "file \\udcff"), (BrokenError(), "can't be had: RuntimeError")])
def test_an_error_that_can_not_be_told_is_told_as_well_as_it_goes(error: Exception, says: str) -> None:
    told = letter(DELIVERY, "permanent", error)

    assert says in told["dlq-message"]
    assert all(value.encode() is not None for value in told.values())
