"""Tell a person through Apprise, which speaks mail, Telegram, ntfy, MQTT, Slack and a hundred more.

Apprise says yes or no, and why only in its log; so its log is listened to while it sends, and what it says becomes the error. Its
addresses have secrets at any place: a message names the scheme alone, and every other part of the address is taken out of it.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from genesis.errors import PermanentError, RetryableError
from genesis.masking import mask
from genesis.notify.notice import Notice
from genesis.settings import Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALL = "Apprise is not installed: pip install 'genesis[notify]'"

_TYPES = {"low": "info", "medium": "warning", "high": "failure", "critical": "failure"}
_SAID = 300  # characters of its log that go into the error
_LEAST_SECRET = 4  # shorter parts of an address are words
_heard: ContextVar[list[str] | None] = ContextVar("_heard", default=None)


def push(notifier: Notifier, notice: Notice) -> None:
    """Send one notice.

    Raises:
        RetryableError: it could not be sent for now; the message has what Apprise says of it.
        PermanentError: Apprise is not installed, or does not know such an address.
    """
    apprise = load()
    with _listening() as said:
        service = apprise.Apprise(asset=_asset(apprise))
        if not service.add(notifier.url):
            raise PermanentError(_told(notifier.url, said, "no address that Apprise can use"))
        for one in service:
            one.socket_connect_timeout = one.socket_read_timeout = notifier.timeout_seconds
        attachment = str(notice.picture) if notice.picture is not None and notice.picture.is_file() else None
        if not service.notify(notice.body, notice.title, _TYPES[notice.event.severity], body_format="text", attach=attachment):
            raise RetryableError(_told(notifier.url, said, "not sent, and Apprise does not say why"))


def load() -> Any:
    """Return Apprise, which is imported on first use.

    Raises:
        PermanentError: it is not installed.
    """
    try:
        import apprise  # noqa: PLC0415 - an extra, and only needed by whom it is to serve
    except ModuleNotFoundError:
        raise PermanentError(INSTALL) from None
    logging.getLogger("apprise").addFilter(_listener)  # once, however often: it is one object
    return apprise


def without(url: str, text: str) -> str:
    """Return a text from which an address is taken out, whole and in parts."""
    scheme, _, rest = url.partition("://")
    text = text.replace(url, f"{scheme}://...") if url else text
    parts = {part for part in re.split(r"[/:@?&=,]", rest) if len(part) >= _LEAST_SECRET}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    return mask(text)


class _Listener(logging.Filter):
    """Keeps what Apprise says of a call of ours for that call; everything else goes its way."""

    def filter(self, record: logging.LogRecord) -> bool:
        heard = _heard.get()
        if heard is None:
            return True
        if record.levelno >= logging.WARNING:
            heard.append(record.getMessage())
        return False


_listener = _Listener()


@contextmanager
def _listening() -> Iterator[list[str]]:
    said: list[str] = []
    # A context variable, not the thread: Apprise may send in a thread of its own, and gives it our context.
    token = _heard.set(said)
    try:
        yield said
    finally:
        _heard.reset(token)


def _asset(apprise: Any) -> Any:
    ours = {"app_id": "Genesis", "app_desc": "Genesis", "app_url": "", "async_mode": False}
    try:
        # Whoever calls waits no longer than it wants to; with a limit of its own Apprise would send in a shared pool.
        return apprise.AppriseAsset(**ours, service_timeout=0)
    except (AttributeError, TypeError):  # Apprise 1 has no such limit
        return apprise.AppriseAsset(**ours)


def _told(url: str, said: list[str], otherwise: str) -> str:
    text = " ".join(" ".join(dict.fromkeys(said)).split())
    return f"{url.partition('://')[0]}://...: {without(url, text)[:_SAID] or otherwise}"
