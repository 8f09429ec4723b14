"""Celery's own lines tell which task they are about."""

from __future__ import annotations

import logging

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError

from genesis.logs import bound
from genesis.worker_logs import TaskLines

TASK = "genesis:zones:testers:1764-0"
FIELDS = {"task": TASK, "stream": "zones", "group": "testers", "entry": "1764-0"}


def filtered(name: str, message: str, *arguments: object, failed: str = "", **given: object) -> logging.LogRecord:
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, arguments, None)
    record.__dict__.update(given)
    lines = TaskLines()
    lines.failed = failed
    assert lines.filter(record)
    return record


def about(record: logging.LogRecord) -> dict[str, object]:
    return {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}


@pytest.mark.parametrize(
    ("name", "message", "arguments", "given", "told"),
    [
        ("celery.worker.request", "Hard time limit (%ss) exceeded for %s[%s]", (2, "tests.tested", TASK), {}, FIELDS),
        ("celery.app.trace", "Task %(name)s[%(id)s] failed", (), {"data": {"id": TASK, "name": "tests.tested"}}, FIELDS),
        ("celery.worker.request", "Task handler raised error: %r", (WorkerLostError("lost"),), {"failed": TASK}, FIELDS),
        ("celery.worker.request", "Task handler raised error: %r", (WorkerLostError("lost"),), {}, {}),
        ("celery.app.trace", "Task %(name)s[%(id)s] failed", (), {"data": {"id": "not:ours"}}, {}),
        ("celery.worker.consumer", "Connected to %s", ("redis://127.0.0.1:6379/1",), {}, {}),
        ("kombu", "%s", (TASK,), {}, {}),
    ],
)
def test_a_line_about_a_task_says_which(name, message, arguments, given, told):
    record = filtered(name, message, *arguments, **given)

    assert about(record) == told


def test_what_is_bound_stays():
    with bound(task="another"):
        record = filtered("celery.app.trace", "Task failed: %s", TASK)

    assert about(record) == {}


@pytest.mark.parametrize("error", [WorkerLostError("lost"), TimeLimitExceeded(2)])
def test_how_celery_noticed_that_a_child_is_gone_is_left_out(error):
    record = filtered("celery.worker.request", "Task handler raised error: %r", error, exc_info=(type(error), error, None))

    assert record.exc_info is None


def test_other_tracebacks_stay():
    error = ValueError("x")

    record = filtered("celery.worker.request", "Task handler raised error: %r", error, exc_info=(ValueError, error, None))

    assert record.exc_info is not None
