"""Stored pictures, made small, as addresses that hold the picture itself."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from genesis.storage.crops import Crops

QUALITY = 82  # as JPEG


def thumbnail(crops: Crops, sha: str, width: int, height: int) -> str:
    """Return a picture as a `data:` address, cut to a shape and made so small; empty if there is none any more.

    Args:
        crops: where it lies.
        sha: its name; empty: there is none.
        width: in pixels.
        height: in pixels.
    """
    if not sha:
        return ""
    try:
        content = crops.path(sha).read_bytes()
    except OSError:
        return ""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if picture is None:
        return ""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    size = max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    # Faces lie above the middle.
    top, left = (size[1] - height) // 3, (size[0] - width) // 2
    done, jpeg = cv2.imencode(".jpg", small[top : top + height, left : left + width], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}" if done else ""
