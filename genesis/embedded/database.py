"""The database of a command: the embedded server's while the command runs, or the one that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from genesis.errors import UsageError
from genesis.masking import mask
from genesis.storage.holding import claimed, settled
from genesis.storage.server import folder_of

if TYPE_CHECKING:
    from genesis.settings import Settings
    from genesis.storage.database import Database

NO_DATABASE_LINE = (
    "storage.dsn is none: nothing is stored, so there is nothing to work on; leave it empty for a database of our own below "
    "data_dir, or name a PostgreSQL"
)


@dataclass(frozen=True)
class Report:
    """A database, as `genesis db status` shows it.

    Attributes:
        where: the folder of the embedded one, else the DSN without its password.
        embedded: whether it is our own.
        exists: whether it was ever made; if not, the rest is empty.
        server: version of the server.
        pgvector: version of the extension; None: it is missing.
        schema: revision of the schema; None: there is none.
        wanted: revision that this release needs.
        size_bytes: of everything in it.
        rows: how many, by table.
    """

    where: str
    embedded: bool
    exists: bool
    server: str = ""
    pgvector: str | None = None
    schema: str | None = None
    wanted: str = ""
    pending: list[str] = field(default_factory=list)
    size_bytes: int = 0
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def schema_in_words(self) -> str:
        """Revision, and what to do about it."""
        if self.schema == self.wanted:
            return f"up to date (revision {self.schema})"
        found = f"revision {self.schema}" if self.schema else "none yet"
        way_out = "run `genesis db upgrade`" if self.pending else "it is newer than this release: upgrade Genesis"
        return f"{found}, revision {self.wanted} is wanted: {way_out}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return asdict(self)


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Return the database of an installation, ready to be used, for the time of a `with` block.

    With `storage.dsn` empty it is the embedded server's: the one that runs is used (that of `genesis up` in another terminal,
    say), else one is started and stopped again at the end; its schema is brought up to date. A database that is named must be
    there and have the schema (`genesis db upgrade`). It is closed at the end.

        with open_database(current()) as database:
            rows = database.run(lambda cursor: identities(cursor))

    Args:
        settings: of this installation.

    Raises:
        UsageError: `storage.dsn` is none, the embedded server's packages are missing, its folder can't be used, or the schema does not fit.
        ServerUnavailableError: the database is away, does not start, or refuses us.
    """
    _refuse_none(settings)
    with settled(settings) as usable:
        from genesis.storage.database import Database  # noqa: PLC0415 - `genesis --help` loads no SQL

        database = Database(usable.storage, usable.storage.dsn)
        try:
            yield database
        finally:
            database.close()


def report(settings: Settings) -> Report:
    """Look at the database; an embedded one that was never made is not made for this.

    Raises:
        UsageError: `storage.dsn` is none, or the embedded server can't be used.
        ServerUnavailableError: the database is away, does not start, or refuses us.
    """
    _refuse_none(settings)
    embedded = not settings.storage.dsn
    where = str(folder_of(settings.data_dir)) if embedded else mask(settings.storage.dsn)
    if embedded and not (folder_of(settings.data_dir) / "data").exists():
        return Report(where, embedded, exists=False)
    from genesis.storage import schema  # noqa: PLC0415 - `genesis --help` loads no SQL
    from genesis.storage.database import Database  # noqa: PLC0415
    from genesis.storage.facts import facts  # noqa: PLC0415

    with claimed(settings) as dsn:
        state = schema.status(dsn)
        database = Database(settings.storage, dsn)
        try:
            found = database.run(facts)
        finally:
            database.close()
    return Report(
        where, embedded, exists=True, server=found.server, pgvector=found.pgvector, schema=state.current, wanted=state.wanted,
        pending=list(state.pending), size_bytes=found.size_bytes, rows=found.rows,
    )  # fmt: skip


def upgrade(settings: Settings) -> tuple[str | None, str | None]:
    """Bring the schema up to date; return the revisions before and after.

    Raises:
        UsageError: `storage.dsn` is none, the embedded server can't be used, or the schema is newer than this release.
        ServerUnavailableError: the database is away, does not start, or refuses us.
    """
    _refuse_none(settings)
    from genesis.storage import schema  # noqa: PLC0415 - `genesis --help` loads no SQL

    with claimed(settings, upgrade=False) as dsn:
        before = schema.status(dsn).current
        schema.upgrade(dsn)
        return before, schema.status(dsn).current


def sweep(settings: Settings) -> dict[str, int]:
    """Remove what is older than its retention; return how much of what.

    Raises:
        UsageError: as `open_database`.
        ServerUnavailableError: as `open_database`.
    """
    from genesis.storage.upkeep import sweep_now  # noqa: PLC0415 - `genesis --help` loads no SQL

    _refuse_none(settings)
    with settled(settings) as usable:
        return sweep_now(usable)


def _refuse_none(settings: Settings) -> None:
    if not settings.storage.enabled:
        raise UsageError(NO_DATABASE_LINE)
