"""Names for cameras that were given none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.capture.naming import NAME, default_name, name_all
from genesis.errors import UsageError


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("0", "camera-0"),
        ("/dev/video2", "video2"),
        ("sample", "sample"),
        ("clip.mp4", "clip"),
        ("/films/front door (2).mp4", "front-door-2"),
        ("folder/", "folder"),
        ("rtsp://admin:s3cret@10.0.0.7:554/1", "10.0.0.7"),
        ("http://cam.local/video.mjpg?token=abc", "cam.local"),
        ("rtsp://[fe80::1]/1", "fe80-1"),
        ("rtsp://[bad", "camera"),
        ("/", "camera"),
        ("Überwachung.avi", "berwachung"),
        ("日本.avi", "camera"),
        ("x" * 100 + ".avi", "x" * 64),
    ],
)
def test_a_source_has_a_name_of_its_own(source, name):
    assert default_name(source) == name


def test_names_are_made_distinct():
    sources = ["a/clip.mp4", "b/clip.mp4", "c/clip.mp4", "clip-2.avi"]

    names = name_all(sources)

    assert names == ["clip", "clip-2", "clip-3", "clip-2-2"]


def test_given_names_come_first_and_are_not_taken_again():
    names = name_all(["a/door.mp4", "b/door.mp4"], ["door"])

    assert names == ["door", "door-2"]


@pytest.mark.parametrize(
    ("sources", "names", "message"),
    [
        (["0"], ["door", "yard"], "'yard' has no --source"),
        (["0"], ["front door"], "'front door': expected 1 to 64"),
        (["0"], [""], "'': expected 1 to 64"),
        (["0", "1"], ["door", "door"], "'door' is given twice"),
    ],
)
def test_names_that_cannot_be_used_are_refused(sources, names, message):
    with pytest.raises(UsageError, match=message):
        name_all(sources, names)


@given(st.lists(st.text(max_size=80), max_size=8))
def test_every_name_is_valid_and_distinct(sources):
    names = name_all(sources)

    assert all(NAME.fullmatch(name) for name in names)
    assert len(set(names)) == len(sources)
