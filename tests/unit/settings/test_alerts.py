"""The settings of alerts: what fits together, and the answer to what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis.errors import SettingsError
from genesis.settings import Alerts, Notifier, Rule, Settings, load

CAMERAS = """\
cameras:
  - name: door
    source: "0"
    zones:
      - {name: hall, polygon: [[0, 0], [1, 0], [1, 1]], loitering_seconds: 20}
      - {name: porch, polygon: [[0, 0], [1, 0], [1, 1]]}
    lines: [{name: step, start: [0, 0], end: [1, 1]}]
  - name: gate
    source: "1"
    zones: [{name: drive, polygon: [[0, 0], [1, 0], [1, 1]]}]
"""
CAMERA_LINES = CAMERAS.count("\n")


def complaint(folder: Path, text: str) -> str:
    file = folder / "site.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    return str(caught.value).removeprefix(f"{file}:")


# Each row: a rule besides its name, and the answer.
RULES = [
    pytest.param("when: crowded", "expected more_than, which crowded needs", id="crowded without a number"),
    pytest.param("when: entered, more_than: 3", "expected more_than only with crowded, not with entered", id="a number without a crowd"),
    pytest.param("when: nobody", "expected seconds, which nobody needs", id="nobody, for how long"),
    pytest.param("when: exited, seconds: 3", "expected seconds only with loitering and nobody, not with exited", id="seconds of an exit"),
    pytest.param("when: entered, direction: in", "expected direction only with crossed, not with entered", id="direction of an entry"),
    pytest.param(
        "when: crowded, more_than: 3, person: known",
        "expected person only where somebody is concerned, not with crowded",
        id="a crowd of friends",
    ),
    pytest.param("when: camera_lost, names: [Ada]", "names only where somebody is concerned, not with camera_lost", id="whose camera"),
    pytest.param("when: nobody, seconds: 3, person: unknown", "person only where somebody is concerned", id="no stranger"),
    pytest.param(
        "when: camera_lost, zones: [hall]", "zones only where something happens in one, not with camera_lost", id="lost in a zone"
    ),
    pytest.param("when: nobody, seconds: 3, zones: [hall]", "zones only where something happens in one", id="nobody in a zone"),
    pytest.param("when: enterd", "found 'enterd', expected 'entered', 'exited'", id="no such kind"),
    pytest.param("when: entered, hours: ['22:00-06:00', 7-8]", "hours[1]': found '7-8', expected hours such as 22:00-06:00", id="no hours"),
    pytest.param("when: entered, hours: ['24:00-06:00']", "found '24:00-06:00', expected hours such as", id="24:00 begins nothing"),
    pytest.param("when: entered, hours: ['08:00-24:30']", "found '08:00-24:30', expected hours such as", id="after the day's end"),
    pytest.param("when: entered, hours: ['08:00-08:00']", "found '08:00-08:00', expected a begin that is not the end", id="no time at all"),
    pytest.param("when: entered, days: [monday]", "days[0]': found 'monday', expected 'mon', 'tue'", id="no day"),
    pytest.param(
        "when: entered, message: '{wo} came'", "found '{wo} came', expected nothing in braces but {camera} {zone} {who}", id="a typo"
    ),
    pytest.param("when: entered, message: '{who'", "found '{who', expected nothing in braces but", id="half a brace"),
    pytest.param("when: entered, message: '{}'", "expected nothing in braces but", id="empty braces"),
    pytest.param("when: entered, message: '{who.name}'", "expected nothing in braces but", id="a part of a placeholder"),
    pytest.param("when: entered, message: '{dwell:.1f}'", "expected nothing in braces but", id="a format"),
    pytest.param("when: entered, cooldown_per: rule", "found 'rule', expected 'camera', 'zone' or 'track'", id="across cameras"),
    pytest.param(
        "when: entered, notify: [guard]", "notify[0]': found 'guard', expected one of alerts.notifiers (none yet)", id="nobody there"
    ),
]


@pytest.mark.parametrize(("rule", "part"), RULES)
def test_a_rule_that_does_not_make_sense_is_answered_in_one_line(tmp_path: Path, rule: str, part: str) -> None:
    answer = complaint(tmp_path, f"alerts:\n  rules:\n    - {{name: a, when: entered}}\n    - {{name: b, {rule}}}\n")

    assert answer.startswith("4: 'alerts.rules[1]")
    assert part in answer
    assert "\n" not in answer


@pytest.mark.parametrize(
    "rule",
    [
        {"when": "crowded", "more_than": 0, "zones": ("hall",)},
        {"when": "nobody", "seconds": 60},
        {"when": "loitering"},
        {"when": "loitering", "seconds": 60, "person": "unknown"},
        {"when": "crossed", "direction": "in", "names": ("Ada",)},
        {"when": "recognised", "person": "known", "zones": ("hall",)},
        {"when": "camera_lost", "cameras": ("door",)},
        {"when": "entered", "hours": ("22:00-06:00", "00:00-24:00", "18:00-00:00"), "days": ("fri",)},
        {"when": "entered", "message": "{{x}} {camera} {zone} {who} {track} {dwell} {persons} {rule} {time}"},
    ],
)
def test_a_rule_that_makes_sense_is_taken(rule: dict[str, object]) -> None:
    taken = Rule.model_validate({"name": "a", **rule})

    assert taken.model_dump(exclude_unset=True) == {"name": "a", **rule}


# Each row: a rule, the line after the cameras' on which it is answered, the key, and the answer.
FITS = [
    pytest.param("zones: [hal]", "zones[0]': found 'hal', expected a zone of cameras door, gate", "did you mean 'hall'?", id="a typo"),
    pytest.param("zones: [hall, step]", "zones[1]': found 'step'", "a line, with entered (there: hall, porch, drive)", id="a line"),
    pytest.param("cameras: [gate], zones: [hall]", "found 'hall', expected a zone of camera gate", "(there: drive)", id="another's zone"),
    pytest.param("cameras: [door, gat]", "cameras[1]': found 'gat', expected one of cameras (door, gate)", "'gate'?", id="no such camera"),
    pytest.param("when: crossed, zones: [hall]", "found 'hall', expected a line of cameras door, gate", "not a zone", id="a zone"),
    pytest.param("when: crossed, cameras: [gate], zones: [step]", "found 'step'", "(there: none)", id="no lines at all"),
    pytest.param("when: loitering, zones: [porch]", "[0]': expected seconds, or loitering_seconds", "(porch)", id="loitering, how long"),
    pytest.param("when: loitering, cameras: [gate]", "[0]': expected seconds", "(drive)", id="loitering anywhere, how long"),
]


@pytest.mark.parametrize(("rule", "part", "other"), FITS)
def test_a_rule_that_names_what_is_not_there_is_answered_with_its_line(tmp_path: Path, rule: str, part: str, other: str) -> None:
    when = "" if "when" in rule else "when: entered, "

    answer = complaint(tmp_path, f"{CAMERAS}alerts:\n  rules:\n    - {{name: a, {when}{rule}}}\n")

    assert answer.startswith(f"{CAMERA_LINES + 3}: 'alerts.rules[0]")
    assert part in answer
    assert other in answer
    assert "\n" not in answer


@pytest.mark.parametrize(
    "rule",
    [
        "zones: [hall, drive]",
        "cameras: [door], zones: [porch]",
        "when: crossed, zones: [step]",
        "when: loitering",
        "when: loitering, zones: [hall]",
        "when: loitering, zones: [porch], seconds: 5",
        "when: recognised, zones: [drive]",
    ],
)
def test_a_rule_that_fits_the_cameras_is_taken(tmp_path: Path, rule: str) -> None:
    when = "" if "when" in rule else "when: entered, "
    (tmp_path / "site.yaml").write_text(f"{CAMERAS}alerts:\n  rules:\n    - {{name: a, {when}{rule}}}\n", encoding="utf-8")

    settings = load(tmp_path / "site.yaml")

    assert [one.name for one in settings.alerts.rules] == ["a"]


def test_without_cameras_in_the_settings_a_rule_may_name_any() -> None:
    rule = Rule(name="a", when="entered", cameras=("anywhere",), zones=("somewhere",))

    settings = Settings(alerts=Alerts(rules=(rule,)))

    assert settings.alerts.rules == (rule,)


def test_every_wrong_name_is_answered_at_its_place(tmp_path: Path) -> None:
    text = f"{CAMERAS}alerts:\n  rules:\n    - name: a\n      when: entered\n      zones:\n        - hal\n        - porsch\n"

    answer = complaint(tmp_path, text)

    assert ["zones[0]" in answer.splitlines()[0], "zones[1]" in answer.splitlines()[1]] == [True, True]
    assert answer.startswith(f"{CAMERA_LINES + 6}: ")


NOTIFIERS = [
    pytest.param("kind: webhook", "a url such as https://host/path, which a webhook needs", id="a webhook to nowhere"),
    pytest.param("kind: webhook, url: 'ftp://me:s3cret@host/'", "a url such as https://host/path", id="a webhook by FTP"),
    pytest.param("kind: webhook, url: 'https:///x'", "a url such as https://host/path", id="a webhook without a host"),
    pytest.param("kind: webhook, url: 'https://h:s3cret/x'", "a url such as https://host/path", id="a port that is no number"),
    pytest.param("kind: apprise", "a url such as mailto://... or ntfy://..., which apprise needs", id="apprise to nowhere"),
    pytest.param("kind: apprise, url: s3cret", "a url such as mailto://...", id="apprise without a scheme"),
    pytest.param("kind: apprise, url: 'json://me:s3cret@host/'", "kind: webhook with an http(s) url", id="plain JSON"),
    pytest.param("kind: apprise, url: 'XMLS://host/'", "kind: webhook with an http(s) url", id="plain XML"),
    pytest.param("kind: apprise, url: 'ntfy://a, form://s3cret'", "kind: webhook with an http(s) url", id="plain forms, behind another"),
    pytest.param("kind: log, url: 'http://s3cret/'", "no url with kind: log", id="a log elsewhere"),
]


@pytest.mark.parametrize(("notifier", "part"), NOTIFIERS)
def test_a_notifier_that_cannot_work_is_answered_in_one_line_without_its_address(tmp_path: Path, notifier: str, part: str) -> None:
    answer = complaint(tmp_path, f"alerts:\n  notifiers:\n    - {{name: guard, {notifier}}}\n")

    assert answer.startswith("3: 'alerts.notifiers[0]': expected ")
    assert part in answer
    assert "s3cret" not in answer
    assert "\n" not in answer


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("webhook", "https://host/x?y=z"),
        ("webhook", "http://10.0.0.1:8080/"),
        ("apprise", "mailto://me:pw@host"),
        ("apprise", "tgram://a/b"),
        ("log", ""),
    ],
)
def test_a_notifier_that_can_work_is_taken(kind: str, url: str) -> None:
    assert Notifier.model_validate({"name": "a", "kind": kind, "url": url}).url == url


ALERTS = [
    pytest.param(
        "rules: [{name: a, when: entered}, {name: a, when: exited}]", "'alerts.rules': expected every name once (twice here: a)", id="rules"
    ),
    pytest.param("notifiers: [{name: n, kind: log}, {name: n, kind: log}]", "'alerts.notifiers': expected every name once", id="notifiers"),
    pytest.param("time_zone: Europe/Berln", "found 'Europe/Berln', expected a time zone", id="a town that is none"),
    pytest.param("time_zone: Europe/Berln", "did you mean 'Europe/Berlin'?", id="a town that is near"),
    pytest.param("time_zone: Europe", "found 'Europe', expected a time zone", id="a continent"),
    pytest.param("time_zone: ../etc/passwd", "expected a time zone", id="a path"),
    pytest.param(
        "{rules: [{name: a, when: entered, notify: [gard]}], notifiers: [{name: guard, kind: log}]}",
        "'alerts.rules[0].notify[0]': found 'gard', expected one of alerts.notifiers (guard); did you mean 'guard'?",
        id="nobody of that name",
    ),
]


@pytest.mark.parametrize(("text", "part"), ALERTS)
def test_alerts_that_do_not_fit_together_are_answered_in_one_line(tmp_path: Path, text: str, part: str) -> None:
    answer = complaint(tmp_path, f"alerts:\n  {text}\n")

    assert answer.startswith("2: ")
    assert part in answer
    assert "\n" not in answer
