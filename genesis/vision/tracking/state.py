"""What is kept of the tracks between two frames: plain data, about a hundred and fifty bytes a track as JSON.

A track stays as it was when it was last seen; where it should be by now is reckoned anew in each frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct


class Live(Struct, frozen=True, array_like=True):
    """A track that has not ended.

    Attributes:
        number: of the track; no other one ever has it.
        first_ms: when it was first seen, in milliseconds since 1970, as all times here.
        last_ms: when it was last seen.
        hits: in how many frames it was seen.
        confirmed: whether it is taken for real.
        motion: row of `genesis.vision.tracking.motion`, as it was when last seen.
        scores: its last confidences, while it is not confirmed.
    """

    number: int
    first_ms: int
    last_ms: int
    hits: int
    confirmed: bool
    motion: tuple[float, float, float, float, float, float, float, float, float, float]
    scores: tuple[float, ...] = ()


class Tracks(Struct, frozen=True):
    """A camera's tracks in one session of its capture.

    Attributes:
        unused: the number that the next new track gets.
        at_ms: the time of the last frame.
        live: by number.
    """

    unused: int = 1
    at_ms: int = 0
    live: tuple[Live, ...] = ()

    @classmethod
    def parse(cls, state: Mapping[str, Any]) -> Tracks:
        """Read what `plain` wrote; what cannot be read (an older or newer one's) is no tracks, but their numbers stay used."""
        try:
            return msgspec.convert(dict(state), cls)
        except msgspec.ValidationError:
            unused = state.get("unused")
            return cls(unused=unused if isinstance(unused, int) else 1)

    @property
    def plain(self) -> dict[str, Any]:
        """These tracks as what JSON can say."""
        return {"unused": self.unused, "at_ms": self.at_ms, "live": msgspec.to_builtins(self.live)}
