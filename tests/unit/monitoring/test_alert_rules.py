"""Each alert rule fires on the figures that it is for, in time, and alone; on those of a healthy system none does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
RULES = ROOT / "configs" / "prometheus" / "rules" / "genesis.yml"
FAULT = 12
"""Minutes until something goes wrong: until then all is well."""
ABSENT = "absent"

_BRIDGE, _WORKER = 'role="bridge",program="bridge-a-1"', 'role="worker",program="detection@a"'
_GROUP, _TELLERS = 'stream="frames",group="detection-workers"', 'stream="alerts",group="notification-workers"'
_TARGET = f'job="genesis-programs",instance="a:9111",{_WORKER}'
HEALTHY = {
    "genesis_up": "1",
    'up{job="flower",instance="a:5555"}': "1",
    f"up{{{_TARGET}}}": "1",
    'genesis_programs{role="bridge"}': "1",
    'genesis_programs{role="worker"}': "2",
    'genesis_queue_workers{queue="detection"}': "1",
    'genesis_queue_workers{queue="storage"}': "1",
    f"genesis_program_seen_seconds{{{_BRIDGE}}}": "3",
    f"genesis_program_seen_seconds{{{_WORKER}}}": "3",
    f"genesis_program_healthy{{{_WORKER}}}": "1",
    f"genesis_healthy{{{_TARGET}}}": "1",
    'genesis_healthy{job="genesis",instance="a:9108"}': "1",
    "genesis_backlog_limit": "1000",
    f"genesis_group_pending{{{_GROUP}}}": "20",
    f"genesis_group_lag{{{_GROUP}}}": "5",
    f"genesis_group_oldest_pending_seconds{{{_GROUP}}}": "1",
    f'genesis_deliveries_total{{{_GROUP},outcome="settled"}}': "0+600",
    f'genesis_deliveries_total{{{_GROUP},outcome="buried"}}': "3",
    f'genesis_deliveries_total{{{_GROUP},outcome="lost"}}': "0",
    f'genesis_deliveries_total{{{_TELLERS},outcome="buried"}}': "0",
    'genesis_stream_dead_letters{stream="frames"}': "0",
    'genesis_camera_live{camera="door"}': "1",
    'genesis_camera_heard_seconds{camera="door"}': "0",
    'genesis_camera_captured_frames_per_second{camera="door"}': "10",
    'genesis_camera_processed_frames_per_second{camera="door"}': "9",
    'genesis_camera_dropped_frames_total{camera="door",reason="superseded"}': "0+12",
    'genesis_camera_dropped_frames_total{camera="door",reason="stopped"}': "0+600",
    f'genesis_capture_frames_total{{{_TARGET},camera="door"}}': "0+600",
    'genesis_redis_up{server="ledger"}': "1",
    'genesis_redis_up{server="cache"}': "1",
    'genesis_redis_up{server="broker"}': "1",
    'genesis_redis_memory_bytes{server="ledger"}': "1e7",
    'genesis_redis_memory_bytes{server="cache"}': "2e8",
    'genesis_redis_memory_bytes{server="broker"}': "2e8",
    'genesis_redis_memory_limit_bytes{server="ledger"}': "1e9",
    'genesis_redis_memory_limit_bytes{server="cache"}': "1e9",
    'genesis_redis_memory_limit_bytes{server="broker"}': "1e9",
    "genesis_frame_cache_bytes": "1e8",
    "genesis_frame_cache_limit_bytes": "5e8",
    "genesis_database_up": "1",
}
"""The value of each series, or its first one and what it rises by in a minute."""


BRIDGE_GONE = {'genesis_programs{role="bridge"}': "0"}
NO_WORKER = {'genesis_queue_workers{queue="detection"}': "0"}
KILLED = {
    'genesis_programs{role="worker"}': "1",
    f"genesis_program_seen_seconds{{{_WORKER}}}": "20+60",
    f"genesis_program_healthy{{{_WORKER}}}": "0",
}
BACKLOG = {f"genesis_group_lag{{{_GROUP}}}": "5+20"}
HIGH = {f"genesis_group_lag{{{_GROUP}}}": "800"}
OLD = {f"genesis_group_oldest_pending_seconds{{{_GROUP}}}": "0+60"}
BURIED = {f'genesis_deliveries_total{{{_GROUP},outcome="buried"}}': "3+1"}
LOST = {'genesis_camera_live{camera="door"}': "0"}
SILENT = {'genesis_camera_heard_seconds{camera="door"}': "0+60"}
SLOW = {'genesis_camera_processed_frames_per_second{camera="door"}': "4"}
DROPS = {'genesis_camera_dropped_frames_total{camera="door",reason="superseded"}': "144+120"}
CACHE_FULL = {"genesis_frame_cache_bytes": "4.9e8"}
CACHE_AWAY = {'genesis_redis_up{server="cache"}': "0", 'genesis_redis_up{server="broker"}': "0"}
VOLATILE_FULL = {'genesis_redis_memory_bytes{server="cache"}': "9.5e8", 'genesis_redis_memory_bytes{server="broker"}': "9.5e8"}
LEDGER_AWAY = {
    **{
        name: ABSENT
        for name in HEALTHY
        if name.startswith(("genesis_group", "genesis_q", "genesis_program", "genesis_camera", "genesis_del"))
    },
    "genesis_up": "0",
    'genesis_redis_up{server="ledger"}': "0",
}


@pytest.mark.parametrize(
    ("changes", "quiet", "fires", "alerts"),
    [
        ({}, 1, 25, ""),
        (LEDGER_AWAY, 1, 20, "GenesisDown"),
        ({name: ABSENT for name in HEALTHY if not name.startswith("up")}, 1, 20, "GenesisDown"),
        (BRIDGE_GONE, 0, 2, "BridgeGone role=bridge"),
        (NO_WORKER, 1, 3, "QueueWithoutWorker queue=detection"),
        ({'genesis_queue_workers{queue="detection"}': "1"}, 1, 20, ""),
        (KILLED, 5, 7, "ProgramGone role=worker"),
        # Another one has taken its place.
        (KILLED | {'genesis_programs{role="worker"}': "2"}, 5, 20, ""),
        ({f"genesis_healthy{{{_TARGET}}}": "0"}, 1, 3, "ProgramHangs role=worker"),
        ({f"genesis_program_healthy{{{_WORKER}}}": "0"}, 1, 3, "ProgramHangs role=worker"),
        ({f"up{{{_TARGET}}}": "0"}, 14, 16, "TargetDown role=worker job=genesis-programs"),
        # It is gone, and its file has stayed.
        (KILLED | {'genesis_programs{role="worker"}': "2", f"up{{{_TARGET}}}": "0"}, 14, 20, ""),
        ({'up{job="flower",instance="a:5555"}': "0"}, 14, 16, "TargetDown job=flower"),
        (HIGH, 4, 6, "BacklogNearLimit stream=frames"),
        (BACKLOG, 12, 17, "BacklogGrowing stream=frames group=detection-workers"),
        # It is large, and gets smaller.
        ({f"genesis_group_lag{{{_GROUP}}}": "600-5"}, 14, 20, ""),
        (OLD, 16, 18, "OldestPendingTooOld stream=frames group=detection-workers"),
        (BURIED, 5, 9, "DeadLettersGrowing stream=frames group=detection-workers"),
        ({f'genesis_deliveries_total{{{_GROUP},outcome="buried"}}': "4"}, 2, 20, ""),
        ({'genesis_stream_dead_letters{stream="frames"}': "1"}, 1430, 1450, "DeadLettersWait stream=frames"),
        ({f'genesis_deliveries_total{{{_TELLERS},outcome="buried"}}': "1"}, -1, 1, "NobodyWasTold group=notification-workers"),
        ({f'genesis_deliveries_total{{{_GROUP},outcome="lost"}}': "1"}, -1, 1, "EventLost stream=frames group=detection-workers"),
        (LOST, 1, 3, "CameraLost camera=door"),
        (SILENT, 3, 5, "CameraLost camera=door"),
        # Its session has ended.
        ({'genesis_camera_live{camera="door"}': ABSENT, 'genesis_camera_heard_seconds{camera="door"}': ABSENT}, 1, 20, ""),
        (SLOW, 9, 11, "CameraSlow camera=door"),
        (DROPS, 9, 16, "FramesDropped camera=door reason=superseded"),
        (CACHE_AWAY, 0, 2, "RedisAway server=cache"),
        ({'genesis_redis_up{server="broker"}': "0"}, 0, 2, "RedisAway server=broker"),
        ({'genesis_redis_memory_bytes{server="ledger"}': "9.5e8"}, 4, 6, "RedisMemoryNearlyFull server=ledger"),
        (VOLATILE_FULL, 4, 6, "RedisMemoryNearlyFull server=cache"),
        ({'genesis_redis_memory_bytes{server="broker"}': "9.6e8"}, 4, 6, "RedisMemoryNearlyFull server=broker"),
        (CACHE_FULL, 4, 6, "FrameCacheNearlyFull"),
        ({"genesis_database_up": "0"}, 1, 3, "DatabaseAway"),
    ],
)
def test_a_rule_fires_for_its_figures_after_its_time_and_alone(
    tmp_path: Path, changes: dict[str, str], quiet: float, fires: float, alerts: str
) -> None:
    assert told(tmp_path, changes, {quiet: "", fires: alerts}) == ""


@pytest.mark.parametrize(
    ("changes", "alerts"),
    [
        (BRIDGE_GONE | BACKLOG | OLD | SILENT, "BridgeGone role=bridge"),
        (NO_WORKER | KILLED | HIGH | OLD | DROPS | SLOW | CACHE_FULL, "QueueWithoutWorker queue=detection"),
        (HIGH | DROPS | CACHE_FULL, "BacklogNearLimit stream=frames"),
        ({f"genesis_group_lag{{{_GROUP}}}": "700+20"}, "BacklogNearLimit stream=frames"),
        (CACHE_FULL | DROPS, "FrameCacheNearlyFull"),
        ({"genesis_database_up": "0"} | OLD, "DatabaseAway"),
        (KILLED | {f"up{{{_TARGET}}}": "0", f"genesis_healthy{{{_TARGET}}}": ABSENT}, "ProgramGone role=worker"),
    ],
)
def test_one_cause_is_told_once(tmp_path: Path, changes: dict[str, str], alerts: str) -> None:
    assert told(tmp_path, changes, {25: alerts}) == ""


def test_an_alert_says_how_bad_it_is_whose_it_is_and_what_to_do() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (.+?)\n(.+?)(?=^##|\Z)", runbook, re.MULTILINE | re.DOTALL))
    named = {anchor(title): text for title, text in sections.items()}

    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["labels"]["part"]
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
        page, _, section = alert["annotations"]["runbook_url"].partition("#")
        assert (page, section in named) == ("docs/runbook.md", True)
        assert f"`{alert['alert']}`" in named[section].splitlines()[1]
    assert len(named) == len(ALERTS)


ALERTS = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"] if "alert" in rule]


def anchor(title: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def told(tmp_path: Path, changes: dict[str, str], alerts: dict[float, str]) -> str:
    """Return what promtool has to say against these alerts, at these minutes after the fault, and no others."""
    if shutil.which("promtool") is None:
        pytest.skip("no promtool (Debian: prometheus)")
    assert set(changes) <= set(HEALTHY)
    labels = sorted({pair.partition("=")[0] for words in alerts.values() for pair in words.split()[1:]})
    tests = [
        {
            "expr": f"count by ({', '.join(['alertname', *labels])}) (ALERTS{{alertstate='firing'}})",
            "eval_time": f"{round((FAULT + minute) * 60)}s",
            "exp_samples": [sample(words)] if words else [],
        }
        for minute, words in alerts.items()
    ]
    length = FAULT + int(max(alerts)) + 1
    series = [{"series": name, "values": values(healthy, changes.get(name), length)} for name, healthy in HEALTHY.items()]
    file = tmp_path / "rules.test.yml"
    case = {"interval": "1m", "input_series": series, "promql_expr_test": tests}
    file.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m" if length < 1000 else "10m", "tests": [case]}),
        encoding="utf-8",
    )
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def values(healthy: str, changed: str | None, length: int) -> str:
    """Return a series in promtool's notation: healthy until `FAULT`, and then as it is told."""
    if changed is None:
        return run(healthy, length)
    return f"{run(healthy, FAULT - 1)} {'stale' if changed == ABSENT else run(changed, length - FAULT)}"


def run(value: str, length: int) -> str:
    return f"{value if re.search('[0-9][+-]', value) else f'{value}+0'}x{length}"


def sample(words: str) -> dict[str, object]:
    name, *pairs = words.split()
    labels = ", ".join([f'alertname="{name}"', *(f'{key}="{value}"' for key, _, value in (pair.partition("=") for pair in pairs))])
    return {"labels": f"{{{labels}}}", "value": 1}
