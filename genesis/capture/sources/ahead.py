"""Read a recording ahead, in a thread of its own: its next frame is decoded while somebody works on this one."""

from __future__ import annotations

import threading
from queue import Empty, Queue
from typing import TypeAlias

from genesis.capture.sources.base import Recording, UnreadableFrameError
from genesis.vision.types import Frame

FRAMES = 2
"""Frames that are kept ready: one for now, and one for after a frame that was done quickly."""

_Outcome: TypeAlias = "Frame | Exception | None"


class Ahead(Recording):
    """A recording whose every frame is wanted, as fast as it goes. What it tells is what the recording tells, in its order.

    Args:
        recording: opened already; nobody else reads it meanwhile, and it stays open at the end.
    """

    def __init__(self, recording: Recording) -> None:
        self.description = recording.description
        self.fps = recording.fps
        self._recording = recording
        self._ready: Queue[_Outcome] = Queue(FRAMES)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def read(self) -> Frame | None:
        """Return the next frame, (height, width, 3) uint8 BGR; None at the end.

        Raises:
            UnreadableFrameError: the next frame is broken and was passed over.
        """
        if self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._work, name="read-ahead", daemon=True)
            self._thread.start()
        outcome = self._ready.get()
        if isinstance(outcome, Exception):
            if not isinstance(outcome, UnreadableFrameError):
                self.close()
            raise outcome
        if outcome is None:
            self.close()
        return outcome

    def skip(self) -> bool:
        """Pass over the next frame; return False at the end."""
        try:
            return self.read() is not None
        except UnreadableFrameError:
            return True

    def rewind(self) -> None:
        """Go back to the first frame.

        Raises:
            SourceLostError: it can no longer be read.
        """
        self.close()
        self._recording.rewind()

    def close(self) -> None:
        """Read no further; what was read ahead is forgotten."""
        self._ended.set()
        thread, self._thread = self._thread, None
        while thread is not None and thread.is_alive():
            self._forget()  # it may wait for room
            thread.join(0.05)
        self._forget()

    def _work(self) -> None:
        while not self._ended.is_set():
            outcome: _Outcome
            try:
                outcome = self._recording.read()
            except Exception as error:  # noqa: BLE001 - told to whoever reads
                outcome = error
            self._ready.put(outcome)
            if outcome is None or (isinstance(outcome, Exception) and not isinstance(outcome, UnreadableFrameError)):
                return

    def _forget(self) -> None:
        while True:
            try:
                self._ready.get_nowait()
            except Empty:
                return
