"""The typed model of `configs/settings.yaml`, and of the environment variables that override it.

Every field has a description; the README's table is made from them. A setting comes from, first match
wins: an environment variable (`GENESIS_REDIS__URL` for `redis.url`, or `GENESIS_REDIS__URL_FILE` for a file
that holds it), the YAML file (`--config`, else
`GENESIS_CONFIG`, else `configs/settings.yaml` in the working folder if there is one), the default.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from genesis.errors import SettingsError
from genesis.settings_alerts import SEVERITIES, Alerts, Notifier, Rule, Severity, refused
from genesis.settings_base import Section
from genesis.settings_errors import YamlDocument, explain, explain_variable
from genesis.settings_files import file_variables, with_files
from genesis.settings_operations import Flower, Log, Monitoring, Privacy, Tracing
from genesis.settings_rules import unfitting
from genesis.settings_scene import Line, Zone
from genesis.settings_sections import (
    NO_DATABASE,
    Backpressure,
    Bridge,
    Camera,
    Capture,
    Celery,
    Delivery,
    Detection,
    EventDriven,
    FrameCacheSettings,
    Metrics,
    Recognition,
    Redis,
    Retention,
    Storage,
    Tracking,
)

__all__ = [
    "NO_DATABASE",
    "SEVERITIES",
    "Alerts",
    "Backpressure",
    "Bridge",
    "Camera",
    "Capture",
    "Celery",
    "Delivery",
    "Detection",
    "EventDriven",
    "Flower",
    "FrameCacheSettings",
    "Line",
    "Log",
    "Metrics",
    "Monitoring",
    "Notifier",
    "Privacy",
    "Recognition",
    "Redis",
    "Retention",
    "Rule",
    "Section",
    "Settings",
    "Severity",
    "Storage",
    "Tracing",
    "Tracking",
    "Zone",
    "current",
    "described",
    "load",
]

DEFAULT_FILE = Path("configs/settings.yaml")
ENV_PREFIX = "GENESIS_"
CONFIG_VARIABLE = "GENESIS_CONFIG"


class Settings(BaseSettings):
    """All settings of an installation."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        case_sensitive=False,
        nested_model_default_partial_update=True,
    )

    event_driven: EventDriven = Field(default_factory=EventDriven, description="Sync, event or dual mode.")
    redis: Redis = Field(default_factory=Redis, description="The durable ledger.")
    frame_cache: FrameCacheSettings = Field(default_factory=FrameCacheSettings, description="Frames in flight.")
    celery: Celery = Field(default_factory=Celery, description="The task queues.")
    delivery: Delivery = Field(default_factory=Delivery, description="Retries, leases and dead letters.")
    bridge: Bridge = Field(default_factory=Bridge, description="From streams to queues.")
    cameras: tuple[Camera, ...] = Field(default=(), description="The cameras, when none is named on the command line.")
    capture: Capture = Field(default_factory=Capture, description="Reading the cameras.")
    detection: Detection = Field(default_factory=Detection, description="Finding persons.")
    tracking: Tracking = Field(default_factory=Tracking, description="Following persons.")
    recognition: Recognition = Field(default_factory=Recognition, description="Whose faces they are.")
    alerts: Alerts = Field(default_factory=Alerts, description="What is worth an alert, and who is told.")
    metrics: Metrics = Field(default_factory=Metrics, description="Figures of each camera.")
    storage: Storage = Field(default_factory=Storage, description="The database.")
    handlers: tuple[str, ...] = Field(default=(), description="Modules with subscriptions of your own, imported beside `tasks`.")
    data_dir: Path = Field(default=Path("data"), description="Everything that Genesis writes to disk lies below this folder.")
    log: Log = Field(default_factory=Log, description="Logging.")
    monitoring: Monitoring = Field(default_factory=Monitoring, description="Metrics and health.")
    flower: Flower = Field(default_factory=Flower, description="Flower.")
    tracing: Tracing = Field(default_factory=Tracing, description="One frame's way.")
    privacy: Privacy = Field(default_factory=Privacy, description="Pictures of people.")

    @model_validator(mode="after")
    def _distinct_cameras(self) -> Settings:
        names = [camera.name for camera in self.cameras]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"every camera's name once (twice here: {', '.join(twice)})"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _fitting_rules(self) -> Settings:
        if mistakes := unfitting(self.alerts.rules, self.cameras):
            raise refused(*mistakes)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, which `load` passes as init values; a variable may name a file with its value."""
        del dotenv_settings, file_secret_settings
        if isinstance(env_settings, EnvSettingsSource):
            files = file_variables(os.environ, settings_cls, ENV_PREFIX)
            env_settings.env_vars = with_files(env_settings.env_vars, files, os.environ)
        return env_settings, init_settings


def load(path: str | Path | None = None) -> Settings:
    """Read the settings from a file and the environment.

    Args:
        path: the YAML file; None takes `GENESIS_CONFIG`, else `configs/settings.yaml` if it exists.

    Raises:
        SettingsError: one line with file, line, key, what was found and what is allowed.
    """
    named = path or os.environ.get(CONFIG_VARIABLE)
    file = Path(named) if named else DEFAULT_FILE
    document = YamlDocument.read(file) if named or file.is_file() else YamlDocument.empty()
    try:
        return Settings(**document.values)
    except ValidationError as error:
        raise SettingsError(explain(error, document, Settings)) from None
    except ValueError as error:
        # pydantic-settings raises its own error when a variable that should be JSON is not.
        raise SettingsError(explain_variable(error, Settings)) from None


@lru_cache(maxsize=1)
def current() -> Settings:
    """Return the settings of this process, read once."""
    return load()


def described(section: type[BaseModel] = Settings, prefix: str = "") -> list[tuple[str, str, Any, str]]:
    """List every setting as (key, type, default, description), in the order of the model; for documentation."""
    rows: list[tuple[str, str, Any, str]] = []
    for name, field in section.model_fields.items():
        key = f"{prefix}{name}"
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            rows.extend(described(inner, f"{key}."))
            continue
        default = "required" if field.is_required() else field.get_default(call_default_factory=True)
        rows.append((key, _type_name(inner), default, field.description or ""))
        if (item := item_of(inner)) is not None:
            rows.extend(described(item, f"{key}[]."))
    return rows


def item_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a list of sections consists of; None for anything else."""
    return next((part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, BaseModel)), None)


def _type_name(annotation: Any) -> str:
    text = getattr(annotation, "__name__", None) if isinstance(annotation, type) else None
    return text or str(annotation).replace("typing.", "").replace("genesis.", "")
