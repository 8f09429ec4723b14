"""Which photos belong to whom, by what was typed: a name and files, or a folder of folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from genesis.cli.terminal import safe
from genesis.errors import UsageError

PICTURES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .tif .tiff .jp2 .ppm .pgm .pbm .pnm .gif .heic .heif .avif".split()  # noqa: SIM905 - reads better
)
"""What the names of pictures end with; in a folder other files are left out. Some of them can't be read, and are told of then."""

_SHOWN = 200  # characters of a path in a message


@dataclass(frozen=True, slots=True)
class Album:
    """The photos of one person.

    Attributes:
        name: of the person, as it was typed, or of the folder.
        photos: in the order in which they were named; those of a folder in the order of their names.
        left_out: files of the folder that are no pictures by their names.
    """

    name: str
    photos: tuple[Path, ...]
    left_out: int = 0


def albums_of(words: Sequence[str], people: Path | None = None) -> list[Album]:
    """Return whose photos are meant.

    Args:
        words: a name and photos (files, or folders of photos); or one folder of folders, each with the name of a person.
        people: such a folder of folders, where it was given by an option.

    Raises:
        UsageError: that is neither, or there is no such file or no photo.
    """
    if people is not None:
        if words:
            msg = f"--people {safe(str(people), _SHOWN)}: its folders are the names, so {safe(words[0], _SHOWN)!r} is one thing too many"
            raise UsageError(msg)
        return _of_people(people)
    if not words:
        msg = "who, and which photos? `genesis identity enroll NAME PHOTO...`, or `--people FOLDER` with a folder for each person"
        raise UsageError(msg)
    if len(words) == 1:
        folder = Path(words[0])
        if not folder.is_dir():
            msg = f"which photos of {safe(words[0], _SHOWN)!r}? `genesis identity enroll NAME PHOTO...`, with files or a folder"
            raise UsageError(msg)
        if _photos(folder)[0]:
            msg = f"whose photos are those in {safe(words[0], _SHOWN)}? `genesis identity enroll NAME {safe(words[0], _SHOWN)}`"
            raise UsageError(msg)
        return _of_people(folder)
    return [_album(words[0], map(Path, words[1:]))]


def _album(name: str, places: Iterable[Path]) -> Album:
    photos: list[Path] = []
    left_out = 0
    for place in places:
        if not place.is_dir():
            if not place.exists():
                msg = f"{safe(str(place), _SHOWN)}: no such file or folder"
                raise UsageError(msg)
            photos.append(place)
            continue
        found, others = _photos(place)
        if not found:
            raise UsageError(_nothing_in(place))
        photos += found
        left_out += others
    return Album(name, tuple(dict.fromkeys(photos)), left_out)


def _of_people(folder: Path) -> list[Album]:
    if not folder.is_dir():
        msg = f"{safe(str(folder), _SHOWN)}: no such folder"
        raise UsageError(msg)
    albums = []
    for inner in _listed(folder):
        if inner.is_dir() and not inner.name.startswith("."):
            found, others = _photos(inner)
            if found or others:
                albums.append(Album(inner.name, tuple(found), others))
    if not any(album.photos for album in albums):
        msg = f"{safe(str(folder), _SHOWN)}: there is no folder with photos in it; each folder is to be named as its person"
        raise UsageError(msg)
    return albums


def _photos(folder: Path) -> tuple[list[Path], int]:
    """Return the pictures that lie in a folder, and how many other files do; what is hidden does not count."""
    files = [path for path in _listed(folder) if not path.name.startswith(".") and not path.is_dir()]
    pictures = [path for path in files if path.suffix.lower() in PICTURES]
    return pictures, len(files) - len(pictures)


def _nothing_in(folder: Path) -> str:
    shown = safe(str(folder), _SHOWN)
    if any(path.is_dir() and _photos(path)[0] for path in _listed(folder)):
        return (
            f"{shown}: has folders of photos in it, but no photo; `genesis identity enroll --people {shown}` takes each folder for a person"
        )
    return f"{shown}: there is no photo in it"


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        msg = f"{safe(str(folder), _SHOWN)}: {error.strerror or error}"
        raise UsageError(msg) from None
