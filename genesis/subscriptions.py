"""How a handler subscribes to events: one declaration is the catalogue row, the Celery task and its policy.

A handler takes an event and a context and returns events. It never publishes and never acknowledges;
whoever runs it does (a Celery worker in event mode, the capture process in sync mode).
"""

from __future__ import annotations

import importlib
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from genesis.errors import UsageError
from genesis.events import Event, Keys

if TYPE_CHECKING:
    from genesis.context import Context
    from genesis.settings import Settings

Handler = Callable[[Any, "Context"], Iterable[Event] | None]
HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])
Filter = Callable[[Any], bool]
Preload = Callable[["Context"], str]
RetryOf = Callable[["Settings"], "Retry"]
GapOf = Callable[["Settings"], float]

BUILTIN_MODULES = ("tasks",)
MAX_GAP = 30.0  # seconds: longer than a frame that is retried takes by default (1 + 5 + 15)
MOST_IN_BATCH = 100  # entries in one Celery task
MOST_LINGER = 5.0  # seconds
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Retry:
    """A subscription's own retry policy: how often, and how many seconds before each retry."""

    max_retries: int
    delays: tuple[float, ...] = (1.0, 5.0, 15.0)

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the `attempt`-th failed run (from 1)."""
        return self.delays[min(attempt, len(self.delays)) - 1]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One group of one stream, the queue its events go to, and the function that handles them.

    Attributes:
        event: the type of event; its stream is the one that is read.
        group: consumer group on that stream; every group gets every event.
        queue: Celery queue whose workers run the handler.
        handler: the function.
        when: a cheap filter, asked in the bridge; an event that it refuses is settled there.
        retry: a policy of its own, or a function that makes it of the settings; None takes `delivery` of the settings.
        max_age: seconds after which a live camera's event is settled as stale; None takes
            `capture.max_age_seconds`, `inf` handles an event however old it is.
        time_limit: seconds a run may take; None takes `celery.time_limit_seconds`.
        preload: called once in each worker child that serves the queue, before its first event;
            returns what it loaded, for the log.
        keyed_by: field of the event (such as `camera`). The handler then gets the events of each key in the order of their
            numbers, one after the other, with any number of workers, and `context.state` to keep things in.
        max_gap: in such a subscription, seconds of waiting after which a number that does not come is passed over; what comes
            later than that is settled as `late`. May be a function of the settings, as the next one.
        aside: it waits for the outside and returns nothing: in sync mode it is run beside the line, and holds up no camera.
        live_gap: the same for a live camera's capture time: events that are so much newer are there; None takes `max_gap`.
        batch: how many entries one Celery task may carry, where so many wait. The handler gets one event after the other all the same,
            and each is settled, retried or buried by itself; what is saved is the way there. For handlers of a few milliseconds.
        linger: seconds that the bridge waits for a batch to fill; 0 takes what is there.
    """

    event: type[Event]
    group: str
    queue: str
    handler: Handler
    when: Filter | None = None
    retry: Retry | RetryOf | None = None
    max_age: float | None = None
    time_limit: float | None = None
    preload: Preload | None = None
    keyed_by: str | None = None
    max_gap: float | GapOf = MAX_GAP
    live_gap: float | GapOf | None = None
    aside: bool = False
    batch: int = 1
    linger: float = 0.0

    def gaps(self, settings: Settings) -> tuple[float, float]:
        """Return `max_gap` and `live_gap` in seconds."""
        waited = self.max_gap(settings) if callable(self.max_gap) else self.max_gap
        captured = self.live_gap(settings) if callable(self.live_gap) else self.live_gap
        return waited, waited if captured is None else captured

    def policy(self, settings: Settings) -> Retry:
        """Return how often, and after which waits, the handler is run again."""
        if isinstance(self.retry, Retry):
            return self.retry
        return Retry(settings.delivery.max_retries, settings.delivery.retry_delays) if self.retry is None else self.retry(settings)

    @property
    def name(self) -> str:
        """Module and function of the handler."""
        return f"{self.handler.__module__}.{self.handler.__qualname__}"

    @property
    def task(self) -> str:
        """Name of the Celery task; a function may be the handler of several groups, and each has a task of its own."""
        return f"{self.name}:{self.event.STREAM}:{self.group}"

    def stream(self, keys: Keys) -> str:
        """Key of the stream that is read."""
        return keys.stream_of(self.event)


