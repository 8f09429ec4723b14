"""The sections of the settings: every field with its type, its limits, its default and its meaning."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, model_validator

from genesis.settings_base import Seconds, Section, Share, SimpleName
from genesis.settings_scene import Line, Zone

_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


_TLS_OPTIONS = {
    "ssl_ca_certs": None,
    "ssl_certfile": None,
    "ssl_keyfile": None,
    "ssl_password": None,
    "ssl_cert_reqs": ("required", "optional", "none"),
    "ssl_check_hostname": ("true", "false"),
}


def _tls_options(query: str) -> None:
    """Refuse what redis-py would refuse with a traceback, or take for something else."""
    for name, values in parse_qs(query).items():
        if name.startswith("ssl_"):
            allowed = _TLS_OPTIONS.get(name, ())
            if allowed is not None and not set(values) <= set(allowed):
                known = ", ".join(f"{one} ({', '.join(choices)})" if choices else one for one, choices in _TLS_OPTIONS.items())
                msg = f"these TLS options behind the '?': {known}"
                raise ValueError(msg)


def _redis_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = value.startswith(_REDIS_SCHEMES) and bool(parts.path if parts.scheme == "unix" else parts.hostname)
        # Both raise ValueError: a port or database that is no number would otherwise show at the first command.
        _ = parts.port, int(parse_qs(parts.query).get("db", ["0"])[0])
    except ValueError:
        usable = False
    if not usable:
        msg = "redis://host[:port][/db], rediss://... or unix:///path[?db=n]; a password before the host as :password@, specials as %xx"
        raise ValueError(msg)
    if parts.scheme == "rediss":
        _tls_options(parts.query)
    return value


NO_DATABASE = "none"
_DSN_SCHEMES = ("postgresql://", "postgres://")


def _dsn(value: str) -> str:
    usable = value in {"", NO_DATABASE}
    if value.startswith(_DSN_SCHEMES):
        try:
            parts = urlsplit(value)
            _ = parts.port
            usable = True
        except ValueError:
            usable = False
    if not usable:
        msg = "postgresql://host[:port]/database (user and password before the host, special characters as %xx), nothing, or none"
        raise ValueError(msg)
    return value


RedisUrl = Annotated[str, AfterValidator(_redis_url)]
Dsn = Annotated[str, AfterValidator(_dsn)]
Days = Annotated[float, Field(ge=0, le=36_500)]


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

    name: SimpleName = Field(description="Name used in events, logs and metrics.")
    source: str = Field(min_length=1, description="`0`, `rtsp://...`, `http://...`, a video file, a folder of images, or `sample`.")
    fps: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Frames per second to take; 0: as fast as the pipeline takes them; empty: the source's own.",
    )
    zones: tuple[Zone, ...] = Field(default=(), description="Areas that persons enter, leave and stay in.")
    lines: tuple[Line, ...] = Field(default=(), description="Lines that persons cross.")

    @model_validator(mode="after")
    def _distinct_names(self) -> Camera:
        names = [*(zone.name for zone in self.zones), *(line.name for line in self.lines)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"every zone's and line's name once (twice here: {', '.join(twice)})"
            raise ValueError(msg)
        return self


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


class Tracking(Section):
    """Following persons from frame to frame."""

    confirm_hits: int = Field(default=3, ge=1, le=30, description="A person is taken for real when seen in this many frames in a row ...")
    confirm_score: Share = Field(
        default=0.6,
        description="... with at least this median confidence (of the last five). Lower it where the detector is unsure of real persons.",
    )
    lost_seconds: Seconds = Field(
        default=2.0, description="A person who was not seen for this long has left; until then they are expected where they were going."
    )
    gap_seconds: Seconds = Field(
        default=40.0,
        description="A frame that does not come is waited for this long, then passed over: more than delivery.lease_seconds and retries.",
    )
    live_gap_seconds: Seconds = Field(
        default=12.0,
        description="The same for a live camera, by capture time: longer than capture.max_age_seconds; what is older never comes.",
    )


class Metrics(Section):
    """Figures of each camera."""

    window_seconds: Annotated[float, Field(ge=1, le=86_400)] = Field(
        default=10.0, description="Length of the windows of capture time that figures are made for."
    )


class Recognition(Section):
    """Finding out whose faces they are."""

    engine: Literal["auto", "deepface", "none"] = Field(
        default="auto",
        description="deepface looks at the faces of detected persons, none does not; auto: deepface if its packages are there.",
    )
    model: str = Field(
        default="Dlib",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Which of DeepFace's models makes the embeddings: Dlib needs no download; Facenet512, ArcFace, SFace and others do.",
    )
    detector: str = Field(
        default="auto",
        pattern=r"^[a-z0-9]{1,32}$",
        description="One of DeepFace's face detectors; auto: yunet if its file is there or can be fetched, else dlib, which needs none.",
    )
    backend: Literal["onnx", "pytorch"] = Field(default="onnx", description="What runs DeepFace's networks (Dlib runs itself).")
    offline: bool = Field(default=False, description="Never download weights.")
    threshold: float | None = Field(
        default=None, gt=0, lt=2, description="Largest cosine distance between faces of one person; empty: the model's own."
    )
    margin: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.1, description="The second best identity must be farther away than the best by this share of the threshold."
    )
    min_face: float = Field(default=40.0, ge=10, description="Faces whose shorter side has fewer pixels are not used.")
    min_sharpness: float = Field(default=10.0, ge=0, description="Faces more blurred than this (variance of the Laplacian) are not used.")
    min_frontal: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.3, description="Faces turned further away are not used (1: looks into the camera, 0: profile)."
    )
    max_attempts: int = Field(default=10, ge=1, le=1000, description="Faces of one person that are looked at until a decision is made.")
    interval_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=0.2, description="Seconds of capture time between two looks at the same person."
    )
    again_seconds: Seconds = Field(default=30.0, description="A person who stays is looked at again after this time, and seen again.")
    threads: int = Field(default=1, ge=0, description="CPU threads of each worker child's networks; 0: leave it to the library.")


class Retention(Section):
    """How many days what is stored is kept; 0: for ever."""

    sightings_days: Days = Field(default=90.0, description="Sightings of enrolled people, with their crops.")
    unknown_days: Days = Field(default=30.0, description="Sightings of unknown people, with their crops and labels.")
    sessions_days: Days = Field(default=90.0, description="Sessions of cameras, and presences of persons.")
    zone_events_days: Days = Field(default=90.0, description="Zone events.")
    alerts_days: Days = Field(default=365.0, description="Alerts, with their pictures.")
    metrics_days: Days = Field(default=30.0, description="Metrics.")


class Storage(Section):
    """The database: identities, sightings, sessions."""

    dsn: Dsn = Field(
        default="",
        description="postgresql://[user[:password]@]host[:port]/database; empty: a server of our own in data_dir; none: nothing is kept.",
    )
    pool_size: int = Field(default=4, ge=1, le=100, description="Most connections of one process.")
    connect_seconds: Seconds = Field(default=5.0, description="How long opening a connection may take.")
    statement_seconds: Seconds = Field(default=30.0, description="How long one statement may take.")
    give_up_seconds: Seconds = Field(default=30.0, description="How long a read or write is tried again while the database is away.")
    exact_below: int = Field(
        default=20_000, ge=0, description="Galleries with fewer embeddings are searched exactly, larger ones through their HNSW index."
    )
    sweep_seconds: Seconds = Field(default=3600.0, description="How often what is older than its retention is removed.")
    retention: Retention = Field(default_factory=Retention, description="How long what is stored is kept.")

    @property
    def enabled(self) -> bool:
        """Whether anything is stored."""
        return self.dsn != NO_DATABASE
