"""What is shown of texts that anybody may have written."""

from __future__ import annotations

import pytest

from genesis.cli.terminal import ago, local_time, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Tür, 門", "plain, Tür, 門"),
        ("\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u202eexe.txt\u200b", "\\u202eexe.txt\\u200b"),
        ("lone \udcff", "lone \\udcff"),
        (b"\xff\x00 text", "\\xff\\x00 text"),
        ("rtsp://admin:secret@10.0.0.7/1", "rtsp://***@10.0.0.7/1"),
        ("[red]no markup[/]", "[red]no markup[/]"),
        ("x" * 41, "x" * 40 + "…"),
        (f"{'x' * 30} rtsp://admin:secret@10.0.0.7/1", f"{'x' * 30} rtsp://**…"),
    ],
)
def test_a_text_is_shown_without_what_a_terminal_would_obey(text: str | bytes, shown: str) -> None:
    assert safe(text, 40) == shown


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert safe("a\r\n\tb\x1b", 40, lines=True) == "a\\r\n\tb\\x1b"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-3, "0 s"), (59, "59 s"), (61, "1 min"), (7300, "2.0 h"), (100_000, "27.8 h"), (400_000, "5 d")]
)
def test_an_age_is_told_in_the_largest_unit_that_fits(seconds: float, shown: str) -> None:
    assert ago(seconds) == shown


def test_a_time_that_no_calendar_has_is_told_as_a_number() -> None:
    assert local_time(2**63) == f"{2**63} ms"
