"""Find the servers of the `genesis up` that runs on this machine, for commands that look at an installation from beside it.

It serves its Redis on sockets below `data_dir`. Where `redis.url` still is what it is without any setting, and a server answers
there, that one is meant.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from genesis.settings import Settings

_PROBE_SECONDS = 1.0


def settings_in_force(say: Callable[[Path], None] = lambda _: None) -> Settings:
    """Return the settings, with the servers of a running `genesis up` where no others are named; children get them, too.

    Args:
        say: told where these servers' files lie, if they are taken.

    Raises:
        SettingsError: they can't be used.
    """
    from genesis.cli.launch import use  # noqa: PLC0415 - --help stays quick
    from genesis.settings import current  # noqa: PLC0415

    settings = current()
    found = servers_of(settings)
    if not found:
        return settings
    say(settings.data_dir / "redis")
    return use(found)


def servers_of(settings: Settings) -> dict[str, str]:
    """Return the variables that lead to the servers of a running `genesis up`; empty where none runs, or others are named."""
    from genesis.embedded.redis import RedisServer  # noqa: PLC0415
    from genesis.settings import Celery, FrameCacheSettings, Redis  # noqa: PLC0415

    named = settings.redis.url, settings.frame_cache.url, settings.celery.broker_url
    if named != (Redis().url, FrameCacheSettings().url, Celery().broker_url):
        return {}
    folder = settings.data_dir.resolve() / "redis"
    if not all(answers(role, folder / role) for role in ("ledger", "cache")):
        return {}
    ledger, cache = RedisServer("ledger", folder / "ledger"), RedisServer("cache", folder / "cache")
    return {
        "GENESIS_REDIS__URL": ledger.url(),
        "GENESIS_FRAME_CACHE__URL": cache.url(),
        "GENESIS_CELERY__BROKER_URL": cache.broker_url(),
    }


def answers(role: str, folder: Path) -> bool:
    """Tell whether somebody listens on the socket of an embedded server."""
    from genesis.embedded.places import socket_of  # noqa: PLC0415

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(socket_of(role, folder)))
        except OSError:
            return False
    return True
