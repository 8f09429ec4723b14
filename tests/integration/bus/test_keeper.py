"""A frame that somebody waits for does not expire; one that nobody waits for does."""

from __future__ import annotations

import threading

import numpy as np

from genesis.bus.keeper import Keeper
from genesis.bus.ledger import Ledger
from genesis.cache import FrameCache
from genesis.events import completed
from tests.events_of_tests import frame

PICTURE = np.zeros((48, 64, 3), np.uint8)


def time_left(cache: FrameCache, key: str) -> int:
    return int(cache._client.pttl(f"genesis:frame:{key}"))


def test_a_frame_with_references_is_given_its_whole_time_again(bus: Ledger) -> None:
    short = bus.settings.frame_cache.model_copy(update={"ttl_seconds": 5.0})
    before, after = FrameCache(short, prefix="genesis"), FrameCache.of(bus.settings)
    for key in ("frame-0", "frame-1"):
        before.put(key, PICTURE)
    bus.publish([completed(frame(0))])

    renewed = Keeper(bus, after, threading.Event()).renew()

    assert renewed == 1
    assert time_left(after, "frame-0") > 50_000
    assert time_left(after, "frame-1") <= 5_000
    assert after.count() == 2


def test_a_frame_that_is_gone_is_not_made_up(bus: Ledger) -> None:
    cache = FrameCache.of(bus.settings)
    bus.publish([completed(frame(n)) for n in range(3)])

    assert Keeper(bus, cache, threading.Event()).renew() == 0
    assert cache.count() == 0


def test_many_frames_are_kept(bus: Ledger) -> None:
    cache = FrameCache.of(bus.settings)
    keys = [f"frame-{n}" for n in range(1201)]
    for key in keys[::100]:
        cache.put(key, PICTURE)

    assert cache.keep(*keys) == len(keys[::100])
    assert cache.keep() == 0
