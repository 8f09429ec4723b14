"""How a frame is stored: a small versioned header, then its pixels as an LZ4 block or a JPEG.

    magic "GNSF" | version u8 | codec u8 | u16 zero | width u32 | height u32 | raw size u32 | payload size u32 | payload

All numbers are little endian. `raw size` is what the payload becomes when it is unpacked. The codec `bgr`
is bit-exact; `i420` keeps full brightness and a quarter of the colour samples, as the cameras' own 4:2:0
does; `jpeg` is the smallest. Reading runs no code and reserves no more memory than the payload can fill.
"""

from __future__ import annotations

import struct
from typing import Literal

import lz4.block
import numpy as np
import numpy.typing as npt

from genesis.errors import PermanentError

Frame = npt.NDArray[np.uint8]
"""A picture: (height, width, 3) uint8, BGR."""
Codec = Literal["i420", "bgr", "jpeg"]

MAX_SIDE = 16_384
"""Longest side of a frame in pixels."""

_MAGIC = b"GNSF"
_VERSION = 1
_HEADER = struct.Struct("<4sBBHIIII")
_NUMBERS: dict[str, int] = {"bgr": 1, "i420": 2, "jpeg": 3}
_CODECS = {number: codec for codec, number in _NUMBERS.items()}
_CHANNELS = 3
_LARGE = 1_000_000  # pixels
_HASTE = 8  # LZ4's acceleration for I420 of large pictures: a third less time, for 2 to 4 % of the raw size
_LZ4_GROWTH = 255  # a byte of an LZ4 block never becomes more bytes than this
_JPEG_START = b"\xff\xd8"
_JPEG_MARKER = 0xFF
_JPEG_FILL = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_JPEG_SIZE = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended and progressive: what OpenCV reads


class NotAFrameError(ValueError):
    """What was given to store is not a (height, width, 3) uint8 array of 1 to `MAX_SIDE` pixels a side."""


class CorruptFrameError(PermanentError, ValueError):
    """Stored bytes are not a frame of ours, or are damaged. Find what else writes to the frame cache's server."""


def encode(frame: Frame, codec: Codec = "i420", quality: int = 90) -> bytes:
    """Return the stored form of a frame.

    Args:
        frame: (height, width, 3) uint8, BGR; need not be contiguous.
        codec: `bgr`, `i420` or `jpeg`.
        quality: of `jpeg`, 1 to 100.

    Raises:
        NotAFrameError: the array is not a frame.
        ValueError: there is no such codec.
    """
    if codec not in _NUMBERS:
        msg = f"codec {codec!r}: expected one of {', '.join(_NUMBERS)}"
        raise ValueError(msg)
    _check(frame)
    height, width = frame.shape[:2]
    frame = np.ascontiguousarray(frame)
    if codec == "jpeg":
        payload = _to_jpeg(frame, quality)
        raw_size = frame.nbytes
    else:
        pixels = _to_i420(frame) if codec == "i420" else frame
        payload = _packed(pixels, _haste(codec, width, height))
        raw_size = pixels.nbytes
    return _HEADER.pack(_MAGIC, _VERSION, _NUMBERS[codec], 0, width, height, raw_size, len(payload)) + payload


def decode(stored: bytes) -> Frame:
    """Return the frame that `encode` stored: (height, width, 3) uint8, BGR, contiguous and writable.

    Note:
        There is no checksum (it would take a third of the time of reading): damage inside the pixels alone may show as wrong pixels.

    Raises:
        CorruptFrameError: the bytes are cut off, damaged, of another program or of a newer version.
    """
    if len(stored) < _HEADER.size or stored[:4] != _MAGIC:
        msg = f"not a stored frame: {len(stored)} bytes that begin with {bytes(stored[:8])!r}"
        raise CorruptFrameError(msg)
    _, version, number, _, width, height, raw_size, payload_size = _HEADER.unpack_from(stored)
    codec = _CODECS.get(number)
    if version != _VERSION or codec is None:
        msg = f"stored frame has version {version} and codec {number}, this code reads version {_VERSION} and codecs {sorted(_CODECS)}"
        raise CorruptFrameError(msg)
    payload = memoryview(stored)[_HEADER.size :]
    if len(payload) != payload_size:
        msg = f"stored frame has {len(payload)} bytes of pixels, its header says {payload_size}"
        raise CorruptFrameError(msg)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE) or raw_size != _raw_size(codec, width, height):
        msg = f"stored frame's header is damaged: {width}x{height} {codec} can't have {raw_size} bytes"
        raise CorruptFrameError(msg)
    if codec == "jpeg":
        return _from_jpeg(payload, width, height)
    pixels = _unpacked(payload, raw_size)
    return pixels.reshape(height, width, _CHANNELS) if codec == "bgr" else _from_i420(pixels, width, height)


