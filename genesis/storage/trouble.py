"""What is wrong when PostgreSQL does not do as it is told, and whether it passes.

The words that are looked for are English: a server that speaks another language is waited for where it refuses us, and what it
said is shown in the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

import psycopg2

from genesis.errors import ServerRefusesError, ServerUnavailableError, UsageError
from genesis.masking import mask


class DatabaseUnavailableError(ServerUnavailableError):
    """PostgreSQL did not answer for as long as we wait. Start it, or correct `storage.dsn`; nothing is lost meanwhile."""


class DatabaseRefusesError(ServerRefusesError):
    """PostgreSQL answers, but does not let us in, or lacks what we need. Waiting does not help: correct what the message names."""


class SchemaError(UsageError):
    """The database has no tables of ours, or another release's. Run `genesis db upgrade`, or upgrade Genesis."""


class Verdict(Enum):
    """What an error of the database means for the one who asked."""

    AWAY = auto()
    """Nobody there, or not now: worth another try."""
    CONFLICT = auto()
    """Two transactions were in each other's way: the same again, at once."""
    REFUSED = auto()
    """Will be the same next time."""
    SLOW = auto()
    """The statement took too long, or was cancelled."""
    SCHEMA = auto()
    """Something that a statement names is not there."""
    OTHER = auto()
    """A mistake of ours, or one that only the caller understands."""


@dataclass(frozen=True, slots=True)
class Place:
    """A database, as messages name it."""

    dsn: str

    def __str__(self) -> str:
        """Return it without its password."""
        return f"storage.dsn {mask(self.dsn)}" if self.dsn else "storage.dsn"


_CODES: dict[str, Verdict] = {
    "57014": Verdict.SLOW,
    "57P04": Verdict.REFUSED,  # the database was dropped
    "40001": Verdict.CONFLICT,
    "40P01": Verdict.CONFLICT,
    "25006": Verdict.REFUSED,  # read only: a standby
    "25P03": Verdict.AWAY,  # idle for too long in a transaction: the connection is gone
    "42501": Verdict.REFUSED,  # not permitted
    "3D000": Verdict.REFUSED,  # no such database
    "0A000": Verdict.OTHER,
    "42P01": Verdict.SCHEMA,  # no such table
    "42703": Verdict.SCHEMA,  # no such column
    "42883": Verdict.SCHEMA,  # no such function
    "42704": Verdict.SCHEMA,  # no such type
}
_CLASSES = {"08": Verdict.AWAY, "53": Verdict.AWAY, "57": Verdict.AWAY, "58": Verdict.AWAY, "28": Verdict.REFUSED}

# These pass, whatever else is named beside them.
_PASSING = re.compile(
    r"could not translate host name|refused|timed out|timeout|starting up|shutting down|recovery mode|too many|unexpectedly|No such file"
)
# Words in what libpq says, and the sentence for it; the first that fits is taken. {text} is what was said.
_REFUSALS: tuple[tuple[str, str], ...] = (
    ("password authentication failed", "refuses the password: correct it in storage.dsn (between ':' and '@')"),
    ("no password supplied", "asks for a password: write one into storage.dsn (between ':' and '@')"),
    (r'database ".*" does not exist', "has no such database ({text}): create it, or correct storage.dsn"),
    (r'role ".*" (?:does not exist|is not permitted)', "does not know us ({text}): correct the user in storage.dsn"),
    ("pg_hba.conf|authentication failed|authentication method", "does not let us in ({text})"),
    (
        r"\bssl\b|\btls\b|certificate|sslmode|sslrootcert",
        "makes no encrypted connection as asked for ({text}): correct sslmode in storage.dsn",
    ),
    ('^invalid|^unrecognized|^missing "="|unsupported startup parameter', "can't be used ({text})"),
)
# What comes before what was said, and lines that say nothing of their own.
_PROLOGUE = re.compile(r"^(?:connection to server (?:at|on) .*? failed: *)?(?:FATAL: *|ERROR: *)?")
_BESIDES = re.compile(r"^(?:\s|LINE \d|DETAIL:|HINT:|CONTEXT:|Is the server running)")


def verdict(error: psycopg2.Error, *, lost: bool) -> Verdict:
    """Judge an error.

    Args:
        error: of psycopg2.
        lost: whether its connection is gone, or was never made.
    """
    code = error.pgcode
    if code is not None:
        return _CODES.get(code) or _CLASSES.get(code[:2], Verdict.OTHER)
    if not lost:
        return Verdict.OTHER
    return Verdict.REFUSED if _refusal(words(error)) else Verdict.AWAY


def explain(error: psycopg2.Error, place: Place) -> str:
    """Say in one line, without a password, what an error is that means that the database is away or refuses us."""
    text = words(error)
    if sentence := _refusal(text):
        return f"{place} {sentence.format(text=text)}"
    code = error.pgcode or ""
    if code == "25006":
        return f"{place} can only be read (a standby?): name the primary in storage.dsn"
    if code == "42501":
        return f"{place} does not permit what Genesis needs ({text}): let its user own the tables"
    if code == "57P04":
        return f"{place} has lost its database ({text})"
    if code.startswith("53") and code != "53300":
        return f"{place} has no room ({text}): make some"
    return f"{place} can't be reached ({text}): start it, or correct storage.dsn"


def words(error: BaseException) -> str:
    """Return what was said, in one line: libpq says something for each address of a host, with hints on lines of their own."""
    lines = [line for line in str(error).splitlines() if line.strip() and not _BESIDES.match(line)]
    said = dict.fromkeys(_PROLOGUE.sub("", line).strip() for line in lines)
    return mask("; ".join(said))[:300] or type(error).__name__


def _refusal(text: str) -> str | None:
    if _PASSING.search(text):
        return None
    return next((sentence for pattern, sentence in _REFUSALS if re.search(pattern, text, re.IGNORECASE)), None)
