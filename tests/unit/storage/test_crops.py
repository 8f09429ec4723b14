"""Pictures of faces as files."""

from __future__ import annotations

import hashlib
import os
import stat

import pytest

from genesis.errors import UsageError
from genesis.storage.crops import SNAPSHOTS, CropError, Crops

JPEG = b"\xff\xd8 a picture"
SHA = hashlib.sha256(JPEG).hexdigest()


def test_a_picture_lies_under_its_hash_for_us_alone(tmp_path):
    crops = Crops(tmp_path)

    name = crops.put(JPEG)

    path = tmp_path / "crops" / SHA[:2] / f"{SHA}.jpg"
    assert (name, crops.path(name)) == (SHA, path)
    assert path.read_bytes() == JPEG
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}


def test_the_same_picture_twice_is_one_file_and_young_again(tmp_path):
    crops = Crops(tmp_path)
    path = crops.path(crops.put(JPEG))
    os.utime(path, (0, 0))

    crops.put(JPEG)

    assert [file for file in (tmp_path / "crops").rglob("*") if file.is_file()] == [path]
    assert path.stat().st_mtime > 0


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n", "a" * 62 + "/.", "é" * 64])
@pytest.mark.parametrize("verb", ["path", "delete"])
def test_no_other_name_leads_anywhere(tmp_path, name, verb):
    crops = Crops(tmp_path)

    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        crops.path(name) if verb == "path" else crops.delete([name])


def test_what_is_deleted_is_counted_and_what_is_gone_is_no_trouble(tmp_path):
    crops = Crops(tmp_path)
    crops.put(JPEG)

    assert crops.delete([SHA, "0" * 64]) == 1
    assert crops.delete([SHA]) == 0


def test_only_old_pictures_without_a_row_are_orphans(tmp_path):
    crops = Crops(tmp_path)
    old, used, young = (crops.put(bytes([number])) for number in range(3))
    for name in (old, used):
        os.utime(crops.path(name), (100, 100))
    (tmp_path / "crops" / old[:2] / "notes.jpg").write_text("not ours")

    found = crops.orphans(200, lambda names: [name for name in names if name != used])

    assert found == [old]
    assert young not in found


def test_pictures_of_alerts_lie_apart_from_those_of_faces(tmp_path):
    faces, views = Crops(tmp_path), Crops(tmp_path, SNAPSHOTS)

    name = views.put(JPEG)

    assert views.path(name) == tmp_path / "snapshots" / SHA[:2] / f"{SHA}.jpg"
    assert faces.delete([name]) == 0
    assert views.delete([name]) == 1


def test_no_folder_has_no_orphans(tmp_path):
    assert Crops(tmp_path / "missing").orphans(1e12, list) == []


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    crops = Crops(tmp_path)
    half = crops.path(crops.put(JPEG)).with_name("abc.part")
    half.write_bytes(b"half")
    os.utime(half, (100, 100))

    assert crops.remove_unfinished(200) == 1
    assert crops.path(SHA).exists()


def test_a_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "crops").write_text("")

    with pytest.raises(CropError, match="can't be written: "):
        Crops(tmp_path).put(JPEG)
