"""Connections to Redis, and what to tell a person when one fails."""

from __future__ import annotations

import re
import socket
from importlib import resources
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.connection import DefaultParser, PythonRespSerializer
from redis.retry import Retry

from genesis.masking import mask
from genesis.tls import check_files, without_options


class NotNowError(redis.ConnectionError):
    """Redis answers, but works for nobody just now: a long script runs, or its role changes. As good as away."""


class ReplicaError(redis.ReadOnlyError, redis.ConnectionError):
    """The server has become a replica. A ConnectionError, so that the connection is closed, and the next may find the new primary."""


UNAVAILABLE = (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError)
"""Errors that a later try may not meet; on connections that `connect` makes, BUSY and its like are among them (see `Parser`)."""
SILENT_SECONDS = 6
"""A TCP peer that does not even acknowledge for this long is gone, though nothing said so (a host that lost its power, say)."""

_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
_WANTS_OURS = "ALERT_CERTIFICATE_REQUIRED"
_DISTRUSTS = ("ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE_UNKNOWN", "ALERT_CERTIFICATE_EXPIRED", "ALERT_HANDSHAKE")
_NO_TLS = "WRONG_VERSION_NUMBER"
_NOT_NOW = ("BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED")
_IN_A_SCRIPT = re.compile(r"ERR Error running script .*?-(?P<error>[A-Z]+ .*)", re.DOTALL)
_READ_AT_ONCE = 262_144  # bytes of a large value: a tenth to a sixth fewer milliseconds than with redis-py's 65,536
_BUFFER_CUTOFF = 6000  # redis-py's own: values above it are sent without being joined to the command

# What is said of an error: its classes, words in its text, and the sentence. The first that fits is taken.
_TOLD: tuple[tuple[tuple[type[Exception], ...], tuple[str, ...], str], ...] = (
    ((redis.AuthenticationError,), ("WRONGPASS", "NOAUTH"), "refused the password: correct it in the URL (between ':' and '@')"),
    ((redis.ReadOnlyError,), ("READONLY",), "is a read-only replica: point {setting} at the primary"),
    ((redis.TimeoutError,), (), "does not answer: check the server's load and the network"),
    ((redis.BusyLoadingError,), (), "is still loading its data: wait"),
    ((NotNowError,), (), "can't work just now: {text}"),
    ((redis.exceptions.NoPermissionError,), ("NOPERM", "ACL failure"), "does not permit a command that Genesis needs: {text}"),
    ((redis.OutOfMemoryError,), ("OOM command",), "is out of memory: raise its maxmemory, or let the workers catch up"),
    ((), ("MISCONF",), "can't write its data to its disk, and takes nothing until it can: make room there ({text})"),
    ((), ("NOREPLICAS",), "takes nothing while too few replicas follow it: start them, or lower its min-replicas-to-write"),
    (
        (),
        (_UNTRUSTED,),
        "has no certificate that is trusted ({text}): name its issuer in ssl_ca_certs in {setting}, and the host as its certificate does",
    ),
    ((), (_WANTS_OURS,), "asks who we are: name a certificate in ssl_certfile and its key in ssl_keyfile in {setting}"),
    ((), _DISTRUSTS, "does not accept our TLS ({text}): correct ssl_certfile and ssl_keyfile in {setting}"),
    ((), (_NO_TLS,), "does not speak TLS there: correct the port, or write redis:// in {setting}"),
    ((), ("EOF occurred",), "has hung up ({text}): start it; if it asks who we are, name ssl_certfile and ssl_keyfile in {setting}"),
    ((), ("Connection reset by peer",), "has hung up ({text}): start it; if it speaks TLS, write rediss:// in {setting}"),
    ((redis.ConnectionError,), (), "can't be reached ({text}): start it, or correct {setting}"),
)


class Parser(DefaultParser):  # type: ignore[misc,valid-type] # a variable: hiredis' parser, or the Python one
    """Turns what Redis answers into errors whose classes tell whether they pass, the same for Redis 6.2 and 7."""

    EXCEPTION_CLASSES = {  # noqa: RUF012 - read by redis-py, never changed
        **DefaultParser.EXCEPTION_CLASSES,
        **dict.fromkeys(_NOT_NOW, NotNowError),
        "READONLY": ReplicaError,
    }

    @classmethod
    def parse_error(cls, response: str) -> Exception:
        """Return the error; one that Redis 6.2 met inside a script is the same as outside."""
        inside = _IN_A_SCRIPT.match(response)
        error: Exception = super().parse_error(inside["error"] if inside else response)
        return error


def connect(url: str, *, timeout: float = 5.0, large_values: bool = False) -> redis.Redis:
    """Return a client; nothing is sent yet.

    Args:
        url: `redis://`, `rediss://` (its options: `genesis.tls`) or `unix://`.
        timeout: seconds a command may take.
        large_values: pack commands in Python: hiredis copies a 6 MB value six times slower than that.

    Raises:
        UsageError: a certificate or key that the URL names can't be used.
    """
    check_files(url)
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # Retrying is the caller's: it knows whether the command may run twice.
        "retry": Retry(NoBackoff(), 0),
        "client_name": "genesis",
        "protocol": 2,
        "parser_class": Parser,
    }
    if not url.startswith("unix:"):
        options |= {"socket_keepalive": True, "socket_keepalive_options": keepalive()}
    if large_values:
        options["socket_read_size"] = _READ_AT_ONCE
    client: redis.Redis = redis.Redis.from_url(url, **options)
    if large_values:
        pool = client.connection_pool
        pool.connection_kwargs["command_packer"] = PythonRespSerializer(_BUFFER_CUTOFF, pool.get_encoder().encode)
    return client


def keepalive() -> dict[int, int]:
    """Return the TCP options with which a peer that is gone is noticed within `SILENT_SECONDS`, as far as this system has them."""
    half = SILENT_SECONDS // 2
    wanted = {"TCP_KEEPIDLE": half, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": half, "TCP_USER_TIMEOUT": SILENT_SECONDS * 1000}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


def refuses(error: Exception) -> bool:
    """Tell whether an error of a server that is there will be the same next time: it does not let us in, or is a replica."""
    if isinstance(error, (redis.AuthenticationError, redis.ReadOnlyError)):
        return True
    text = str(error)
    return any(word in text for word in (_UNTRUSTED, _WANTS_OURS, *_DISTRUSTS, _NO_TLS))


def script(client: redis.Redis, package: str, name: str) -> Script:
    """Return a Lua script of ours, from `name`.lua beside the code of `package`."""
    text = resources.files(package).joinpath(f"lua/{name}.lua").read_text(encoding="utf-8")
    return client.register_script(text)


def explain(error: Exception, url: str, setting: str) -> str:
    """Return one line that says what is wrong with a Redis server and what to do.

    Args:
        error: what redis-py raised.
        url: the server's URL; its password is masked.
        setting: the setting that names the server, such as `redis.url`.
    """
    where = f"Redis at {mask(without_options(url))} ({setting})"
    text = " ".join(str(error).split())
    for classes, words, sentence in _TOLD:
        if isinstance(error, classes) or any(word in text for word in words):
            return f"{where} {sentence.format(text=mask(text), setting=setting)}"
    return f"{where}: {mask(text)}"
