"""The Celery application: `celery -A genesis worker -Q detection`, `celery -A genesis flower`.

Its configuration is `celeryconfig.py`; its tasks are the subscriptions.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import Celery, signals
from celery.worker.control import inspect_command

from genesis.bus.broker import reach_broker
from genesis.bus.connection import AMQP, read_json_quickly
from genesis.bus.patience import reach
from genesis.bus.sweep import TIME_LIMIT
from genesis.bus.task import task_for
from genesis.bus.worker import WorkerVitals, step_of
from genesis.errors import GenesisError, ServerRefusesError, ServerUnavailableError, UsageError
from genesis.flower import prepare_flower, runs_flower
from genesis.logs import complain, configure_from
from genesis.settings import current
from genesis.subscriptions import Registry, load_subscriptions
from genesis.telemetry.health import Beat, unwatched
from genesis.telemetry.spans import require
from genesis.worker_logs import take_over

if TYPE_CHECKING:
    from genesis.bus.holdings import Holdings
    from genesis.settings import Settings
    from genesis.storage.holding import Hold

logger = logging.getLogger(__name__)

STORING = frozenset({"recognition", "storage"})  # queues whose handlers need the database
DSN_VARIABLE = "GENESIS_STORAGE__DSN"
LAST_SECONDS = 3.0  # that a process which ends waits at most for what it has run to be settled
KILL_AFTER = 10.0  # seconds between asking a task to end and killing its child; no more than it had until then


def make_app() -> Celery:
    """Return the application with a task for every subscription.

    Raises:
        UsageError: the settings or a module of handlers can't be used.
    """
    settings = current()
    registry = load_subscriptions(settings.handlers)
    application = Celery("genesis", amqp=AMQP)
    application.config_from_object("celeryconfig")
    application.steps["consumer"].add(step_of(lambda: _vitals))
    application.conf.task_routes = {row.task: {"queue": row.queue} for row in registry}
    for row in registry:
        soft = row.time_limit or settings.celery.time_limit_seconds
        task_for(application, row, soft_limit=soft, hard_limit=soft + min(soft, KILL_AFTER))
    return application


def _say(error: GenesisError) -> None:
    # Not sys.stderr: Celery turns that into log lines.
    complain(error, to=sys.__stderr__)


def _end(error: GenesisError) -> NoReturn:
    _say(error)
    raise SystemExit(2 if isinstance(error, UsageError) else 1)


take_over()
read_json_quickly()
try:
    app = make_app()
    if runs_flower(sys.argv):
        configure_from(current(), role="flower")
        prepare_flower(current().flower, sys.argv)
except UsageError as mistake:
    _end(mistake)


@signals.celeryd_init.connect
def _check(options: dict[str, Any] | None = None, **_: Any) -> None:
    """Refuse a queue that no subscription uses, and servers that refuse us, before the worker starts; note the queues for its children."""
    global _consumed, _parent
    known = load_subscriptions().queues
    asked = (options or {}).get("queues") or ()
    names = asked.split(",") if isinstance(asked, str) else list(asked)
    unknown = [name for name in names if name not in known]
    if unknown:
        _end(UsageError(f"unknown queue {', '.join(map(repr, unknown))} (queues: {', '.join(known)})"))
    _consumed, _parent = tuple(names) or known, os.getpid()
    settings = current()
    try:
        require(settings.tracing)
    except UsageError as error:
        _end(error)
    # One that is only away is waited for: the broker by Celery, which says so, the others by each task.
    _unless_refused(partial(reach_broker, settings, seconds=0))
    for url, setting in ((settings.redis.url, "redis.url"), (settings.frame_cache.url, "frame_cache.url")):
        _unless_refused(partial(reach, url, setting, settings, seconds=0))
    if STORING.intersection(_consumed):
        _claim_database(settings, asked_for=bool(names))


def _unless_refused(reached: Callable[[], None]) -> None:
    try:
        reached()
    except (ServerRefusesError, UsageError) as error:
        _end(error)
    except ServerUnavailableError:
        return


def _claim_database(settings: Settings, *, asked_for: bool) -> None:
    """Have the embedded PostgreSQL run while this worker does, if it is to be used, and see that a named one can be.

    Connections belong to the children; here none stays open.
    """
    global _claim  # noqa: PLW0603 - one per worker is the point
    from genesis.settings import NO_DATABASE  # noqa: PLC0415
    from genesis.storage.cluster import missing_packages  # noqa: PLC0415 - not in workers that need no database
    from genesis.storage.holding import NOTHING_STORED, Hold  # noqa: PLC0415

    dsn = NO_DATABASE
    try:
        if settings.storage.dsn:
            _require_schema(settings)
            return
        if reason := missing_packages():
            if asked_for:
                _end(UsageError(f"this queue needs a database: {reason}; or name one in storage.dsn, or say there that there is none"))
            _say(UsageError(NOTHING_STORED % reason))
        else:
            _claim = Hold(settings.data_dir).start()
            dsn = _claim.url()
    except GenesisError as error:
        _end(error)
    os.environ.pop(f"{DSN_VARIABLE}_FILE", None)
    os.environ[DSN_VARIABLE] = dsn
    current.cache_clear()


def _require_schema(settings: Settings) -> None:
    if not settings.storage.enabled:
        return
    from genesis.storage.schema import require  # noqa: PLC0415 - not in workers that need no database

    try:
        require(settings.storage.dsn)
    except ServerRefusesError as error:
        # Every event would fail the same way, and waiting does not help.
        _say(error)
        raise SystemExit(2) from None
    except ServerUnavailableError:
        return  # it is waited for by each task


@signals.worker_init.connect
def _end_soon(**_: Any) -> None:
    """Have a child that ends not wait for its last results to be read, by a main process that may be waiting for that child: 30 s.

    What a task of ours did is on the ledger, nobody needs its result.
    """
    import billiard.pool  # noqa: PLC0415 - not in bridges

    billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 5  # tenths of a second


@signals.worker_init.connect
def _alone(sender: Any = None, **_: Any) -> None:
    """Leave out what workers tell each other: nothing here asks for it, and it delays every start and every return of the broker."""
    sender.options.update(without_gossip=True, without_mingle=True)


@signals.worker_init.connect
def _prepare_vitals(**_: Any) -> None:
    global _vitals  # noqa: PLW0603 - one per worker is the point
    _vitals = WorkerVitals(current())


_vitals: WorkerVitals | None = None
_holdings: Holdings | None = None
_claim: Hold | None = None
_consumed: tuple[str, ...] = ()
_parent = 0
_unusable = multiprocessing.Value("i", 0)
_ready = multiprocessing.Value("i", 0)  # shared with the children that are forked


@signals.worker_process_init.connect
def _preload(**_: Any) -> None:
    """Load the models of this child's queues before its first event."""
    if _vitals is not None:
        _vitals.begin_child()
    try:
        preload(load_subscriptions(), _consumed)
    except UsageError as error:
        # Every event would fail the same way and be buried: better no worker than that one.
        with _unusable.get_lock():
            first, _unusable.value = not _unusable.value, 1
        if os.getpid() == _parent:  # the solo pool
            _end(error)
        if first:
            _say(error)
        os.kill(_parent, signal.SIGTERM)
        return
    with _ready.get_lock():
        _ready.value += 1


