"""The ledgers in which something about a person may stand: the one that the settings name, and that of `genesis up`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genesis.errors import GenesisError, ServerUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from genesis.settings import Settings

FOLDER = "redis"  # of `genesis up`, below the data folder


@dataclass(frozen=True, slots=True)
class Place:
    """A ledger and the frame cache that belongs to it.

    Attributes:
        settings: with their URLs.
        title: what to call it.
        idle: nobody works on it now.
    """

    settings: Settings
    title: str
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """The ledgers that answer.

    Attributes:
        found: those.
        missing: why the others do not, where there should be one.
        absent: the same for one that need not be there.
    """

    found: tuple[Place, ...]
    missing: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@contextmanager
def ledgers(settings: Settings) -> Iterator[Places]:
    """Return the ledgers of an installation for the time of a `with` block; that of `genesis up` is started if it does not run.

    Args:
        settings: of the installation.
    """
    with ExitStack() as stack:
        found: list[Place] = []
        missing: list[str] = []
        absent: list[str] = []
        own = settings.data_dir.resolve() / FOLDER
        embedded = (own / "ledger").is_dir()
        if embedded:
            try:
                found.append(_embedded(settings, own, stack))
            except GenesisError as error:
                missing.append(f"what `genesis up` has published: {error}")
        if settings.redis.url not in {place.settings.redis.url for place in found}:
            reason = _unreachable(settings)
            if reason is None:
                found.append(Place(settings, "Redis"))
            elif settings.event_driven.mode != "sync":
                missing.append(reason)
            elif not embedded:
                absent.append(reason)
        yield Places(tuple(found), tuple(missing), tuple(absent))


def _embedded(settings: Settings, folder: Path, stack: ExitStack) -> Place:
    from genesis.embedded.redis import RedisServer  # noqa: PLC0415 - --help stays quick

    ledger, cache = RedisServer("ledger", folder / "ledger"), RedisServer("cache", folder / "cache")
    idle = not ledger.answers()
    if idle:
        stack.enter_context(ledger)
    urls = {"redis": ("url", ledger.url()), "frame_cache": ("url", cache.url())}
    changed = {name: getattr(settings, name).model_copy(update={key: url}) for name, (key, url) in urls.items()}
    return Place(settings.model_copy(update=changed), "the Redis of `genesis up`", idle)


def _unreachable(settings: Settings) -> str | None:
    """Ask the server once; return why it can't be used, or None."""
    from genesis.bus.patience import reach  # noqa: PLC0415 - --help stays quick

    try:
        reach(settings.redis.url, "redis.url", settings, seconds=0)
    except ServerUnavailableError as error:
        return str(error)
    return None
