"""Where the time of our codec goes: each step of a put and a get by itself."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.reports import middle
from genesis.cache import Frame, FrameCache, encode
from genesis.cache import codec as codecs
from genesis.connections import connect
from genesis.settings import FrameCacheSettings


def steps(url: str, frames: Sequence[Frame], rounds: int) -> dict[str, float]:
    """Return the milliseconds of each step, medians over all frames and rounds; `put` and `get` are the whole of it.

    Args:
        url: of the Redis.
        frames: (height, width, 3) uint8 BGR each.
        rounds: how often.
    """
    cache, client, taken = FrameCache(FrameCacheSettings(url=url)), connect(url, large_values=True), defaultdict(list)

    def step(name: str, action: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        done = action()
        taken[name].append(1000 * (time.perf_counter() - begun))
        return done

    for turn in range(rounds):
        for number, frame in enumerate(frames):
            key, (height, width) = f"steps-{turn}-{number}", frame.shape[:2]
            haste = codecs._haste("i420", width, height)  # noqa: SLF001 - its steps are inside
            step("put", lambda key=key, frame=frame: cache.put(key, frame))
            step("get", lambda key=key: cache.get(key))
            cache.delete(key)
            pixels = step("put: BGR to I420", lambda frame=frame: codecs._to_i420(frame))  # noqa: SLF001
            step("put: LZ4", lambda pixels=pixels, haste=haste: codecs._packed(pixels, haste))  # noqa: SLF001
            stored = encode(frame)
            step("put: Redis, pixels and books", lambda key=key, stored=stored: cache._store(key, stored))  # noqa: SLF001
            found = step("get: Redis", lambda key=key: client.mget([cache._place(key)])[0])  # noqa: SLF001
            cache.delete(key)
            payload = memoryview(found)[len(found) - int.from_bytes(found[20:24], "little") :]
            unpacked = step("get: LZ4", lambda payload=payload, size=pixels.nbytes: codecs._unpacked(payload, size))  # noqa: SLF001
            step("get: I420 to BGR", lambda unpacked=unpacked, size=(width, height): codecs._from_i420(unpacked, *size))  # noqa: SLF001
            step("an empty round trip", client.ping)
            assert isinstance(unpacked, np.ndarray)
    cache.close()
    client.close()
    return {name: middle(values) for name, values in taken.items()}
