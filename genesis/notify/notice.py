"""What is said of an alert: to programs as a dictionary, to people as a title and two lines."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from genesis.events import AlertEvent

MEDIA_TYPE = "image/jpeg"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert that somebody is told of.

    Attributes:
        event: the alert, or what became known of it later.
        picture: its JPEG file; None, or a file that is no longer there, for no picture.
        test: nothing has happened, somebody only tries the way.
        time_zone: in which people are told the time; empty: this machine's.
    """

    event: AlertEvent
    picture: Path | None = None
    test: bool = False
    time_zone: str = ""

    @property
    def title(self) -> str:
        """One line, such as `night (high)`."""
        before = "Test: " if self.test else "Update: " if self.event.kind == "updated" else ""
        return f"{before}{self.event.rule} ({self.event.severity})"

    @property
    def body(self) -> str:
        """What happened; where and when: two lines."""
        zone: tzinfo | None = ZoneInfo(self.time_zone) if self.time_zone else None
        when = self.event.time.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
        where = ", ".join(filter(None, (self.event.camera, self.event.zone)))
        return f"{self.event.message or self.event.rule}\n{where}, {when}"

    def payload(self) -> dict[str, Any]:
        """Return what programs are sent: every key is always there, with None for what is not known or does not apply."""
        event = self.event
        return {
            "id": event.id,
            "kind": event.kind,
            "alert": event.alert or event.id,
            "rule": event.rule,
            "severity": event.severity,
            "camera": event.camera,
            "time": event.time,
            "message": event.message,
            "zone": event.zone or None,
            "track": event.track or None,
            "identity": event.identity,
            "known": event.known,
            "dwell": event.dwell,
            "persons": event.persons,
            "direction": event.direction,
            "test": self.test,
            "snapshot": self._snapshot(),
        }

    def _snapshot(self) -> dict[str, str] | None:
        if self.picture is None:
            return None
        try:
            content = self.picture.read_bytes()
        except OSError as error:
            # Removed meanwhile, or on another machine: an alert without its picture is better than none.
            logger.warning("alert %s goes out without its picture: %s: %s", self.event.id, self.picture, error.strerror)
            return None
        return {"sha256": self.event.snapshot, "media_type": MEDIA_TYPE, "data": base64.b64encode(content).decode("ascii")}
