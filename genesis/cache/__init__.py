"""The frame cache: where pixels lie between capture and the tasks that look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genesis.cache.frames import FrameCache

if TYPE_CHECKING:
    from genesis.cache.codec import CorruptFrameError, Frame, NotAFrameError, decode, encode

__all__ = ["CorruptFrameError", "Frame", "FrameCache", "NotAFrameError", "decode", "encode"]


def __getattr__(name: str) -> Any:
    """Load the codec, and NumPy with it, when it is asked for: a bridge deletes frames, and never looks at one."""
    if name in __all__:
        from genesis.cache import codec  # noqa: PLC0415

        return getattr(codec, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
