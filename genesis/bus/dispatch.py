"""From entries to Celery messages, many in one pipelined batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kombu.exceptions import OperationalError

from genesis.subscriptions import Subscription

BATCH = 1000  # transport operations that kombu may hold before it sends them


def task_id(stream: str, group: str, entry: str) -> str:
    """Return the id of the task for an entry: always the same, so that two dispatches are seen to be one task."""
    return f"{stream}:{group}:{entry}"


class Dispatcher:
    """Sends entries of one subscription to its queue. Not shared between threads.

    Args:
        app: the Celery application.
        row: the subscription.
        stream: key of its stream.
    """

    def __init__(self, app: Any, row: Subscription, stream: str) -> None:
        self._task = app.tasks[row.name]
        self._app = app
        self._row = row
        self._stream = stream
        self._connection: Any = None
        self._producer: Any = None

    def send(self, entries: Sequence[tuple[str, dict[str, str]]]) -> None:
        """Put entries into the queue, in order.

        Raises:
            OSError: the broker is away; some of the entries may be in the queue already.
        """
        try:
            producer = self._open()
            with producer.batch(max_size=BATCH):
                for entry, fields in entries:
                    self._task.apply_async(
                        args=(entry, fields),
                        task_id=task_id(self._stream, self._row.group, entry),
                        producer=producer,
                        queue=self._row.queue,
                        argsrepr=f"({entry!r}, event {fields.get('id', '')} of {fields.get('subject', '')})",
                        kwargsrepr="{}",
                        retry=False,
                        # What the application would work out anew for every message:
                        add_to_parent=False,
                    )
        except Exception as error:
            self.close()
            if self._connection_errors(error):
                msg = f"broker: {error}"
                raise OSError(msg) from error
            raise

    def close(self) -> None:
        """Close the connection; the next `send` opens another."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.release()

    def _open(self) -> Any:
        if self._producer is None:
            self._connection = self._app.connection_for_write()
            self._connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
            self._producer = self._app.amqp.Producer(self._connection.default_channel, auto_declare=False)
        return self._producer

    def _connection_errors(self, error: Exception) -> bool:
        known = (OSError, OperationalError)
        if self._app.connection_for_write().connection_errors:
            known += tuple(self._app.connection_for_write().connection_errors)
        return isinstance(error, known)
