"""Whatever is in a file, reading it as a photograph gives a picture or one line."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from genesis.vision.faces.photos import PhotoError, read_photo

Image = pytest.importorskip("PIL.Image", reason="no Pillow in this environment")
PICTURE = cv2.resize(np.random.default_rng(2).integers(0, 255, (6, 8, 3), dtype=np.uint8), (80, 60))


def saved(path: Path, mode: str = "RGB", **options: object) -> Path:
    Image.fromarray(PICTURE[:, :, ::-1]).convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_photograph_is_read_as_blue_green_red(tmp_path: Path, suffix: str, mode: str) -> None:
    picture = read_photo(saved(tmp_path / f"p.{suffix}", mode))

    expected = PICTURE if mode == "RGB" else cv2.cvtColor(cv2.cvtColor(PICTURE, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert picture.shape == PICTURE.shape
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - expected).mean() < 12


def test_transparency_and_sixteen_bits_are_left_out(tmp_path: Path) -> None:
    saved(tmp_path / "a.png", "RGBA")
    cv2.imwrite(str(tmp_path / "b.png"), PICTURE[:, :, 0].astype(np.uint16) * 257)

    assert read_photo(tmp_path / "a.png").shape == (60, 80, 3)
    assert np.abs(read_photo(tmp_path / "b.png")[:, :, 1].astype(int) - PICTURE[:, :, 0]).max() <= 1


def test_a_photograph_is_turned_as_the_camera_was(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright

    picture = read_photo(saved(tmp_path / "p.png", exif=exif.tobytes()))

    assert picture.shape == (80, 60, 3)
    assert np.array_equal(picture, cv2.rotate(PICTURE, cv2.ROTATE_90_CLOCKWISE))


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("not a picture")


def _cut_off(path: Path) -> None:
    saved(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:700])


def _damaged(path: Path) -> None:
    saved(path, format="PNG")
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)


def _bomb(path: Path) -> None:
    Image.new("1", (14_000, 14_000)).save(path, format="PNG")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_empty, "empty file"),
        (_text, "not a picture"),
        (_cut_off, "damaged: "),
        (_damaged, "damaged: "),
        (_bomb, "too large"),
        (Path.mkdir, "a folder, not a photograph"),
        (lambda _path: None, "No such file or directory"),
    ],
)
def test_what_is_no_photograph_is_told_in_one_line(tmp_path: Path, make, said: str) -> None:
    path = tmp_path / "p.jpg"
    make(path)

    with pytest.raises(PhotoError) as caught:
        read_photo(path)

    assert str(caught.value).startswith(f"{path}: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_photograph_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    saved(tmp_path / "p.png").chmod(0)

    with pytest.raises(PhotoError, match="Permission denied"):
        read_photo(tmp_path / "p.png")


def test_a_name_that_no_file_can_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="not a name of a file"):
        read_photo(tmp_path / "a\0b.jpg")
