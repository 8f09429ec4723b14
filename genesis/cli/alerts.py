"""`genesis alerts`: what was raised, what the rules are, and whether those who are to be told can be."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType
    from rich.table import Table

    from genesis.settings import Notifier, Rule, Settings, Severity
    from genesis.storage.alerts import StoredAlert

ROWS = 50  # of a table, unless said otherwise
SEVERITIES = ("low", "medium", "high", "critical")
_NAME, _TEXT, _LINE = 60, 200, 600  # characters shown
_STYLES = {"low": "dim", "medium": "", "high": "yellow", "critical": "bold red"}
_PICTURE = (240, 320, 3)


@click.group("alerts")
def command() -> None:
    """Show the alerts that were raised and the rules that raise them; try whether somebody is told.

    \b
      genesis alerts list --since 2d --severity high
      genesis alerts rules
      genesis alerts test night
    """  # noqa: D301 - click wants the character itself


@command.command("list")
@click.option("--rule", metavar="R", help="Of this rule.")
@click.option("--camera", metavar="C", help="Of this camera.")
@click.option("--since", metavar="WHEN", help="Since: `10m`, `2h`, `3d` ago, or an ISO time.")
@click.option("--until", metavar="WHEN", help="Until, in the same way.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="As severe as this, or more.")
@click.option("--limit", type=click.IntRange(min=1), help=f"No more than this many, the newest (a table: {ROWS}; --json: all).")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
def list_alerts(
    *,
    rule: str | None,
    camera: str | None,
    since: str | None,
    until: str | None,
    severity: Severity | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List the alerts, the newest first.

    An alert is one line, with the name that became known later.
    """
    from genesis.cli.sightings import moment  # noqa: PLC0415 - --help stays quick
    from genesis.embedded.database import open_database  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415
    from genesis.storage.alerts import AlertFilters, alerts  # noqa: PLC0415

    settings = current()
    wanted = limit or (None if as_json else ROWS)
    filters = AlertFilters(
        rule=rule, camera=camera, since=moment(since, "--since"), until=moment(until, "--until"), severity=severity,
        limit=None if wanted is None else wanted + 1,
    )  # fmt: skip
    with open_database(settings) as database:
        found = database.run(lambda cursor: alerts(cursor, filters))
    shown, more = found[:wanted], wanted is not None and len(found) > wanted
    if as_json:
        click.echo(json.dumps([alert_json(alert) for alert in shown], indent=1))
        return
    _list(shown, more=more, filtered=any((rule, camera, since, until, severity)))


@command.command("rules")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
def show_rules(*, as_json: bool) -> None:
    """Show the rules that are set, and who is told."""
    from genesis.cli.screen import console  # noqa: PLC0415 - --help stays quick
    from genesis.notify import told_of  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    alerts = current().alerts
    told = {rule.name: told_of(rule.severity, rule.notify, alerts.notifiers) for rule in alerts.rules}
    if as_json:
        click.echo(json.dumps([rule_json(rule, told[rule.name]) for rule in alerts.rules], indent=1))
        return
    if not alerts.rules:
        click.echo("no rules are set (alerts.rules)")
        return
    console().print(_rules_table([(rule, told[rule.name]) for rule in alerts.rules]))
    idle = [notifier.name for notifier in alerts.notifiers if all(notifier not in some for some in told.values())]
    if idle:
        click.echo(f"told of nothing: {', '.join(idle)}")


@command.command("test")
@click.argument("rule_name", metavar="RULE")
@click.option("--to", metavar="NAME", help="Tell this notifier alone, whatever the rule says.")
def test_rule(*, rule_name: str, to: str | None) -> None:
    """Send a made-up alert of a rule right now.

    It goes to those whom the rule tells, and says that it is a test. Each notifier is one line: `ok`, or why it was not told.
    Nothing is kept, and no server of Genesis is needed.
    """
    import tempfile  # noqa: PLC0415 - --help stays quick
    from datetime import datetime, timezone  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from genesis.cli.rule_words import made_up, named  # noqa: PLC0415
    from genesis.cli.terminal import safe  # noqa: PLC0415
    from genesis.notify import Notice, load_channels, tell  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    settings = current()
    rule = named(rule_name, settings.alerts.rules, "rule")
    notifiers = _to_be_told(rule, settings, to)
    load_channels(settings)
    with tempfile.TemporaryDirectory(prefix="genesis-") as folder:
        picture, sha256 = _picture(Path(folder), rule.name) if settings.alerts.snapshots else (None, "")
        event = made_up(rule, settings, datetime.now(timezone.utc), sha256)
        outcomes = tell(Notice(event, picture, test=True, time_zone=settings.alerts.time_zone), notifiers)
    for outcome in outcomes:
        click.echo(safe(outcome.line, _LINE))
    if any(outcome.error for outcome in outcomes) or not outcomes:
        sys.exit(1)


