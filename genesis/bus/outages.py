"""Say once that a server is away, and once that it is back, however many threads notice it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Outages:
    """The threads of a process that wait for a server, by what they wait for. Thread-safe."""

    _waiting: dict[str, set[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def met(self, server: str, thread: str, reason: str) -> None:
        """Note that a thread waits for a server; the first one is told of.

        Args:
            server: the setting that names it, such as `redis.url`.
            thread: who waits.
            reason: one line.
        """
        with self._lock:
            waiting = self._waiting.setdefault(server, set())
            first = not waiting
            waiting.add(thread)
        if first:
            logger.warning("waiting: %s", reason)

    def over(self, thread: str) -> None:
        """Note that a thread waits no more; when none is left, that is told."""
        with self._lock:
            ended = [server for server, waiting in self._waiting.items() if waiting == {thread}]
            for waiting in self._waiting.values():
                waiting.discard(thread)
        for server in ended:
            logger.info("%s answers again", server)
