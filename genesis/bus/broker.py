"""How a broker is used: the options of kombu's transport, the same for every process."""

from __future__ import annotations

import logging
import re
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis

from genesis.bus.patience import reach
from genesis.connections import SILENT_SECONDS, keepalive
from genesis.settings import Settings
from genesis.tls import for_kombu, for_redis

_TRYING = re.compile(r"[. ]*Trying (?:again (?:in|now)|to re).*?\.\.\.(?: \(\d+/\w+\))?")
_REDIS = ("redis", "unix", "sentinel")


def broker_url(settings: Settings) -> str:
    """Return the broker's URL for Celery."""
    return for_kombu(settings.celery.broker_url)


def transport_options(settings: Settings) -> dict[str, Any]:
    """Return the transport options for the broker of the settings."""
    if not settings.celery.broker_url.startswith(_REDIS):
        return {}
    return {
        # The stream's pending list is the truth about what is done; emulating it a second time costs 60 % of a worker's time.
        "ack_emulation": False,
        "global_keyprefix": f"{settings.redis.prefix}:celery:",
        # A host that vanished without a word is noticed, and none is waited for longer than a command may take.
        "socket_keepalive": True,
        "socket_keepalive_options": keepalive(),
        "socket_connect_timeout": settings.redis.timeout_seconds,
        "socket_timeout": settings.redis.timeout_seconds,
        "health_check_interval": SILENT_SECONDS,
    }


def reach_broker(settings: Settings, stopped: threading.Event | None = None, *, seconds: float | None = None) -> None:
    """Wait until the broker can be used, where it is a Redis that we can ask; other brokers are left to Celery.

    Args:
        settings: of this installation.
        stopped: set when the process is asked to end.
        seconds: how long it may be away; None takes `redis.give_up_seconds`.

    Raises:
        ServerRefusesError: it does not let us in, or can't be written to.
        ServerUnavailableError: it was away for too long.
    """
    url = redis_url(settings.celery.broker_url)
    if url is not None:
        reach(url, "celery.broker_url", settings, stopped, seconds=seconds)


def redis_url(broker_url: str) -> str | None:
    """Return the URL of a Redis broker as redis-py spells it; None for other brokers, and for spellings of kombu's own."""
    if broker_url.startswith(("redis://", "rediss://")) and ";" not in broker_url:  # of several, kombu chooses
        return for_redis(broker_url)
    parts = urlsplit(broker_url)
    if parts.scheme != "redis+socket":
        return None
    options = parse_qs(parts.query)
    password = f":{options['password'][0]}@" if "password" in options else parts.netloc
    return f"unix://{password}{parts.path}?db={options.get('virtual_host', ['0'])[0]}"


class BrokerLines(logging.Filter):
    """Lets a worker say in one line that its broker is away, and in one that it is back, instead of at every try. One for each handler."""

    def __init__(self) -> None:
        super().__init__()
        self._away = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Put Celery's consumer's lines into one, and refuse those that say nothing new."""
        if record.name == "py.warnings":
            # Seven lines at every loss, about tasks that are acknowledged late: ours are not.
            return "CPendingDeprecationWarning" not in record.getMessage()
        if self._away and record.name == "celery.bootsteps":
            # What could not be closed properly, since its connection is broken.
            record.exc_info = record.exc_text = None
        if not record.name.startswith("celery.worker.consumer"):
            return True
        message = record.getMessage()
        for argument in record.args if isinstance(record.args, tuple) else ():
            if isinstance(argument, redis.RedisError):  # its repr() is no more than a kind
                message = message.replace(repr(argument), f"{type(argument).__name__}: {argument}")
        before = self._away
        if message.startswith("Connected to"):
            self._away = False
        elif message.startswith(("consumer: Cannot connect", "consumer: Connection to broker lost")):
            self._away = True
            record.msg, record.args = _TRYING.sub("; trying again until it answers", " ".join(message.split())), ()
            return not before
        return True
