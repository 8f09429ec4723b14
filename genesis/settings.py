"""The typed model of `configs/settings.yaml`, and of the environment variables that override it.

Every field has a description; the README's table is made from them. A setting comes from, first match
wins: an environment variable (`GENESIS_REDIS__URL` for `redis.url`), the YAML file (`--config`, else
`GENESIS_CONFIG`, else `configs/settings.yaml` in the working folder if there is one), the default.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from genesis.errors import SettingsError
from genesis.settings_errors import YamlDocument, explain, explain_variable

DEFAULT_FILE = Path("configs/settings.yaml")
ENV_PREFIX = "GENESIS_"
CONFIG_VARIABLE = "GENESIS_CONFIG"

_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


def _redis_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = value.startswith(_REDIS_SCHEMES) and bool(parts.path if parts.scheme == "unix" else parts.hostname)
        # Both raise ValueError: a port or database that is no number would otherwise show at the first command.
        _ = parts.port, int(parse_qs(parts.query).get("db", ["0"])[0])
    except ValueError:
        usable = False
    if not usable:
        msg = "redis://[:password@]host[:port][/db], rediss://... or unix:///path[?db=n], with special characters of a password as %xx"
        raise ValueError(msg)
    return value


RedisUrl = Annotated[str, AfterValidator(_redis_url)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
CameraName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Section(BaseModel):
    """Base of every group of settings: unknown keys are refused, values can't be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Backpressure(Section):
    """How much unsettled work a stream may hold."""

    enabled: bool = Field(default=True, description="Refuse to publish to a stream whose slowest group does not keep up.")
    max_pending: int = Field(
        default=1000,
        ge=1,
        description="Unsettled entries (pending + lag of the slowest group) at which `publish` raises BackpressureError.",
    )
    block_threshold: int = Field(default=800, ge=1, description="Unsettled entries at which a warning is logged and counted.")

    @model_validator(mode="after")
    def _ordered(self) -> Backpressure:
        if self.block_threshold > self.max_pending:
            msg = f"block_threshold ({self.block_threshold}) at most max_pending ({self.max_pending})"
            raise ValueError(msg)
        return self


class EventDriven(Section):
    """Which of the modes runs: sync (no Redis), event, or both."""

    enabled: bool = Field(
        default=False, description="false: capture runs the handlers itself, frame by frame. true: capture publishes events."
    )
    dual: bool = Field(default=False, description="Run the sync pipeline and publish too, for `genesis compare`. Wins over `enabled`.")
    backpressure: Backpressure = Field(default_factory=Backpressure, description="Limits on unsettled work.")

    @property
    def mode(self) -> Literal["sync", "event", "dual"]:
        """The mode that these settings ask for."""
        if self.dual:
            return "dual"
        return "event" if self.enabled else "sync"


class Redis(Section):
    """The ledger: streams, groups, references, handler state. Small and durable."""

    url: RedisUrl = Field(default="redis://127.0.0.1:6379/0", description="The ledger's server (`appendonly yes`, `noeviction`).")
    prefix: str = Field(
        default="genesis",
        pattern=r"^[A-Za-z0-9_.{}-]{1,64}$",
        description="First part of every key; `{genesis}` (in braces) keeps all keys in one Redis Cluster slot.",
    )
    timeout_seconds: Seconds = Field(default=5.0, description="How long one command may take before the connection counts as broken.")
    give_up_seconds: Seconds = Field(default=30.0, description="How long a publish or settle is tried again while Redis is away.")
    retention: int = Field(default=10_000, ge=0, description="Settled entries kept in each stream for looking at.")


class FrameCacheSettings(Section):
    """Where frames lie between capture and the tasks that look at them."""

    url: RedisUrl = Field(default="redis://127.0.0.1:6380/0", description="The volatile server (no append-only file).")
    ttl_seconds: Seconds = Field(default=60.0, description="A frame that nobody waits for any more disappears after this time.")
    max_size_mb: float = Field(
        default=500.0, gt=0, description="Stored frames take at most this much (1 MB = 1,000,000 bytes); beyond it is backpressure."
    )
    codec: Literal["i420", "bgr", "jpeg"] = Field(
        default="i420", description="i420: the cameras' own 4:2:0 with LZ4. bgr: bit-exact with LZ4. jpeg: smallest, slowest to read."
    )
    jpeg_quality: int = Field(default=90, ge=1, le=100, description="Quality of the jpeg codec.")


class Celery(Section):
    """The way to a worker. Nothing depends on its memory."""

    broker_url: str = Field(
        default="redis://127.0.0.1:6380/1", min_length=1, description="Any broker that Celery knows; the volatile Redis by default."
    )
    time_limit_seconds: Seconds = Field(default=60.0, description="A task is asked to end after this time, and killed 10 s later.")
    max_tasks_per_child: int = Field(default=10_000, ge=1, description="A worker child is replaced after this many tasks.")
    max_memory_per_child_mb: int = Field(default=4_000, ge=64, description="A worker child is replaced when it has grown to this size.")
    shutdown_seconds: Seconds = Field(default=10.0, description="How long a stopping worker lets running tasks finish.")


