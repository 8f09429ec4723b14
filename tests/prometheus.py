"""A real Prometheus with our own configuration, as fast as a test wants it, and what it is asked."""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import ROOT, program, wait_until

CONFIGS = ROOT / "configs" / "prometheus"
SECONDS_OF_A_MINUTE = 2  # of the rules' `for`
_FUNCTION = re.compile(r"\b(?:rate|increase|deriv|max_over_time)\([^()]*\)")
_SELECTOR = re.compile(r"\b(?:genesis[_:]|flower_|process_|up\b)[\w:]*(?:\{[^{}]*\})?")
Labels = dict[str, str]


def program_or_skip(name: str) -> str:
    """Return where a program of the Debian package is; skip the test if it is nowhere."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} (Debian: prometheus)")
    return found


def adapted(folder: Path, port: int, exporter: int, flower: int) -> Path:
    """Write our configuration with other addresses, asking every second, and with rules whose minutes take `SECONDS_OF_A_MINUTE`.

    Args:
        folder: of an installation whose data folder is `data`: as in a checkout, the configuration goes into `configs/prometheus`.
        port: of Prometheus.
        exporter: port.
        flower: port.
    """
    place = folder / "configs" / "prometheus"
    shutil.copytree(CONFIGS, place)
    file = place / "prometheus.yml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (itself,) = [job for job in config["scrape_configs"] if job["job_name"] == "prometheus"]
    itself["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    for name, other in (("genesis", exporter), ("flower", flower)):
        (place / "addresses" / f"{name}.yml").write_text(yaml.safe_dump([{"targets": [f"127.0.0.1:{other}"]}]), encoding="utf-8")
    rules = place / "rules" / "genesis.yml"
    faster = re.sub(
        r"^( +for: )(\d+)m$", lambda found: f"{found[1]}{int(found[2]) * SECONDS_OF_A_MINUTE}s", rules.read_text(), flags=re.MULTILINE
    )
    rules.write_text(faster, encoding="utf-8")
    return file


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of its API.

        Raises:
            AssertionError: it is an error.
        """
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:  # noqa: S310 - our own
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def query(self, expr: str) -> list[tuple[Labels, float]]:
        """Return the labels and values that an expression has now, without those that are no number."""
        rows = [(row["metric"], float(row["value"][1])) for row in self.ask("query", query=expr)["result"]]
        return [row for row in rows if row[1] == row[1]]

    def targets(self) -> list[dict[str, Any]]:
        """Return whom it asks."""
        return self.ask("targets", state="active")["activeTargets"]

    def alerts(self, *states: str) -> dict[str, dict[str, Any]]:
        """Return the alerts that fire or are about to (or of these states alone), by name."""
        return {alert["labels"]["alertname"]: alert for alert in self.ask("alerts")["alerts"] if not states or alert["state"] in states}


@contextmanager
def prometheus(config: Path, port: int, log: Path) -> Iterator[Prometheus]:
    """Run one."""
    argv = [
        program_or_skip("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={config.parent / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ]  # fmt: skip
    running = Prometheus(f"http://127.0.0.1:{port}")
    with program(argv, log):
        wait_until(lambda: _ready(running.url), f"Prometheus is ready; see {log}")
        yield running


def parts_of(expr: str) -> set[str]:
    """Return what an alert's expression compares: each series that it names, and each function of one over time."""
    return set(_FUNCTION.findall(expr)) | set(_SELECTOR.findall(expr))


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)
    except OSError:
        return False
