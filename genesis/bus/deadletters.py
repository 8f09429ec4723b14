"""Dead letters: what is written beside an entry's own fields when it is buried.

Every name begins with `dlq-`, so the original fields stand untouched before them. The counts of
attempts and deliveries and the times of the first and last failure are added by the server.
"""

from __future__ import annotations

import socket
import traceback
from typing import Literal

import genesis
from genesis.bus.ledger import Delivery
from genesis.masking import mask

Reason = Literal["retries_exhausted", "permanent", "malformed", "oversized", "stale_frame", "time_limit", "poison", "unknown_type"]

MAX_TRACEBACK = 8_000  # characters; the end is kept, where the cause stands
MAX_MESSAGE = 1_000  # characters


def letter(delivery: Delivery, reason: str, error: BaseException, *, task: str = "", worker: str = "") -> dict[str, str]:
    """Return the fields that say why an entry was buried.

    Args:
        delivery: the entry.
        reason: one of `Reason`.
        error: what was raised last.
        task: the Celery task's id.
        worker: the worker's name; empty takes this host's.
    """
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {
        "dlq-stream": delivery.stream,
        "dlq-group": delivery.group,
        "dlq-entry": delivery.entry,
        "dlq-reason": reason,
        "dlq-error": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        "dlq-message": mask(str(error))[:MAX_MESSAGE],
        "dlq-traceback": mask(trace)[-MAX_TRACEBACK:],
        "dlq-task": task,
        "dlq-worker": worker or socket.gethostname(),
        "dlq-version": genesis.__version__,
        "dlq-replays": "0",
    }
