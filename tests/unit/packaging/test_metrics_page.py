"""docs/metrics.md: all metrics as they are, and queries that can be asked."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml

from genesis.telemetry.catalogue import METRICS


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def queries(page):
    return [query.strip() for query in re.findall(r"```promql\n(.*?)```", page, re.DOTALL)]


def test_the_page_says_what_the_code_says(page, scripts):
    assert page == scripts("metrics_table").with_metrics(page), "run `make settings`"


def test_every_metric_stands_there_once(page):
    assert re.findall(r"^\| `(genesis_\w+)`", page, re.MULTILINE) == [row.name for row in sorted(METRICS, key=_order)]


def test_the_formula_is_the_sum_of_the_table(page):
    formula = re.search(r"^    (\d+ \+ .*)$", page, re.MULTILINE)[1]
    rows = re.findall(r"^\| the exporter \| (.+?) \| (\d+) \|", page, re.MULTILINE)

    told = [(0 if part.isdigit() else part.split()[-1], int(part.split()[0]) if part[0].isdigit() else 1) for part in formula.split(" + ")]

    assert [(0 if thing == "-" else f"{thing}s", int(count)) for thing, count in rows] == told


def test_what_is_said_of_a_site_follows_from_the_table(page):
    sums = {
        name: int(total.replace(",", ""))
        for name, total in re.findall(r"^\| \*\*an? ?(?:the )?(\w+)\*\* .*\*\*([\d,]+)\*\* \|$", page, re.MULTILINE)
    }
    exporter = int(re.search(r"\*\*the exporter\*\* .*\*\*([\d,]+)\*\*", page)[1])
    captures, bridges, workers, most = re.search(
        r"(\d+) captures, (\d+) bridges and (\d+) workers has fewer than ([\d,]+) series", page
    ).groups()

    total = exporter + int(captures) * sums["capture"] + int(bridges) * sums["bridge"] + int(workers) * sums["worker"]

    assert total < int(most.replace(",", "")) < 1.1 * total


def test_the_queries_ask_for_what_there_is(queries):
    suffix = r"_(bucket|sum|count)$"
    asked = {name for query in queries for name in re.findall(r"genesis_\w+", query)}
    histograms = {row.name for row in METRICS if row.kind == "histogram"}

    known = {row.name for row in METRICS if row.kind != "histogram"}
    assert len(queries) >= 8
    assert {name for name in asked if name not in known and re.sub(suffix, "", name) not in histograms} == set()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here: apt-get install prometheus")
def test_the_queries_can_be_read_by_prometheus(queries, tmp_path):
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")

    checked = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def _order(metric):
    tellers = list(dict.fromkeys(row.told_by for row in METRICS))
    return tellers.index(metric.told_by)
