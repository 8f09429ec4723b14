"""Keep passwords out of everything a person or a log can see."""

from __future__ import annotations

import logging
import re

# What follows "://", as far as the word goes. A quote ends it only where a quotation may end: a password may have one in it.
_ADDRESS = re.compile(r"://((?:[^\s'\"]|['\"](?![\s,;:.)\]}>\\]|$))+)")
# Names of secrets: whole, as the last part of a longer name (DB_PASSWORD, client-secret), and what is clear enough without a part
# of its own (sslpassword).
_WHOLE = r"(?:pass(?:phrase)?|pwd|secret[_-]?key|auth|credentials?|sig(?:nature)?|(?:api|access|private)[_-]?key)"
_CLEAR = r"(?:password|passwd|token|secret)"
_NAME = rf"(?:(?:[\w.-]{{0,100}}[_.-])?{_WHOLE}|[\w.-]{{0,100}}{_CLEAR})"
_SECRETS_NAME = re.compile(rf"(?i){_NAME}")
_PAIR = re.compile(
    rf"(?i)(?P<key>(?:\b|[?&_-]){_WHOLE}|(?:\b|_)[\w-]{{0,50}}{_CLEAR}|[?&][\w-]*key)="
    r"(?P<value>'[^'\n]{1,500}'|\"[^\"\n]{1,500}\"|[^&\s'\"]+)"
)
# As JSON (also within a JSON string) or a Python dict has them.
_QUOTED = re.compile(
    rf"(?i)(?P<key>\\?(['\"]){_NAME}\\?\2\s*:\s*)"
    r"b?(?:\\\"[^\"\n]{0,500}\"|\"(?:[^\"\\\n]|\\.){0,500}\"|'(?:[^'\\\n]|\\.){0,500}'|[^\s,'\"}\]]+)"
)
_YAML = re.compile(rf"(?im)^(?P<key>[ \t>|-]{{0,100}}(?!\S*\.){_NAME}:[ \t]+)(?:'[^'\n]+'|\"[^\"\n]+\"|[^\s'\"]+)[ \t]*$")
_HEADER = re.compile(
    r"(?i)(?P<key>\b(?:(?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,100}(?:key|token|secret))\\?['\"]?\s*[:=]\s*"
    r"(?:b(?=\\?['\"]))?\\?['\"]?)(?:(?:basic|bearer|digest|token|negotiate)\s+)?[^\s'\"\\]+(?:(?<=;)\s+[^\s'\"\\]+)*"
)
_BEARER = re.compile(r"(?i)(?P<key>\b(?:bearer|basic)\s+)(?=[a-z]{0,500}[0-9._~+/=-])[a-z0-9._~+/=-]{8,}")
_HINTS = ("pass", "pwd", "token", "secret", "auth", "cred", "sig", "key", "cookie", "bearer", "basic")


def mask(text: str) -> str:
    """Return `text` without the credentials of every URL in it, and without what is called a password, a token, a secret or the like.

    >>> mask("rtsp://admin:s3cret@10.0.0.7/1?token=abc")
    'rtsp://***@10.0.0.7/1?token=***'
    >>> mask("Authorization: Bearer eyJhbGciOi.x")
    'Authorization: ***'
    """
    if "://" in text:
        text = _ADDRESS.sub(_without_account, text)
    lowered = text.lower()
    # Looking for a few words first makes a text that has none of them, nearly every one, ten times cheaper.
    if not any(hint in lowered for hint in _HINTS):
        return text
    if "=" in text:
        text = _PAIR.sub(_without_value, text)
    text = _BEARER.sub(r"\g<key>***", _HEADER.sub(r"\g<key>***", text))
    if ":" in text:
        text = _YAML.sub(r"\g<key>***", _QUOTED.sub(r'\g<key>"***"', text))
    return text


def names_secret(name: str) -> bool:
    """Tell whether something of this name is to be kept secret, whatever it is.

    >>> names_secret("basic_auth"), names_secret("frame_key")
    (True, False)
    """
    return _SECRETS_NAME.fullmatch(name) is not None


def _without_account(found: re.Match[str]) -> str:
    # Up to the last "@" of the word: an unescaped "/" or "@" in a password must not bring the rest of it to light. The user
    # goes too, since cameras are often named by their account.
    account, _, place = found[1].rpartition("@")
    return f"://***@{place}" if account else found[0]


def _without_value(found: re.Match[str]) -> str:
    quote = found["value"][0] if found["value"][0] in "'\"" else ""
    return f"{found['key']}={quote}***{quote}"


class MaskingFilter(logging.Filter):
    """A logging filter that masks the finished message, and the traceback, of every record it sees; for handlers that are not ours."""

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
