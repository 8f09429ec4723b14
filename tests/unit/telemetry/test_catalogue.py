"""The names of all metrics."""

from __future__ import annotations

import re
import shutil
import subprocess

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from genesis.telemetry import catalogue
from genesis.telemetry.catalogue import LABELS, METRICS, Metric

every = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
UNITS = ("seconds", "bytes", "total", "info", "entries")


@every
def test_a_name_keeps_to_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"genesis(_[a-z0-9]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"_(ms|milliseconds|minutes|hours|kb|mb|percent|gauge|counter|histogram|count|sum|bucket)(_|$)", metric.name)


@every
def test_a_unit_stands_at_the_end(metric: Metric) -> None:
    # `frames_per_second` is a rate, the one thing that ends otherwise.
    inside = metric.name.removesuffix("_total").split("_")[1:-1]

    assert not set(inside) & set(UNITS)


@every
def test_the_help_is_one_sentence(metric: Metric) -> None:
    assert re.fullmatch(r"[A-Z].+\.", metric.help)
    assert "\n" not in metric.help


@every
def test_its_labels_are_described_and_none_is_there_twice(metric: Metric) -> None:
    assert set(metric.labels) <= set(LABELS)
    assert len(set(metric.labels)) == len(metric.labels)


@every
def test_a_histogram_is_of_seconds_and_has_buckets_that_grow(metric: Metric) -> None:
    assert (metric.kind == "histogram") == bool(metric.buckets)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.kind != "histogram" or metric.name.endswith("_seconds")


def test_none_is_named_twice_and_all_are_listed() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert {name for name, value in vars(catalogue).items() if isinstance(value, Metric)} >= {"UP", "RUNS", "CAMERA_LIVE", "HEALTHY"}
    assert sum(isinstance(value, Metric) for value in vars(catalogue).values()) == len(METRICS)


def test_every_label_is_used() -> None:
    assert {label for metric in METRICS for label in metric.labels} == set(LABELS)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here: apt-get install prometheus")
def test_prometheus_own_checker_has_nothing_to_say_against_any_of_them() -> None:
    registry = CollectorRegistry()
    for metric in METRICS:
        further = {"buckets": metric.buckets} if metric.buckets else {}
        made = getattr(prometheus_client, metric.kind.capitalize())(metric.name, metric.help, metric.labels, registry=registry, **further)
        if metric.labels:
            made.labels(*metric.labels)
    lines = [line for line in generate_latest(registry).decode().splitlines(keepends=True) if "_created" not in line]

    checked = subprocess.run(["promtool", "check", "metrics"], input="".join(lines), capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
