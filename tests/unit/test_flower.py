"""The settings become Flower's own options, what its user says wins, and nobody's page is shown to the network unasked."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("flower", reason="flower is not installed")

from tornado.options import options

from genesis import flower as module
from genesis.errors import UsageError
from genesis.flower import COLUMNS, prepare_flower, runs_flower
from genesis.settings import Flower
from tests.processes import ROOT

ARGV = ("celery", "-A", "genesis", "flower")


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return Flower's options, which are one set for the whole process; no port is tried."""
    import flower.command  # noqa: F401 - it defines them

    before = options.as_dict()
    monkeypatch.setattr(module, "_check_port", lambda address, port: None)
    yield options
    for name, value in before.items():
        setattr(options, name, value)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["celery", "-A", "genesis", "flower", "--port=1"], True),
        (["__main__.py", "-q", "-A", "genesis", "flower"], True),
        (["celery", "-A", "genesis", "worker", "-n", "flower"], False),
        (["celery", "-A", "genesis", "worker", "-Q", "detection"], False),
        (["pytest"], False),
    ],
)
def test_flower_is_told_from_the_command_line(argv: list[str], told: bool) -> None:
    assert runs_flower(argv) is told


def test_the_settings_are_its_options(chosen: Any) -> None:
    prepare_flower(Flower(address="127.0.0.2", port=7777, basic_auth="ada:a,b", max_tasks=9), ARGV)

    assert (chosen.address, chosen.port, chosen.basic_auth, chosen.max_tasks) == ("127.0.0.2", 7777, ["ada:a,b"], 9)
    assert not chosen.enable_events  # else it would turn on the events of every worker
    assert "args" in chosen.tasks_columns
    assert chosen.read_only


def test_its_users_word_wins_over_the_settings(chosen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWER_MAX_TASKS", "7")
    monkeypatch.setenv("FLOWER_PORT", "1111")

    prepare_flower(
        Flower(address="127.0.0.2", port=7777, basic_auth="ada:a"), (*ARGV, "--port=2222", "--basic_auth=b:c", "--address=127.0.0.3")
    )

    assert (chosen.address, chosen.port, chosen.basic_auth, chosen.max_tasks) == ("127.0.0.3", 2222, ["b:c"], 7)


@pytest.mark.parametrize(
    ("address", "password", "arguments", "refused", "warned"),
    [
        ("0.0.0.0", "", [], True, False),
        ("10.0.0.7", "", [], True, False),
        ("flower.example", "", [], True, False),
        ("::", "", ["--port=1"], True, False),
        ("0.0.0.0", "ada:a", [], False, False),
        ("0.0.0.0", "", ["--basic_auth=a:b"], False, False),
        ("0.0.0.0", "", ["--unix_socket=/tmp/f"], False, False),
        ("localhost", "", [], False, False),
        ("::1", "", [], False, False),
        ("127.0.0.1", "", ["--address=0.0.0.0"], False, True),
    ],
)
def test_a_page_for_the_whole_network_is_refused_unless_it_asks_or_is_asked_for(
    address: str, password: str, arguments: list[str], refused: bool, warned: bool, chosen: Any, caplog: pytest.LogCaptureFixture
) -> None:
    told = ""
    try:
        prepare_flower(Flower(address=address, basic_auth=password), (*ARGV, *arguments))
    except UsageError as error:
        told = str(error)

    assert (f"flower.address {address!r} would show Flower to the whole network" in told) is refused, told
    assert ("asks nobody who they are" in caplog.text) is warned


@pytest.mark.parametrize("argument", ["--port=http", "--conf=/no/such.py", "--max_tasks=many"])
def test_an_option_that_can_not_be_used_is_one_line(argument: str, chosen: Any) -> None:
    with pytest.raises(UsageError, match=r"^Flower's options: .*"):
        prepare_flower(Flower(), (*ARGV, argument))


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, (COLUMNS, False, Flower().max_tasks, [])),
        ({"GENESIS_FLOWER__BASIC_AUTH": "ada:a,b", "FLOWER_BASIC_AUTH": ""}, (COLUMNS, False, Flower().max_tasks, ["ada:a,b"])),
        ({"GENESIS_FLOWER__MAX_TASKS": "9"}, (COLUMNS, False, 9, [])),
        (
            {"FLOWER_BASIC_AUTH": "b:c,d:e", "GENESIS_FLOWER__BASIC_AUTH": "ada:a", "FLOWER_MAX_TASKS": "7", "FLOWER_ENABLE_EVENTS": "true",
             "FLOWER_TASKS_COLUMNS": "name"},
            ("name", True, 7, ["b:c", "d:e"]),
        ),
    ],
)  # fmt: skip
def test_a_flower_outside_of_our_environment_shows_the_same(
    variables: dict[str, str], told: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("FLOWER_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    found = runpy.run_path(str(ROOT / "configs" / "flower" / "flowerconfig.py"))

    assert (found["tasks_columns"], found["enable_events"], found["max_tasks"], found["basic_auth"]) == told
