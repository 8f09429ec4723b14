"""The frame cache: where pixels lie between capture and the tasks that look at them."""

from genesis.cache.codec import CorruptFrameError, Frame, NotAFrameError, decode, encode
from genesis.cache.frames import FrameCache

__all__ = ["CorruptFrameError", "Frame", "FrameCache", "NotAFrameError", "decode", "encode"]
