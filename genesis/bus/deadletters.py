"""Dead letters: what is written beside an entry's own fields when it is buried, and how it is read back.

The entry's own fields stand first, byte for byte. What was written at the burial follows; every name of it begins with
`dlq-`. The server adds the counts of attempts, deliveries and replays, the times of the first and last failure and, last
of all, `dlq-fields`, the number of own fields: an entry whose own fields have such names is told apart by it.
"""

from __future__ import annotations

import socket
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import genesis
from genesis.masking import mask

if TYPE_CHECKING:
    from genesis.bus.ledger import Delivery

Reason = Literal["retries_exhausted", "permanent", "malformed", "oversized", "stale_frame", "time_limit", "poison", "unknown_type"]

MAX_TRACEBACK = 8_000  # characters; the end is kept, where the cause stands
MAX_LINE = 1_000  # characters of a traceback's line
MAX_MESSAGE = 1_000  # characters
_MARGIN = 500  # characters looked at beyond what is kept, so that no credentials are cut in two before they are masked
_PREFIX = "dlq-"


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
    told = {
        "dlq-stream": delivery.stream,
        "dlq-group": delivery.group,
        "dlq-entry": delivery.entry,
        "dlq-reason": reason,
        "dlq-error": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        "dlq-message": _masked(message(error), MAX_MESSAGE),
        "dlq-traceback": "\n".join(_masked(line, MAX_LINE) for line in trace.split("\n")[-MAX_TRACEBACK:])[-MAX_TRACEBACK:],
        "dlq-task": task,
        "dlq-worker": worker or socket.gethostname(),
        "dlq-version": genesis.__version__,
    }
    # A message may hold what UTF-8 can't: the name of a file, say.
    return {name: value.encode("utf-8", "backslashreplace").decode() for name, value in told.items()}


def one_line(error: BaseException) -> str:
    """Return an error's message for a log: one line without control characters, whatever its maker put into it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(message(error).split()))


def message(error: BaseException) -> str:
    """Return an error's message, also where it has none that can be told."""
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - an error that can't be told must be buried all the same
        return f"(its message can't be had: {type(broken).__name__})"


def _masked(text: str, limit: int) -> str:
    return mask(text[: limit + _MARGIN])[:limit]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A buried entry.

    Attributes:
        stream: short name of the stream in which it was an entry.
        id: of the letter, in the stream of dead letters.
        fields: the entry's own, in their order; a name may come twice.
        told: what was written at the burial, by name without `dlq-`.
    """

    stream: str
    id: str
    fields: tuple[tuple[bytes, bytes], ...]
    told: Mapping[str, str]

    @classmethod
    def parse(cls, stream: str, letter_id: bytes, strings: Sequence[bytes]) -> DeadLetter:
        """Read a letter, also one that was written before there was `dlq-fields`.

        Args:
            stream: short name of the stream.
            letter_id: of the letter.
            strings: field, value, field, value ... as they stand in it.
        """
        pairs = tuple(zip(strings[::2], strings[1::2], strict=True))
        own = _own_fields(pairs)
        told = {_text(name).removeprefix(_PREFIX): _text(value) for name, value in pairs[own:]}
        return cls(stream, letter_id.decode(), pairs[:own], told)

    @property
    def name(self) -> str:
        """What a person calls it: `zones/1764052345123-0`."""
        return f"{self.stream}/{self.id}"

    @property
    def order(self) -> tuple[int, int]:
        """What letters of several streams are put in order by: the time of the burial."""
        milliseconds, _, number = self.id.partition("-")
        return int(milliseconds), int(number)

    @property
    def group(self) -> str:
        """The group that failed."""
        return self.told.get("group", "")

    @property
    def reason(self) -> str:
        """One of `Reason`."""
        return self.told.get("reason", "")

    @property
    def error(self) -> str:
        """Type of what was raised last, with its module unless that is `builtins`."""
        return self.told.get("error", "")

    @property
    def message(self) -> str:
        """Message of what was raised last."""
        return self.told.get("message", "")

    @property
    def replays(self) -> int:
        """How often its entry had been replayed."""
        return self.number("replays")

    @property
    def frame(self) -> str:
        """Key of the cached frame that the entry points to; empty when it points to none. What is not UTF-8 is no frame's key."""
        try:
            return self.own("framekey").decode()
        except UnicodeDecodeError:
            return ""

    @property
    def left_out(self) -> int:
        """Number of own fields for which the letter had no room."""
        return self.number("truncated")

    @property
    def whole(self) -> bool:
        """Whether it holds all of the entry: that may have been deleted before it was buried, or have had too many fields."""
        return bool(self.fields) and not self.left_out

    def own(self, name: str) -> bytes:
        """Return one of the entry's own fields; empty if it has none of that name."""
        wanted = name.encode()
        return next((value for found, value in reversed(self.fields) if found == wanted), b"")

    def number(self, name: str) -> int:
        """Return one of the numbers that were written at the burial; 0 if it is not there."""
        text = self.told.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004 - Redis's are 64-bit


def _own_fields(pairs: Sequence[tuple[bytes, bytes]]) -> int:
    """Return how many of a letter's fields are the entry's own."""
    if pairs and pairs[-1][0] == b"dlq-fields" and pairs[-1][1].isdigit():
        return min(int(pairs[-1][1][:10]), len(pairs) - 1)
    count = len(pairs)
    while count and pairs[count - 1][0].startswith(b"dlq-"):
        count -= 1
        if pairs[count][0] == b"dlq-stream":  # the first one, as older code wrote them
            break
    return count


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