@signals.worker_process_shutdown.connect
def _finish(**_: Any) -> None:
    """Settle what a child has run, and send its last spans: it ends without what Python does at an exit."""
    from genesis.bus.process import finish  # noqa: PLC0415 - connections belong to the child

    finish(LAST_SECONDS)


@signals.worker_ready.connect
def _hold(sender: Any = None, **_: Any) -> None:
    """Give signs of life for what this worker has, from now on."""
    global _holdings  # noqa: PLW0603 - one per worker is the point
    from genesis.bus.holdings import Holdings, tasks_here  # noqa: PLC0415
    from genesis.bus.ledger import Ledger  # noqa: PLC0415

    settings = current()
    # A child loads what it needs by itself: this connection is the main process's, and made after the first children.
    brief = settings.model_copy(update={"redis": settings.redis.model_copy(update={"give_up_seconds": settings.redis.timeout_seconds})})
    beat: Beat = unwatched
    if _vitals is not None:
        limit = settings.delivery.lease_seconds + brief.redis.give_up_seconds
        beat = _vitals.begin(sender.controller, _consumed).heart("renewal of leases", limit).beat
    _holdings = Holdings(Ledger(brief, load_subscriptions()), sender.hostname, tasks_here, beat=beat)
    _holdings.start()
    if _claim is not None:
        _claim.keep_running()


