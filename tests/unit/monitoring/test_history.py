"""What successive looks tell together."""

from __future__ import annotations

import pytest

from genesis.monitoring.history import History
from tests.looks import NOW, camera, group, look, stream

KEY = ("genesis:frames", "detection-workers")


def seen(*looks: tuple[float, int, int], session: str = "s1") -> History:
    """Return the history of looks: seconds, deliveries that are settled, frames."""
    history = History()
    for second, settled, frames in looks:
        history.add(
            look(
                time=NOW + second, cameras=(camera(frames=frames, session=session),),
                streams=(stream("frames", group("detection-workers", "detection", settled=settled)),),
            )
        )  # fmt: skip
    return history


@pytest.mark.parametrize(
    ("looks", "rate"),
    [
        ([(0, 10, 0)], None),
        ([(0, 10, 0), (1, 15, 0)], 5.0),
        ([(0, 10, 0), (1, 15, 0), (2, 30, 0)], 10.0),
        ([(0, 0, 0), (20, 0, 0), (29, 90, 0), (30, 90, 0)], 9.0),
        ([(0, 0, 0), (120, 60, 0)], 0.5),
        ([(0, 50, 0), (1, 3, 0)], None),
        ([(10, 10, 0), (5, 15, 0)], None),
    ],
    ids=["one look", "two", "the mean of three", "the last ten seconds", "rare looks", "totals that began anew", "a clock set back"],
)  # fmt: skip
def test_a_rate_is_what_was_done_over_the_last_seconds(looks: list[tuple[float, int, int]], rate: float | None) -> None:
    assert seen(*looks).rate(*KEY) == rate


def test_a_group_that_is_new_has_no_rate_yet() -> None:
    assert seen((0, 1, 0), (1, 2, 0)).rate("genesis:frames", "night-watch") is None


def test_frames_of_the_last_minute_are_told_in_equal_parts() -> None:
    history = seen(*[(second, 0, 10 * min(second, 30)) for second in range(61)])

    assert history.frames("door", 6) == pytest.approx([10, 10, 10, 0, 0, 0])


def test_what_was_not_seen_is_not_told_as_nothing() -> None:
    history = seen((0, 0, 0), (10, 0, 50))

    assert history.frames("door", 6) == [None, None, None, None, None, pytest.approx(5.0)]
    assert History().frames("door", 3) == [None, None, None]
    assert history.frames("garden", 2) == [None, None]


def test_a_new_session_counts_from_its_first_frame() -> None:
    history = seen((0, 0, 500))
    history.add(look(time=NOW + 10, cameras=(camera(frames=20, session="s2"),)))

    assert history.frames("door", 6)[-1] == pytest.approx(2.0)


def test_no_more_than_a_minute_is_remembered() -> None:
    history = seen(*[(second, 0, 0) for second in range(300)])

    assert len(history._looks) <= 62
