"""What a machine needs for so many cameras: `python -m benchmarks.sizing [VIDEO]`, run on the machine that is to do the work.

Measures a detector child alone, frames in the cache, the ledger with every write on its disk, and rows of the database;
docs/scaling.md says what to do with the numbers.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median
from typing import Any

import click

from genesis.errors import GenesisError
from genesis.settings import Backpressure, EventDriven, Settings, Storage, current

FRAMES = 60  # of the video that are looked at
ENTRIES = 5000
ROWS = 5000
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Figures:
    """What was measured; times are medians in milliseconds, sizes are bytes."""

    detector: str
    size: str
    detect_ms: float
    encode_ms: float
    decode_ms: float
    raw_bytes: int
    stored_bytes: int
    published_per_second: float
    settled_per_second: float
    ledger_bytes_per_frame: float
    row_bytes: dict[str, float]


@click.command()
@click.argument("video", default="sample")
@click.option("--config", type=click.Path(dir_okay=False), help="Settings file: which detector, which codec.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(*, video: str, config: str | None, as_json: bool) -> None:
    """Measure what sizes of machines are computed from."""
    import os  # noqa: PLC0415

    if config:
        os.environ["GENESIS_CONFIG"] = config
    folder = Path(tempfile.mkdtemp(prefix="genesis-sizing-"))
    try:
        figures = measure(video, current(), folder)
    except GenesisError as error:
        raise click.ClickException(str(error)) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    click.echo(json.dumps(asdict(figures), indent=2) if as_json else table(figures))


def measure(video: str, settings: Settings, folder: Path) -> Figures:
    """Return all figures.

    Args:
        video: a recording, or `sample`.
        settings: which detector and codec.
        folder: for servers of our own.

    Raises:
        GenesisError: the video or the weights can't be read, or a server can't be started.
    """
    from genesis.cache.codec import decode, encode  # noqa: PLC0415 - --help stays quick
    from genesis.vision.detectors import load_detector  # noqa: PLC0415

    frames = pictures(video, settings)
    detector = load_detector(settings.detection, data_dir=settings.data_dir)
    detector.detect(frames[:1])
    codec = settings.frame_cache.codec
    stored = [encode(frame, codec) for frame in frames]
    published, settled, entry = ledger(folder / "ledger")
    return Figures(
        detector=detector.name,
        size=f"{frames[0].shape[1]}x{frames[0].shape[0]}",
        detect_ms=typical(lambda frame: detector.detect([frame]), frames),
        encode_ms=typical(lambda frame: encode(frame, codec), frames),
        decode_ms=typical(decode, stored),
        raw_bytes=frames[0].nbytes,
        stored_bytes=int(median(map(len, stored))),
        published_per_second=published,
        settled_per_second=settled,
        ledger_bytes_per_frame=entry,
        row_bytes=database(folder / "data"),
    )


def pictures(video: str, settings: Settings) -> list[Any]:
    """Return the first frames of a recording."""
    from genesis.capture.sources import open_source  # noqa: PLC0415

    found: list[Any] = []
    with closing(open_source(video, settings)) as source:
        while len(found) < FRAMES and (taken := source.read()) is not None:
            found.append(taken)
    return found


def typical(action: Callable[[Any], object], things: Sequence[Any]) -> float:
    """Return the median of the milliseconds that an action takes."""
    times = []
    for thing in things:
        begin = time.perf_counter()
        action(thing)
        times.append(1000 * (time.perf_counter() - begin))
    return round(median(times), 2)


def ledger(folder: Path) -> tuple[float, float, float]:
    """Return how many frames one client publishes and how many it settles in a second, one by one, and what a settled one takes."""
    from genesis.bus.ledger import Delivery, Ledger  # noqa: PLC0415
    from genesis.connections import connect  # noqa: PLC0415
    from genesis.embedded.redis import RedisServer  # noqa: PLC0415
    from genesis.events import FrameCaptured, PersonDetected, completed  # noqa: PLC0415
    from genesis.subscriptions import Registry, Subscription  # noqa: PLC0415

    registry = Registry()
    registry.add(Subscription(FrameCaptured, "detection-workers", "detection", lambda _event, _context: None))
    settings = Settings(event_driven=EventDriven(backpressure=Backpressure(enabled=False)))
    with RedisServer("ledger", folder) as server, closing(connect(server.url())) as client:
        book = Ledger(settings, registry, client)
        book.create_groups()
        before = int(client.info("memory")["used_memory"])
        begin = time.perf_counter()
        for number in range(ENTRIES):
            book.publish([completed(frame(number))])
        published = ENTRIES / (time.perf_counter() - begin)
        stream = book.keys.stream_of(FrameCaptured)
        rows: Any = client.xreadgroup("detection-workers", "sizing", {stream: ">"}, count=ENTRIES)
        begin = time.perf_counter()
        for number, (entry, fields) in enumerate(rows[0][1]):
            book.settle(Delivery(stream, "detection-workers", entry.decode(), fields[b"framekey"].decode()), [completed(persons(number))])
        settled = ENTRIES / (time.perf_counter() - begin)
        entries = client.xlen(stream) + client.xlen(book.keys.stream_of(PersonDetected))
        if entries != 2 * ENTRIES:
            msg = f"{entries} entries instead of {2 * ENTRIES}"
            raise RuntimeError(msg)
        return round(published), round(settled), round((int(client.info("memory")["used_memory"]) - before) / ENTRIES)


def frame(number: int) -> Any:
    """Return a frame's event, as capture makes it."""
    from genesis.events import FrameCaptured  # noqa: PLC0415

    when = NOON + timedelta(seconds=number / 10)
    return FrameCaptured(camera="door", time=when, session="s1", number=number, width=1920, height=1080, frame_key=f"door-s1-{number}")


