"""How long something is tried again, and what is said meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from genesis.bus.patience import Patience, reach
from genesis.errors import ServerRefusesError, ServerUnavailableError, UsageError
from genesis.settings import Settings

URL = "redis://:s3cret@host/0"


class Waiting:
    """A signal that is never given; waiting for it moves the clock."""

    def __init__(self) -> None:
        self.now, self.given = 0.0, False

    def is_set(self) -> bool:
        return self.given

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def patience(waiting: Waiting) -> Patience:
    return Patience(URL, "redis.url", 30.0, waiting, lambda: waiting.now)  # type: ignore[arg-type]


def failing(times: float, error: Exception) -> Callable[[], str]:
    tries = []

    def action() -> str:
        tries.append(1)
        if len(tries) <= times:
            raise error
        return f"answer {len(tries)}"

    return action


def test_a_server_that_comes_back_is_told_of_twice(patience: Patience, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "genesis")

    assert patience.call(failing(5, redis.ConnectionError("refused"))) == "answer 6"

    assert len(caplog.messages) == 2
    assert "can't be reached (refused)" in caplog.messages[0]
    assert "trying again for 30 s" in caplog.messages[0]
    assert caplog.messages[1] == "redis.url answers again"


def test_a_server_that_stays_away_is_given_up(patience: Patience, waiting: Waiting) -> None:
    with pytest.raises(ServerUnavailableError, match="can't be reached") as caught:
        patience.call(failing(float("inf"), redis.ConnectionError("refused")))

    assert 25 < waiting.now <= 30
    assert "s3cret" not in str(caught.value)


def test_a_wrong_password_is_not_tried_again(patience: Patience, waiting: Waiting, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ServerRefusesError, match="refused the password"):
        patience.call(failing(1, redis.AuthenticationError("invalid")))

    assert waiting.now == 0
    assert caplog.messages == []


def test_whoever_is_asked_to_end_waits_no_more(patience: Patience, waiting: Waiting) -> None:
    waiting.given = True

    with pytest.raises(ServerUnavailableError):
        patience.call(failing(1, redis.ConnectionError("refused")))

    assert waiting.now == 0


def test_what_is_no_url_is_said_with_the_name_of_the_option() -> None:
    with pytest.raises(UsageError, match=r"--redis-url: 'localhost:6379'"):
        reach("localhost:6379", "--redis-url", Settings())


def test_a_server_that_may_not_be_away_at_all_is_asked_once(tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailableError, match=r"\(frame_cache.url\) can't be reached"):
        reach(f"unix://{tmp_path}/nobody.sock", "frame_cache.url", Settings(), seconds=0)
