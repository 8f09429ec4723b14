"""Celery's settings fit what a worker of ours does."""

from __future__ import annotations

import importlib

from genesis.embedded.stack import READY_SECONDS


def test_a_child_that_replaces_another_may_take_its_time_to_load_its_model() -> None:
    configuration = importlib.import_module("celeryconfig")

    assert configuration.worker_proc_alive_timeout >= READY_SECONDS
