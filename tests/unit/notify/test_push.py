"""Apprise: its addresses stay secret, and what it says in its log becomes the error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from genesis.errors import PermanentError, RetryableError
from genesis.notify import Notice, load_channels
from genesis.notify.push import load, push, without
from genesis.settings import Notifier
from tests.alerts_of_tests import alert, telling

SECRET = "s3cretTOKEN"


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        (f"nonsense://{SECRET}/x", "nonsense"),
        (f"tgram://{SECRET}", "tgram"),
        (f"mailto://me:{SECRET}@", "mailto"),
        (f"gotify://{SECRET}", "gotify"),
    ],
)
def test_an_address_that_apprise_does_not_know_is_refused_in_one_line_without_secrets(url, scheme):
    with pytest.raises(PermanentError, match=rf"^{scheme}://\.\.\.: \S") as caught:
        push(Notifier(name="phone", kind="apprise", url=url), Notice(alert()))

    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_apprise_that_is_not_installed_is_said_in_one_line(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "apprise", None)
    phone = Notifier(name="phone", kind="apprise", url="ntfy://x/y")

    with pytest.raises(PermanentError, match=r"^Apprise is not installed: pip install 'genesis\[notify\]'$"):
        push(phone, Notice(alert()))
    with caplog.at_level(logging.WARNING, "genesis"):
        load_channels(telling(phone))

    assert "Apprise is not installed" in caplog.text


class OldApprise:
    """Apprise 1, whose asset knows no limit of its own, and that fails without a word."""

    asked: list[dict[str, object]]

    def __init__(self) -> None:
        self.asked, self.service = [], SimpleNamespace()

    def AppriseAsset(self, **given: object) -> object:  # noqa: N802 - its name
        if "service_timeout" in given:
            raise AttributeError("service_timeout")
        return given

    def Apprise(self, asset: object) -> OldApprise:  # noqa: N802 - its name
        return self

    def add(self, url: str) -> bool:
        return True

    def __iter__(self) -> Iterator[SimpleNamespace]:
        return iter((self.service,))

    def notify(self, *_: object, **given: object) -> bool:
        self.asked.append(given)
        return False


@pytest.mark.parametrize("there", [True, False])
def test_an_older_apprise_that_gives_no_reason_is_tried_again(monkeypatch, tmp_path, there):
    apprise = OldApprise()
    monkeypatch.setitem(sys.modules, "apprise", apprise)  # type: ignore[arg-type]
    picture = tmp_path / "a.jpg"
    if there:
        picture.touch()

    with pytest.raises(RetryableError, match=r"^ntfy://\.\.\.: not sent, and Apprise does not say why$"):
        push(Notifier(name="phone", kind="apprise", url="ntfy://x/y", timeout_seconds=3), Notice(alert(), picture))

    assert apprise.service.socket_connect_timeout == apprise.service.socket_read_timeout == 3
    assert apprise.asked == [{"body_format": "text", "attach": str(picture) if there else None}]


def test_what_others_say_to_apprises_log_goes_its_way(caplog):
    load()

    logging.getLogger("apprise").warning("of another program")

    assert "of another program" in caplog.text


@pytest.mark.parametrize(
    ("url", "text", "shown"),
    [
        ("ntfy://host.example/topic", "Could not load ntfy://host.example/topic", "Could not load ntfy://..."),
        ("tgram://12345:abcdef/99887", "bot 12345 with abcdef says no to 99887", "bot *** with *** says no to ***"),
        ("", "password=hidden", "password=***"),
    ],
)
def test_an_address_is_taken_out_of_a_text_whole_and_in_parts(url, text, shown):
    assert without(url, text) == shown
