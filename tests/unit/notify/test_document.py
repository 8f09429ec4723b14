"""What docs/alerts.md shows is what is sent and what the settings take."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from genesis.notify import Notice
from genesis.settings import Alerts
from tests.alerts_of_tests import alert

DOCUMENT = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


def test_the_rules_and_notifiers_can_be_set_as_they_are_shown():
    shown: dict[str, Any] = {}
    for block in blocks("yaml"):
        shown |= yaml.safe_load(block)["alerts"]

    alerts = Alerts.model_validate(shown)

    assert {rule.when for rule in alerts.rules} >= {"entered", "recognised", "loitering", "crowded", "crossed", "camera_lost", "nobody"}
    assert {notifier.kind for notifier in alerts.notifiers} == {"webhook", "apprise", "log"}


def test_the_payload_has_the_keys_that_are_shown():
    (shown,) = (json.loads(block) for block in blocks("json"))

    assert list(shown) == list(Notice(alert()).payload())
    assert list(shown["snapshot"]) == ["sha256", "media_type", "data"]
