"""Signatures by which a receiver knows that an alert is ours, untouched, and no old one sent again.

`t=1767355200,v1=5257a8...`: the time of sending in seconds since 1970, and the HMAC-SHA256 (RFC 2104), in small hexadecimal digits, of
that time, a full stop and the body, byte for byte.
"""

from __future__ import annotations

import hashlib
import hmac
import re

HEADER = "X-Genesis-Signature"
TOLERANCE_SECONDS = 300.0

_FORM = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def sign(secret: str, data: bytes, at: float) -> str:
    """Return the header's value.

    Args:
        secret: shared with the receiver.
        data: the body as it is sent.
        at: seconds since 1970.
    """
    return f"t={int(at)},v1={_digest(secret, int(at), data)}"


def verify(secret: str, data: bytes, signature: str, now: float, tolerance: float = TOLERANCE_SECONDS) -> bool:
    """Tell whether a body is from somebody who knows the secret, and was sent at most `tolerance` seconds from now.

    Args:
        secret: shared with the sender.
        data: the body as it was received, before anything was made of it.
        signature: value of the header.
        now: seconds since 1970.
        tolerance: seconds that clocks and the way may take.
    """
    form = _FORM.fullmatch(signature)
    if form is None:
        return False
    at = int(form[1])
    return hmac.compare_digest(_digest(secret, at, data), form[2]) and abs(now - at) <= tolerance


def _digest(secret: str, at: int, data: bytes) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + data, hashlib.sha256).hexdigest()
