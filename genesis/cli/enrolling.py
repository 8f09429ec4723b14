"""Enrol a person: look at the photos, judge them, store the good faces, and tell of each photo what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from genesis.cli.enrolment import Reason, Refused, face_of, resembling, unlike
from genesis.cli.terminal import safe
from genesis.events import Box

if TYPE_CHECKING:
    from pathlib import Path

    from genesis.analytics.quality import Rules
    from genesis.cli.albums import Album
    from genesis.storage.crops import Crops
    from genesis.storage.gallery import Identity, NewFace
    from genesis.vision.faces.base import FaceEngine
    from genesis.vision.types import Face

Cursor = Any  # psycopg2's, which carries no types

_SHOWN = 100  # characters of a name in a message
_DECIMALS = 3  # of distances in messages
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a photo, or of a sighting.

    Attributes:
        photo: its path as it was found, or `sighting 12`.
        outcome: whether its face is in the gallery now, was before, or was not taken.
        reason: why it was not, in a word.
        line: the same for a person.
    """

    photo: str
    outcome: Literal["enrolled", "already", "refused"]
    reason: Reason | None = None
    line: str = ""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of a person's photos.

    Attributes:
        name: of the person, as it is kept.
        identity_id: None if nobody was enrolled.
        outcomes: of the photos, in their order.
        left_out: files of the folder that are no pictures by their names.
        notes: what else the operator may want to know.
    """

    name: str
    identity_id: str | None
    outcomes: tuple[Outcome, ...]
    left_out: int = 0
    notes: tuple[str, ...] = ()

    def count(self, outcome: str) -> int:
        """Return how many photos had this outcome."""
        return sum(one.outcome == outcome for one in self.outcomes)

    @property
    def fine(self) -> bool:
        """Whether at least one of the photos is in the gallery."""
        return bool(self.count("enrolled") or self.count("already"))


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A face that is good enough, taken by itself.

    Attributes:
        photo: where it comes from, as in `Outcome`.
        face: what goes into the gallery.
        jpeg: the picture of the face that is to be stored; empty if `face.crop` is stored already.
    """

    photo: str
    face: NewFace
    jpeg: bytes = b""


@dataclass(frozen=True, slots=True)
class Choice:
    """How an enrolment is to be done.

    Attributes:
        rules: what a face needs to be used.
        threshold: largest cosine distance of two faces of one person.
        allow_several: of a photo with several faces the largest is taken.
        force: faces that are unlike the person's others, or like somebody else's, are taken, too.
    """

    rules: Rules
    threshold: float
    allow_several: bool = False
    force: bool = False


@dataclass(slots=True)
class Looked:
    """What looking at the photos of a person gave: faces, and what is known already of the other photos."""

    candidates: list[Candidate] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def refuse(self, photo: str, refused: Refused) -> None:
        """Note that a photo is not taken."""
        self.outcomes[photo] = Outcome(photo, "refused", refused.reason, refused.line)


def look(
    album: Album, engine: FaceEngine, choice: Choice, enrolled: Callable[[Sequence[str]], dict[str, str]], advance: Callable[[], None]
) -> Looked:
    """Look at a person's photos, one after the other; those that are enrolled already need no look.

    Args:
        album: the person's name, checked, and the photos.
        engine: finds and embeds the faces.
        choice: what is taken.
        enrolled: tells by the SHA-256 of photos who they are enrolled as.
        advance: called after each photo.
    """
    from genesis.storage.identities import name_key  # noqa: PLC0415 - the CLI's --help loads no SQL

    looked, digests = Looked(), {}
    for path in album.photos:
        digest = _digest(path)
        if isinstance(digest, Refused):
            looked.refuse(str(path), digest)
            advance()
        else:
            digests[path] = digest
    before = enrolled(list(digests.values()))
    seen: dict[str, str] = {}
    for path, digest in digests.items():
        photo, whose = str(path), before.get(digest)
        if whose is not None and name_key(whose) == name_key(album.name):
            looked.outcomes[photo] = Outcome(photo, "already", line="enrolled before")
        elif digest in seen:
            looked.outcomes[photo] = Outcome(photo, "already", line=f"the same as {seen[digest]}")
        elif whose is not None and not choice.force:
            looked.refuse(photo, Refused("somebody else", f"this very photo is enrolled as {safe(whose, _SHOWN)}"))
        else:
            found = _candidate(path, digest, engine, choice)
            if isinstance(found, Refused):
                looked.refuse(photo, found)
            else:
                looked.candidates.append(found)
                seen[digest] = photo
        advance()
    return looked


