"""`genesis erase`: remove everything that is known of a person, and say exactly what went."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from genesis.errors import GenesisError

if TYPE_CHECKING:
    from genesis.bus.ledger import Ledger
    from genesis.bus.scrub import Scrubber
    from genesis.cache import FrameCache
    from genesis.cli.erasing import Resembles
    from genesis.cli.ledgers import Place, Places
    from genesis.settings import Settings
    from genesis.storage.database import Database
    from genesis.storage.erasure import Erased, Erasure
    from genesis.storage.gallery import Identity

WAIT_SECONDS = 60.0
_FILES_SECONDS = 60.0  # that a ledger's files may take to be written anew
_LONGEST_WAIT = 86_400
_NAME = 100  # characters shown


@dataclass
class Report:
    """What went, by what it is; what could not be removed; what else there is to say."""

    removed: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    finished: bool = False

    def add(self, what: str, count: int) -> None:
        """Count something that went."""
        self.removed[what] = self.removed.get(what, 0) + count


@click.command("erase")
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option(
    "--wait", "seconds", type=click.FloatRange(0, _LONGEST_WAIT), default=WAIT_SECONDS, show_default=True, metavar="SECONDS",
    help="How long to wait until the workers have handled what is under way.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, who: str, yes: bool, dry_run: bool, seconds: float, as_json: bool) -> None:
    """Remove everything that is known of somebody: identity, faces, pictures, sightings, cached frames, events.

    \b
      genesis erase "Ada"
      genesis erase unknown-17 --yes

    It can be done while everything runs: from the first moment on nothing more is stored of the person. Run it
    again if it was interrupted, or could not be finished. Backups, replicas and files that were exported are out
    of its reach. The exit code is 1 if something could not be removed.
    """  # noqa: D301 - click wants the character itself
    from genesis.cli.asking import confirm, tried  # noqa: PLC0415 - --help stays quick
    from genesis.embedded.database import open_database  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    settings = current()
    with open_database(settings) as database:
        from genesis.storage.erasure import begin  # noqa: PLC0415
        from genesis.storage.gallery import find  # noqa: PLC0415

        identity, there = tried(database, lambda cursor: (find(cursor, who), begin(cursor, who)))
        click.echo(_there(identity, there), err=as_json)
        if dry_run:
            click.echo(json.dumps(_as_json(identity, None, there), indent=1) if as_json else "(dry run: nothing was done)")
            return
        confirm("erase", yes=yes)
        report = erase(identity, database, settings, seconds)
    _tell(identity, report, as_json=as_json)
    sys.exit(0 if report.finished and not report.left else 1)


def erase(identity: Identity, database: Database, settings: Settings, seconds: float, stopped: threading.Event | None = None) -> Report:
    """Remove everything that is known of a person.

    Args:
        identity: the person.
        database: where the rows are.
        settings: of the installation.
        seconds: how long to wait for what is under way; 0 does not wait, and finishes in any case.
        stopped: ends the waiting.

    Raises:
        DatabaseUnavailableError: the database is away; it can be done again.
    """
    from genesis.cli.ledgers import ledgers  # noqa: PLC0415 - --help stays quick
    from genesis.storage.crops import FOLDER, SNAPSHOTS  # noqa: PLC0415
    from genesis.storage.erasure import begin, finish, scrub  # noqa: PLC0415

    report, until = Report(), time.monotonic() + seconds
    erasure = database.run(lambda cursor: begin(cursor, identity.id))
    with ledgers(settings) as places:
        report.notes += [f"{reason}; nothing was looked for there" for reason in places.absent]
        settled = _of_ledgers(places, erasure, database, report, until, stopped or threading.Event())
        _delete(settings, report, FOLDER, erasure.crops)
        _delete(settings, report, SNAPSHOTS, erasure.snapshots)
        if not settled and seconds:
            return report  # the faces are still needed: by them late frames are known to be this person's
        erased = database.run(lambda cursor: finish(cursor, erasure))
        report.finished = True
        for what, count in erased.counts.items():
            report.add(what, count)
        # An alert about them may have come meanwhile.
        _delete(settings, report, SNAPSHOTS, erased.snapshots)
        if stay := _nameless(erased):
            report.notes.append(f"{stay} without anything that tells whose they are")
        report.left += [f"{what} (in the database's files)" for what in scrub(database).left]
    return report


def _delete(settings: Settings, report: Report, folder: str, pictures: Sequence[str]) -> None:
    from genesis.storage.crops import FOLDER, CropError, Crops  # noqa: PLC0415 - --help loads no SQL

    try:
        report.add("pictures" if folder == FOLDER else folder, Crops(settings.data_dir, folder).delete(pictures))
    except CropError as error:
        report.left.append(str(error))


def _nameless(erased: Erased) -> str:
    from genesis.cli.people import counted  # noqa: PLC0415 - --help stays quick

    stay = ((erased.presences, "presence"), (erased.alerts, "alert"))
    told = " and ".join(counted(count, what) for count, what in stay if count)
    return told and f"{told} {'stays' if erased.presences + erased.alerts == 1 else 'stay'}"


def _of_ledgers(places: Places, erasure: Erasure, database: Database, report: Report, until: float, stopped: threading.Event) -> bool:
    """Do what is to be done in every ledger; return whether nothing of the person is under way any more."""
    report.left += list(places.missing)
    settled = not places.missing
    for place in places.found:
        try:
            with _opened(place, stopped) as (ledger, cache, scrubber):
                settled &= _of_one(place, ledger, cache, scrubber, erasure, database, report, until)
        except GenesisError as error:
            report.left.append(f"{place.title}: {error}")
            settled = False
    return settled


def _of_one(
    place: Place, ledger: Ledger, cache: FrameCache, scrubber: Scrubber, erasure: Erasure, database: Database, report: Report, until: float
) -> bool:
    from genesis.bus.persistence import rewrite_files  # noqa: PLC0415 - --help stays quick
    from genesis.cli.erasing import Meant, forget_names, forget_states, remove_frames, wait  # noqa: PLC0415
    from genesis.cli.people import counted  # noqa: PLC0415
    from genesis.cli.removal import Progress  # noqa: PLC0415

    with Progress("waiting", None) as progress:
        left = wait(
            scrubber, cache, 0.0 if place.idle else until, lambda stream, n: progress.waits(f"waiting for {n:,} entries of {stream}")
        )
    # Where nobody works, frames have gone with their server.
    under_way = {stream: count for stream, count in left.items() if not place.idle or stream == "faces"}
    for stream, count in under_way.items():
        report.left.append(f"{counted(count, 'entry', 'entries')} of {stream} that the workers have not handled yet ({place.title})")
    try:
        frames = remove_frames(ledger, cache, erasure.seen)
        report.add("cached frames", frames.removed)
        if frames.waited_for:
            report.left.append(f"{counted(frames.waited_for, 'cached frame')} that a task waits for (gone when that is done)")
    except GenesisError as error:
        # The frame cache of `genesis up` lives only as long as that.
        if not place.idle:
            report.left.append(f"cached frames, which expire by themselves: {error}")
    # Before the entries: what tells the end of a presence takes the name from there.
    forgotten = forget_names(ledger, erasure.tracks)
    report.add("named tracks", forgotten)
    forgotten += forget_states(scrubber, erasure)
    removed = scrubber.remove(Meant(erasure, None if erasure.name else _resembles(database, erasure)), 0.0 if place.idle else until)
    # A name that was under way has been noted again.
    forgotten += forget_names(ledger, erasure.tracks) + forget_states(scrubber, erasure)
    report.add("stream entries", removed.entries)
    report.add("dead letters", removed.letters)
    if removed.beside:
        report.notes.append(
            f"{counted(removed.beside, 'settled entry', 'settled entries')} beside them went, too: they shared their memory"
        )
    for stream, count in removed.left.items():
        report.left.append(f"{counted(count, 'entry', 'entries')} of {stream} about this person, not handled yet ({place.title})")
    report.left += [f"bytes of removed entries in the files of {place.title}, until {stream} is trimmed" for stream in removed.lingering]
    if (removed.entries or removed.letters or forgotten) and (reason := rewrite_files(ledger, time.monotonic() + _FILES_SECONDS)):
        report.left.append(f"{place.title}: {reason}")
    return not under_way


def _resembles(database: Database, erasure: Erasure) -> Resembles:
    """Return what tells whether a face without a name is an unknown person's: sightings that were refused are known by nothing else."""
    from genesis.storage.faces import model_gallery  # noqa: PLC0415 - --help loads no SQL
    from genesis.storage.search import nearest_of  # noqa: PLC0415
    from genesis.storage.vectors import EmbeddingError, unpacked  # noqa: PLC0415

    def resembles(model: str, packed: bytes, threshold: float) -> bool:
        def near(cursor: Any) -> bool:
            face, gallery = unpacked(packed), model_gallery(cursor, model)
            if gallery is None or gallery.dimension != face.size:
                return False
            distance = nearest_of(cursor, erasure.identity_id, model, face)
            return distance is not None and distance <= threshold

        try:
            return database.run(near)
        except EmbeddingError:
            return False

    return resembles