@dataclass(slots=True)
class Registry:
    """All subscriptions of a process."""

    _rows: list[Subscription] = field(default_factory=list)

    def add(self, subscription: Subscription) -> None:
        """Add a subscription; a module that is imported again replaces its own.

        Raises:
            UsageError: another handler has the same group of the same stream.
        """
        for index, row in enumerate(self._rows):
            if (row.event.STREAM, row.group) == (subscription.event.STREAM, subscription.group):
                if row.name != subscription.name:
                    msg = (
                        f"group {subscription.group!r} of stream {row.event.STREAM!r} has two handlers, {row.name} and "
                        f"{subscription.name}: give one of them a group of its own"
                    )
                    raise UsageError(msg)
                self._rows[index] = subscription
                return
        self._rows.append(subscription)

    def __iter__(self) -> Any:
        """Iterate over the subscriptions in the order of their declaration."""
        return iter(tuple(self._rows))

    def __len__(self) -> int:
        """Return the number of subscriptions."""
        return len(self._rows)

    @property
    def queues(self) -> tuple[str, ...]:
        """Names of all queues, sorted."""
        return tuple(sorted({row.queue for row in self._rows}))

    def readers(self, event: type[Event] | Event) -> tuple[Subscription, ...]:
        """Return the subscriptions of an event's stream."""
        return tuple(row for row in self._rows if row.event.STREAM == event.STREAM)

    def groups(self, event: type[Event] | Event) -> tuple[str, ...]:
        """Return the groups that read an event's stream."""
        return tuple(row.group for row in self.readers(event))


registry = Registry()
"""The subscriptions of this process."""


def subscribe(  # noqa: PLR0913 - one declaration says everything about a subscription
    event: type[Event],
    *,
    group: str,
    queue: str,
    when: Filter | None = None,
    retry: Retry | RetryOf | None = None,
    max_age: float | None = None,
    time_limit: float | None = None,
    preload: Preload | None = None,
    keyed_by: str | None = None,
    max_gap: float | GapOf = MAX_GAP,
    live_gap: float | GapOf | None = None,
    aside: bool = False,
    batch: int = 1,
    linger: float = 0.0,
) -> Callable[[HandlerT], HandlerT]:
    """Declare a function as the handler of a group; see `Subscription` for the arguments.

    The function itself is returned unchanged, so that it can be called in a test.

    Raises:
        UsageError: a name or an event type that can't be used, at the time of the declaration.
    """
    for kind, name in (("group", group), ("queue", queue)):
        if not _NAME.fullmatch(name):
            msg = f"{kind} {name!r}: expected 1 to 64 letters, digits, '-' or '_'"
            raise UsageError(msg)
    if not _carried_by_a_stream(event):
        msg = f"subscribe({event!r}): expected one of the event types of genesis.events"
        raise UsageError(msg)
    _check_order(event, keyed_by, when, {"max_gap": max_gap, "live_gap": live_gap})
    if not 1 <= batch <= MOST_IN_BATCH or int(batch) != batch:
        msg = f"batch {batch!r}: expected 1 to {MOST_IN_BATCH} entries"
        raise UsageError(msg)
    if not 0 <= linger <= MOST_LINGER:
        msg = f"linger {linger!r}: expected 0 to {MOST_LINGER:g} seconds"
        raise UsageError(msg)

    def declare(function: HandlerT) -> HandlerT:
        registry.add(
            Subscription(
                event, group, queue, function, when, retry, max_age, time_limit, preload, keyed_by, max_gap, live_gap, aside, batch, linger
            )
        )
        return function

    return declare


def _check_order(event: type[Event], keyed_by: str | None, when: Filter | None, gaps: Mapping[str, float | GapOf | None]) -> None:
    if keyed_by is None:
        return
    if keyed_by not in event.__struct_fields__:
        msg = f"keyed_by {keyed_by!r}: expected a field of {event.__name__} ({', '.join(event.__struct_fields__)})"
        raise UsageError(msg)
    if when is not None:
        msg = "keyed_by and when: an event that the filter refuses would be missed as a gap; ask in the handler instead"
        raise UsageError(msg)
    for name, gap in gaps.items():
        if gap is not None and not callable(gap) and not gap > 0:
            msg = f"{name} {gap!r}: expected seconds above 0"
            raise UsageError(msg)


def _carried_by_a_stream(event: object) -> bool:
    return isinstance(event, type) and issubclass(event, Event) and bool(event.STREAM)


def load_subscriptions(modules: Sequence[str] = ()) -> Registry:
    """Import the built-in handlers and the given modules; return the registry that they filled.

    Raises:
        UsageError: a module can't be imported.
    """
    for module in (*BUILTIN_MODULES, *modules):
        if not all(part.isidentifier() for part in module.split(".")):
            msg = f"handlers: {module!r} is not the name of a module (such as 'site_handlers' or 'site.handlers')"
            raise UsageError(msg)
        try:
            importlib.import_module(module)
        except UsageError:
            raise
        except (Exception, SystemExit) as error:  # a module may do anything when it is imported
            msg = f"handlers: module {module!r} can't be imported: {_told(error)}"
            raise UsageError(msg) from error
    return registry


def _told(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, ImportError | SyntaxError):
        return text
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({last.filename}, line {last.lineno})"
