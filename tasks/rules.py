"""What the workers that judge by the alert rules share: the compiled rules, and the pictures of alerts."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from genesis.analytics.alerting import Alerting, Rulebook, judge_session, judge_zone
from genesis.errors import FrameMissingError
from genesis.events import AlertEvent, Box, Event, Person, SessionEvent, ZoneEvent

if TYPE_CHECKING:
    from genesis.context import Context
    from genesis.settings import Camera, Settings

logger = logging.getLogger(__name__)

JPEG_QUALITY = 85


@lru_cache(maxsize=4)
def rulebook_for(settings: Settings) -> Rulebook:
    """Return the rules of an installation, compiled once."""
    return Rulebook.of(settings)


@lru_cache(maxsize=256)
def camera_for(settings: Settings, name: str) -> Camera | None:
    """Return what the settings say of a camera; None for one that is only named on a command line."""
    return next((camera for camera in settings.cameras if camera.name == name), None)


def judged(event: ZoneEvent | SessionEvent, state: dict[str, Any], context: Context) -> list[Event]:
    """Judge an event by the rules; the state is changed in place."""
    settings = context.settings
    if not settings.alerts.rules:
        return []
    book, before = rulebook_for(settings), Alerting.parse(state)
    after, alerts = judge_zone(book, before, event) if isinstance(event, ZoneEvent) else judge_session(book, before, event)
    state.clear()
    state.update(after.plain)
    return [_pictured(alert, event, context) for alert in alerts]


def _pictured(alert: AlertEvent, event: ZoneEvent | SessionEvent, context: Context) -> AlertEvent:
    """Return an alert with its picture, if there is one to be had."""
    if alert.kind != "raised" or not isinstance(event, ZoneEvent) or not context.settings.alerts.snapshots:
        return alert
    picture = _frame(alert, event, context) if event.frame_key else _face(alert, event, context)
    if picture is None:
        return alert
    from genesis.storage.crops import SNAPSHOTS, Crops  # noqa: PLC0415 - only where there is a picture

    return msgspec.structs.replace(alert, snapshot=Crops(context.settings.data_dir, SNAPSHOTS).put(picture))


def _frame(alert: AlertEvent, event: ZoneEvent, context: Context) -> bytes | None:
    """Return the frame with zone and box drawn into it, as JPEG; None if it is no longer there, or may not be shown."""
    from genesis.vision.overlay import snapshot  # noqa: PLC0415 - only where there is a picture
    from genesis.vision.veil import veiled  # noqa: PLC0415

    if context.settings.privacy.blur != "nobody" and event.persons is None:
        logger.warning("alert %s of camera %s has no picture: it is not known whom to hide in it", alert.rule, event.camera)
        return None
    try:
        frame = context.frames.get(event.frame_key)
    except FrameMissingError as error:
        logger.warning("alert %s of camera %s has no picture: %s", alert.rule, event.camera, error)
        return None
    frame = veiled(frame, _hidden(alert, event, context))
    camera = camera_for(context.settings, event.camera)
    zones = [zone for zone in camera.zones if zone.name == event.zone] if camera else []
    lines = [line for line in camera.lines if line.name == event.zone] if camera else []
    return snapshot(frame, zones, lines, event.box, alert.identity or "", known=alert.known, quality=JPEG_QUALITY)


def _hidden(alert: AlertEvent, event: ZoneEvent, context: Context) -> list[Box]:
    """Return the boxes of those whose heads are not to be seen. Who is not known by name at this moment is unknown."""
    blur = context.settings.privacy.blur
    if blur == "nobody":
        return []
    everybody = [*(event.persons or ()), *([Person(event.box, 1.0, event.track)] if event.box else [])]
    return [person.box for person in everybody if blur == "everybody" or not _known(person.track, alert, context)]


def _known(track: str | None, alert: AlertEvent, context: Context) -> bool:
    """Tell whether somebody is enrolled, as far as that is known by now."""
    if track is None:
        return False
    naming = context.tracks.naming(track)
    return (naming is not None and naming.known) or (track == alert.track and alert.known)


def _face(alert: AlertEvent, event: ZoneEvent, context: Context) -> bytes | None:
    """Return the picture of the face by which somebody was recognised; None if there is none, or it may not be shown."""
    blur = context.settings.privacy.blur
    if not event.face or blur == "everybody" or (blur == "unknown" and not alert.known):
        return None
    from genesis.storage.crops import Crops  # noqa: PLC0415 - only where there is a picture

    try:
        return Crops(context.settings.data_dir).path(event.face).read_bytes()
    except OSError as error:
        logger.warning("the face by which %s was recognised is not there: %s", event.track, error.strerror)
        return None
