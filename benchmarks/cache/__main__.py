"""How quickly frames go into the cache and come out: `python -m benchmarks.cache [VIDEO]`.

Puts and gets real frames through a Redis of its own, started as `genesis up` starts it (unix socket, nothing on disk): our codecs, what
people use instead, and the limits that no codec can be quicker than. All in turns, each in a process of its own.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.cache.footage import SIZES, pictures, resized, written
from benchmarks.cache.runs import PERFECT, Found, measure
from benchmarks.reports import Options, Report, Table, options, times
from genesis.errors import GenesisError, UsageError
from genesis.settings import current

NOTE = (
    "One Redis for all, on a unix socket, nothing on disk; a new key each time. MB/s: raw picture in and out again. Saved: of the raw "
    "picture. PSNR: of the worst frame that came back (from 40 dB nobody sees a difference). CPU: of the client, put and get together. "
    "What is not Genesis uses redis-py with its defaults."
)


@click.command(context_settings={"max_content_width": 110})
@click.argument("video", default="sample", envvar="BENCH_FOOTAGE")
@click.option(
    "--size", "sizes", multiple=True, type=click.Choice(list(SIZES)), help="Only this height; may be given again.  [default: all]"
)
@options(rounds=7, quick_rounds=1)
def main(*, video: str, sizes: tuple[str, ...], asked: Options) -> None:
    """Measure the frame cache with frames of VIDEO: a recording, a folder of images, or `sample` ($BENCH_FOOTAGE)."""
    report = Report("cache", "Frame cache: putting a frame and getting it back", asked)
    try:
        run(report, asked, video, sizes or tuple(SIZES))
    except GenesisError as error:
        click.echo(f"benchmarks.cache: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    report.write()


def run(report: Report, asked: Options, video: str, sizes: tuple[str, ...]) -> None:
    """Measure, and fill the report.

    Raises:
        GenesisError: the video can't be read, or Redis can't be started.
    """
    from benchmarks.cache.steps import steps  # noqa: PLC0415 - --help stays quick
    from genesis.embedded.redis import RedisServer  # noqa: PLC0415

    frames = pictures(video, current(), 4 if asked.quick else 20)
    with tempfile.TemporaryDirectory(prefix="genesis-cache-") as place, RedisServer("cache", Path(place) / "redis") as server:
        all_frames = {size: resized(frames, SIZES[size]) for size in sizes}
        files = {size: written(some, Path(place) / f"{size}.npy") for size, some in all_frames.items()}
        found = measure(server.url(), files, asked.rounds)
        where = {size: steps(server.url(), some, max(2, asked.rounds)) for size, some in all_frames.items()}
    for size, contestants in found.items():
        first = all_frames[size][0]
        made = "" if first is frames[0] else f", made of {frames[0].shape[1]}x{frames[0].shape[0]}"
        title = f"{size}: {len(frames)} frames of {first.shape[1]}x{first.shape[0]}{made}"
        report.table(compared(title, contestants, first.nbytes))
        report.figures[size] = {
            "frames": len(frames), "width": first.shape[1], "height": first.shape[0], "raw_bytes": first.nbytes, "steps_ms": where[size],
            **{name: {**_plain(one), "saved": 1 - one.stored / first.nbytes} for name, one in contestants.items()},
        }  # fmt: skip
    report.table(spent(where))
    for size, contestants in found.items():
        report.plot(partial(draw, title=size, found=contestants), name=size, size=(9.0, 4.0))
    report.figures["headline"] = headline(found, {size: some[0].nbytes for size, some in all_frames.items()})
    report.say(str(report.figures["headline"]))


def compared(title: str, contestants: Mapping[str, Found], raw: int) -> Table:
    """Return the table of one size.

    Args:
        title: of the table.
        contestants: by name.
        raw: bytes of a raw picture.
    """
    from benchmarks.cache.contestants import MOVED, PEER  # noqa: PLC0415 - OpenCV; --help stays quick

    peer, limit = contestants[PEER].both, contestants[MOVED].both
    rows = [
        (
            name, f"{one.put:.2f}", f"{one.get:.2f}", f"{one.both:.2f}", f"{raw / one.both / 1000:,.0f}",
            "-" if one.likeness is None and one.stored == raw else f"{1 - one.stored / raw:.1%}",
            _likeness(one.likeness), f"{one.cpu:.2f}", times(peer, one.both), times(one.both, limit),
        )
        for name, one in contestants.items()
    ]  # fmt: skip
    columns = ("", "put ms", "get ms", "both ms", "MB/s", "saved", "PSNR dB", "CPU ms", "as fast as pickle", "of Redis alone")
    return Table(title, columns, rows, NOTE)


def spent(where: Mapping[str, Mapping[str, float]]) -> Table:
    """Return the table of the steps of our codec."""
    names = list(next(iter(where.values())))
    rows = [(name, *(f"{times_[name]:.2f}" for times_ in where.values())) for name in names]
    return Table(
        "Where the time of Genesis i420 goes (ms)",
        ("step", *where),
        rows,
        "Each step by itself, so they do not quite add up to put and get.",
    )


def headline(found: Mapping[str, Mapping[str, Found]], raw: Mapping[str, int]) -> str:
    """Return the most telling figures in a sentence."""
    from benchmarks.cache.contestants import OURS, PEER, PEER_KEPT  # noqa: PLC0415

    parts = [
        f"{size} in {some[OURS].both:.1f} ms, {times(some[PEER].both, some[OURS].both)} as fast as {PEER} over BGR "
        f"({times(some[PEER_KEPT].both, some[OURS].both)} where that keeps its memory, too), "
        f"{1 - some[OURS].stored / raw[size]:.0%} of the bytes saved"
        for size, some in found.items()
    ]
    return f"Put and get of a frame: {'; '.join(parts)}."


def draw(axes: Any, *, title: str, found: Mapping[str, Found]) -> None:
    """Draw puts and gets as bars behind each other."""
    names = list(found)[::-1]
    puts, gets = [found[name].put for name in names], [found[name].get for name in names]
    axes.barh(names, puts, label="put", color="#3b6ea5")
    axes.barh(names, gets, left=puts, label="get", color="#e0a458")
    for place, name in enumerate(names):
        axes.text(found[name].both, place, f" {found[name].both:.1f}", va="center")
    axes.set_title(title)
    axes.set_xlabel("milliseconds a frame; less is better")
    axes.legend(loc="lower right")


def _likeness(value: float | None) -> str:
    if value is None:
        return "-"
    return "same" if value >= PERFECT else f"{value:.1f}"


def _plain(found: Found) -> dict[str, Any]:
    return {
        **asdict(found),
        "put_ms": found.put,
        "get_ms": found.get,
        "both_ms": found.both,
        "stored_bytes": found.stored,
        "cpu_ms": found.cpu,
    }


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.cache")
