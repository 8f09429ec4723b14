"""Signatures tell whose a body is, and when it was sent."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

import pytest

from genesis.notify.signature import sign, verify

AT, BODY, SECRET = 1_767_355_200.9, b'{"id":"1"}', "s\u00e9cret"
SIGNED = sign(SECRET, BODY, AT)
DOCUMENT = Path(__file__).parents[3] / "docs" / "alerts.md"


def test_a_signature_is_the_hmac_of_time_full_stop_and_body():
    digest = hmac.new(SECRET.encode(), b'1767355200.{"id":"1"}', hashlib.sha256).hexdigest()

    assert f"t=1767355200,v1={digest}" == SIGNED


CASES = [
    (SECRET, BODY, SIGNED, AT, True),
    (SECRET, BODY, SIGNED, AT + 299, True),
    (SECRET, BODY, SIGNED, AT - 299, True),
    (SECRET, BODY, SIGNED, AT + 302, False),  # sent again later
    (SECRET, BODY, SIGNED, AT - 302, False),
    ("other", BODY, SIGNED, AT, False),
    ("", BODY, SIGNED, AT, False),
    (SECRET, BODY + b" ", SIGNED, AT, False),
    (SECRET, b"", SIGNED, AT, False),
    (SECRET, BODY, SIGNED.replace("t=1767355200", "t=1767355201"), AT, False),
    (SECRET, BODY, SIGNED[:-1], AT, False),
    (SECRET, BODY, SIGNED[:-1] + ("0" if SIGNED[-1] != "0" else "1"), AT, False),
    (SECRET, BODY, SIGNED + "0", AT, False),
    (SECRET, BODY, "", AT, False),
    (SECRET, BODY, "v1=,t=", AT, False),
    (SECRET, BODY, f"t={'9' * 5000},v1={'0' * 64}", AT, False),
]


@pytest.mark.parametrize(("secret", "body", "signature", "now", "good"), CASES)
def test_only_what_was_signed_with_the_secret_just_now_is_believed(secret, body, signature, now, good):
    assert verify(secret, body, signature, now) is good


@pytest.mark.parametrize(("secret", "body", "signature", "now", "good"), CASES)
def test_the_documented_receiver_decides_alike(secret, body, signature, now, good, monkeypatch):
    code = re.search(r"```python\n(import hashlib.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    space: dict[str, object] = {}
    exec(code[1], space)  # noqa: S102 - our own document
    monkeypatch.setattr("time.time", lambda: now)

    assert space["is_genuine"](secret, body, signature) is good  # type: ignore[operator]
