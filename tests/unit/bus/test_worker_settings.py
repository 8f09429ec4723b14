"""Celery's settings fit what a worker of ours does."""

from __future__ import annotations

import importlib
from unittest.mock import Mock

import billiard.pool
import pytest
from celery import signals

from genesis.embedded.stack import READY_SECONDS


def test_a_child_that_replaces_another_may_take_its_time_to_load_its_model() -> None:
    configuration = importlib.import_module("celeryconfig")

    assert configuration.worker_proc_alive_timeout >= READY_SECONDS


def test_a_child_that_ends_does_not_wait_long_for_its_results_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    application = importlib.import_module("genesis.celery")
    monkeypatch.setattr(application, "WorkerVitals", lambda _: None)
    monkeypatch.setattr(billiard.pool, "GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT", 300)

    signals.worker_init.send(sender=Mock(options={}))

    seconds = billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT * billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL

    assert seconds <= 1.0


def test_a_child_that_died_is_believed_dead_soon() -> None:
    assert importlib.import_module("celeryconfig").worker_lost_wait <= 1.0
