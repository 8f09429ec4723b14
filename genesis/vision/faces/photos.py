"""Read photographs that people hand in: whatever is in the file, the answer is a picture or one line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import UsageError
from genesis.vision.types import Frame

MOST_PIXELS = 80_000_000
MOST_BYTES = 100_000_000


class PhotoError(UsageError):
    """A photograph can't be used. Its message names the file and says why."""


def read_photo(path: Path, *, most_pixels: int = MOST_PIXELS) -> Frame:
    """Return a photograph: (height, width, 3) uint8, BGR, turned as its EXIF data say.

    Args:
        path: a JPEG, PNG, WebP, BMP or TIFF file, or what else Pillow reads.
        most_pixels: larger pictures are refused before they are decoded.

    Raises:
        PhotoError: it is missing, empty, too large, damaged, or not a picture.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - only where photographs are read

    data = _content(path)
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if width * height > most_pixels:
                msg = f"{path}: too large: {width}x{height} pixels, at most {most_pixels / 1e6:g} million are taken"
                raise PhotoError(msg)
            return _decoded(image)
    except (UnidentifiedImageError, ImportError):  # ultralytics, where it is loaded, has Pillow look for a plugin first
        msg = f"{path}: not a picture"
        raise PhotoError(msg) from None
    except Image.DecompressionBombError:
        msg = f"{path}: too large: at most {most_pixels / 1e6:g} million pixels are taken"
        raise PhotoError(msg) from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, MemoryError) as error:
        msg = f"{path}: damaged: {' '.join(str(error).split()) or type(error).__name__}"
        raise PhotoError(msg) from None


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            msg = f"{path}: a folder, not a photograph"
            raise PhotoError(msg)
        size = path.stat().st_size
        if size == 0:
            msg = f"{path}: empty file"
            raise PhotoError(msg)
        if size > MOST_BYTES:
            msg = f"{path}: too large: {size / 1e6:.0f} MB, at most {MOST_BYTES / 1e6:g} are taken"
            raise PhotoError(msg)
        return path.read_bytes()
    except ValueError:
        msg = f"{str(path)!r}: not a name of a file"
        raise PhotoError(msg) from None
    except OSError as error:
        msg = f"{path}: {error.strerror or error}"
        raise PhotoError(msg) from None


def _decoded(image: Any) -> Frame:
    from PIL import ImageOps  # noqa: PLC0415 - as above

    if image.mode.startswith("I"):  # 16 bits a pixel
        gray = np.asarray(image, dtype=np.float64)
        return np.ascontiguousarray(np.repeat((gray / 256).clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2))
    turned = ImageOps.exif_transpose(image)
    return np.ascontiguousarray(np.asarray(turned.convert("RGB"), dtype=np.uint8)[:, :, ::-1])
