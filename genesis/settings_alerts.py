"""Settings of what is worth an alert, and who is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from string import Formatter
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from genesis.settings_base import Seconds, Section, SimpleName

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

PLACEHOLDERS = ("camera", "zone", "who", "track", "dwell", "persons", "rule", "time")
"""What may stand in braces in a rule's message."""

_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")
_NOBODYS = frozenset({"crowded", "camera_lost", "nobody"})  # what no single person does
_NOWHERE = frozenset({"camera_lost", "nobody"})  # what happens in no zone
# What these post is no alert of ours, unsigned, to whichever address.
_PLAIN_POSTS = re.compile(r"(?:^|[\s,;])(?:json|xml|form)s?://", re.IGNORECASE)
_ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://\S")


class Rule(Section):
    """When to raise an alert."""

    name: SimpleName = Field(description="Name used in alerts.")
    when: Literal["entered", "exited", "loitering", "crossed", "crowded", "recognised", "camera_lost", "nobody"] = Field(
        description="entered, exited, loitering: in a zone. crossed: a line. crowded: more than `more_than` persons in a zone. "
        "recognised: a face was, once for each person in view. camera_lost: no pictures. nobody: nobody seen by the camera for `seconds`."
    )
    cameras: tuple[SimpleName, ...] = Field(default=(), description="Only these cameras; empty: all.")
    zones: tuple[SimpleName, ...] = Field(
        default=(), description="Only these zones or (crossed) lines; recognised: only people in these zones. Empty: all."
    )
    seconds: Seconds | None = Field(
        default=None, description="loitering: longer than this (empty: the zone's own `loitering_seconds`). nobody: for this long."
    )
    more_than: int | None = Field(default=None, ge=0, le=10_000, description="crowded: more persons than this.")
    direction: Literal["in", "out"] | None = Field(default=None, description="crossed: only this way; empty: both.")
    person: Literal["anyone", "known", "unknown"] = Field(
        default="anyone",
        description="anyone: at once, and updated with the name. known, unknown: only people who are (not) enrolled, once that is clear.",
    )
    names: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=(), description="Only these people, by name or `unknown-N`, once that is clear; empty: all."
    )
    hours: tuple[str, ...] = Field(
        default=(), description="Only at these hours of the day (in `alerts.time_zone`), such as `22:00-06:00`; empty: always."
    )
    days: tuple[Weekday, ...] = Field(default=(), description="Only on these days (mon ... sun; of the hour's begin); empty: every day.")
    severity: Severity = Field(default="medium", description="low, medium, high or critical.")
    cooldown_seconds: Annotated[float, Field(ge=0, le=604_800)] = Field(
        default=60.0, description="No second alert for this long (of capture time) ..."
    )
    cooldown_per: Literal["camera", "zone", "track"] = Field(
        default="zone", description="... by the same rule on the same camera, in the same zone of it, or about the same track."
    )
    notify: tuple[SimpleName, ...] = Field(default=(), description="Names of `alerts.notifiers` that are told; empty: all.")
    message: str = Field(
        default="", max_length=500, description="Text, with {camera} {zone} {who} {track} {dwell} {persons} {rule} {time}; empty: made up."
    )

    @field_validator("hours")
    @classmethod
    def _hours(cls, spans: tuple[str, ...]) -> tuple[str, ...]:
        for index, span in enumerate(spans):
            if not _HOURS.fullmatch(span):
                raise refused(((index,), span, "hours such as 22:00-06:00 or 18:00-24:00"))
            begin, _, end = span.partition("-")
            if begin == end:
                raise refused(((index,), span, "a begin that is not the end (00:00-24:00 is a whole day)"))
        return spans

    @field_validator("message")
    @classmethod
    def _message(cls, text: str) -> str:
        allowed = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        try:
            parts = [(name, bool(form or conversion)) for _, name, form, conversion in Formatter().parse(text) if name is not None]
        except ValueError:
            parts = [("", True)]
        if any(name not in PLACEHOLDERS or formatted for name, formatted in parts):
            msg = f"nothing in braces but {allowed} ({{{{ and }}}} for braces themselves)"
            raise ValueError(msg)
        return text

    @model_validator(mode="after")
    def _fitting(self) -> Rule:
        when = self.when
        mistakes = (
            (when == "crowded" and self.more_than is None, "more_than, which crowded needs"),
            (when != "crowded" and self.more_than is not None, f"more_than only with crowded, not with {when}"),
            (when == "nobody" and self.seconds is None, "seconds, which nobody needs"),
            (when not in {"loitering", "nobody"} and self.seconds is not None, f"seconds only with loitering and nobody, not with {when}"),
            (when != "crossed" and self.direction is not None, f"direction only with crossed, not with {when}"),
            (when in _NOBODYS and self.person != "anyone", f"person only where somebody is concerned, not with {when}"),
            (when in _NOBODYS and bool(self.names), f"names only where somebody is concerned, not with {when}"),
            (when in _NOWHERE and bool(self.zones), f"zones only where something happens in one, not with {when}"),
        )
        for wrong, msg in mistakes:
            if wrong:
                raise ValueError(msg)
        return self


