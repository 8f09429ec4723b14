"""What a line of the log is about: fields that every record gets which is logged inside `with bound(...)`, by whomever.

They belong to a thread (or an asyncio task), as `contextvars` do: a thread that is started binds its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any

# In the order in which they are written.
NAMES = ("camera", "session", "stream", "group", "entry", "event", "task", "attempt", "trace")

_NONE: Mapping[str, Any] = MappingProxyType({})
_FIELDS: ContextVar[Mapping[str, Any]] = ContextVar("genesis_log_fields", default=_NONE)


class bound:  # noqa: N801 - it is used as a function
    """Add fields to every record that is logged inside; they join those that are bound around it.

    A field without a value (None or an empty text) is left out, and takes away what is bound around it.

    >>> with bound(stream="frames", group="detection-workers"), bound(entry="1764-0"):
    ...     dict(fields())
    {'stream': 'frames', 'group': 'detection-workers', 'entry': '1764-0'}
    """

    __slots__ = ("_added", "_token")

    def __init__(self, **added: Any) -> None:
        self._added = added

    def __enter__(self) -> None:
        """Begin."""
        self._token: Token[Mapping[str, Any]] = _FIELDS.set({**_FIELDS.get(), **self._added})

    def __exit__(self, *_: object) -> None:
        """End."""
        try:
            _FIELDS.reset(self._token)
        except ValueError:
            # A generator that another thread closes: what was bound here ended with the thread that bound it.
            return


def bind(**added: Any) -> None:
    """Add fields to every record of this thread from now on: for a thread's first line, where nothing is to be undone."""
    _FIELDS.set({**_FIELDS.get(), **added})


def raw_fields() -> Mapping[str, Any]:
    """Return what is bound here; fields whose value was taken away are None or empty. It never changes."""
    return _FIELDS.get()


def fields() -> Mapping[str, Any]:
    """Return what is bound here, without the fields that have no value."""
    return {name: value for name, value in _FIELDS.get().items() if value is not None and value != ""}