def enrol(
    cursor: Cursor, album: Album, looked: Looked, engine: FaceEngine, choice: Choice, exact_below: int, crops: Crops | None
) -> Enrolment:
    """Judge the faces of a person together, and put the good ones into the gallery; within a transaction.

    Args:
        cursor: of the transaction.
        album: the person's name and photos.
        looked: what looking at them gave; it is not changed, so that a transaction may be run again.
        engine: whose embeddings these are.
        choice: what is taken.
        exact_below: `storage.exact_below`.
        crops: where the pictures of the faces go; None stores none (a dry run).

    Raises:
        UsageError: nobody can be called so.
        IdentityBusyError: the person is being erased.
    """
    from dataclasses import replace  # noqa: PLC0415

    from genesis.storage.gallery import enroll  # noqa: PLC0415 - the CLI's --help loads no SQL

    outcomes = dict(looked.outcomes)
    person = named(cursor, album.name)
    refused = {} if choice.force else _refused(cursor, person, looked.candidates, engine.model, choice.threshold, exact_below)
    outcomes.update({photo: Outcome(photo, "refused", one.reason, one.line) for photo, one in refused.items()})
    taken = [one for one in looked.candidates if one.photo not in refused]
    notes = _notes(cursor, album.name, taken, engine.model, choice.threshold, exact_below)
    if person is None and len(taken) == 2 and _apart(*taken) > choice.threshold:  # noqa: PLR2004
        notes.append("the two photos look unlike each other; a third one would tell whether one of them is a mistake")
    if taken:
        faces = [replace(one.face, crop=crops.put(one.jpeg)) if crops is not None and one.jpeg else one.face for one in taken]
        done = enroll(cursor, album.name, engine.model, faces)
        person = done.identity
        outcomes.update({one.photo: Outcome(one.photo, "enrolled") for one in taken})
        if done.already:  # sightings, or another command that enrolled the same photos at this moment
            notes.append(f"{done.already} of these faces were enrolled already")
    order = [*map(str, album.photos), *(one.photo for one in looked.candidates)]
    told = tuple(outcomes[photo] for photo in dict.fromkeys(order))
    name = person.name if person is not None and person.name else album.name
    return Enrolment(name, person.id if person is not None else None, told, album.left_out, tuple(notes))


def named(cursor: Cursor, name: str) -> Identity | None:
    """Return the known person of this name; None if nobody is called so."""
    from genesis.storage.identities import NoSuchIdentityError, find, name_key  # noqa: PLC0415 - the CLI's --help loads no SQL

    try:
        found = find(cursor, name)
    except NoSuchIdentityError:
        return None
    # It may have been found by an id that looks like the name.
    return found if found.name is not None and name_key(found.name) == name_key(name) else None