@contextmanager
def _opened(place: Place, stopped: threading.Event) -> Iterator[tuple[Ledger, FrameCache, Scrubber]]:
    from genesis.bus.ledger import Ledger  # noqa: PLC0415 - --help stays quick
    from genesis.bus.scrub import Scrubber  # noqa: PLC0415
    from genesis.cache import FrameCache  # noqa: PLC0415
    from genesis.subscriptions import load_subscriptions  # noqa: PLC0415

    ledger = Ledger(place.settings, load_subscriptions(place.settings.handlers), stopped=stopped)
    cache = FrameCache.of(place.settings)
    try:
        yield ledger, cache, Scrubber(ledger, stopped)
    finally:
        cache.close()
        ledger.close()


def _there(identity: Identity, erasure: Erasure) -> str:
    from genesis.cli.people import counted  # noqa: PLC0415 - --help stays quick
    from genesis.cli.terminal import safe  # noqa: PLC0415

    cameras = sorted({seen.camera for seen in erasure.seen})
    by = f", by {safe(', '.join(cameras), _NAME)}" if cameras else ""
    begun = " (begun before, and not finished)" if identity.erasing else ""
    return (
        f"erase {safe(identity.label, _NAME)}{begun}: {counted(identity.photos, 'photo')}, {counted(identity.embeddings, 'face')}, "
        f"{counted(identity.sightings, 'sighting')}{by}, {counted(len(erasure.crops), 'picture')}. It can't be undone."
    )


