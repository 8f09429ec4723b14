"""The ways to somebody: each is a function that tells one notifier of one alert, or raises.

Adding one is a function in a file of its own, a row in `CHANNELS`, and its name among the kinds of `Notifier`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from genesis.logs import EACH
from genesis.notify.notice import Notice
from genesis.notify.push import push
from genesis.notify.webhook import call
from genesis.settings import Notifier

logger = logging.getLogger("genesis.notify.alerts")  # a line shows the last part of the name

Channel = Callable[[Notifier, Notice], None]


def write(notifier: Notifier, notice: Notice) -> None:
    """Write one line into the log, as a warning: an alert is there to be looked at."""
    text = " ".join(f"{notice.title}: {notice.body}".split())
    logger.warning("%s: %s [%s]", notifier.name, text, notice.event.id, extra=EACH)


CHANNELS: Mapping[str, Channel] = {"webhook": call, "apprise": push, "log": write}