def _refused(
    cursor: Cursor, person: Identity | None, candidates: Sequence[Candidate], model: str, threshold: float, exact_below: int
) -> dict[str, Refused]:
    from genesis.storage.search import nearest_of, search  # noqa: PLC0415 - the CLI's --help loads no SQL

    refused: dict[str, Refused] = {}
    rest: list[Candidate] = []
    near: list[float] = []
    for one in candidates:
        apart = nearest_of(cursor, person.id, model, one.face.embedding) if person is not None else None
        matches = search(cursor, model, one.face.embedding, exact_below=exact_below, limit=2)
        other = resembling(matches, person.id if person is not None else None, apart, threshold)
        if other is not None:
            line = f"looks like {safe(other.label, _SHOWN)}, who is enrolled already ({_how_far(other.distance, threshold)})"
            refused[one.photo] = Refused("somebody else", line)
            continue
        rest.append(one)
        near += [] if apart is None else [apart]
    enrolled_before = person is not None and len(near) == len(rest)
    others = f"the faces of {safe(person.label, _SHOWN)}" if person is not None and enrolled_before else "the other photos"
    for index, distance in unlike([one.face.embedding for one in rest], near if enrolled_before else None, threshold).items():
        refused[rest[index].photo] = Refused("unlike", f"looks unlike {others} (the nearest: {_how_far(distance, threshold)})")
    return refused


def _notes(cursor: Cursor, name: str, taken: Iterable[Candidate], model: str, threshold: float, exact_below: int) -> list[str]:
    """Say which unknown people seem to be this person: what was seen of them could be theirs."""
    from genesis.storage.search import search  # noqa: PLC0415 - the CLI's --help loads no SQL

    seen: dict[str, None] = {}
    for one in taken:
        if one.face.source == "photo":
            matches = search(cursor, model, one.face.embedding, exact_below=exact_below, limit=1, kinds=("unknown",))
            seen.update((match.label, None) for match in matches if match.distance <= threshold)
    return [
        f"was seen as {label}, it seems: `genesis identity merge {_quoted(name)} {label}` makes those sightings theirs" for label in seen
    ]


def _candidate(path: Path, digest: str, engine: FaceEngine, choice: Choice) -> Candidate | Refused:
    from genesis.vision.faces.crops import face_jpeg  # noqa: PLC0415 - the CLI's --help loads no OpenCV
    from genesis.vision.faces.photos import PhotoError, read_photo  # noqa: PLC0415

    try:
        picture = read_photo(path)
    except PhotoError as error:
        return Refused("unreadable", str(error).removeprefix(f"{path}: "))
    found = face_of(engine.find([picture])[0], choice.rules, allow_several=choice.allow_several)
    if isinstance(found, Refused):
        return found
    return Candidate(str(path), _new_face(found, digest), face_jpeg(picture, Box(*map(float, found.box))))


def _new_face(face: Face, digest: str) -> NewFace:
    from genesis.storage.faces import NewFace  # noqa: PLC0415 - the CLI's --help loads no SQL

    return NewFace(face.embedding, "photo", digest, size=float(face.size), sharpness=float(face.sharpness), frontal=float(face.frontal))


def _digest(path: Path) -> str | Refused:
    """Return the SHA-256 of a file."""
    from genesis.vision.faces.photos import MOST_BYTES, PhotoError, read_photo  # noqa: PLC0415 - the CLI's --help loads no OpenCV

    digest = hashlib.sha256()
    try:
        if not path.is_file():
            return Refused("unreadable", "is no file" if path.exists() else "no such file")
        if path.stat().st_size > MOST_BYTES:
            read_photo(path)  # says that it is too large; its SHA-256 would take long
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                digest.update(block)
    except PhotoError as error:
        return Refused("unreadable", str(error).removeprefix(f"{path}: "))
    except OSError as error:
        return Refused("unreadable", error.strerror or str(error))
    return digest.hexdigest()


def _apart(one: Candidate, other: Candidate) -> float:
    return float(1 - one.face.embedding @ other.face.embedding)


def _how_far(distance: float, threshold: float) -> str:
    return f"distance {distance:.{_DECIMALS}f}, threshold {threshold:.{_DECIMALS}f}"


def _quoted(name: str) -> str:
    import shlex  # noqa: PLC0415

    return shlex.quote(safe(name, _SHOWN))
