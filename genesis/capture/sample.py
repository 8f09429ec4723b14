"""The sample clip: a short video of people, made on this machine out of the photographs that ultralytics carries.

The camera glides over a street and over two men at a match; scenes melt into each other. Nothing is downloaded. Only OpenCV
and NumPy are imported: ultralytics is looked up, not loaded.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from genesis.errors import SourceError

Picture = npt.NDArray[np.uint8]

NAME = "sample-1.avi"
"""The file's name; the number rises when the clip changes, so that an older one is not taken for it."""
FPS = 10
SIZE = (768, 576)
"""Width and height in pixels."""
_FADE_SECONDS = 1.0
_BACKDROP_BLUR = 18.0  # pixels
_BACKDROP_LIGHT = 0.5
_EDGE = 3.0  # pixels over which a photograph melts into the backdrop


@dataclass(frozen=True, slots=True)
class _View:
    """Where the camera looks: the photograph's point in the middle of the frame, and frame pixels per photograph pixel."""

    x: float
    y: float
    zoom: float


@dataclass(frozen=True, slots=True)
class _Scene:
    photograph: str
    seconds: float
    start: _View
    end: _View


# The street's people stay small enough for the built-in detector, which misses them in a close-up.
_SCENES = (
    _Scene("bus.jpg", 6.0, _View(465, 630, 0.64), _View(345, 665, 0.73)),
    _Scene("zidane.jpg", 4.0, _View(560, 352, 0.86), _View(700, 360, 0.80)),
    _Scene("bus.jpg", 6.0, _View(400, 680, 0.73), _View(425, 590, 0.64)),
)


def sample_clip(folder: Path) -> Path:
    """Return the sample clip in `folder`, made if it is not there yet: 14 s, 10 frames per second, 768x576.

    Several processes may ask at once: the file is there whole or not at all.

    Raises:
        SourceError: ultralytics is not installed, or the clip can't be written.
    """
    clip = folder / NAME
    if clip.is_file():
        return clip
    photographs = {name: _photograph(name) for name in sorted({scene.photograph for scene in _SCENES})}
    part: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".sample-", suffix=".avi")
        os.close(handle)
        part = Path(temporary)
        _write(part, _frames(photographs))
        part.chmod(0o644)
        part.replace(clip)
    except OSError as error:
        msg = f"sample clip: {clip} can't be written: {error.strerror or error}"
        raise SourceError(msg) from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return clip


def _photograph(name: str) -> Picture:
    spec = importlib.util.find_spec("ultralytics")
    folder = Path(spec.origin).parent / "assets" if spec is not None and spec.origin else None
    picture = cv2.imread(str(folder / name)) if folder is not None and (folder / name).is_file() else None
    if picture is None:
        msg = f"sample clip: the photograph {name} of the package ultralytics is not there: pip install 'genesis[detection]'"
        raise SourceError(msg)
    return np.asarray(picture, np.uint8)


def _write(path: Path, frames: Iterator[Picture]) -> None:
    # Motion JPEG: every build of OpenCV can write it, and every frame stands by itself.
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, SIZE)
    if not writer.isOpened():
        msg = "OpenCV can't write a Motion JPEG file there"
        raise OSError(msg)
    try:
        for frame in frames:
            writer.write(frame)
    finally:
        writer.release()


def _frames(photographs: dict[str, Picture]) -> Iterator[Picture]:
    backdrops = {name: _backdrop(picture) for name, picture in photographs.items()}
    fade = round(_FADE_SECONDS * FPS)
    leaving: list[Picture] = []
    for position, scene in enumerate(_SCENES):
        # Shrunk once with averaging to the closest view, so that the motion itself need not shrink much and does not shimmer.
        nearest = max(scene.start.zoom, scene.end.zoom)
        photograph = cv2.resize(photographs[scene.photograph], None, fx=nearest, fy=nearest, interpolation=cv2.INTER_AREA)
        count = round(scene.seconds * FPS)
        last = position == len(_SCENES) - 1
        tail: list[Picture] = []
        for index in range(count):
            frame = _look(np.asarray(photograph, np.uint8), nearest, backdrops[scene.photograph], _between(scene, index / (count - 1)))
            if index < len(leaving):
                share = _eased((index + 1) / (len(leaving) + 1))
                frame = np.asarray(cv2.addWeighted(leaving[index], 1 - share, frame, share, 0), np.uint8)
            if not last and index >= count - fade:
                tail.append(frame)
            else:
                yield frame
        leaving = tail


def _between(scene: _Scene, share: float) -> _View:
    a, b, t = scene.start, scene.end, _eased(share)
    return _View(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, a.zoom * (b.zoom / a.zoom) ** t)


def _eased(share: float) -> float:
    """Return 0 to 1 for 0 to 1, starting and ending at rest."""
    return share * share * share * (share * (share * 6 - 15) + 10)


def _look(photograph: Picture, scale: float, backdrop: Picture, view: _View) -> Picture:
    zoom = view.zoom / scale
    middle = (view.x * scale, view.y * scale)
    motion = np.array([[zoom, 0, SIZE[0] / 2 - zoom * middle[0]], [0, zoom, SIZE[1] / 2 - zoom * middle[1]]])
    seen = cv2.warpAffine(photograph, motion, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    height, width = photograph.shape[:2]
    cover = np.outer(_within(SIZE[1], middle[1], height, zoom), _within(SIZE[0], middle[0], width, zoom))
    return np.asarray(cv2.blendLinear(seen, backdrop, cover, 1 - cover), np.uint8)


def _within(pixels: int, middle: float, length: int, zoom: float) -> npt.NDArray[np.float32]:
    """Return along one side of the frame where the photograph lies: (pixels,), 1 inside, 0 outside, soft at its edge."""
    place = np.arange(pixels, dtype=np.float32) + 0.5
    near, far = pixels / 2 - middle * zoom, pixels / 2 + (length - middle) * zoom
    return np.asarray(np.clip(np.minimum(place - near, far - place) / _EDGE, 0, 1), np.float32)


def _backdrop(photograph: Picture) -> Picture:
    """Return a dark, blurred blow-up of the photograph that fills the frame."""
    height, width = photograph.shape[:2]
    scale = max(SIZE[0] / width, SIZE[1] / height)
    filled = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (filled.shape[0] - SIZE[1]) // 2, (filled.shape[1] - SIZE[0]) // 2
    cut = filled[top : top + SIZE[1], left : left + SIZE[0]]
    return np.asarray(cv2.convertScaleAbs(cv2.GaussianBlur(cut, (0, 0), _BACKDROP_BLUR), alpha=_BACKDROP_LIGHT), np.uint8)
