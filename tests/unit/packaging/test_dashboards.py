"""The dashboards: written anew by their script they are what is in the repository, and they ask for figures that exist."""

from __future__ import annotations

import itertools
import json
import re

import pytest
import yaml

from genesis.telemetry.catalogue import METRICS

OTHERS = {
    # Flower's own, and what every program tells of its process.
    "flower_worker_online", "flower_events_total", "flower_worker_number_of_currently_executing_tasks",
    "flower_task_runtime_seconds_bucket", "flower_task_prefetch_time_seconds", "process_resident_memory_bytes",
}  # fmt: skip
NAMES = OTHERS | {
    f"{metric.name}{end}" for metric in METRICS for end in (("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",))
}


@pytest.fixture
def module(scripts):
    return scripts("dashboards")


@pytest.fixture
def files(module):
    return {dashboard.name: json.loads(module.rendered(dashboard)) for dashboard in module.DASHBOARDS}


def test_the_files_are_what_their_script_writes(module):
    written = {file.stem: file.read_text(encoding="utf-8") for file in module.FOLDER.glob("*.json")}

    assert written == {dashboard.name: module.rendered(dashboard) for dashboard in module.DASHBOARDS}, "run scripts/dashboards.py"


def test_grafana_finds_them_and_their_source(files, root):
    provisioning = root / "configs" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "genesis.yml").read_text(encoding="utf-8"))["providers"]

    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    assert {file["uid"] for file in files.values()} == {"genesis-pipeline", "genesis-cameras", "genesis-workers", "genesis-stores"}
    assert {file["templating"]["list"][0]["current"]["value"] for file in files.values()} == {source["uid"]}


def test_a_panel_asks_for_figures_that_exist_and_says_what_they_mean(files):
    for panel in (panel for file in files.values() for panel in file["panels"] if panel["type"] != "row"):
        asked = {name for target in panel["targets"] for name in re.findall(r"\b(?:genesis|flower|process)_\w+", target["expr"])}

        assert asked <= NAMES, panel["title"]
        assert asked
        assert panel["description"].endswith((".", ":", ")")) or "docs/runbook.md#" in panel["description"]
        assert all(target["legendFormat"] for target in panel["targets"])


def test_panels_have_numbers_of_their_own_and_do_not_overlap(files):
    for file in files.values():
        places = [panel["gridPos"] for panel in file["panels"]]

        assert len({panel["id"] for panel in file["panels"]}) == len(places)
        assert all(place["x"] + place["w"] <= 24 for place in places)
        for one, other in itertools.combinations(places, 2):
            apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            assert apart_x or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_what_to_do_is_in_the_runbook(files, root):
    runbook = (root / "docs" / "runbook.md").read_text(encoding="utf-8")
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", runbook, re.MULTILINE)}

    named = set(re.findall(r"docs/runbook\.md#([a-z-]+)", json.dumps(files)))

    assert named
    assert named <= anchors
