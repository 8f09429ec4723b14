"""What is known of each camera now, kept on the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from genesis.bus.ledger import PACKAGE, Ledger
from genesis.connections import script
from genesis.events import FrameCaptured, MetricsEvent, SessionEvent

_STATES = {"started": "live", "updated": "live", "recovered": "live", "lost": "lost", "ended": "ended"}


class LedgerCameras:
    """The camera board of event mode.

    Writing the same thing twice, or an older thing late, changes nothing. Older is what was published earlier.

    Args:
        ledger: where it is kept.
        release: called with the frames that nobody needs any more.
    """

    def __init__(self, ledger: Ledger, release: Callable[[Iterable[str]], None]) -> None:
        self._ledger = ledger
        self._release = release
        self._camera = script(ledger.client, PACKAGE, "camera")
        self._session = script(ledger.client, PACKAGE, "session")
        self._figures = script(ledger.client, PACKAGE, "figures")
        self._entry = ""

    def at(self, entry: str) -> LedgerCameras:
        """Return the board for what was published as this entry of the ledger."""
        board = object.__new__(type(self))  # for every event, of which few ask
        board.__dict__.update(self.__dict__, _entry=entry)
        return board

    @property
    def published(self) -> str:
        """When that was, as a text that can be compared with others."""
        return "-".join(part.zfill(20) for part in self._entry.split("-")) if self._entry else ""

    def seen(self, event: FrameCaptured) -> None:
        """Note a frame."""
        args: list[str | float] = [
            event.camera,
            event.session,
            event.number,
            event.time.timestamp(),
            event.frame_key,
            event.width,
            event.height,
            self.published,
        ]
        self._release(key.decode() for key in self._ledger.call(lambda: self._camera(keys=self._keys(event.camera), args=args)))

    def changed(self, event: SessionEvent) -> None:
        """Note a change of a camera's session."""
        args = [event.camera, event.session, _STATES[event.kind], self.published]
        self._release(key.decode() for key in self._ledger.call(lambda: self._session(keys=self._keys(event.camera), args=args)))

    def measured(self, event: MetricsEvent) -> None:
        """Note a camera's newest figures."""
        args: list[str | float | bytes] = [event.session, event.time.timestamp(), self.published, msgspec.json.encode(event)]
        self._ledger.call(lambda: self._figures(keys=[self._ledger.keys.figures(event.camera)], args=args))

    def _keys(self, camera: str) -> list[str]:
        keys = self._ledger.keys
        return [keys.camera(camera), keys.cameras, keys.references]
