"""`genesis identity`: enrol people, look at who is known and who was seen, give names and take them away."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genesis.cli.enroll import enroll, face_engine, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis.settings import Settings
    from genesis.storage.database import Database
    from genesis.storage.gallery import Identity

_NAME, _PATH = 100, 200  # characters shown
_LATEST = 24  # sightings on the sheet of one person


@click.group("identity")
def command() -> None:
    """Enrol people, look at who is known and who was seen, name the unknown.

    WHO is a name (in any case), unknown-N, or the first digits of an id. `genesis sightings` shows who was
    seen where and when; `genesis erase` removes everything that is known of somebody.
    """


command.add_command(enroll)


@command.command("list")
@click.option("--unknown", is_flag=True, help="People without a name.")
@click.option("--all", "everybody", is_flag=True, help="People with and without a name.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
def list_identities(*, unknown: bool, everybody: bool, as_json: bool) -> None:
    """List the people who are enrolled."""
    from genesis.cli import people  # noqa: PLC0415 - --help stays quick
    from genesis.cli.screen import console  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    with opened(current()) as database:
        from genesis.storage.identities import identities  # noqa: PLC0415

        found = database.run(lambda cursor: identities(cursor, None if everybody else "unknown" if unknown else "known"))
    if as_json:
        click.echo(json.dumps([people.identity_json(identity) for identity in found], indent=1))
    elif found:
        console().print(people.identity_table(found))
    elif unknown:
        click.echo("nobody unknown was seen")
    else:
        click.echo('nobody is enrolled yet: `genesis identity enroll "Ada" photos/ada/`')


@command.command()
@click.argument("who")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--open", "show_sheet", is_flag=True, help="Show the faces on a contact sheet, and the latest sightings.")
def show(*, who: str, as_json: bool, show_sheet: bool) -> None:
    """Show one person: what is known, and the faces that are enrolled."""
    from genesis.cli import people  # noqa: PLC0415 - --help stays quick
    from genesis.cli.screen import console  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    settings = current()
    with opened(settings) as database:
        from genesis.storage.gallery import find, stored_faces  # noqa: PLC0415

        def look_up(cursor: Any) -> Any:
            identity = find(cursor, who)
            return identity, stored_faces(cursor, identity.id)

        identity, faces = database.run(look_up)
        if show_sheet:
            _present(identity, faces, settings, database)
    if as_json:
        click.echo(json.dumps({**people.identity_json(identity), "faces": [people.face_json(face) for face in faces]}, indent=1))
    else:
        console().print(people.identity_facts(identity, faces))


@command.command()
@click.argument("who")
@click.argument("new")
def rename(*, who: str, new: str) -> None:
    """Give somebody another name; the past is told with it, too."""
    from genesis.settings import current  # noqa: PLC0415 - --help stays quick

    with opened(current()) as database:
        from genesis.storage.gallery import find, rename  # noqa: PLC0415

        before, after = database.run(lambda cursor: (find(cursor, who), rename(cursor, who, new)))
    click.echo(f"{_shown(before)} is now called {_shown(after)}")


@command.command()
@click.argument("who")
@click.argument("name")
def name(*, who: str, name: str) -> None:
    """Give an unknown person a name; what was seen of them is theirs then.

    \b
      genesis identity name unknown-17 "Grace"

    If somebody is called so already, the two become one.
    """  # noqa: D301 - click wants the character itself
    from genesis.cli.people import counted  # noqa: PLC0415 - --help stays quick
    from genesis.settings import current  # noqa: PLC0415

    with opened(current()) as database:
        from genesis.storage.gallery import find, name_unknown  # noqa: PLC0415

        before, after = database.run(lambda cursor: (find(cursor, who), name_unknown(cursor, who, name)))
    joined = "" if before.id == after.id else ", who was known already"
    click.echo(f"{_shown(before)} is {_shown(after)}{joined}: {counted(after.sightings, 'sighting')}, {counted(after.embeddings, 'face')}")


@command.command()
@click.argument("into")
@click.argument("other")
@click.option("--yes", is_flag=True, help="Do not ask.")
def merge(*, into: str, other: str, yes: bool) -> None:
    """Make one person of two: everything of OTHER becomes INTO's. It can't be taken apart again.

    \b
      genesis identity merge "Ada" unknown-17
    """  # noqa: D301 - click wants the character itself
    from genesis.cli.asking import confirm, tried  # noqa: PLC0415 - --help stays quick
    from genesis.cli.people import counted  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    with opened(current()) as database:
        from genesis.storage.gallery import find  # noqa: PLC0415
        from genesis.storage.gallery import merge as merge_people  # noqa: PLC0415

        first, second = database.run(lambda cursor: (find(cursor, into), find(cursor, other)))
        tried(database, lambda cursor: merge_people(cursor, into, other))  # what can't be done is said before it is asked
        lost = f" the name {_shown(second)} is lost," if second.name is not None else ""
        click.echo(
            f"merge {_shown(second)} into {_shown(first)}:{lost} {counted(second.embeddings, 'face')} and "
            f"{counted(second.sightings, 'sighting')} become {_shown(first)}'s"
        )
        confirm("merge", yes=yes, dry_run=False)
        # By their ids: the two that were shown.
        after = database.run(lambda cursor: merge_people(cursor, first.id, second.id))
    click.echo(f"{_shown(after)}: {counted(after.embeddings, 'face')}, {counted(after.sightings, 'sighting')}")


@command.command()
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(*, who: str, yes: bool) -> None:
    """Un-enrol somebody: name and photos go; the sightings stay, as those of an unknown person.

    `genesis erase` removes the sightings, too, and everything else.
    """
    from genesis.cli.asking import confirm  # noqa: PLC0415 - --help stays quick
    from genesis.cli.people import counted  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    settings = current()
    with opened(settings) as database:
        from genesis.storage.crops import Crops, unused  # noqa: PLC0415
        from genesis.storage.gallery import delete as un_enrol  # noqa: PLC0415
        from genesis.storage.gallery import find  # noqa: PLC0415

        identity = database.run(lambda cursor: find(cursor, who))
        if identity.name is None:
            database.run(lambda cursor: un_enrol(cursor, identity.id))  # says why not
        click.echo(
            f"un-enrol {_shown(identity)}: the name goes, {counted(identity.photos, 'photo goes', 'photos go')}, "
            f"{counted(identity.sightings, 'sighting stays', 'sightings stay')} (`genesis erase` removes all)"
        )
        confirm("delete", yes=yes, dry_run=False)
        deleted = database.run(lambda cursor: un_enrol(cursor, identity.id))
        pictures = Crops(settings.data_dir).delete(database.run(lambda cursor: unused(cursor, deleted.crops)))
    left = deleted.left
    rest = "nothing is left" if left is None else f"{counted(left.sightings, 'sighting is', 'sightings are')} now {_shown(left)}'s"
    click.echo(f"removed: the name, {counted(deleted.photos, 'photo')}, {counted(pictures, 'picture')}; {rest}")


@command.command()
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(min=1, max=1000), default=5, show_default=True, help="People shown for each face.")
@click.option("--all", "everybody", is_flag=True, help="Search among people without a name, too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def search(*, photo: Path, top: int, everybody: bool, as_json: bool) -> None:
    """Say who is in a photo, by the same search and rules as the recognition workers.

    The exit code is 1 if there is no face in it.
    """
    from genesis.cli import people  # noqa: PLC0415 - --help stays quick
    from genesis.cli.screen import console  # noqa: PLC0415
    from genesis.cli.search_photo import faces_in  # noqa: PLC0415
    from genesis.cli.terminal import safe  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    settings = current()
    _refuse_missing(photo)
    engine = face_engine(settings)
    with opened(settings) as database:
        found = faces_in(photo, engine, database, settings, top=top, everybody=everybody)
    if as_json:
        click.echo(
            json.dumps({"photo": str(photo), "model": engine.model, "faces": [people.search_json(face) for face in found]}, indent=1)
        )
    elif not found:
        click.echo(f"{safe(str(photo), _PATH)}: no face found")
    else:
        screen = console()
        for number, face in enumerate(found, start=1):
            poor = f", {face.poor}" if face.poor else ""
            click.echo(f"face {number} of {len(found)}: {face.face.size:.0f} pixels{poor}")
            if face.matches:
                screen.print(people.search_table(face))
            else:
                click.echo(f"  {face.words}")
    sys.exit(0 if found else 1)


def _present(identity: Identity, faces: Sequence[Any], settings: Settings, database: Database) -> None:
    from genesis.cli import sheets  # noqa: PLC0415 - --help stays quick
    from genesis.cli.people import counted  # noqa: PLC0415
    from genesis.cli.screen import present  # noqa: PLC0415
    from genesis.storage.crops import Crops  # noqa: PLC0415
    from genesis.storage.sightings import Filters, sightings  # noqa: PLC0415

    crops = Crops(settings.data_dir)
    latest = database.run(lambda cursor: sightings(cursor, Filters(identity_id=identity.id, limit=_LATEST)))
    tiles = [sheets.face_tile(identity, face, crops) for face in faces if face.source == "photo"]
    tiles += [sheets.sighting_tile(sighting, crops) for sighting in latest]
    note = f"{counted(identity.photos, 'photo')}, the latest of {counted(identity.sightings, 'sighting')}"
    present(sheets.write_sheets(tiles, sheets.sheet_folder(), sheets.drawable(identity.label, identity.id), note))


def _refuse_missing(photo: Path) -> None:
    from genesis.cli.terminal import safe  # noqa: PLC0415 - --help stays quick
    from genesis.errors import UsageError  # noqa: PLC0415

    if not photo.is_file():
        msg = f"{safe(str(photo), _PATH)}: {'is no file' if photo.exists() else 'no such file'}"
        raise UsageError(msg)


def _shown(identity: Identity) -> str:
    from genesis.cli.terminal import safe  # noqa: PLC0415 - --help stays quick

    return safe(identity.label, _NAME)
