"""Pictures that an exporter calibrates INT8 with: a small data set of our own, so that none is downloaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import yaml

from genesis.errors import UsageError
from genesis.vision.types import Frame

MOST_PICTURES = 150
"""More of one scene tell the quantiser little, and each costs a run of the network."""
_QUALITY = 95  # JPEG


def write_dataset(frames: Iterable[Frame], folder: Path, image_size: int) -> tuple[Path, int]:
    """Write frames as a data set that ultralytics takes; its labels are missing, which calibration does not need.

    Args:
        frames: pictures, each (height, width, 3) uint8 BGR.
        folder: an empty one.
        image_size: pixels; what is longer is made smaller.

    Returns:
        The file that describes it, and the number of pictures.

    Raises:
        UsageError: there is no frame.
        OSError: it can't be written.
    """
    (folder / "images").mkdir(parents=True)
    count = 0
    for count, frame in enumerate(frames, start=1):
        scale = min(1.0, image_size / max(frame.shape[:2]))
        smaller = frame if scale == 1 else cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        file = folder / "images" / f"{count:04}.jpg"
        _, encoded = cv2.imencode(file.suffix, smaller, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        file.write_bytes(encoded.tobytes())
    if not count:
        msg = "no picture to calibrate with"
        raise UsageError(msg)
    described = folder / "data.yaml"
    described.write_text(
        yaml.safe_dump({"path": str(folder.absolute()), "train": "images", "val": "images", "names": {0: "person"}}), encoding="utf-8"
    )
    return described, count
