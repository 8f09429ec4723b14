"""Keep passwords out of everything a person or a log can see."""

from __future__ import annotations

import logging
import re

# user:password@ in any URL; the user goes too, since cameras are often named by their account. Up to the last "@" of the
# word: an unescaped "/" or "@" in a password must not bring the rest of it to light.
_CREDENTIALS = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s'\"]*@")
_SECRET = re.compile(
    r"(?i)(?P<key>(?:\b|[?&_-])(?:pass(?:word|wd)?|pwd|token|secret|auth|(?:api|access)[_-]?key)|[?&][\w-]*key)=[^&\s'\"]+"
)


def mask(text: str) -> str:
    """Return `text` with the credentials of every URL in it, and every `password=...`, replaced by `***`.

    >>> mask("rtsp://admin:s3cret@10.0.0.7/1?token=abc")
    'rtsp://***@10.0.0.7/1?token=***'
    """
    return _SECRET.sub(lambda m: f"{m['key']}=***", _CREDENTIALS.sub(lambda m: f"{m['scheme']}***@", text))


class MaskingFilter(logging.Filter):
    """A logging filter that masks the finished message, and the traceback, of every record it sees."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record in place; never drops one."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # Arguments that do not fit the message: the handler reports that, as it would without us.
            return True
        masked = mask(message)
        if masked != message:
            record.msg, record.args = masked, ()
        if record.exc_info and not record.exc_text:
            # A formatter takes this text if it is there.
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = mask(record.exc_text)
        return True