@signals.task_failure.connect
def _note_death(task_id: str = "", exception: BaseException | None = None, args: Any = (), **_: Any) -> None:
    """Tell how a child was lost; in the main process, and only to have its entry back sooner than its lease runs out."""
    if _holdings is None or os.getpid() != _parent:
        return
    if isinstance(exception, TimeLimitExceeded):
        _holdings.died(task_id, f"{TIME_LIMIT}: it did not end when it was asked to, and was killed ({exception})")
    elif isinstance(exception, WorkerLostError):
        # Whoever ran into the time limit would have been noted by then; who was not noted may still have waited for the ledger.
        _holdings.died(task_id, str(exception), unasked=len(args or ()) % 2 == 1)


@signals.worker_shutting_down.connect
def _end_in_time(how: str = "", **_: Any) -> None:
    """Remember what is here before Celery forgets it, and let what runs run on for a bounded time."""
    if _vitals is not None:
        _vitals.stopping()
    if _holdings is None:
        return
    _holdings.remember()
    if how == "Warm":
        timer = threading.Timer(current().celery.shutdown_seconds, _cut_short)
        timer.daemon = True
        timer.start()
    else:
        _holdings.give_back()


def _cut_short() -> None:
    """Give back what runs too long, and end without it."""
    from celery.worker import state  # noqa: PLC0415

    if _holdings is None or not state.active_requests:
        return  # nothing runs any more: Celery is tidying up
    logger.warning("what still runs after %g s is given back to be run by another worker", current().celery.shutdown_seconds)
    _holdings.give_back()
    os.kill(os.getpid(), signal.SIGQUIT)


@signals.worker_shutdown.connect
def _give_back(**_: Any) -> None:
    if os.getpid() == _parent:
        _finish()  # the solo pool and threads
    if _holdings is not None and (count := _holdings.give_back()):
        logger.info("%d entries were given back to be run by another worker", count)
    if _vitals is not None and os.getpid() == _parent:
        _vitals.end()
    if _claim is not None and os.getpid() == _parent:
        os.environ.pop(DSN_VARIABLE, None)  # a worker that is restarted begins as this one did
        _claim.stop()
    if _unusable.value:
        raise SystemExit(2)


@inspect_command()
def ready(state: Any) -> dict[str, int]:
    """Tell how many children have loaded their models, and how many there are: `celery -A genesis inspect ready`."""
    return {"ready": _ready.value, "children": state.consumer.pool.num_processes}


def preload(registry: Registry, queues: tuple[str, ...]) -> None:
    """Call the `preload` of every subscription whose queue is served here, and say what was loaded.

    What fails for a passing reason is tried again by the first event, whose failure is retried as any other.

    Raises:
        UsageError: settings or weights that can't work.
    """
    from genesis.bus.process import this_process  # noqa: PLC0415 - connections belong to the child

    for row in registry:
        if row.preload is None or row.queue not in queues:
            continue
        try:
            logger.info("worker child %d, queue %s: loaded %s", os.getpid(), row.queue, row.preload(this_process().context))
        except UsageError:
            raise
        except GenesisError as error:
            logger.error("worker child %d, queue %s: %s", os.getpid(), row.queue, error)  # noqa: TRY400 - one line
