"""Who is compared: our codecs through the real `FrameCache`, what is done without it, and the physical limits.

Each puts a frame under a key that is new and gets it back, one round trip each; every one has its own connection to the same Redis.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cv2
import lz4.frame
import numpy as np
import redis

from genesis.cache import Frame, FrameCache, encode
from genesis.cache.codec import Codec
from genesis.cache.heap import keep_freed_memory
from genesis.connections import connect
from genesis.settings import FrameCacheSettings

TTL_SECONDS = 60
QUALITY = 90  # of a JPEG


class Contestant:
    """One way to keep frames. Also the memcpy that nothing can undercut: the raw picture, once in and once out.

    Args:
        url: of the Redis.
        frames: (height, width, 3) uint8 BGR each; all of one size.
    """

    keeps = False
    """Whether what `get` returns is the picture."""

    def __init__(self, url: str, frames: Sequence[Frame]) -> None:
        self.url = url
        self.frames = frames
        self.shape = frames[0].shape
        self.there, self.back = np.zeros_like(frames[0]), np.zeros_like(frames[0])

    def put(self, key: str, number: int) -> int:  # noqa: ARG002 - memory has no keys
        """Store a frame by its number; return the bytes that it takes."""
        np.copyto(self.there, self.frames[number])
        return self.there.nbytes

    def get(self, key: str) -> Any:  # noqa: ARG002
        """Return what was put."""
        np.copyto(self.back, self.there)
        return self.back

    def drop(self, key: str) -> None:
        """Remove it."""


class Ours(Contestant):
    """The frame cache, as capture and the workers use it."""

    keeps = True

    def __init__(self, url: str, frames: Sequence[Frame], codec: Codec) -> None:
        super().__init__(url, frames)
        self.cache = FrameCache(FrameCacheSettings(url=url, codec=codec, jpeg_quality=QUALITY, ttl_seconds=TTL_SECONDS))

    def put(self, key: str, number: int) -> int:
        """Store a frame."""
        return self.cache.put(key, self.frames[number])

    def get(self, key: str) -> Any:
        """Return the picture."""
        return self.cache.get(key)

    def drop(self, key: str) -> None:
        """Remove it."""
        self.cache.delete(key)


class Plain(Contestant):
    """redis-py as it comes, with a function that makes bytes of a picture and one that makes a picture of bytes."""

    keeps = True

    def __init__(self, url: str, frames: Sequence[Frame], pack: Callable[[Frame], bytes], unpack: Callable[[bytes, Any], Any]) -> None:
        super().__init__(url, frames)
        self.client: Any = redis.Redis.from_url(url)
        self.pack, self.unpack = pack, unpack

    def put(self, key: str, number: int) -> int:
        """Store a frame."""
        stored = self.pack(self.frames[number])
        self.client.set(key, stored, ex=TTL_SECONDS)
        return len(stored)

    def get(self, key: str) -> Any:
        """Return the picture."""
        return self.unpack(self.client.get(key), self.shape)

    def drop(self, key: str) -> None:
        """Remove it."""
        self.client.unlink(key)


class Moved(Contestant):
    """Redis alone: SET and GET of the very bytes that our codec stores, made beforehand, over our connection."""

    def __init__(self, url: str, frames: Sequence[Frame], codec: Codec) -> None:
        super().__init__(url, frames)
        self.client: Any = connect(url, large_values=True)
        self.stored = [encode(frame, codec) for frame in frames]

    def put(self, key: str, number: int) -> int:
        """Store a frame's bytes."""
        self.client.set(key, self.stored[number], ex=TTL_SECONDS)
        return len(self.stored[number])

    def get(self, key: str) -> Any:
        """Return the bytes."""
        return self.client.get(key)

    def drop(self, key: str) -> None:
        """Remove them."""
        self.client.unlink(key)


def _from_jpeg(stored: bytes, _shape: Any) -> Any:
    return cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR)


def _to_jpeg(frame: Frame) -> bytes:
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


OURS = "Genesis i420"
PEER = "pickle + lz4.frame"
PEER_KEPT = f"{PEER}, memory kept as we do"
MOVED = "limit: Redis moving i420's bytes"
MEMCPY = "limit: memcpy of the raw picture"


def _pickled(url: str, frames: Sequence[Frame], *, kept: bool) -> Plain:
    if kept:
        keep_freed_memory()
    return Plain(
        url, frames, lambda frame: lz4.frame.compress(pickle.dumps(frame)),
        lambda stored, _shape: pickle.loads(lz4.frame.decompress(stored)),  # noqa: S301 - what this is about
    )  # fmt: skip


CONTESTANTS: dict[str, Callable[[str, Sequence[Frame]], Contestant]] = {
    OURS: partial(Ours, codec="i420"),
    "Genesis bgr": partial(Ours, codec="bgr"),
    "Genesis jpeg": partial(Ours, codec="jpeg"),
    PEER: partial(_pickled, kept=False),
    PEER_KEPT: partial(_pickled, kept=True),
    "raw bytes": partial(
        Plain, pack=lambda frame: frame.tobytes(), unpack=lambda stored, shape: np.frombuffer(stored, np.uint8).reshape(shape)
    ),
    "cv2.imencode JPEG": partial(Plain, pack=_to_jpeg, unpack=_from_jpeg),
    MOVED: partial(Moved, codec="i420"),
    MEMCPY: Contestant,
}