class Delivery(Section):
    """What becomes of an entry that fails."""

    max_retries: int = Field(default=3, ge=0, le=100, description="Failed runs that are tried again (3: at most 4 runs).")
    retry_delays: tuple[Annotated[float, Field(ge=0, le=86_400)], ...] = Field(
        default=(1.0, 5.0, 15.0), min_length=1, description="Seconds before each retry; the last one serves for the rest."
    )
    backpressure_delay: Seconds = Field(
        default=1.0, description="Seconds before a task that met backpressure runs again (no attempt is used up)."
    )
    lease_seconds: Seconds = Field(default=30.0, description="An entry that nobody has touched for this long is given to another worker.")
    sweep_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        default=2.0, description="How often a bridge looks for entries whose lease has run out."
    )
    max_deliveries: int = Field(default=5, ge=1, description="An entry given to a worker more often than this is buried as poison.")
    max_event_bytes: int = Field(
        default=1_000_000, ge=1_000, description="Largest entry that is dispatched; a larger one is buried as oversized."
    )


class Bridge(Section):
    """How the bridge fills the Celery queues."""

    window_min: int = Field(default=16, ge=1, description="Entries of one subscription that may always be in Celery at once.")
    window_max: int = Field(default=1000, ge=1, description="Entries of one subscription that may ever be in Celery at once.")
    read_count: int = Field(default=100, ge=1, le=10_000, description="Entries read and dispatched in one go.")
    block_seconds: Annotated[float, Field(gt=0, le=60)] = Field(default=2.0, description="How long an idle bridge waits in Redis for news.")
    janitor_seconds: Seconds = Field(default=10.0, description="How often one of the bridges trims streams and sweeps up leftovers.")
    consumer_seconds: Seconds = Field(
        default=3600.0, description="A consumer that holds nothing and was not seen for this long is removed from its group."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Bridge:
        if self.window_min > self.window_max:
            msg = f"window_min ({self.window_min}) at most window_max ({self.window_max})"
            raise ValueError(msg)
        return self


class Camera(Section):
    """One camera: where its pictures come from."""

    name: CameraName = Field(description="Name used in events, logs and metrics.")
    source: str = Field(min_length=1, description="`0`, `rtsp://...`, `http://...`, a video file, a folder of images, or `sample`.")
    fps: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Frames per second to take; 0: as fast as the pipeline takes them; empty: the source's own.",
    )


class Capture(Section):
    """Reading the cameras."""

    stall_seconds: Seconds = Field(
        default=10.0, description="A live source without a frame for this long counts as lost and is opened again."
    )
    open_seconds: Seconds = Field(default=10.0, description="How long opening a live source may take.")
    reconnect_min_seconds: Seconds = Field(
        default=1.0, description="First wait before a lost source is opened again; doubled each time, with jitter."
    )
    reconnect_max_seconds: Seconds = Field(default=30.0, description="Longest wait before a lost source is opened again.")
    max_age_seconds: Seconds = Field(
        default=10.0, description="A live camera's frame older than this is settled as stale instead of processed."
    )
    rtsp_transport: Literal["tcp", "udp"] = Field(default="tcp", description="How RTSP carries the video.")


class Detection(Section):
    """Finding persons in frames."""

    detector: Literal["auto", "yolo", "hog"] = Field(
        default="auto",
        description="yolo needs weights; hog is built in, and weak; auto: yolo if its weights are there or can be fetched, else hog.",
    )
    weights: str = Field(
        default="yolo11n.pt",
        min_length=1,
        description="A .pt or .onnx file, an OpenVINO folder, a TensorRT engine, or a name that ultralytics knows.",
    )
    offline: bool = Field(default=False, description="Never download weights.")
    confidence: Annotated[float, Field(ge=0, le=1)] = Field(default=0.35, description="Persons below this confidence are not reported.")
    iou: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.7, description="Boxes that overlap more than this are one person (non-maximum suppression)."
    )
    min_height: float = Field(default=0.0, ge=0, description="Persons less tall than this many pixels are not reported.")
    image_size: int = Field(default=640, ge=32, le=4096, multiple_of=32, description="Longer side of the network's input in pixels.")
    device: str = Field(default="auto", min_length=1, description="auto, cpu, cuda, cuda:0, mps ...")
    threads: int = Field(default=1, ge=0, description="CPU threads of each worker child's network; 0: leave it to the library.")


class Log(Section):
    """What is logged."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least severity that is logged.")


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
    handlers: tuple[str, ...] = Field(default=(), description="Modules with subscriptions of your own, imported beside `tasks`.")
    data_dir: Path = Field(default=Path("data"), description="Everything that Genesis writes to disk lies below this folder.")
    log: Log = Field(default_factory=Log, description="Logging.")

    @model_validator(mode="after")
    def _distinct_cameras(self) -> Settings:
        names = [camera.name for camera in self.cameras]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"every camera's name once (twice here: {', '.join(twice)})"
            raise ValueError(msg)
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
        """Let the environment win over the file, which `load` passes as init values."""
        del settings_cls, dotenv_settings, file_secret_settings
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
        raise SettingsError(explain_variable(error)) from None


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
        default = field.get_default(call_default_factory=True)
        rows.append((key, _type_name(inner), default, field.description or ""))
        if name == "cameras":
            rows.extend(
                (f"cameras[].{n}", _type_name(f.annotation), "required" if f.is_required() else f.default, f.description or "")
                for n, f in Camera.model_fields.items()
            )
    return rows


def _type_name(annotation: Any) -> str:
    text = getattr(annotation, "__name__", None) if isinstance(annotation, type) else None
    return text or str(annotation).replace("typing.", "").replace("genesis.settings.", "")