class Notifier(Section):
    """Somebody who is told of alerts."""

    name: SimpleName = Field(description="Name used in rules.")
    kind: Literal["webhook", "apprise", "log"] = Field(
        description="webhook: JSON by HTTP POST. apprise: mail, Telegram, MQTT, ntfy, Slack and whatever that library speaks. log: a line."
    )
    url: str = Field(default="", description="Where to: http(s)://... for a webhook, an address of apprise (mailto://..., ntfy://...).")
    secret: str = Field(default="", description="webhook: key of the HMAC-SHA256 signature in `X-Genesis-Signature`; empty: not signed.")
    allow_private: bool = Field(default=False, description="webhook: addresses of private and local networks may be called.")
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(default=5.0, description="How long one try may wait for an answer.")
    severity: Severity = Field(default="low", description="Alerts below this are not sent here.")
    snapshots: bool = Field(default=True, description="Send the picture, too.")

    # Of the whole section, so that no answer shows an address: most have a password or a token in them.
    @model_validator(mode="after")
    def _reachable(self) -> Notifier:
        mistakes = (
            (self.kind == "webhook" and not _is_http(self.url), "a url such as https://host/path, which a webhook needs"),
            (self.kind == "apprise" and not _ADDRESS.match(self.url), "a url such as mailto://... or ntfy://..., which apprise needs"),
            (
                self.kind == "apprise" and _PLAIN_POSTS.search(self.url) is not None,
                "kind: webhook with an http(s) url for plain JSON (apprise's json://, xml:// and form:// are not used)",
            ),
            (self.kind == "log" and bool(self.url), "no url with kind: log"),
        )
        for wrong, msg in mistakes:
            if wrong:
                raise ValueError(msg)
        return self


class Alerts(Section):
    """What is worth an alert, and who is told."""

    rules: tuple[Rule, ...] = Field(default=(), description="When to raise an alert.")
    notifiers: tuple[Notifier, ...] = Field(default=(), description="Who is told of alerts; all are kept and listed by `genesis alerts`.")
    snapshots: bool = Field(default=True, description="Keep a picture of what an alert is about, with box and zone drawn into it.")
    retry_delays: tuple[Annotated[float, Field(ge=0, le=86_400)], ...] = Field(
        default=(1.0, 5.0, 15.0, 60.0, 300.0),
        min_length=1,
        description="Seconds before each retry when somebody could not be told; after the last one the alert is a dead letter.",
    )
    time_zone: str = Field(default="", description="Time zone of rules' hours and of texts, such as Europe/Berlin; empty: this machine's.")

    @field_validator("rules", "notifiers")
    @classmethod
    def _distinct_names(cls, items: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [item.name for item in items]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"every name once (twice here: {', '.join(twice)})"
            raise ValueError(msg)
        return items

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if not name:
            return name
        try:
            ZoneInfo(name)
        except (LookupError, OSError, ValueError):  # not there, a folder, a path
            zones = available_timezones()
            msg = f"a time zone such as Europe/Berlin{nearest(name, zones)}" if zones else "none: there is no tzdata on this machine"
            raise ValueError(msg) from None
        return name

    @model_validator(mode="after")
    def _known_notifiers(self) -> Alerts:
        known = [notifier.name for notifier in self.notifiers]
        mistakes = [
            (("rules", index, "notify", place), name, f"one of alerts.notifiers ({', '.join(known) or 'none yet'}){nearest(name, known)}")
            for index, rule in enumerate(self.rules)
            for place, name in enumerate(rule.notify)
            if name not in known
        ]
        if mistakes:
            raise refused(*mistakes)
        return self


def refused(*mistakes: tuple[tuple[str | int, ...], Any, str]) -> ValidationError:
    """Return what a validator raises so that each mistake is answered at its own place.

    Args:
        mistakes: place (below what is validated), what was found there, and what is allowed.
    """
    details = [
        InitErrorDetails(type=PydanticCustomError("value_error", "{allowed}", {"allowed": allowed}), loc=place, input=found)
        for place, found, allowed in mistakes
    ]
    return ValidationError.from_exception_data("settings", details)


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return a hint at the candidate that is most like a word; nothing if none is."""
    import difflib  # noqa: PLC0415 - only on the way out

    near = difflib.get_close_matches(word, sorted(candidates), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", url)
