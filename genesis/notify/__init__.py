"""Tell somebody of an alert: by webhook, by whatever Apprise speaks, by a line in the log.

`deliver` tells everybody who is to be told and has not been yet, side by side, and then raises if anybody could not be: a retry, or a
replayed dead letter, tells the missing ones alone.
"""

from genesis.notify.delivery import deliver, load_channels, tell, told_of
from genesis.notify.notice import Notice

__all__ = ["Notice", "deliver", "load_channels", "tell", "told_of"]
