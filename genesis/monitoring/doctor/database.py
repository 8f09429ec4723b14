"""Whether the database can be used, and what to do if not."""

from __future__ import annotations

from collections.abc import Iterable

from genesis.errors import GenesisError, ServerUnavailableError
from genesis.masking import mask
from genesis.monitoring.doctor.findings import Finding
from genesis.settings import Settings

SETTING = "storage.dsn"
_WHY = "Faces and sessions wait in their streams, which are full one day; then publishing is refused."


def late(settings: Settings) -> Finding:
    """Return what it means that looking at the database took too long."""
    where = mask(settings.storage.dsn) or "our own"
    return Finding(
        "error", SETTING, "reach", f"the database ({where}) does not answer", _WHY, "look at its server's load, and at the network to it"
    )


def check_database(settings: Settings) -> Iterable[Finding]:
    """Look at the named database, or whether our own can be had; starts and changes nothing."""
    storage = settings.storage
    if not storage.enabled:
        yield Finding("ok", SETTING, "reach", "none: nothing is stored, and nobody is recognised, as that says")
    elif storage.dsn:
        yield _named(storage.dsn)
    else:
        yield _our_own(settings)


def _named(dsn: str) -> Finding:
    try:
        from genesis.storage.schema import require  # noqa: PLC0415 - a machine without storage has a doctor, too

        require(dsn)
    except ImportError as error:
        return Finding(
            "error", SETTING, "packages", f"a database is named, but {error.name} is missing", _WHY, "pip install 'genesis[storage]'"
        )
    except ServerUnavailableError as error:
        return Finding("error", SETTING, "reach", str(error), _WHY)
    except GenesisError as error:
        return Finding("error", SETTING, "schema", str(error), _WHY)
    return Finding("ok", SETTING, "schema", "it can be used, and its tables are those of this release")


def _our_own(settings: Settings) -> Finding:
    from genesis.storage.cluster import missing_packages  # noqa: PLC0415
    from genesis.storage.server import folder_of, is_served  # noqa: PLC0415

    if reason := missing_packages():
        why = "Nothing is stored, and nobody is recognised, on a machine without them."
        return Finding(
            "warning", SETTING, "packages", f"no PostgreSQL of our own: {reason}", why, "or say that it is meant: storage.dsn: none"
        )
    state = "runs" if is_served(settings.data_dir) else "is started when it is needed"
    return Finding("ok", SETTING, "reach", f"a PostgreSQL of our own in {folder_of(settings.data_dir)}, which {state}")