def alert_json(alert: StoredAlert) -> dict[str, Any]:
    """Return an alert for programs."""
    from genesis.cli.people import iso  # noqa: PLC0415 - --help stays quick

    return {
        "alert": alert.alert, "time": iso(alert.time), "camera": alert.camera, "rule": alert.rule, "severity": alert.severity,
        "message": alert.message, "zone": alert.zone or None, "track": alert.track or None, "who": alert.identity,
        "identity": alert.identity_id, "known": alert.known, "dwell": alert.dwell, "persons": alert.persons,
        "direction": alert.direction, "snapshot": alert.snapshot or None, "updated": iso(alert.updated),
    }  # fmt: skip


def rule_json(rule: Rule, told: Sequence[Notifier]) -> dict[str, Any]:
    """Return a rule for programs: its settings, and what they mean."""
    from genesis.cli.rule_words import rule_words  # noqa: PLC0415 - --help stays quick

    return {**rule.model_dump(mode="json"), "words": rule_words(rule), "tells": [notifier.name for notifier in told]}


def _to_be_told(rule: Rule, settings: Settings, to: str | None) -> list[Notifier]:
    from genesis.cli.rule_words import named  # noqa: PLC0415 - --help stays quick
    from genesis.notify import told_of  # noqa: PLC0415

    notifiers = settings.alerts.notifiers
    if to is not None:
        return [named(to, notifiers, "notifier")]
    told = told_of(rule.severity, rule.notify, notifiers)
    for notifier in notifiers:
        if notifier not in told and (not rule.notify or notifier.name in rule.notify):
            click.echo(f"{notifier.name}: is not told of {rule.severity} alerts, only from {notifier.severity} on (--to tells it)")
    if not told:
        click.echo(f"nobody is told of alerts of the rule {rule.name} (alerts.notifiers)", err=True)
    return told


def _picture(folder: Path, caption: str) -> tuple[Path, str]:
    """Draw a small picture; return its file and its SHA-256."""
    import hashlib  # noqa: PLC0415 - --help stays quick

    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    from genesis.events import Box, Person  # noqa: PLC0415
    from genesis.vision.annotate import annotate  # noqa: PLC0415

    person = Person(box=Box(120, 50, 200, 200), confidence=1.0, track="test")
    drawn = annotate(np.full(_PICTURE, 96, np.uint8), [person], f"test  |  {caption}")
    path = folder / "test.jpg"
    content = cv2.imencode(".jpg", drawn)[1].tobytes()
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def _list(found: Sequence[StoredAlert], *, more: bool, filtered: bool) -> None:
    from genesis.cli.people import counted  # noqa: PLC0415 - --help stays quick
    from genesis.cli.screen import console  # noqa: PLC0415

    if not found:
        click.echo("no alerts" + (" that these filters choose" if filtered else " yet"))
        return
    console().print(_table(found))
    if more:
        click.echo(f"the newest {counted(len(found), 'alert')} (--limit shows more)")


def _table(found: Sequence[StoredAlert]) -> RenderableType:
    from rich.text import Text  # noqa: PLC0415 - --help stays quick

    from genesis.cli.people import local  # noqa: PLC0415
    from genesis.cli.terminal import safe  # noqa: PLC0415

    rows = _columns("time", "severity", "rule", "camera", "zone", "who", "message")
    for one in found:
        who = "-" if one.identity is None else safe(one.identity, _NAME)
        names = (safe(text or "-", _NAME) for text in (one.rule, one.camera, one.zone))
        message = safe(one.message or "-", _TEXT)
        style = _STYLES.get(one.severity, "")
        rows.add_row(local(one.time), Text(one.severity, style=style), *map(Text, (*names, who, message)))
    return rows


def _rules_table(rules: Sequence[tuple[Rule, Sequence[Notifier]]]) -> RenderableType:
    from rich.text import Text  # noqa: PLC0415 - --help stays quick

    from genesis.cli.rule_words import notifier_words, pause_words, rule_words  # noqa: PLC0415
    from genesis.cli.terminal import safe  # noqa: PLC0415

    rows = _columns("rule", "severity", "when", "at most", "tells")
    for rule, told in rules:
        tells = ", ".join(notifier_words(notifier) for notifier in told) or "nobody"
        cells = (safe(text, _TEXT) for text in (rule_words(rule), pause_words(rule), tells))
        rows.add_row(Text(rule.name), Text(rule.severity, style=_STYLES[rule.severity]), *map(Text, cells))
    return rows


def _columns(*names: str) -> Table:
    from rich import box  # noqa: PLC0415 - --help stays quick
    from rich.table import Table  # noqa: PLC0415

    rows = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for number, name in enumerate(names):
        rows.add_column(name, no_wrap=number == 0, overflow="fold")
    return rows
