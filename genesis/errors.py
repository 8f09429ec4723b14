"""The errors of Genesis: what went wrong, and what becomes of the event because of it.

Two branches decide a delivery's fate. A `PermanentError` sends the entry to the dead letters at
once, since running it again can't help. A `RetryableError`, like any exception that is not ours,
is retried. A `UsageError` never concerns an event: it ends a command with one line and exit code 2.
"""

from __future__ import annotations

from typing import ClassVar


class GenesisError(Exception):
    """Base of every error that Genesis raises on purpose; its message is one line for a person."""


class UsageError(GenesisError):
    """A command, setting or source was given wrongly. The operator corrects it; exit code 2."""


class SettingsError(UsageError):
    """The settings can't be used. The message names file, line, key, what was found and what is allowed."""


class SourceError(UsageError):
    """A video source can't be used as it was given (no such file, no video in it, no such camera)."""


class ModelError(UsageError):
    """A detector's weights can't be loaded. The message names the file and the way to a good one."""


class NoSuchLetterError(GenesisError):
    """No dead letter has this id. It was replayed or dropped meanwhile, or the id has a mistake in it."""


class NoSuchEventError(GenesisError):
    """The ledger knows no such event: it was trimmed, or the id has a mistake in it."""


class ServerUnavailableError(GenesisError):
    """A server did not answer, or refused us, for longer than we wait. Start it or correct its URL; nothing is lost meanwhile."""


class ServerRefusesError(ServerUnavailableError):
    """A server answers, but does not let us in, or can't be written to. Waiting does not help: correct what the message names."""


class PermanentError(GenesisError):
    """An event that can never be handled. Look at its dead letter; replay it once the cause is mended."""

    reason: ClassVar[str] = "permanent"


class MalformedEventError(PermanentError):
    """An entry is not an event of ours (a field missing, not UTF-8, not JSON, a wrong type). Find who published it."""

    reason: ClassVar[str] = "malformed"


class UnknownEventTypeError(PermanentError):
    """An entry's type or major schema version is not known here. Upgrade the worker, then replay."""

    reason: ClassVar[str] = "unknown_type"


class OversizedEventError(PermanentError):
    """An event is larger than `delivery.max_event_bytes`. Publish less in one event, or raise the setting."""

    reason: ClassVar[str] = "oversized"


class PoisonEventError(PermanentError):
    """An event's runs took their workers with them, again and again. Find out how (a library's crash, no memory), then replay."""

    reason: ClassVar[str] = "poison"


class HardTimeLimitError(PoisonEventError):
    """An event's runs did not end at their time limit and were killed, again and again. Mend the handler, then replay."""

    reason: ClassVar[str] = "time_limit"


class FrameMissingError(PermanentError):
    """A frame's pixels are no longer in the cache. Workers are too slow for `frame_cache.ttl_seconds`, or its server was restarted."""

    reason: ClassVar[str] = "stale_frame"


class UnknownCameraError(PermanentError):
    """An event names a camera that the settings don't know. Add it under `cameras`, then replay."""


class RetryableError(GenesisError):
    """Something outside failed for now (a database away, a busy device). Retried; repeated ones need a look at that thing."""


class NotYetError(RetryableError):
    """What an event builds upon has not been handled yet. It comes again by itself, and no attempt is used up."""


class BackpressureError(GenesisError):
    """A stream has as many unsettled entries as it may have. Wait, or drop; add workers if it lasts.

    Attributes:
        stream: the full stream's name.
        backlog: its entries that the slowest group has not settled.
        limit: `event_driven.backpressure.max_pending`.
    """

    def __init__(self, stream: str, backlog: int, limit: int) -> None:
        super().__init__(
            f"stream {stream!r} has {backlog} unsettled entries (limit {limit}): its slowest group does not keep up; "
            f"add workers, or raise event_driven.backpressure.max_pending"
        )
        self.stream = stream
        self.backlog = backlog
        self.limit = limit


class FrameCacheFullError(BackpressureError):
    """The frame cache has no room for frames that somebody still waits for. Add workers or raise the limit that the message names."""

    def __init__(self, used: int, wanted: int, limit: int, *, by_server: bool = False) -> None:
        place, way_out = "frame cache", f"limit {limit / 1e6:g} MB (frame_cache.max_size_mb)"
        if by_server:
            place, way_out = "frame cache's Redis", f"raise its maxmemory (frame_cache.max_size_mb is {limit / 1e6:g})"
        GenesisError.__init__(self, f"{place} is full: {used / 1e6:.1f} MB of frames in use, {wanted / 1e6:.2f} MB more wanted; {way_out}")
        self.stream = "frame cache"
        self.backlog = used
        self.limit = limit