def _tell(identity: Identity, report: Report, *, as_json: bool) -> None:
    from genesis.cli.people import counted  # noqa: PLC0415 - --help stays quick
    from genesis.cli.terminal import safe  # noqa: PLC0415
    from genesis.masking import mask  # noqa: PLC0415

    if as_json:
        click.echo(json.dumps(_as_json(identity, report, None), indent=1))
        return
    who = safe(identity.label, _NAME)
    told = [counted(count, _singular(what), what) for what, count in report.removed.items() if count]
    if report.finished:
        click.echo(f"removed: {', '.join([who, *told])}")
    else:
        click.echo(f"removed so far: {', '.join(told) or 'nothing'}")
    for note in report.notes:
        click.echo(f"note: {safe(note, 1000)}")
    for what in report.left:
        click.echo(f"NOT REMOVED: {mask(safe(what, 1000))}")
    if not report.finished:
        click.echo(
            f"NOT FINISHED: nothing more is stored of {who}, but the faces are kept until late frames can't come any more: run "
            f"`genesis erase` again when the workers have caught up; `--wait 0` does not wait for them"
        )


def _as_json(identity: Identity, report: Report | None, there: Erasure | None) -> dict[str, Any]:
    told: dict[str, Any] = {"id": identity.id, "label": identity.label, "dry_run": report is None}
    if there is not None:
        told["there"] = {
            "photos": identity.photos, "embeddings": identity.embeddings, "sightings": identity.sightings, "pictures": len(there.crops),
        }  # fmt: skip
    if report is not None:
        told |= {"finished": report.finished, "removed": report.removed, "left": report.left, "notes": report.notes}
    return told


def _singular(what: str) -> str:
    return f"{what.removesuffix('ies')}y" if what.endswith("ies") else what.removesuffix("s")
