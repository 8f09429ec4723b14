"""The frame cache while its server is full, away, locked or started again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from genesis.cache import FrameCache, encode
from genesis.embedded.redis import RedisServer
from genesis.errors import FrameCacheFullError, ServerUnavailableError
from genesis.settings import FrameCacheSettings
from tests.pictures import noise


def filled(cache: FrameCache, keys: list[str]) -> None:
    for number in range(1000):
        cache.put(f"{number}", noise(number, 200, 200))
        keys.append(f"{number}")


@pytest.mark.usefixtures("redis_program")
def test_a_server_at_its_own_limit_is_a_full_cache_that_can_still_be_emptied(tmp_path: Path) -> None:
    with RedisServer("cache", tmp_path, maxmemory_mb=8) as server:
        cache = FrameCache(FrameCacheSettings(url=server.url(), codec="bgr"))
        kept: list[str] = []
        with pytest.raises(FrameCacheFullError, match="raise its maxmemory"):
            filled(cache, kept)
        at_limit = (cache.count(), cache.get_cache_size())

        removed = cache.delete(*kept)

        assert at_limit == (len(kept), len(kept) * len(encode(noise(0, 200, 200), "bgr")))
        assert (removed, cache.count(), cache.get_cache_size()) == (len(kept), 0, 0)
        assert cache.put("again", noise())


def test_every_call_says_in_one_line_that_the_server_is_away(tmp_path: Path) -> None:
    cache = FrameCache(FrameCacheSettings(url=RedisServer("cache", tmp_path).url()))
    calls: list[Callable[[], object]] = [
        lambda: cache.put("a", noise()),
        lambda: cache.get("a"),
        lambda: cache.get_many(["a"]),
        lambda: cache.delete("a"),
        cache.get_cache_size,
        cache.count,
    ]

    answers = []
    for call in calls:
        with pytest.raises(ServerUnavailableError) as caught:
            call()
        answers.append(str(caught.value))

    assert len(set(answers)) == 1
    assert "(frame_cache.url) can't be reached" in answers[0]
    assert "\n" not in answers[0]


def test_a_wrong_password_is_named_and_not_shown(volatile: str) -> None:
    server = redis.Redis.from_url(volatile)
    server.config_set("requirepass", "right")
    try:
        path = volatile.removeprefix("unix://")
        cache = FrameCache(FrameCacheSettings(url=f"unix://:s3cret@{path}"))
        with pytest.raises(ServerUnavailableError, match="refused the password") as caught:
            cache.put("a", noise())
    finally:
        server.config_set("requirepass", "")

    assert "s3cret" not in str(caught.value)


@pytest.mark.usefixtures("redis_program")
def test_the_cache_works_on_after_its_server_was_started_again(tmp_path: Path) -> None:
    server = RedisServer("cache", tmp_path).start()
    cache = FrameCache(FrameCacheSettings(url=server.url(), codec="bgr"))
    cache.put("a", noise(1))
    server.stop()
    with pytest.raises(ServerUnavailableError):
        cache.put("b", noise(2))

    with server:
        taken = cache.put("c", noise(3))

        assert (cache.get_cache_size(), cache.count()) == (taken, 1)
