"""Tell a program: JSON by HTTP POST, with an idempotency key and, with a secret, a signature."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from genesis.notify.notice import Notice
from genesis.notify.signature import HEADER, sign
from genesis.outward import PrivateAddressError, send
from genesis.settings import Notifier

EVENT_HEADER = "X-Genesis-Event"


def call(notifier: Notifier, notice: Notice, now: Callable[[], float] = time.time) -> None:
    """Post one notice.

    Args:
        notifier: where to, and how.
        notice: what.
        now: the time of the signature, in seconds since 1970.

    Raises:
        RetryableError: the other side is away, too slow, or says that it can't now.
        PermanentError: it refuses, the URL is none, or its address is private and `allow_private` is off.
    """
    data = msgspec.json.encode(notice.payload())
    headers = {EVENT_HEADER: f"alert.{notice.event.kind}"}
    if notifier.secret:
        headers[HEADER] = sign(notifier.secret, data, now())
    try:
        send(notifier.url, data, key=notice.event.id, timeout=notifier.timeout_seconds, headers=headers, private=notifier.allow_private)
    except PrivateAddressError as error:
        msg = f"{error} (allow_private: true allows them)"
        raise PrivateAddressError(msg) from None
