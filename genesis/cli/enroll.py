"""`genesis identity enroll`: photos in, people out, and of each photo that can't be used the reason."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from genesis.cli.albums import Album
    from genesis.cli.enrolling import Enrolment
    from genesis.settings import Settings
    from genesis.storage.database import Database
    from genesis.vision.faces.base import FaceEngine


@click.command()
@click.argument("words", metavar="[NAME] [PHOTO]...", nargs=-1)
@click.option(
    "--people", type=click.Path(path_type=Path), metavar="FOLDER", help="A folder of folders of photos, each named as its person."
)
@click.option("--from-sighting", "numbers", multiple=True, metavar="N", help="The face of this sighting; repeatable.")
@click.option("--allow-several", is_flag=True, help="Take the largest face of a photo with several.")
@click.option("--force", is_flag=True, help="Take faces too that are unlike the person's others, or like somebody else's.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def enroll(
    *,
    words: tuple[str, ...],
    people: Path | None,
    numbers: tuple[str, ...],
    allow_several: bool,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Enrol somebody by photos: files, or folders of them.

    \b
      genesis identity enroll "Ada" photos/ada/
      genesis identity enroll "Grace" grace1.jpg grace2.jpg
      genesis identity enroll --people photos/        (photos/Ada/..., photos/Grace/...)
      genesis identity enroll "Ada" --from-sighting 1204

    Three or more photos of each person are best, in different light. A photo that can't be used is named, with
    the reason. A photo that is enrolled already is left as it is, so that this can be run again. Photos are not
    copied; a picture of the face alone is kept. The exit code is 1 if somebody has no usable photo.
    """  # noqa: D301 - click wants the character itself
    from genesis.cli.albums import Album, albums_of  # noqa: PLC0415 - --help stays quick
    from genesis.errors import UsageError  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    if numbers and (people is not None or not words):
        msg = "--from-sighting needs the name of one person: `genesis identity enroll NAME --from-sighting N`"
        raise UsageError(msg)
    albums = [Album(words[0], ())] if numbers and len(words) == 1 else albums_of(words, people)
    albums, settings = _checked(albums), current()
    made: list[Enrolment] = []
    try:
        with opened(settings) as database:
            for enrolment in _enrolments(albums, numbers, settings, database, (allow_several, force, dry_run)):
                made.append(enrolment)  # noqa: PERF402 - those that were made are told, whatever happens then
    finally:
        if made:
            _tell(made, as_json=as_json, dry_run=dry_run)
    sys.exit(0 if all(enrolment.fine for enrolment in made) else 1)


def opened(settings: Settings) -> AbstractContextManager[Database]:
    """Return the database of an installation, for a `with` block."""
    from genesis.embedded.database import open_database  # noqa: PLC0415 - --help stays quick

    return open_database(settings)


def face_engine(settings: Settings) -> FaceEngine:
    """Return the engine that the program was given, else the one that the settings name."""
    from genesis.vision.faces import load_engine  # noqa: PLC0415 - --help stays quick

    given = click.get_current_context().obj
    return given if given is not None else load_engine(settings.recognition, data_dir=settings.data_dir)


def _checked(albums: Sequence[Album]) -> list[Album]:
    """Return the albums with the names as they are kept, before anything is done for any of them."""
    from dataclasses import replace  # noqa: PLC0415

    from genesis.storage.identities import checked_name  # noqa: PLC0415 - --help loads no SQL

    return [replace(album, name=checked_name(album.name)) for album in albums]


def _enrolments(
    albums: Sequence[Album], numbers: Sequence[str], settings: Settings, database: Database, how: tuple[bool, bool, bool]
) -> Iterator[Enrolment]:
    """Enrol one person after the other; what was done for those before stays, whatever becomes of the next."""
    from functools import partial  # noqa: PLC0415

    from genesis.analytics.quality import Rules  # noqa: PLC0415
    from genesis.cli.asking import tried  # noqa: PLC0415
    from genesis.cli.enrolling import Candidate, Choice, enrol, look  # noqa: PLC0415
    from genesis.cli.removal import Progress  # noqa: PLC0415
    from genesis.storage.crops import Crops  # noqa: PLC0415
    from genesis.storage.gallery import enrolled_as  # noqa: PLC0415
    from genesis.storage.sightings import face_of, get  # noqa: PLC0415

    allow_several, force, dry_run = how
    engine = face_engine(settings)
    recognition = settings.recognition
    choice = Choice(Rules.of(recognition), recognition.threshold or engine.threshold, allow_several, force)

    def known(digests: Sequence[str]) -> dict[str, str]:
        return database.run(lambda cursor: enrolled_as(cursor, engine.model, digests))

    def from_sightings(cursor: Any) -> list[Candidate]:
        return [Candidate(f"sighting {sighting.id}", face_of(cursor, sighting)) for sighting in (get(cursor, number) for number in numbers)]

    with Progress("looking at photos", sum(len(album.photos) for album in albums)) as progress:
        prepared = []
        for album in albums:
            looked = look(album, engine, choice, known, progress.advance)
            if numbers:
                looked.candidates += database.run(from_sightings)
            crops = None if dry_run else Crops(settings.data_dir)
            act = partial(
                enrol, album=album, looked=looked, engine=engine, choice=choice, exact_below=settings.storage.exact_below, crops=crops
            )
            if dry_run:
                prepared.append(act)
            else:
                yield database.run(act)
    # All in one transaction, which is taken back: each person is compared with those before, as it will be.
    yield from tried(database, lambda cursor: [act(cursor) for act in prepared]) if prepared else ()


def _tell(made: Sequence[Enrolment], *, as_json: bool, dry_run: bool) -> None:
    from genesis.cli import people  # noqa: PLC0415 - --help stays quick

    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "people": [people.enrolment_json(enrolment) for enrolment in made]}, indent=1))
        return
    for enrolment in made:
        for line, colour in people.enrolment_lines(enrolment, dry=dry_run):
            click.echo(click.style(line, fg=colour) if colour else line)
    if made and dry_run:
        click.echo("(dry run: nothing was done)")
    elif len(made) > 1:
        faces = sum(enrolment.count("enrolled") for enrolment in made)
        click.echo(
            f"{people.counted(sum(e.fine for e in made), 'person', 'people')} of {len(made)} enrolled, {people.counted(faces, 'new face')}"
        )