def persons(number: int) -> Any:
    """Return three persons of a frame."""
    from genesis.events import Box, Person, PersonDetected  # noqa: PLC0415

    found = tuple(Person(box=Box(100.5 * place, 200.25, 100.5 * place + 80, 480.75), confidence=0.87) for place in range(3))
    when = NOON + timedelta(seconds=number / 10)
    return PersonDetected(
        camera="door", time=when, session="s1", number=number, width=1920, height=1080, persons=found, detector="yolo:yolo11n.pt",
        frame_key=f"door-s1-{number}",
    )  # fmt: skip


def database(folder: Path) -> dict[str, float]:
    """Return what a row of each kind takes, with its indexes."""
    from genesis.events import Box, FaceRecognized, MetricsEvent, SessionEvent, ZoneEvent  # noqa: PLC0415
    from genesis.storage import presences, records, sightings  # noqa: PLC0415
    from genesis.storage.database import Database  # noqa: PLC0415
    from genesis.storage.holding import Hold  # noqa: PLC0415

    def at(number: int) -> dict[str, Any]:
        return {"camera": "door", "time": NOON + timedelta(seconds=10 * number), "id": f"{number:032x}", "session": "s1"}

    box = Box(100.5, 200.25, 180.75, 480.5)
    # Of a known person; 128 numbers as dlib's model gives them.
    face = {"person": box, "box": box, "model": "Dlib", "distance": 0.04, "embedding": bytes(range(128)) * 4, "crop": 64 * "a"}
    kinds: dict[str, Callable[[Any, int], object]] = {
        "sightings": lambda c, n: sightings.store(c, FaceRecognized(**at(n), number=n, **face), unknown_distance=None),
        "presences": lambda c, n: presences.fold(
            c, SessionEvent(**at(n), scope="person", kind="ended", track=f"s1-{n}", zones={"hall": 5})
        ),
        "zone_events": lambda c, n: records.store(c, ZoneEvent(**at(n), kind="entered", track=f"s1-{n}", zone="hall", number=n)),
        "metrics": lambda c, n: records.store(c, MetricsEvent(**at(n), window=10.0, frames_captured=100, occupancy={"hall": 2})),
    }
    found = {}
    with Hold(folder, durable=False) as server, closing(Database(Storage(), server.url())) as tables:
        for name, store in kinds.items():
            before = tables.run(lambda cursor, name=name: size_of(cursor, name))
            tables.run(lambda cursor, store=store: [store(cursor, number) for number in range(ROWS)])
            found[name] = round((tables.run(lambda cursor, name=name: size_of(cursor, name)) - before) / ROWS)
    return found


def size_of(cursor: Any, name: str) -> int:
    """Return the bytes of a table on disk, with its indexes."""
    cursor.execute("SELECT pg_total_relation_size(%s)", (name,))
    return int(cursor.fetchone()[0])


def table(figures: Figures) -> str:
    """Return all of it for a person."""
    share = figures.stored_bytes / figures.raw_bytes
    rates = f"{figures.published_per_second:.0f} published, {figures.settled_per_second:.0f} settled a second"
    rows = {
        "detection, one child": f"{figures.detect_ms:.0f} ms a frame of {figures.size} ({figures.detector})",
        "frame in the cache": f"{figures.stored_bytes:,} bytes of {figures.raw_bytes:,} ({share:.0%})",
        "storing, fetching it": f"{figures.encode_ms:.1f} ms, {figures.decode_ms:.1f} ms (the codec alone)",
        "ledger, one client, every write on disk": rates,
        "ledger, a frame and its persons": f"{figures.ledger_bytes_per_frame:.0f} bytes",
        **{f"database, a row of {name}": f"{size:.0f} bytes" for name, size in figures.row_bytes.items()},
    }
    return "\n".join(f"{name:<42}{value}" for name, value in rows.items())


if __name__ == "__main__":
    main()
