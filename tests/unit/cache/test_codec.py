"""The stored form of a frame: what is kept exactly, what nearly, and what is refused."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genesis.cache.codec import MAX_SIDE, Codec, CorruptFrameError, Frame, NotAFrameError, decode, encode

CODECS: tuple[Codec, ...] = ("bgr", "i420", "jpeg")
HEADER = struct.Struct("<4sBBHIIII")

sides = st.integers(1, 40)
frames = st.tuples(sides, sides, st.just(3)).flatmap(lambda shape: arrays(np.uint8, shape))


def scene(width: int = 64, height: int = 48) -> Frame:
    """Draw something that has edges, slopes and colours, as cameras see them."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    picture = np.stack([across, down, 255 - across], axis=-1).astype(np.uint8)
    cv2.circle(picture, (width // 2, height // 2), height // 4, (40, 90, 200), -1)
    return np.asarray(picture, np.uint8)


def footage(shared: Path, count: int, step: int) -> list[Frame]:
    video = cv2.VideoCapture(str(shared / "data" / "pets09_s2l1.avi"))
    found = []
    for _ in range(count):
        for _ in range(step):
            read, picture = video.read()
            assert read
        found.append(np.asarray(picture, np.uint8))
    video.release()
    return found


@given(frames)
def test_bgr_keeps_every_bit_of_any_shape(frame: Frame) -> None:
    stored = encode(frame, "bgr")

    assert np.array_equal(decode(stored), frame)


@pytest.mark.parametrize("codec", CODECS)
@given(frames)
def test_every_codec_keeps_the_shape_and_gives_a_frame_to_draw_on(codec: Codec, frame: Frame) -> None:
    read = decode(encode(frame, codec))

    assert read.shape == frame.shape
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    assert read.flags.writeable


@pytest.mark.parametrize("codec", CODECS)
@given(level=st.integers(0, 255), width=sides, height=sides)
def test_every_codec_keeps_a_grey_frame_within_two_levels(codec: Codec, level: int, width: int, height: int) -> None:
    frame = np.full((height, width, 3), level, np.uint8)

    read = decode(encode(frame, codec, quality=100))

    assert np.abs(read.astype(int) - level).max() <= 2


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "view",
    [lambda f: f[::2, ::3], lambda f: f[5:20, 7:30], lambda f: f[:, ::-1], np.asfortranarray, lambda f: f[..., ::-1]],
    ids=["strided", "a crop", "mirrored", "by columns", "channels turned"],
)
def test_a_frame_need_not_be_contiguous(codec: Codec, view: Any) -> None:
    frame = view(scene())

    stored = encode(frame, codec)

    assert stored == encode(frame.copy(order="C"), codec)


def test_a_read_only_frame_is_stored_and_not_changed() -> None:
    frame = scene(33, 21)
    before = frame.copy()
    frame.flags.writeable = False

    for codec in CODECS:
        encode(frame, codec)

    assert np.array_equal(frame, before)


@pytest.mark.parametrize("cut", [(0, 0), (1, 0), (0, 1), (1, 1), (5, 3)])
def test_i420_is_near_the_original_on_real_footage_odd_sizes_included(shared: Path, cut: tuple[int, int]) -> None:
    down, across = cut

    quality = []
    for picture in footage(shared, count=4, step=40):
        frame = picture[: picture.shape[0] - down, : picture.shape[1] - across]
        quality.append(cv2.PSNR(np.ascontiguousarray(frame), decode(encode(frame, "i420"))))

    assert min(quality) > 36


def test_i420_saves_sixty_percent_on_real_footage(shared: Path) -> None:
    pictures = footage(shared, count=8, step=40)

    stored = sum(len(encode(picture, "i420")) for picture in pictures)

    assert stored <= 0.40 * sum(picture.nbytes for picture in pictures)


def test_i420_saves_sixty_percent_of_large_frames_too(shared: Path) -> None:
    pictures = [
        np.asarray(cv2.resize(picture, (1920, 1080), interpolation=cv2.INTER_CUBIC), np.uint8) for picture in footage(shared, 3, 40)
    ]

    stored = sum(len(encode(picture, "i420")) for picture in pictures)

    assert stored <= 0.40 * sum(picture.nbytes for picture in pictures)


def test_jpeg_is_the_smallest_and_still_good_on_real_footage(shared: Path) -> None:
    (picture,) = footage(shared, count=1, step=40)

    sizes = {codec: len(encode(picture, codec)) for codec in CODECS}

    assert sizes["jpeg"] < sizes["i420"] < sizes["bgr"] < picture.nbytes
    assert cv2.PSNR(picture, decode(encode(picture, "jpeg"))) > 36


def test_a_better_jpeg_takes_more_bytes() -> None:
    frame = scene()

    assert len(encode(frame, "jpeg", quality=30)) < len(encode(frame, "jpeg", quality=95))


@pytest.mark.parametrize(
    "thing",
    [
        None,
        b"bytes",
        [[1, 2, 3]],
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros((1, MAX_SIDE + 1, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
    ],
    ids=["nothing", "bytes", "a list", "grey", "four channels", "floats", "no rows", "no columns", "too wide", "a batch"],
)
def test_what_is_not_a_frame_is_not_stored(thing: Any) -> None:
    with pytest.raises(NotAFrameError, match="frame"):
        encode(thing)


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(ValueError, match="codec 'png': expected one of bgr, i420, jpeg"):
        encode(scene(), "png")  # type: ignore[arg-type]


def header(
    payload: bytes, codec: int = 1, width: int = 4, height: int = 4, raw: int = 48, version: int = 1, magic: bytes = b"GNSF"
) -> bytes:
    return HEADER.pack(magic, version, codec, 0, width, height, raw, len(payload)) + payload


JPEG_OF_64 = encode(scene(), "jpeg")[HEADER.size :]
PNG_OF_64 = cv2.imencode(".png", scene())[1].tobytes()


@pytest.mark.parametrize(
    ("stored", "part"),
    [
        (b"", "0 bytes"),
        (b"GNSF", "4 bytes"),
        (b"\x80\x04\x95pickled things of another program", "not a stored frame"),
        (header(b"x", magic=b"GNSX"), "not a stored frame"),
        (header(b"x", version=2), "version 2"),
        (header(b"x", codec=9), "codec 9"),
        (header(b"x") + b"y", "2 bytes of pixels, its header says 1"),
        (header(b"xyz")[:-1], "2 bytes of pixels, its header says 3"),
        (header(b"x", width=0), "0x4"),
        (header(b"x", width=2**32 - 1, raw=2**32 - 1), "damaged"),
        (header(b"x", width=MAX_SIDE + 1, height=1, raw=3 * (MAX_SIDE + 1)), "damaged"),
        (header(b"x", raw=47), "can't have 47 bytes"),
        (header(b"x", raw=2**32 - 1), "can't have 4294967295 bytes"),
        (header(b"x" * 99, width=MAX_SIDE, height=MAX_SIDE, raw=3 * MAX_SIDE**2), "99 bytes can't become 805306368"),
        (header(b"\xff" * 40), "damaged"),
        (header(b"", codec=2, raw=24), "damaged"),
        (header(encode(scene(4, 3), "bgr")[HEADER.size :]), "36 bytes after unpacking, expected 48"),
        (header(JPEG_OF_64, codec=3), "its header says 4x4, its JPEG (64, 48)"),
        (header(PNG_OF_64, codec=3, width=64, height=48, raw=64 * 48 * 3), "its JPEG None"),
        (header(b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x04\x00\x04", codec=3), "can't be read"),
        (header(b"\xff\xd8" + b"\xff" * 50, codec=3), "its JPEG None"),
        (header(b"\xff\xd8\xff\xe0\x00\x00" * 3, codec=3), "its JPEG None"),
    ],
    ids=itertools.count(),
)
def test_bytes_that_are_not_a_frame_are_refused_with_the_reason(stored: bytes, part: str) -> None:
    with pytest.raises(CorruptFrameError) as caught:
        decode(stored)

    assert part in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_jpeg_that_claims_another_size_than_the_header_reserves_nothing() -> None:
    claims = JPEG_OF_64.replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 65_500, 65_500), 1)

    with pytest.raises(CorruptFrameError, match=r"\(65500, 65500\)"):
        decode(header(claims, codec=3, width=64, height=48, raw=64 * 48 * 3))


def read_or_refused(stored: bytes) -> Frame | None:
    try:
        return decode(stored)
    except CorruptFrameError:
        return None


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(stored: bytes) -> None:
    assert read_or_refused(stored) is None


@given(st.binary(max_size=200), st.integers(1, 3), sides, sides)
def test_arbitrary_bytes_behind_a_good_header_are_refused_or_a_frame(payload: bytes, codec: int, width: int, height: int) -> None:
    raw = (width + width % 2) * (height + height % 2) * 3 // 2 if codec == 2 else width * height * 3

    read = read_or_refused(header(payload, codec, width, height, raw))

    assert read is None or read.shape == (height, width, 3)


@pytest.mark.parametrize("codec", CODECS)
@given(data=st.data())
def test_a_frame_that_is_cut_off_is_refused(codec: Codec, data: st.DataObject) -> None:
    stored = encode(scene(), codec)

    assert read_or_refused(stored[: data.draw(st.integers(0, len(stored) - 1))]) is None


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_frame_is_refused_or_has_its_shape(codec: Codec, data: st.DataObject) -> None:
    stored = bytearray(encode(scene(), codec))
    for _ in range(data.draw(st.integers(1, 4))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))

    read = read_or_refused(bytes(stored))

    assert read is None or read.shape in {(48, 64, 3), (47, 64, 3), (48, 63, 3), (47, 63, 3)}


def test_reading_takes_any_kind_of_bytes() -> None:
    stored = encode(scene(), "bgr")

    assert np.array_equal(decode(memoryview(stored)), decode(bytearray(stored)))  # type: ignore[arg-type]
