"""Remove from an installation's database what is older than its retention, once."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from genesis.errors import GenesisError

if TYPE_CHECKING:
    from genesis.settings import Settings

logger = logging.getLogger(__name__)


def sweep_now(settings: Settings) -> dict[str, int]:
    """Sweep, over a connection that is closed again; return how many rows of each kind, and pictures, were removed.

    Raises:
        ServerUnavailableError: the database is away, or refuses us.
        UsageError: its schema does not fit.
    """
    from genesis.storage.crops import SNAPSHOTS, Crops  # noqa: PLC0415 - no SQL where nothing is stored
    from genesis.storage.database import Database  # noqa: PLC0415
    from genesis.storage.retention import sweep  # noqa: PLC0415
    from genesis.storage.server import dsn_of  # noqa: PLC0415

    storage = settings.storage
    database = Database(storage, storage.dsn or dsn_of(settings.data_dir))
    try:
        pictures = Crops(settings.data_dir), Crops(settings.data_dir, SNAPSHOTS)
        return dict(sweep(database, storage.retention, pictures[0], datetime.now(timezone.utc), pictures[1]))
    finally:
        database.close()


def swept(settings: Settings) -> None:
    """Sweep, if there is a database; a sweep that fails is told, and left for the next time."""
    if not settings.storage.enabled:
        return
    try:
        sweep_now(settings)
    except GenesisError as error:
        logger.warning("what is older than its retention was not removed: %s", error)
