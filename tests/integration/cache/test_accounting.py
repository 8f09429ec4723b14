"""Whatever is put, replaced, deleted and expired in whatever order: the size is the live frames' and stays below the limit."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import redis
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from genesis.cache import Frame, FrameCache, encode
from genesis.errors import FrameCacheFullError
from genesis.settings import FrameCacheSettings

LIMIT = 6_000  # bytes: a few of the frames below
PATIENCE = 20.0
keys = st.sampled_from("abcdef")


def picture(side: int) -> Frame:
    # Noise does not shrink, so that a frame's size in the cache follows its sides.
    return np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)


class Accounting(RuleBasedStateMachine):
    """Two caches on the same frames, one of them with a time to live of a few milliseconds; a dictionary is the truth."""

    url = ""

    @initialize()
    def begin(self) -> None:
        """Begin with an empty server."""
        self.server = redis.Redis.from_url(self.url)
        self.server.flushdb()
        common: dict[str, Any] = {"url": self.url, "codec": "bgr", "max_size_mb": LIMIT / 1e6}
        self.cache = FrameCache(FrameCacheSettings(**common))
        self.brief = FrameCache(FrameCacheSettings(**common, ttl_seconds=0.004))
        self.frames: dict[str, tuple[int, Frame]] = {}

    @rule(key=keys, side=st.integers(1, 45))
    def put(self, key: str, side: int) -> None:
        """Put or replace a frame: it is refused exactly if it would pass the limit."""
        frame = picture(side)
        others = sum(size for other, (size, _) in self.frames.items() if other != key)
        size = len(encode(frame, "bgr"))
        if others + size > LIMIT:
            with pytest.raises(FrameCacheFullError) as caught:
                self.cache.put(key, frame)
            assert caught.value.backlog == sum(size for size, _ in self.frames.values())
        else:
            assert self.cache.put(key, frame) == size
            self.frames[key] = (size, frame)

    @rule(key=keys, side=st.integers(1, 45))
    def expire(self, key: str, side: int) -> None:
        """Put a frame, perhaps over another, and wait until its time has passed."""
        try:
            self.brief.put(key, picture(side))
        except FrameCacheFullError:
            return
        self.frames.pop(key, None)
        deadline = time.monotonic() + PATIENCE
        while self.server.exists(f"genesis:frame:{key}"):
            assert time.monotonic() < deadline

    @rule(chosen=st.lists(keys, max_size=4))
    def delete(self, chosen: list[str]) -> None:
        """Delete some frames, of which some may not be there, or be named twice."""
        expected = len(set(chosen) & set(self.frames))

        assert self.cache.delete(*chosen) == expected
        for key in chosen:
            self.frames.pop(key, None)

    @rule(key=keys)
    def get(self, key: str) -> None:
        """Get a frame or learn that it is not there."""
        (found,) = self.cache.get_many([key])

        assert (found is None) == (key not in self.frames)
        assert found is None or np.array_equal(found, self.frames[key][1])

    @invariant()
    def books_are_right(self) -> None:
        """The size is that of the live frames, by our own count and by the bytes that lie in Redis."""
        if not hasattr(self, "cache"):
            return
        size = self.cache.get_cache_size()
        in_redis = sum(self.server.strlen(key) for key in self.server.keys("genesis:frame:*"))

        assert size == sum(size for size, _ in self.frames.values()) == in_redis <= LIMIT
        assert self.cache.count() == len(self.frames)

    def teardown(self) -> None:
        """Close the connections, and look for what was forgotten."""
        if hasattr(self, "cache"):
            self.cache.delete(*self.frames, "nobody")  # which writes off those that have expired
            left = {key for key in self.server.keys("*") if key != b"genesis:framecache:total"}
            assert left == set()
            for thing in (self.cache, self.brief, self.server):
                thing.close()


@pytest.mark.usefixtures("volatile")
def test_the_size_is_that_of_the_live_frames_after_any_order_of_calls(volatile: str) -> None:
    class Here(Accounting):
        url = volatile

    run_state_machine_as_test(Here, settings=hypothesis_settings(max_examples=60, stateful_step_count=25, deadline=None))
