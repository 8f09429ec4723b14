"""How a broker is used: the options of kombu's transport, the same for every process."""

from __future__ import annotations

from typing import Any

from genesis.settings import Settings

_REDIS = ("redis", "unix", "sentinel")


def transport_options(settings: Settings) -> dict[str, Any]:
    """Return the transport options for the broker of the settings."""
    if not settings.celery.broker_url.startswith(_REDIS):
        return {}
    return {
        # The stream's pending list is the truth about what is done; emulating it a second time costs 60 % of a worker's time.
        "ack_emulation": False,
        "global_keyprefix": f"{settings.redis.prefix}:celery:",
        "socket_keepalive": True,
        "health_check_interval": 30,
    }
