"""One picture of what a camera sees: its newest frame in the cache, the first frame of a source, or a file; and where to put it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis.cli.terminal import safe
from genesis.errors import FrameMissingError, ServerUnavailableError, UsageError

if TYPE_CHECKING:
    from genesis.settings import Settings
    from genesis.vision.types import Frame

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
"""Of the files that can be written."""
INSTEAD = "give --picture FILE or --source SRC to draw on another picture"

_TRIES = 5  # a newer frame may take the place of the one that was just named
_UNREADABLE = 100  # frames at the beginning of a recording that are passed over
_LINE = 200  # characters shown


def newest_frame(settings: Settings, camera: str) -> Frame | None:
    """Return a camera's newest frame in the cache: (height, width, 3) uint8, BGR; None if nothing is known of such a camera.

    Raises:
        ServerUnavailableError: Redis is away.
        UsageError: there is no frame of it now.
    """
    import redis  # noqa: PLC0415 - --help stays quick

    from genesis.cache import FrameCache  # noqa: PLC0415
    from genesis.connections import connect, explain  # noqa: PLC0415
    from genesis.events import Keys  # noqa: PLC0415

    client, cache = connect(settings.redis.url, timeout=settings.redis.timeout_seconds), FrameCache.of(settings)
    key = Keys(settings.redis.prefix).camera(camera)
    try:
        for _ in range(_TRIES):
            known: Any = client.hmget(key, "state", "frame_key")
            state, frame = known
            if state is None and frame is None:
                return None
            if not frame:
                break
            try:
                return cache.get(frame.decode())
            except FrameMissingError:
                continue
    except redis.RedisError as error:
        msg = f"{explain(error, settings.redis.url, 'redis.url')}; or {INSTEAD}"
        raise ServerUnavailableError(msg) from error
    except ServerUnavailableError as error:
        msg = f"{error}; or {INSTEAD}"
        raise ServerUnavailableError(msg) from error
    finally:
        cache.close()
        client.close()
    ended = " (its session has ended)" if state == b"ended" else ""
    msg = f"camera {camera!r}: no frame of it in the cache{ended}: {INSTEAD}"
    raise UsageError(msg)


def first_frame(settings: Settings, source: str) -> Frame:
    """Return the first frame of a source: (height, width, 3) uint8, BGR.

    Args:
        settings: of this installation.
        source: as capture takes it.

    Raises:
        SourceError: it can't be used.
        SourceLostError: it is away.
    """
    from genesis.capture.sources import LiveSource, SourceLostError, UnreadableFrameError, open_source  # noqa: PLC0415 - OpenCV loads slowly

    opened = open_source(source, settings)
    try:
        if isinstance(opened, LiveSource):
            connection = opened.connect()
            try:
                frame = connection.retrieve() if connection.grab() else None
            finally:
                connection.close()
        else:
            frame = None
            for _ in range(_UNREADABLE):
                try:
                    frame = opened.read()
                    break
                except UnreadableFrameError:
                    continue
    finally:
        opened.close()
    if frame is None:
        msg = f"source {opened.description!r}: no frame that can be read"
        raise SourceLostError(msg)
    return frame


def read_picture(path: Path) -> Frame:
    """Return an image file's picture: (height, width, 3) uint8, BGR.

    Raises:
        UsageError: it is missing, or not an image.
    """
    from genesis.capture.sources.images import Images  # noqa: PLC0415 - OpenCV loads slowly
    from genesis.errors import SourceError  # noqa: PLC0415

    shown = safe(str(path), _LINE)
    try:
        missing = not path.is_file()
    except (OSError, ValueError):
        missing = True
    if missing:
        msg = f"--picture {shown}: no such file"
        raise UsageError(msg)
    try:
        picture = Images(path, str(path)).read()
    except SourceError:
        picture = None
    if picture is None:
        msg = f"--picture {shown}: not an image that can be read (a frame of a video: --source)"
        raise UsageError(msg)
    return picture


def check_suffix(path: Path) -> None:
    """Refuse a file's name that does not say what picture it shall be.

    Raises:
        UsageError: its suffix is none of `SUFFIXES`.
    """
    if path.suffix.lower() not in SUFFIXES:
        msg = f"--output {safe(str(path), _LINE)}: expected a name that ends with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise UsageError(msg)


def write_picture(path: Path, picture: Frame) -> None:
    """Write a picture as its file's suffix says.

    Args:
        path: where to; its folder must be there.
        picture: (height, width, 3) uint8, BGR.

    Raises:
        UsageError: it can't be written.
    """
    import cv2  # noqa: PLC0415 - only here it is needed

    check_suffix(path)
    _, encoded = cv2.imencode(path.suffix.lower(), picture)
    try:
        path.write_bytes(encoded.tobytes())
    except (OSError, ValueError) as error:
        msg = f"--output {safe(str(path), _LINE)}: can't be written: {getattr(error, 'strerror', None) or error}"
        raise UsageError(msg) from None
