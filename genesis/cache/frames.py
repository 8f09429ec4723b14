"""The frame cache in Redis: pixels with a time to live, never more of them than the limit.

A full cache refuses; it never throws out a frame that somebody may still wait for. Who still needs a
frame is counted with the events on the ledger, not here: here a frame goes when it is deleted or expires.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import redis

from genesis.cache.heap import keep_freed_memory
from genesis.connections import connect, explain, script
from genesis.errors import FrameCacheFullError, FrameMissingError, ServerUnavailableError
from genesis.settings import FrameCacheSettings, Settings, current

if TYPE_CHECKING:
    from genesis.cache.codec import Frame

_URL_SETTING = "frame_cache.url"
_KEPT_AT_ONCE = 500  # frames in one step: more would hold up the server
_INCOMING_MS = 10_000


class FrameCache:
    """Puts frames into Redis and gets them back; may be shared by threads, and used after a fork.

    >>> cache = FrameCache()  # doctest: +SKIP
    >>> cache.put("door-1", frame)  # doctest: +SKIP
    243518
    >>> cache.get("door-1").shape  # doctest: +SKIP
    (576, 768, 3)
    """

    def __init__(
        self,
        settings: FrameCacheSettings | None = None,
        *,
        client: redis.Redis | None = None,
        prefix: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Describe a cache; nothing is sent yet.

        Args:
            settings: server, limit, time to live and codec; None takes this process's settings, prefix and timeout.
            client: used instead of a connection of its own (it answers in bytes); left open by `close`.
            prefix: first part of every key; `redis.prefix` of the settings.
            timeout: seconds one command may take; `redis.timeout_seconds` of the settings.
        """
        if settings is None:
            whole = current()
            settings = whole.frame_cache
            prefix = prefix or whole.redis.prefix
            timeout = timeout or whole.redis.timeout_seconds
        self._settings = settings
        self._prefix = prefix or "genesis"
        self._owned = client is None
        self._client = client if client is not None else connect(settings.url, timeout=timeout or 5.0, large_values=True)
        self._account = script(self._client, "genesis.cache", "account")
        self._books = [f"{self._prefix}:framecache:{name}" for name in ("index", "sizes", "total")]

    @classmethod
    def of(cls, settings: Settings) -> FrameCache:
        """Return the cache of an installation's settings, with its prefix and timeout."""
        return cls(settings.frame_cache, prefix=settings.redis.prefix, timeout=settings.redis.timeout_seconds)

    @property
    def limit(self) -> int:
        """Most bytes that the stored frames may take together."""
        return int(self._settings.max_size_mb * 1_000_000)

    def put(self, key: str, frame: Frame) -> int:
        """Store a frame for `frame_cache.ttl_seconds`; one that has this key already is replaced.

        Args:
            key: chosen by the caller, unique among frames.
            frame: (height, width, 3) uint8, BGR.

        Returns:
            The bytes that it takes.

        Raises:
            FrameCacheFullError: there is no room; nothing is changed.
            ServerUnavailableError: Redis is away or refuses us.
            NotAFrameError: the array is not a frame.
        """
        from genesis.cache.codec import encode  # noqa: PLC0415 - NumPy: not where frames are only counted and deleted

        keep_freed_memory()
        stored = encode(frame, self._settings.codec, self._settings.jpeg_quality)
        try:
            try:
                done, used = self._store(key, stored)
            except redis.exceptions.NoScriptError:
                self._client.script_load(self._account.script)
                done, used = self._store(key, stored)
        except redis.RedisError as error:
            # "EXECABORT ... because of: OOM" when the pixels themselves pass the server's own limit.
            if isinstance(error, redis.OutOfMemoryError) or "OOM" in str(error):
                raise FrameCacheFullError(self.get_cache_size(), len(stored), self.limit, by_server=True) from error
            raise self._unavailable(error) from error
        if not done:
            raise FrameCacheFullError(used, len(stored), self.limit)
        return len(stored)

    def get(self, key: str) -> Frame:
        """Return a frame: (height, width, 3) uint8, BGR; it may be drawn on.

        Raises:
            FrameMissingError: it has expired or been deleted, or never was.
            CorruptFrameError: what lies there is not a frame of ours.
            ServerUnavailableError: Redis is away or refuses us.
        """
        (frame,) = self.get_many((key,))
        if frame is None:
            msg = f"frame {key!r} is not in the cache (frames are kept for {self._settings.ttl_seconds:g} s, frame_cache.ttl_seconds)"
            raise FrameMissingError(msg)
        return frame

    def get_many(self, keys: Iterable[str]) -> list[Frame | None]:
        """Return several frames in one round trip, in the order of their keys; None for each that is missing.

        Raises:
            CorruptFrameError: what lies there is not a frame of ours.
            ServerUnavailableError: Redis is away or refuses us.
        """
        from genesis.cache.codec import decode  # noqa: PLC0415

        places = [self._place(key) for key in keys]
        if not places:
            return []
        keep_freed_memory()
        try:
            found: Any = self._client.mget(places)
        except redis.RedisError as error:
            raise self._unavailable(error) from error
        return [None if stored is None else decode(stored) for stored in found]

    def delete(self, *keys: str) -> int:
        """Remove frames; return how many of them were there.

        Raises:
            ServerUnavailableError: Redis is away or refuses us.
        """
        return int(self._call([self._place(key) for key in keys], "remove", *keys)) if keys else 0

    def keep(self, *keys: str) -> int:
        """Give frames `frame_cache.ttl_seconds` from now on; return how many of them were there.

        Raises:
            ServerUnavailableError: Redis is away or refuses us.
        """
        ttl, kept = str(max(1, int(self._settings.ttl_seconds * 1000))), 0
        for start in range(0, len(keys), _KEPT_AT_ONCE):
            some = keys[start : start + _KEPT_AT_ONCE]
            kept += int(self._call([self._place(key) for key in some], "keep", ttl, *some))
        return kept

    def has(self, *keys: str) -> int:
        """Return how many of these frames are there, without fetching any.

        Raises:
            ServerUnavailableError: Redis is away or refuses us.
        """
        try:
            return int(self._client.exists(*(self._place(key) for key in keys))) if keys else 0
        except redis.RedisError as error:
            raise self._unavailable(error) from error

    def get_cache_size(self) -> int:
        """Return the bytes that the stored frames take (pixels as stored, with their headers; not Redis's own overhead).

        Raises:
            ServerUnavailableError: Redis is away or refuses us.
        """
        return int(self._call([], "measure")[0])

    def count(self) -> int:
        """Return the number of stored frames.

        Raises:
            ServerUnavailableError: Redis is away or refuses us.
        """
        return int(self._call([], "measure")[1])

    def close(self) -> None:
        """Close the connections, unless the client was given."""
        if self._owned:
            self._client.close()

    def _place(self, key: str) -> str:
        return f"{self._prefix}:frame:{key}"

    def _store(self, key: str, stored: bytes) -> tuple[int, int]:
        """Send pixels and bookkeeping in one round trip, as one transaction; return (stored?, bytes in use)."""
        ttl = max(1, int(self._settings.ttl_seconds * 1000))
        incoming = f"{self._prefix}:framecache:incoming:{key}"
        keys = [*self._books, incoming, self._place(key)]
        pipeline = self._client.pipeline(transaction=True)
        # The script sets the true expiry; a shorter one here could strike before it.
        pipeline.set(incoming, stored, px=max(ttl, _INCOMING_MS))
        # Not Script.__call__: in a pipeline it asks for the script's presence in a round trip of its own.
        pipeline.evalsha(self._account.sha, len(keys), *keys, "store", key, ttl, self.limit)
        _, (done, used) = pipeline.execute()
        return int(done), int(used)

    def _call(self, places: list[str], what: str, *arguments: str) -> Any:
        try:
            return self._account(keys=[*self._books, *places], args=[what, *arguments])
        except redis.RedisError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: redis.RedisError) -> ServerUnavailableError:
        return ServerUnavailableError(explain(error, self._settings.url, _URL_SETTING))
