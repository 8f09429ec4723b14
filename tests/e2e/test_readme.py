"""What the README shows is true: its handler runs, its table is that of the settings, its links lead somewhere."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
import yaml

from genesis.connections import connect
from genesis.settings import Settings
from tests.processes import ROOT, bridge_argv, cli, end_at_once, program, python, wait_until, worker_argv

README = (ROOT / "README.md").read_text(encoding="utf-8")
OTHERS = "ingestion,analytics,recognition,storage,alerts,notifications,metrics,sessions"


def handler_of_the_readme() -> str:
    found = re.search(r"<!-- handler -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_handler_fits_into_twelve_lines() -> None:
    assert len(handler_of_the_readme().strip().splitlines()) <= 12


def test_the_handler_runs_in_sync_mode(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "crowd.py").write_text(handler_of_the_readme())
    monkeypatch.setenv("PYTHONPATH", str(home))
    monkeypatch.setenv("GENESIS_HANDLERS", '["crowd"]')
    monkeypatch.setenv("GENESIS_DETECTION__CONFIDENCE", "0.05")
    found = home / "events.jsonl"

    ended = python("-m", "genesis.capture", "--source", "sample", "--fps", "0", "--max-frames", "12", "--events", str(found))

    events = [json.loads(line) for line in found.read_text().splitlines()]
    crowds = [event for event in events if event["type"] == "genesis.person.detected" and len(json.loads(event["data"])["persons"]) > 2]
    alerts = [json.loads(event["data"]) for event in events if event["type"] == "genesis.alert.raised"]
    assert crowds, ended.stderr
    assert [alert["cause"] for alert in alerts] == [event["id"] for event in crowds]
    assert "alert crowd (high)" in ended.stdout


def test_the_handler_runs_in_event_mode(settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "crowd.py").write_text(handler_of_the_readme())
    file = home / "configs" / "settings.yaml"
    file.parent.mkdir()
    values = {name: {"url": getattr(settings, name).url} for name in ("redis", "frame_cache")}
    file.write_text(
        yaml.safe_dump({
            **values, "celery": {"broker_url": settings.celery.broker_url}, "data_dir": str(home / "data"), "handlers": ["crowd"],
            "detection": {"confidence": 0.05, "detector": "hog"},
        })
    )  # fmt: skip
    monkeypatch.setenv("GENESIS_CONFIG", str(file))
    monkeypatch.setenv("PYTHONPATH", str(home))
    ledger = connect(settings.redis.url)

    python("-m", "genesis.capture", "--mode", "event", "--source", "sample", "--fps", "0", "--max-frames", "12")
    with program(bridge_argv(), home / "bridge.log"), program(worker_argv(f"detection,{OTHERS}"), home / "worker.log"):
        wait_until(lambda: ledger.xlen("genesis:persons") == 13, f"all frames are looked at, and the session's end is there; see {home}")
        wait_until(
            lambda: sum(g["pending"] + g["lag"] for s in json.loads(cli("status", "--json").stdout)["streams"] for g in s["groups"]) == 0,
            f"all is settled; see {home}",
        )
        end_at_once()

    crowds = [json.loads(fields[b"data"]) for _, fields in ledger.xrange("genesis:persons")]
    expected = sum(len(crowd["persons"]) > 2 for crowd in crowds)
    assert ledger.xlen("genesis:alerts") == expected > 0
    assert int(ledger.hget("genesis:counts", "genesis:persons|crowd-watch|filtered") or 0) == 13 - expected


def test_the_table_of_settings_is_that_of_the_model() -> None:
    with_settings = runpy.run_path(str(ROOT / "scripts" / "readme.py"))["with_settings"]

    assert with_settings(README) == README, "run `make settings`"


def test_every_file_that_the_documents_name_is_there() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\((?!http|#)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
        for path in re.findall(r"`((?:configs|genesis|tasks|scripts|docs)/[\w./-]+)`", document.read_text(encoding="utf-8")):
            assert (ROOT / path).exists(), f"{document.name}: {path}"


def test_the_catalogue_of_the_readme_is_the_catalogue() -> None:
    from genesis.subscriptions import load_subscriptions

    rows = {(row.event.STREAM, row.group, row.queue) for row in load_subscriptions() if row.handler.__module__.startswith("tasks.")}
    told = set()
    for stream, groups in re.findall(r"^\| `genesis:(\w+)` \| (.*→.*) \|$", README, re.MULTILINE):
        told |= {(stream, group, queue) for group, queue in re.findall(r"`([\w-]+)` → (\w+)", groups)}

    assert told == rows
