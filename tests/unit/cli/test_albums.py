"""Whose photos are meant, by what was typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from genesis.cli.albums import Album, albums_of
from genesis.errors import UsageError


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of folders of photos, and go there."""
    for name in (
        "ada/2.jpg", "ada/1.PNG", "ada/notes.txt", "ada/.hidden.jpg", "ada/older/3.jpg", "photos/Ada/1.jpg", "photos/Grace/1.jpeg",
        "photos/Grace/2.webp", "photos/Nobody/readme.md", "photos/.trash/1.jpg", "photos/list.txt", "empty/", "nothing/inside/a.txt",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def album(name: str, *photos: str, left_out: int = 0) -> Album:
    return Album(name, tuple(map(Path, photos)), left_out)


@pytest.mark.parametrize(
    ("words", "people", "meant"),
    [
        (["Ada", "ada/"], None, [album("Ada", "ada/1.PNG", "ada/2.jpg", left_out=1)]),
        (["Ada", "ada/2.jpg", "ada/notes.txt"], None, [album("Ada", "ada/2.jpg", "ada/notes.txt")]),
        (["Ada", "ada/2.jpg", "ada"], None, [album("Ada", "ada/2.jpg", "ada/1.PNG", left_out=1)]),
        (
            ["photos/"],
            None,
            [
                album("Ada", "photos/Ada/1.jpg"),
                album("Grace", "photos/Grace/1.jpeg", "photos/Grace/2.webp"),
                album("Nobody", left_out=1),
            ],
        ),
        (
            [],
            "photos",
            [album("Ada", "photos/Ada/1.jpg"), album("Grace", "photos/Grace/1.jpeg", "photos/Grace/2.webp"), album("Nobody", left_out=1)],
        ),
    ],
)
def test_photos_are_found_by_a_name_or_by_their_folders(words: Sequence[str], people: str | None, meant: list[Album]) -> None:
    assert albums_of(words, Path(people) if people else None) == meant


@pytest.mark.parametrize(
    ("words", "people", "says"),
    [
        ([], None, "who, and which photos? `genesis identity enroll NAME PHOTO...`"),
        (["Ada"], None, "which photos of 'Ada'?"),
        (["ada"], None, "whose photos are those in ada? `genesis identity enroll NAME ada`"),
        (["empty"], None, "empty: there is no folder with photos in it"),
        (["nothing"], None, "nothing: there is no folder with photos in it"),
        (["Ada", "empty"], None, "empty: there is no photo in it"),
        (["Ada", "gone.jpg"], None, "gone.jpg: no such file or folder"),
        (["Ada", "photos"], None, "photos: has folders of photos in it, but no photo; `genesis identity enroll --people photos`"),
        (["Ada"], "photos", "its folders are the names, so 'Ada' is one thing too many"),
        ([], "gone", "gone: no such folder"),
        ([], "ada/2.jpg", "ada/2.jpg: no such folder"),
    ],
)
def test_what_is_not_meant_is_answered_with_the_way_out(words: Sequence[str], people: str | None, says: str) -> None:
    with pytest.raises(UsageError) as error:
        albums_of(words, Path(people) if people else None)

    assert says in str(error.value)
