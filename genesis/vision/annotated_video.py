"""Write annotated frames as a video that one can open: in a browser where OpenCV can make such a file."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
from typing_extensions import Self

from genesis.errors import UsageError
from genesis.vision.types import Frame

# The wheels of OpenCV carry no H.264 encoder; VP8 in WebM plays in every browser and is six times faster than VP9.
_FORMATS = ((".webm", "VP80"), (".mp4", "mp4v"), (".avi", "MJPG"))
_BROWSERS_PLAY = {".webm"}


class AnnotatedVideo:
    """A video file that is there whole, or not at all.

    Example:
        with AnnotatedVideo(Path("report.webm"), fps=10, size=(768, 576)) as video:
            video.write(annotate(frame, persons, "door"))
        print(video.path)
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        """Open the video.

        Args:
            path: where it shall be. `.webm` plays in browsers, `.mp4` (MPEG-4 Part 2) and `.avi` in players; another
                suffix gets one of these behind it, and one that this OpenCV can't write is replaced (see `path`).
            fps: frames per second.
            size: width and height in pixels; frames of another size are scaled to it.

        Raises:
            UsageError: no video can be written there.
        """
        self._size = (max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2))  # chroma is halved: the encoders want even sizes
        self._count = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".part")
            os.close(handle)
        except OSError as error:
            msg = f"video {path} can't be written: {error.strerror or error}"
            raise UsageError(msg) from None
        self._reserved = Path(temporary)
        known, wanted = dict(_FORMATS), path.suffix.lower()
        for suffix, code in sorted(known.items(), key=lambda form: form[0] != wanted):
            self._part = self._reserved.with_suffix(suffix)
            self._path = path.with_suffix(suffix) if wanted in known else path.with_name(path.name + suffix)
            with _without_complaints():
                self._writer = cv2.VideoWriter(str(self._part), cv2.VideoWriter.fourcc(*code), max(fps, 1.0), self._size)
            if self._writer.isOpened():
                return
            self._part.unlink(missing_ok=True)
        self._reserved.unlink(missing_ok=True)
        msg = f"video {path} can't be written: OpenCV {cv2.__version__} has none of the encoders {', '.join(known.values())}"
        raise UsageError(msg)

    @property
    def path(self) -> Path:
        """Where the video is once it is closed; its suffix tells what could be written."""
        return self._path

    @property
    def frames(self) -> int:
        """How many frames were written."""
        return self._count

    @property
    def plays_in_browsers(self) -> bool:
        """Whether a browser can show it."""
        return self._path.suffix in _BROWSERS_PLAY

    def write(self, frame: Frame) -> None:
        """Append a frame: (height, width, 3) uint8, BGR."""
        if (frame.shape[1], frame.shape[0]) != self._size:
            smaller = frame.shape[1] > self._size[0]
            frame = cv2.resize(frame, self._size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)  # type: ignore[assignment]
        self._writer.write(frame)
        self._count += 1

    def close(self) -> None:
        """Finish the file and put it in its place. A video without frames leaves no file."""
        self._finish(keep=self._count > 0)

    def __enter__(self) -> Self:
        """Return the video itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the video; after an error, remove it."""
        self._finish(keep=kind is None and self._count > 0)

    def _finish(self, *, keep: bool) -> None:
        self._writer.release()
        if keep and self._part.is_file():
            self._part.chmod(0o644)
            self._part.replace(self._path)
        self._part.unlink(missing_ok=True)
        self._reserved.unlink(missing_ok=True)


@contextlib.contextmanager
def _without_complaints() -> Iterator[None]:
    """Keep what OpenCV's encoders print while they are opened off the screen, and pass on what others print meanwhile.

    They complain about a tag that WebM does not use, from C, past Python's own standard error.
    """
    try:
        original = os.dup(2)
    except OSError:  # no standard error at all, as under some service managers
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
            caught.seek(0)
            others = [line for line in caught if b"OpenCV: FFMPEG:" not in line and b"cap_ffmpeg" not in line and b"_v4l2m2m" not in line]
            os.write(2, b"".join(others))
