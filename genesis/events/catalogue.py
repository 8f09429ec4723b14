"""The stream catalogue: which stream carries which events, and how streams are named.

A group exists because a handler subscribed to it (`genesis.subscriptions`); the streams exist because
there are event types. `{prefix}:frames`, `{prefix}:frames:dlq`: the prefix is a setting, and one in
braces puts every key in the same Redis Cluster slot.
"""

from __future__ import annotations

from dataclasses import dataclass

from genesis.events.types import EVENT_TYPES, Event

STREAMS: tuple[str, ...] = tuple(cls.STREAM for cls in EVENT_TYPES)
"""The short names of the seven streams."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Every ledger key of an installation, made from its prefix.

    >>> Keys("genesis").stream("frames")
    'genesis:frames'
    """

    prefix: str = "genesis"

    def stream(self, short: str) -> str:
        """Key of a stream, from its short name."""
        return f"{self.prefix}:{short}"

    def stream_of(self, event: Event | type[Event]) -> str:
        """Key of the stream that carries an event or event type."""
        return f"{self.prefix}:{event.STREAM}"

    def dead_letters(self, stream: str) -> str:
        """Key of the dead letters of a stream, from the stream's key."""
        return f"{stream}:dlq"

    def attempts(self, stream: str) -> str:
        """Key of the hash that counts failed runs of a stream's unsettled entries."""
        return f"{stream}:attempts"

    def states(self, stream: str, group: str) -> str:
        """Key of the hash that holds what an ordered subscription has kept, by the value of its key."""
        return f"{stream}:state:{group}"

    @property
    def references(self) -> str:
        """Key of the hash that counts, for each cached frame, the unsettled deliveries that point to it."""
        return f"{self.prefix}:references"

    @property
    def counts(self) -> str:
        """Key of the hash of totals (settled, retried, buried, dropped by reason)."""
        return f"{self.prefix}:counts"

    def camera(self, name: str) -> str:
        """Key of the hash that holds what is known of a camera now."""
        return f"{self.prefix}:camera:{name}"

    def figures(self, name: str) -> str:
        """Key of the hash that holds a camera's newest figures."""
        return f"{self.prefix}:figures:{name}"

    @property
    def cameras(self) -> str:
        """Key of the set of all cameras' names that have been seen."""
        return f"{self.prefix}:cameras"

    def frames_of(self, camera: str, session: str) -> str:
        """Key of the hash that holds which tracks the persons of a session's newest frames belong to."""
        return f"{self.prefix}:tracks:{camera}:{session}"

    def name_of(self, track: str) -> str:
        """Key of what is known of a track's name."""
        return f"{self.prefix}:track:{track}"

    def told_of(self, event: str) -> str:
        """Key of the set of those who were told of an alert."""
        return f"{self.prefix}:told:{event}"

    @property
    def programs(self) -> str:
        """Key of the hash that holds the last sign of life of every program, by role and name."""
        return f"{self.prefix}:programs"

    @property
    def runs(self) -> str:
        """Key of the stream of the newest runs of deliveries, for `genesis trace`."""
        return f"{self.prefix}:runs"