def _check(frame: Frame) -> None:
    if not isinstance(frame, np.ndarray):
        msg = f"a frame is a NumPy array, found {type(frame).__name__}"
        raise NotAFrameError(msg)
    sides_fit = frame.ndim == _CHANNELS and frame.shape[2] == _CHANNELS and all(0 < side <= MAX_SIDE for side in frame.shape[:2])
    if frame.dtype != np.uint8 or not sides_fit:
        msg = f"a frame is (height, width, 3) uint8 with sides of 1 to {MAX_SIDE}, found {frame.shape} {frame.dtype}"
        raise NotAFrameError(msg)


def _raw_size(codec: str, width: int, height: int) -> int:
    if codec == "i420":
        return _even(width) * _even(height) * 3 // 2
    return width * height * _CHANNELS


def _even(side: int) -> int:
    return side + side % 2


def _to_i420(frame: Frame) -> Frame:
    import cv2  # noqa: PLC0415 - heavy; counting bytes must not load it

    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        # Colour is shared by blocks of 2x2 pixels: the last row and column are doubled, and cut off when read.
        frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _from_i420(pixels: Frame, width: int, height: int) -> Frame:
    import cv2  # noqa: PLC0415

    frame = cv2.cvtColor(pixels.reshape(_even(height) * 3 // 2, _even(width)), cv2.COLOR_YUV2BGR_I420)
    return np.ascontiguousarray(frame[:height, :width], np.uint8)


def _haste(codec: str, width: int, height: int) -> int:
    return _HASTE if codec == "i420" and width * height >= _LARGE else 1


def _packed(pixels: Frame, haste: int) -> bytes:
    return bytes(lz4.block.compress(pixels, mode="fast", acceleration=haste, store_size=False))


def _unpacked(payload: memoryview, raw_size: int) -> Frame:
    if raw_size > len(payload) * _LZ4_GROWTH:
        msg = f"stored frame is damaged: {len(payload)} bytes can't become {raw_size}"
        raise CorruptFrameError(msg)
    try:
        # A bytearray, so that the frame can be drawn on without a copy.
        pixels = lz4.block.decompress(payload, uncompressed_size=raw_size, return_bytearray=True)
    except (lz4.block.LZ4BlockError, ValueError) as error:
        msg = f"stored frame is damaged: {error}"
        raise CorruptFrameError(msg) from None
    if len(pixels) != raw_size:
        msg = f"stored frame is damaged: {len(pixels)} bytes after unpacking, expected {raw_size}"
        raise CorruptFrameError(msg)
    return np.frombuffer(pixels, np.uint8)


def _to_jpeg(frame: Frame, quality: int) -> bytes:
    import cv2  # noqa: PLC0415

    done, payload = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        msg = f"OpenCV can't write {frame.shape[1]}x{frame.shape[0]} as JPEG"
        raise NotAFrameError(msg)
    return payload.tobytes()


def _from_jpeg(payload: memoryview, width: int, height: int) -> Frame:
    import cv2  # noqa: PLC0415

    found = _jpeg_size(payload)
    if found != (width, height):
        msg = f"stored frame is damaged: its header says {width}x{height}, its JPEG {found}"
        raise CorruptFrameError(msg)
    try:
        frame = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        msg = f"stored frame is damaged: {error.err}"
        raise CorruptFrameError(msg) from None
    if frame is None or frame.shape != (height, width, _CHANNELS):
        msg = f"stored frame is damaged: its JPEG of {len(payload)} bytes can't be read"
        raise CorruptFrameError(msg)
    return np.asarray(frame, np.uint8)


def _jpeg_size(payload: memoryview) -> tuple[int, int] | None:
    """Return (width, height) out of a JPEG's frame header, so that nothing is reserved on a damaged one's word."""
    position = len(_JPEG_START)
    if payload[:position] != _JPEG_START:
        return None
    while position + 9 <= len(payload):
        if payload[position] != _JPEG_MARKER:
            return None
        marker = payload[position + 1]
        if marker in _JPEG_SIZE:
            height, width = struct.unpack_from(">HH", payload, position + 5)
            return width, height
        if marker in _JPEG_FILL or marker == _JPEG_MARKER:
            position += 1 if marker == _JPEG_MARKER else 2
            continue
        position += 2 + max(2, int.from_bytes(payload[position + 2 : position + 4], "big"))
    return None
