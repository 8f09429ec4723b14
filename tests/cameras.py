"""Cameras and sinks that do what a test says."""

from __future__ import annotations

from genesis.events import FrameCaptured


class ListReader:
    """A live reader that gives a list of items, then lets the camera stop."""

    def __init__(self, items, stop, counts=None) -> None:
        self.waiting = list(items)
        self.stop = stop
        self.counted = counts or {}
        self.closed = False

    def start(self) -> None:
        pass

    def take(self, timeout):
        if not self.waiting:
            self.stop.set()
            return None
        item = self.waiting.pop(0)
        return item() if callable(item) else item

    def counts(self):
        counted, self.counted = self.counted, {}
        return counted

    def close(self) -> None:
        self.closed = True


def refusing(*answers):
    """Refuse frames with these errors in turn (None takes one), and take all later ones."""
    left = list(answers)

    def refuse(event) -> None:
        if isinstance(event, FrameCaptured) and left and (answer := left.pop(0)) is not None:
            raise answer

    return refuse
