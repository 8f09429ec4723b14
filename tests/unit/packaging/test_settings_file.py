"""configs/settings.yaml: all settings, with their meanings and defaults, and never out of date."""

from __future__ import annotations

import re

import pytest
import yaml
from pydantic import BaseModel, Field

from genesis.settings import Settings, described, load


@pytest.fixture(scope="module")
def text(root):
    return (root / "configs" / "settings.yaml").read_text(encoding="utf-8")


def test_the_file_says_what_the_model_says(text, scripts):
    assert text == scripts("settings_file").render(Settings), "run `make settings`"


def test_the_file_holds_the_defaults(root):
    assert load(root / "configs" / "settings.yaml") == Settings()


def test_the_file_has_every_setting_and_its_meaning(text):
    values = yaml.safe_load(text)
    prose = " ".join(line.strip().lstrip("# ") for line in text.splitlines() if line.strip().startswith("#"))

    for key, _, _, description in described():
        assert " ".join(description.split()) in prose, key
        if "[]" in key:
            assert f"{key.rpartition('.')[2]}:" in prose
            continue
        level = values
        for part in key.split("."):
            assert part in level, key
            level = level[part]


def test_sync_mode_is_what_a_new_installation_runs(text):
    assert yaml.safe_load(text)["event_driven"]["enabled"] is False


@pytest.mark.parametrize("value", [0.1, 1e-7, 1234567.5, 60.0, 7, True, "plain", "yes", "a: b", "# no comment", "7", "", ["x", "1"], None])
def test_every_default_is_read_back_as_it_was(scripts, value):
    class Model(BaseModel):
        """One setting."""

        setting: object = Field(default=value, description="A setting.")

    assert yaml.safe_load(scripts("settings_file").render(Model)) == {"setting": value}


def test_the_example_of_a_camera_can_be_used(text, tmp_path):
    example = text.split("cameras: []\n")[1].split("\n\n")[0]
    file = tmp_path / "settings.yaml"
    file.write_text("\n".join(line.removeprefix("# ") for line in example.splitlines()))

    cameras = load(file).cameras

    assert [(camera.name, camera.fps) for camera in cameras] == [("door", 5)]
    assert [(zone.name, len(zone.polygon)) for zone in cameras[0].zones] == [("hall", 4)]
    assert [line.name for line in cameras[0].lines] == ["doorstep"]


def test_the_examples_of_alerts_can_be_used(text, tmp_path):
    section = text.split("\nalerts:\n")[1].split("\n\n")[0]
    file = tmp_path / "settings.yaml"
    lines = [line for line in section.splitlines() if line not in {"  rules: []", "  notifiers: []"}]
    file.write_text("\n".join(["alerts:", *(re.sub(r"^  # (?=  |rules:|notifiers:)", "  ", line) for line in lines)]))

    alerts = load(file).alerts

    assert [(rule.name, rule.hours, rule.notify) for rule in alerts.rules] == [("night", ("22:00-06:00",), ("guard",))]
    assert [notifier.url for notifier in alerts.notifiers] == ["https://example.org/hook"]
