"""`genesis alerts`, as an operator uses it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from genesis.cli.alerts import SEVERITIES
from genesis.cli.main import main
from genesis.settings import SEVERITIES as KNOWN_SEVERITIES
from genesis.settings import Settings
from genesis.storage.alerts import keep
from genesis.storage.database import Database
from genesis.storage.gallery import enroll
from tests.alerts_of_tests import alert
from tests.events_of_tests import NOON
from tests.integration.cli.conftest import installed
from tests.integration.storage.people import MODEL, photo
from tests.servers.hook import SECRET, Hook, serving


def alerts(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["alerts", *arguments])


@pytest.fixture
def some(home: Settings, database: Database) -> None:
    """Let three alerts be raised, one of them with a name that became known later."""
    ada = database.run(lambda cursor: enroll(cursor, "Ada", MODEL, [photo(0)])).identity
    for event in (
        alert(id="a1", alert="a1", severity="low", dwell=2.5),
        alert(id="a2", alert="a2", rule="crowd", camera="yard", time=NOON + timedelta(seconds=1), zone="", track="", message="5 persons"),
        alert(id="a3", alert="a3", severity="critical", time=NOON + timedelta(seconds=2), snapshot="ab" * 32),
        alert(
            id="a3-1", alert="a3", kind="updated", time=NOON + timedelta(seconds=9), message="Ada entered hall", identity="Ada",
            identity_id=ada.id, known=True,
        ),
    ):  # fmt: skip
        database.run(lambda cursor, event=event: keep(cursor, event))


def iso(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ([], ["a3", "a2", "a1"]),
        (["--limit", "2"], ["a3", "a2"]),
        (["--rule", "crowd"], ["a2"]),
        (["--rule", "other"], []),
        (["--camera", "door"], ["a3", "a1"]),
        (["--severity", "high"], ["a3", "a2"]),
        (["--severity", "critical"], ["a3"]),
        (["--since", iso(1)], ["a3", "a2"]),
        (["--until", iso(1)], ["a1"]),
        (["--since", iso(1), "--until", iso(2)], ["a2"]),
        (["--since", "1h"], []),
    ],
)
def test_alerts_are_chosen_the_newest_first(some: None, arguments: list[str], chosen: list[str]) -> None:
    found = alerts("list", "--json", *arguments)

    assert found.exit_code == 0, found.output
    assert [row["alert"] for row in json.loads(found.stdout)] == chosen


def test_an_alert_is_told_in_full_to_programs(some: None) -> None:
    row, *_, first = json.loads(alerts("list", "--json").stdout)

    assert first == {
        "alert": "a1", "time": iso(0), "camera": "door", "rule": "night", "severity": "low", "message": "somebody entered hall",
        "zone": "hall", "track": "s1-3", "who": None, "identity": None, "known": False, "dwell": 2.5, "persons": 1, "direction": None,
        "snapshot": None, "updated": None,
    }  # fmt: skip
    assert (row["who"], row["message"], row["updated"], row["snapshot"]) == ("Ada", "Ada entered hall", iso(9), "ab" * 32)


def test_the_table_shows_local_time_and_says_that_there_is_more(some: None) -> None:
    lines = alerts("list", "--limit", "1").stdout.splitlines()

    assert lines[1].split() == ["time", "severity", "rule", "camera", "zone", "who", "message"]
    assert (NOON + timedelta(seconds=2)).astimezone().strftime("%Y-%m-%d %H:%M:%S") in lines[3]
    assert [word in lines[3] for word in ("critical", "night", "door", "hall", "Ada entered hall")] == [True] * 5
    assert lines[-1] == "the newest 1 alert (--limit shows more)"


def test_nothing_to_show_is_said(home: Settings) -> None:
    assert alerts("list").stdout == "no alerts yet\n"
    assert alerts("list", "--camera", "roof").stdout == "no alerts that these filters choose\n"


def test_a_severity_that_there_is_not_is_refused() -> None:
    assert alerts("list", "--severity", "huge").exit_code == 2
    assert KNOWN_SEVERITIES == SEVERITIES


RULES: list[dict[str, Any]] = [
    {"name": "night", "when": "entered", "zones": ["hall"], "hours": ["22:00-06:00"], "severity": "high", "notify": ["guard"]},
    {"name": "dark", "when": "camera_lost", "severity": "low"},
]


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hook, Hook]]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as first, serving() as second:
        yield first, second


@pytest.fixture
def site(hooks: tuple[Hook, Hook], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Hook, Hook]:
    """Return the receivers of an installation: `guard` and `boss`, who is told from high on."""
    notifiers = [
        {"name": name, "kind": "webhook", "url": hook.url(f"/{SECRET}"), "allow_private": True, "severity": severity}
        for name, hook, severity in zip(("guard", "boss"), hooks, ("low", "high"), strict=True)
    ]
    camera = {"name": "door", "source": "sample", "zones": [{"name": "hall", "polygon": [[0, 0], [1, 0], [1, 1]]}]}
    installed(tmp_path, monkeypatch, cameras=[camera], alerts={"rules": RULES, "notifiers": notifiers})
    return hooks


def test_rules_are_shown_in_words_with_who_is_told(site: tuple[Hook, Hook]) -> None:
    shown = alerts("rules")

    assert shown.exit_code == 0, shown.output
    assert "somebody enters hall, at 22:00-06:00" in shown.stdout
    assert "guard (webhook)" in shown.stdout
    assert shown.stdout.splitlines()[-1] == "told of nothing: boss"
    assert SECRET not in shown.stdout


def test_rules_are_told_in_full_to_programs(site: tuple[Hook, Hook]) -> None:
    night, dark = json.loads(alerts("rules", "--json").stdout)

    assert (night["name"], night["zones"], night["tells"]) == ("night", ["hall"], ["guard"])
    assert (dark["words"], dark["tells"], dark["cooldown_seconds"]) == ("no pictures come", ["guard"], 60)


def test_no_rules_are_said(home: Settings) -> None:
    assert alerts("rules").stdout == "no rules are set (alerts.rules)\n"
    assert json.loads(alerts("rules", "--json").stdout) == []


def test_a_rule_is_tried_with_a_made_up_alert_and_a_picture(site: tuple[Hook, Hook]) -> None:
    tried = alerts("test", "night")

    assert (tried.exit_code, tried.stdout) == (0, "guard: ok\n")
    payload: Any = site[0].requests[0][3]
    assert (payload["test"], payload["rule"], payload["severity"], payload["camera"], payload["zone"]) == (
        True, "night", "high", "door", "hall",
    )  # fmt: skip
    assert "only a test" in payload["message"]
    jpeg = np.frombuffer(base64.b64decode(payload["snapshot"]["data"]), np.uint8)
    picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (240, 320, 3)
    assert site[1].requests == []


def test_a_notifier_that_can_not_be_told_is_one_line_without_secrets(site: tuple[Hook, Hook]) -> None:
    site[0].answers = [(404, {})]

    tried = alerts("test", "night")

    assert tried.exit_code == 1
    assert tried.stdout.startswith(f"guard: POST {site[0].url('')}/...: 404 Not Found")
    assert len(tried.stdout.splitlines()) == 1
    assert SECRET not in tried.output


def test_one_notifier_alone_is_tried_whatever_the_rule_says(site: tuple[Hook, Hook]) -> None:
    tried = alerts("test", "dark", "--to", "boss")

    assert (tried.exit_code, tried.stdout) == (0, "boss: ok\n")
    assert [len(hook.requests) for hook in site] == [0, 1]


def test_who_is_not_told_because_of_the_severity_is_said(site: tuple[Hook, Hook]) -> None:
    tried = alerts("test", "dark")

    assert tried.stdout.splitlines() == ["boss: is not told of low alerts, only from high on (--to tells it)", "guard: ok"]


def test_a_rule_that_tells_nobody_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch, alerts={"rules": RULES[1:]})

    tried = alerts("test", "dark")

    assert (tried.exit_code, tried.stderr) == (1, "nobody is told of alerts of the rule dark (alerts.notifiers)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nigth"], "genesis: no rule 'nigth'; did you mean 'night'? (rules: night, dark)\n"),
        (["night", "--to", "gard"], "genesis: no notifier 'gard'; did you mean 'guard'? (notifiers: guard, boss)\n"),
        (["night", "--to", "xyz"], "genesis: no notifier 'xyz' (notifiers: guard, boss)\n"),
    ],
)
def test_a_name_that_there_is_not_is_answered_with_the_nearest_one(site: tuple[Hook, Hook], arguments: list[str], message: str) -> None:
    tried = alerts("test", *arguments)

    assert (tried.exit_code, tried.stderr) == (2, message)
