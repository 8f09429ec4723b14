"""`genesis config show` shows no secret."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

from genesis.cli.config import command
from genesis.settings import CONFIG_VARIABLE

SECRET = "pa55w0rd"
VALUES = {
    "redis": {"url": f"redis://:{SECRET}@h:6379/0"},
    "flower": {"basic_auth": f"me:{SECRET}"},
    "storage": {"dsn": f"postgresql://me@h/d?sslpassword={SECRET}"},
    "cameras": [{"name": "door", "source": f"rtsp://admin:{SECRET}@10.0.0.7/1"}],
    "alerts": {
        "notifiers": [
            {"name": "hook", "kind": "webhook", "url": f"https://hooks.example.org/{SECRET}", "secret": f"{SECRET}-of-the-hook"},
            {"name": "desk", "kind": "apprise", "url": f"tgram://{SECRET}/123"},
        ]
    },
}


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_secret_is_shown(tmp_path, monkeypatch, options):
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(VALUES))
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))

    answer = CliRunner().invoke(command, ["show", *options])

    assert answer.exit_code == 0
    shown = (json.loads if options else yaml.safe_load)(answer.output)
    assert SECRET not in answer.output
    assert shown["flower"]["basic_auth"] == "***"
    assert [notifier["url"] for notifier in shown["alerts"]["notifiers"]] == ["https://***", "tgram://***"]
    assert shown["redis"]["url"] == "redis://***@h:6379/0"
