"""What a state machine keeps from one event to the next: plain data that JSON can say, written with the events that came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from typing_extensions import Self


class Kept(Struct, frozen=True):
    """Base of such states; every field has a default, and the defaults are the beginning."""

    @classmethod
    def parse(cls, state: Mapping[str, Any]) -> Self:
        """Read what `plain` wrote; nothing is the beginning, and so is what cannot be read (an older or newer release's)."""
        try:
            return msgspec.convert(dict(state), cls)
        except msgspec.ValidationError:
            return cls()

    @property
    def plain(self) -> dict[str, Any]:
        """This state as what JSON can say."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
