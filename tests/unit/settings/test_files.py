"""Settings from files, as Docker and Kubernetes hand over secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis.cli.launch import use
from genesis.errors import SettingsError
from genesis.settings import Settings, described, load
from genesis.settings_files import LARGEST

SECRET = "s3cret"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text("redis:\n  prefix: mine\n", encoding="utf-8")
    return file


def secret(folder: Path, content: str | bytes, name: str = "secret") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def complaint(file: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load(file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (f"redis://:{SECRET}@h:6379/0", f"redis://:{SECRET}@h:6379/0"),
        (f"redis://:{SECRET}@h\n", f"redis://:{SECRET}@h"),
        (f"redis://:{SECRET}@h\r\n", f"redis://:{SECRET}@h"),
    ],
)
def test_a_variable_may_name_a_file_that_holds_the_value(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch, content: str, value: str
) -> None:
    monkeypatch.setenv("GENESIS_REDIS__URL_FILE", str(secret(tmp_path, content)))

    settings = load(empty)

    assert (settings.redis.url, settings.redis.prefix) == (value, "mine")


def test_one_newline_at_the_end_is_not_of_the_value_and_nothing_else_is_taken_away(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_FLOWER__BASIC_AUTH_FILE", str(secret(tmp_path, " op:pass word \n\n")))

    assert load(empty).flower.basic_auth == " op:pass word \n"


SAMPLES = {
    "redis.timeout_seconds": ("2.5", 2.5),
    "redis.retention": ("7", 7),
    "event_driven.enabled": ("true", True),
    "event_driven.backpressure.max_pending": ("900", 900),
    "data_dir": ("/srv/genesis", Path("/srv/genesis")),
    "recognition.threshold": ("0.5", 0.5),
    "delivery.retry_delays": ("[1, 2]", (1.0, 2.0)),
    "storage.dsn": ("postgresql://u:p@h/d", "postgresql://u:p@h/d"),
}


@pytest.mark.parametrize("key", SAMPLES)
def test_it_is_so_for_settings_of_every_type(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    content, value = SAMPLES[key]
    monkeypatch.setenv(f"GENESIS_{key.replace('.', '__').upper()}_FILE", str(secret(tmp_path, content)))

    found: object = load(empty)

    for part in key.split("."):
        found = getattr(found, part)
    assert found == value


def test_every_setting_can_be_given_so(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [key for key, *_ in described() if "[]" not in key]
    file = secret(tmp_path, b"\xff")

    answers = {}
    for key in keys:
        with monkeypatch.context() as patch:
            patch.setenv(f"GENESIS_{key.replace('.', '__').upper()}_FILE", str(file))
            answers[key] = complaint(empty)

    assert len(keys) > 80
    assert [key for key, answer in answers.items() if "is not UTF-8 text" not in answer] == []


def test_cameras_with_their_passwords_may_lie_in_a_file(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = f'[{{"name": "door", "source": "rtsp://admin:{SECRET}@h/1"}}]\n'
    monkeypatch.setenv("GENESIS_CAMERAS_FILE", str(secret(tmp_path, content)))

    assert [camera.source for camera in load(empty).cameras] == [f"rtsp://admin:{SECRET}@h/1"]


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("GENESIS_REDIS__URL_FILE", SECRET, "'redis.url': found ***, expected redis://"),
        ("GENESIS_REDIS__RETENTION_FILE", SECRET, "'redis.retention': found ***, expected a valid integer"),
        ("GENESIS_FLOWER__BASIC_AUTH_FILE", SECRET, "'flower.basic_auth': found ***, expected user:password"),
        ("GENESIS_CAMERAS_FILE", SECRET, "'cameras': expected JSON"),
        ("GENESIS_CAMERAS_FILE", f'[{{"name": "{SECRET} {SECRET}", "source": "0"}}]', "'cameras[0].name': found ***"),
        ("GENESIS_CAMERAS_FILE", f'[{{"source": "{SECRET}"}}]', "'cameras[0].name' is missing"),
        ("GENESIS_DELIVERY__RETRY_DELAYS_FILE", f'[1, "{SECRET}"]', "'delivery.retry_delays[1]': found ***"),
    ],
)
def test_a_mistake_in_a_file_names_variable_file_and_key_and_never_shows_what_it_holds(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, part: str
) -> None:
    file = secret(tmp_path, content, "the-file")
    monkeypatch.setenv(name, str(file))

    answer = complaint(empty)

    assert answer.startswith(f"environment variable {name} (file {file}): ")
    assert part in answer
    assert SECRET not in answer
    assert "\n" not in answer


@pytest.mark.parametrize(
    ("path", "part"),
    [
        pytest.param("nothing", "can't be read: No such file", id="a file that is not there"),
        pytest.param(".", "is no file", id="a folder"),
        pytest.param("/dev/zero", "is no file", id="a device without an end"),
        pytest.param("binary", "is not UTF-8 text", id="no text"),
        pytest.param("large", "more than 1,000,000 bytes", id="a file that is no setting"),
        pytest.param("a\0b", "can't be read", id="a name that no file has"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_variable(
    tmp_path: Path, empty: Path, path: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret(tmp_path, b"\xfe\xff" + SECRET.encode(), "binary")
    secret(tmp_path, b"x" * (LARGEST + 1), "large")
    named = path if path.startswith("/") or "\0" in path else str(tmp_path / path)
    environment = {"GENESIS_REDIS__URL_FILE": named}
    monkeypatch.setattr("genesis.settings.os.environ", environment)

    answer = complaint(empty)

    assert answer.startswith("environment variable GENESIS_REDIS__URL_FILE: its file ")
    assert part in answer
    assert SECRET not in answer
    assert "\n" not in answer


def test_a_value_and_a_file_for_one_setting_are_refused(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_REDIS__URL", f"redis://:{SECRET}@h")
    monkeypatch.setenv("GENESIS_REDIS__URL_FILE", str(secret(tmp_path, f"redis://:{SECRET}@h")))

    answer = complaint(empty)

    assert answer == "environment variables GENESIS_REDIS__URL and GENESIS_REDIS__URL_FILE: one setting, two values: unset one of them"


def test_an_empty_variable_names_no_file(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_REDIS__URL_FILE", "")

    assert load(empty).redis.url == Settings().redis.url


def test_a_name_that_stands_for_no_setting_is_answered_as_any_other(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_REDIS__URI_FILE", "/dev/null")

    assert complaint(empty).startswith("environment variable GENESIS_REDIS__URI_FILE: unknown key 'redis.uri_file'")


def test_what_a_command_sets_itself_takes_the_place_of_the_file(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_CONFIG", str(empty))
    monkeypatch.setenv("GENESIS_REDIS__URL_FILE", str(secret(tmp_path, "redis://from-file")))
    monkeypatch.setenv("GENESIS_REDIS__URL", "")  # so that it is taken back after the test
    monkeypatch.delenv("GENESIS_REDIS__URL")

    settings = use({"GENESIS_REDIS__URL": "redis://started-here"})

    assert settings.redis.url == "redis://started-here"
