"""The settings: their defaults, where a value comes from, and the answer to a mistake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genesis.errors import SettingsError
from genesis.settings import EventDriven, Settings, current, described, load


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "site.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def complaint(file: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load(file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("event_driven.enabled", False),
        ("event_driven.backpressure.enabled", True),
        ("event_driven.backpressure.block_threshold", 800),
        ("event_driven.backpressure.max_pending", 1000),
        ("frame_cache.ttl_seconds", 60.0),
        ("frame_cache.max_size_mb", 500.0),
        ("frame_cache.codec", "i420"),
        ("delivery.max_retries", 3),
        ("delivery.retry_delays", (1.0, 5.0, 15.0)),
        ("delivery.lease_seconds", 30.0),
        ("delivery.max_deliveries", 5),
        ("redis.prefix", "genesis"),
    ],
)
def test_the_defaults_are_the_promised_numbers(key: str, value: object) -> None:
    found: object = Settings()

    for part in key.split("."):
        found = getattr(found, part)

    assert found == value


def test_every_setting_has_a_description() -> None:
    rows = described()

    assert len(rows) > 40
    assert [key for key, _, _, description in rows if not description] == []


@pytest.mark.parametrize(
    ("enabled", "dual", "mode"), [(False, False, "sync"), (True, False, "event"), (False, True, "dual"), (True, True, "dual")]
)
def test_two_switches_choose_one_of_three_modes(enabled: bool, dual: bool, mode: str) -> None:
    settings = Settings(event_driven=EventDriven(enabled=enabled, dual=dual))

    assert settings.event_driven.mode == mode


# Each row: the file, the line, and all the parts that the answer must have.
MISTAKES = [
    pytest.param("redis:\n  uri: x\n", 2, ["'redis.uri'", "did you mean 'url'", "prefix"], id="a wrong key"),
    pytest.param("redis:\n  qqqq: x\n", 2, ["'redis.qqqq'", "allowed: url, prefix"], id="a key that is like none"),
    pytest.param("log: {}\nevent_drivn: {}\n", 2, ["'event_drivn'", "did you mean 'event_driven'"], id="a wrong section"),
    pytest.param("event_driven:\n  backpressure:\n    max: 3\n", 3, ["'event_driven.backpressure.max'", "max_pending"], id="deep down"),
    pytest.param("redis:\n  timeout_seconds: soon\n", 2, ["'redis.timeout_seconds'", "'soon'", "a valid number"], id="a word for a number"),
    pytest.param("event_driven:\n  enabled: perhaps\n", 2, ["'event_driven.enabled'", "'perhaps'", "boolean"], id="a word for a switch"),
    pytest.param("redis: 5\n", 1, ["'redis'", "found 5", "keys below it"], id="a number for a section"),
    pytest.param("log: {}\nredis:\n", 2, ["'redis'", "found nothing", "keys below it"], id="an empty section"),
    pytest.param("cameras: door\n", 1, ["'cameras'", "'door'", "a list"], id="a word for a list"),
    pytest.param("data_dir: 5\n", 1, ["'data_dir'", "found 5", "a path"], id="a number for a path"),
    pytest.param("redis:\n  timeout_seconds: -1\n", 2, ["found -1", "greater than 0"], id="a number too small"),
    pytest.param("redis:\n  timeout_seconds: .nan\n", 2, ["found nan", "86400"], id="not a number"),
    pytest.param("frame_cache:\n  codec: png\n", 2, ["'png'", "'i420', 'bgr' or 'jpeg'"], id="not one of the choices"),
    pytest.param("redis:\n  prefix: 'a b'\n", 2, ["'a b'", "text that matches"], id="letters that are not permitted"),
    pytest.param("delivery:\n  retry_delays: [1, 5, x]\n", 2, ["'delivery.retry_delays[2]'", "'x'", "number"], id="one wrong item"),
    pytest.param("delivery:\n  retry_delays: []\n", 2, ["found []", "at least 1 item"], id="too few items"),
    pytest.param("event_driven:\n  backpressure:\n    max_pending: 9\n", 2, ["(800) at most max_pending (9)"], id="two that clash"),
    pytest.param("cameras:\n  - name: a\n    source: '0'\n  - name: b\n", 4, ["'cameras[1].source' is missing"], id="a missing key"),
    pytest.param("cameras:\n- {name: a, source: '0'}\n- {name: a, source: '1'}\n", 1, ["every camera's name once"], id="a camera twice"),
    pytest.param("redis:\n  url: http://h/\n", 2, ["'http://h/'", "redis://", "rediss://", "unix://"], id="a URL of something else"),
    pytest.param("redis:\n  url: redis://h:six/0\n", 2, ["'redis://h:six/0'", "[:port]"], id="a port that is no number"),
    pytest.param("redis:\n  url: unix:///s?db=x\n", 2, ["'unix:///s?db=x'", "[?db=n]"], id="a database that is no number"),
    pytest.param("redis:\n  url: 'redis://'\n", 2, ["'redis://'", "host"], id="a URL without a host"),
    pytest.param("redis:\n  url: a\nlog: {}\nredis:\n  url: b\n", 4, ["'redis' stands twice"], id="a section twice"),
    pytest.param("redis:\n  url: a\n  url: b\n", 3, ["'redis.url' stands twice"], id="a key twice"),
    pytest.param("redis: [1\n", 2, ["not YAML"], id="a bracket left open"),
    pytest.param("redis:\n\turl: x\n", 2, ["not YAML", "\\t"], id="a tab"),
    pytest.param("---\na: 1\n---\nb: 2\n", 3, ["not YAML", "another document"], id="two documents"),
    pytest.param("log: !!python/object:os.system {}\n", 1, ["not YAML", "tag"], id="a tag that would run code"),
    pytest.param("- a\n", 1, ["found ['a']", "a mapping"], id="a list"),
    pytest.param("hello\n", 1, ["found 'hello'", "a mapping"], id="a word"),
    pytest.param("log: {}\n1: x\n", 2, ["a key must be text"], id="a key that is a number"),
    pytest.param("log: {}\n? [a]\n: b\n", 2, ["a key must be text"], id="a key that is a list"),
    pytest.param("log: {}\non: x\n", 2, ["a key must be text"], id="a key that YAML takes for true"),
]


@pytest.mark.parametrize(("text", "line", "parts"), MISTAKES)
def test_a_mistake_is_answered_with_file_line_key_what_was_found_and_what_is_allowed(
    tmp_path: Path, text: str, line: int, parts: list[str]
) -> None:
    file = written(tmp_path, text)

    answer = complaint(file)

    assert answer.startswith(f"{file}:{line}: ")
    assert "\n" not in answer
    assert [part for part in parts if part not in answer] == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param(b"\xff\xfe", "can't be read", id="not UTF-8"),
        pytest.param(b"log: \x00", "not YAML", id="a zero byte"),
        pytest.param(b"log: 2020-99-99", "month", id="an impossible date"),
        pytest.param(b"log: &x [*x]", "nested too deeply", id="a list in itself"),
        pytest.param(b"[" * 1500, "nested too deeply", id="thousands of brackets"),
    ],
)
def test_a_file_that_has_no_lines_to_speak_of_is_answered_in_one_line(tmp_path: Path, text: bytes, part: str) -> None:
    file = written(tmp_path, text)

    answer = complaint(file)

    assert answer.startswith(f"{file}")
    assert part in answer
    assert "\n" not in answer


def test_every_mistake_has_a_line_of_its_own(tmp_path: Path) -> None:
    file = written(tmp_path, "redis:\n  uri: x\nlog:\n  level: loud\n")

    answer = complaint(file)

    assert [line.split(": ")[0] for line in answer.splitlines()] == [f"{file}:2", f"{file}:4"]


@pytest.mark.parametrize(("name", "part"), [("nothing.yaml", "no such settings file"), (".", "can't be read")])
def test_a_settings_file_that_was_named_must_be_there(tmp_path: Path, name: str, part: str) -> None:
    file = tmp_path / name

    answer = complaint(file)

    assert part in answer
    assert str(file) in answer


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "redis: {}\n"])
def test_a_file_without_settings_leaves_the_defaults(tmp_path: Path, text: str) -> None:
    settings = load(written(tmp_path, text))

    assert settings == Settings()


def test_a_variable_wins_over_the_file_and_leaves_its_neighbours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "redis:\n  url: redis://from-file\n  prefix: mine\n")
    monkeypatch.setenv("GENESIS_REDIS__URL", "redis://from-environment")

    settings = load(file)

    assert settings.redis.url == "redis://from-environment"
    assert settings.redis.prefix == "mine"


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("GENESIS_REDIS__URL", "nowhere", ["'redis.url'", "'nowhere'", "redis://"]),
        ("GENESIS_REDIS__URI", "redis://h", ["unknown key 'redis.uri'", "did you mean 'url'"]),
        ("GENESIS_EVENT_DRIVEN__BACKPRESSURE__MAX_PENDING", "lots", ["'event_driven.backpressure.max_pending'", "'lots'", "integer"]),
        ("GENESIS_REDIS", "{oops", ["'redis'", "'{oops'", "JSON"]),
        ("GENESIS_REDIS", '{"url": "x"}', ["'redis.url'", "'x'", "redis://"]),
        ("GENESIS_REDIS", "3", ["'redis'", "found 3", "keys below it"]),
        ("GENESIS_CAMERAS", "door", ["'cameras'", "'door'", "JSON"]),
        ("GENESIS_CAMERAS", '[{"name": "a"}]', ["'cameras[0].source' is missing"]),
        ("GENESIS_DELIVERY__RETRY_DELAYS", "1,5,15", ["'delivery.retry_delays'", "'1,5,15'", "[1, 5]"]),
    ],
)
def test_a_mistake_in_the_environment_is_answered_with_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, parts: list[str]
) -> None:
    file = written(tmp_path, "redis:\n  prefix: fine\n")
    monkeypatch.setenv(name, value)

    answer = complaint(file)

    assert answer.startswith(f"environment variable {name}: ")
    assert "\n" not in answer
    assert [part for part in parts if part not in answer] == []


def test_a_mistake_in_the_file_is_not_blamed_on_a_variable_for_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "redis:\n  timeout_seconds: soon\n")
    monkeypatch.setenv("GENESIS_REDIS", '{"url": "redis://h"}')

    answer = complaint(file)

    assert answer.startswith(f"{file}:2: ")


@pytest.mark.parametrize(
    "text",
    [
        "redis:\n  url: http://admin:s3cret@h/\n",
        "redis:\n  url: redis://:s3cret@h:port/0\n",
        "redis:\n  url: redis://:pa/s3cret@h/0\n",
        "redis: rtsp://admin:s3cret@h/\n",
        "cameras:\n- {name: a, source: 'rtsp://admin:s3cret@h/1', fps: fast, was: 'rtsp://admin:s3cret@h/1'}\n- rtsp://admin:s3cret@h/2\n",
    ],
)
def test_a_mistake_beside_a_password_does_not_show_the_password(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)

    answer = complaint(file)

    assert "s3cret" not in answer
    assert "admin" not in answer


def test_the_file_is_the_named_one_else_the_variables_else_the_working_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("named", "variable", "configs/settings"):
        file = tmp_path / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"redis:\n  prefix: {file.stem}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    in_folder = load().redis.prefix
    monkeypatch.setenv("GENESIS_CONFIG", "variable.yaml")
    by_variable = load().redis.prefix

    named = load("named.yaml").redis.prefix

    assert (in_folder, by_variable, named) == ("settings", "variable", "named")


def test_without_a_file_the_settings_are_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    settings = current()

    assert settings == Settings()
    assert current() is settings


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = Settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.redis.prefix = "other"


def test_no_variable_of_the_caller_reaches_a_test() -> None:
    found = [name for name in os.environ if name.startswith("GENESIS_")]

    assert set(found) <= {"GENESIS_TEST_DATA", "GENESIS_REDIS_SERVER"}
