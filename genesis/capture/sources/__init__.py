"""From what a person writes after `--source` to something that gives frames."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import genesis.capture.sources.quiet  # noqa: F401 - before OpenCV is loaded by anybody
from genesis.capture.sources.base import LiveSource, Recording, Source, SourceLostError, UnreadableFrameError
from genesis.errors import SourceError
from genesis.masking import mask
from genesis.settings import Settings

__all__ = ["LiveSource", "Recording", "Source", "SourceLostError", "UnreadableFrameError", "open_source"]

KINDS = "a camera index (0), rtsp://..., http://..., a video file, a folder of images, or 'sample'"
_SCHEMES = ("rtsp", "rtsps", "http", "https")
_VIDEO_FILES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
_DEVICE = re.compile(r"/dev/video([0-9]+)")
_INDEX = re.compile(r"[0-9]{1,4}")
_SNIFFED_BYTES = 4096
_RAW_VIDEO = b"YUV4MPEG2"  # begins like a text, and may go on like one when the picture is dark


def open_source(text: str, settings: Settings) -> Source:
    """Open a source.

    A recording and a camera of this machine are opened now; a network camera is not, since it may be away for a while.
    A URL whose path ends like a video file is a recording.

    Args:
        text: `0`, `/dev/video0`, `rtsp://`, `rtsps://`, `http(s)://`, a video file, a folder of images, one image, or `sample`.
        settings: of this installation.

    Raises:
        SourceError: it can't be used; one line that says why.
    """
    device = _INDEX.fullmatch(text) or _DEVICE.fullmatch(text)
    if device:
        from genesis.capture.sources.streams import Device  # noqa: PLC0415 - OpenCV loads slowly

        return Device(int(device.group(device.lastindex or 0)))
    if "://" in text:
        return _open_url(text, settings)
    if text == "sample":
        from genesis.capture.sample import sample_clip  # noqa: PLC0415 - made only when asked for

        return _open_path(sample_clip(settings.data_dir / "sample"), "sample")
    return _open_path(Path(text), text)


def _open_url(text: str, settings: Settings) -> Source:
    scheme, _, _ = text.partition("://")
    if scheme.lower() not in _SCHEMES:
        msg = f"source {mask(text)!r}: {scheme}:// is not known; expected {KINDS}"
        raise SourceError(msg)
    url = scheme.lower() + text[len(scheme) :]
    from genesis.capture.sources.streams import UrlStream  # noqa: PLC0415 - OpenCV loads slowly

    stream = UrlStream(url, settings.capture)
    if url.startswith("http") and PurePosixPath(urlsplit(url).path).suffix.lower() in _VIDEO_FILES:
        from genesis.capture.sources.video import Video  # noqa: PLC0415

        return Video(url, mask(url))
    return stream


def _open_path(path: Path, description: str) -> Recording:
    try:
        if path.is_dir():
            from genesis.capture.sources.images import Images  # noqa: PLC0415

            return Images(path, description)
        _check_file(path, description)
    except OSError as error:
        msg = f"source {description!r}: {error.strerror}"
        raise SourceError(msg) from None
    from genesis.capture.sources.images import SUFFIXES, Images  # noqa: PLC0415

    if path.suffix.lower() in SUFFIXES:
        return Images(path, description)
    from genesis.capture.sources.video import Video  # noqa: PLC0415

    return Video(str(path), description)


def _check_file(path: Path, description: str) -> None:
    if not path.exists():
        msg = f"source {description!r}: no such file or folder; expected {KINDS}"
        raise SourceError(msg)
    if not path.is_file():
        msg = f"source {description!r}: neither a file nor a folder"
        raise SourceError(msg)
    with path.open("rb") as file:
        head = file.read(_SNIFFED_BYTES)
    if not head:
        msg = f"source {description!r}: the file is empty"
        raise SourceError(msg)
    # FFmpeg would play a text file as a film of its letters.
    if _is_text(head):
        msg = f"source {description!r}: a text file, not a video"
        raise SourceError(msg)


def _is_text(head: bytes) -> bool:
    if b"\0" in head or head.startswith(_RAW_VIDEO):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character may be cut in two at the end of what was read.
        return len(head) == _SNIFFED_BYTES and error.start > _SNIFFED_BYTES - 4
    return True
