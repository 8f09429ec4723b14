"""Measuring: each contestant in a process of its own, so that no other one's memory is at hand, and all in turns."""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reports import middle
from genesis.cache import Frame
from genesis.errors import GenesisError

PERFECT = 99.0  # dB: no difference
END_SECONDS = 10.0


class ContestantError(GenesisError):
    """A contestant has failed; the line is its own."""


@dataclass(frozen=True)
class Pass:
    """All frames once; medians.

    Attributes:
        put: milliseconds.
        get: milliseconds.
        stored: bytes of a frame, mean.
        cpu: milliseconds of processor time of the client for one frame, all its threads.
    """

    put: float
    get: float
    stored: float
    cpu: float


@dataclass(frozen=True)
class Found:
    """What was measured of one contestant.

    Attributes:
        passes: one for each round.
        likeness: PSNR of what comes back in dB, `PERFECT` if it is the same to the bit; None: nothing comes back that is a picture.
    """

    passes: list[Pass]
    likeness: float | None

    @property
    def put(self) -> float:
        """Milliseconds, median of the rounds."""
        return middle(one.put for one in self.passes)

    @property
    def get(self) -> float:
        """Milliseconds, median of the rounds."""
        return middle(one.get for one in self.passes)

    @property
    def both(self) -> float:
        """Milliseconds of put and get, median of the rounds."""
        return middle(one.put + one.get for one in self.passes)

    @property
    def stored(self) -> float:
        """Bytes of a frame."""
        return middle(one.stored for one in self.passes)

    @property
    def cpu(self) -> float:
        """Milliseconds of processor time of the client for one frame, put and got."""
        return middle(one.cpu for one in self.passes)


def measure(url: str, files: Mapping[str, Path], rounds: int) -> dict[str, dict[str, Found]]:
    """Let all contestants put and get all frames, round after round.

    Args:
        url: of the Redis.
        files: by the name of the size, the frames as (n, height, width, 3) uint8 in a file of NumPy's.
        rounds: how often, after one to warm up.

    Returns:
        By size and contestant.

    Raises:
        ContestantError: one has failed.
    """
    from benchmarks.cache.contestants import CONTESTANTS  # noqa: PLC0415 - OpenCV; --help stays quick

    found: dict[str, dict[str, Found]] = {}
    for size, file in files.items():
        with _children(url, file, list(CONTESTANTS)) as children:
            likeness = {name: _told(child) for name, child in children.items()}
            passes: dict[str, list[Pass]] = {name: [] for name in children}
            for _ in range(rounds):
                for name, child in children.items():
                    child.send("again")
                    passes[name].append(_told(child))
        found[size] = {name: Found(passes[name], likeness[name]) for name in children}
    return found


@contextmanager
def _children(url: str, file: Path, names: list[str]) -> Iterator[dict[str, Connection]]:
    # A clean process that has imported everything and done nothing yet; each contestant is a copy of it.
    context, children, processes = multiprocessing.get_context("forkserver"), {}, []
    context.set_forkserver_preload(["benchmarks.cache.contestants"])
    try:
        for name in names:
            children[name], theirs = context.Pipe()
            processes.append(context.Process(target=serve, args=(theirs, name, url, file), daemon=True))
            processes[-1].start()
            theirs.close()
        yield children
    finally:
        for child in children.values():
            child.close()
        for process in processes:
            process.join(END_SECONDS)


def _told(child: Connection) -> Any:
    try:
        said = child.recv()
    except EOFError:
        said = "its process has ended"
    if isinstance(said, str):
        msg = f"a contestant has failed: {said}"
        raise ContestantError(msg)
    return said


def serve(asker: Any, name: str, url: str, file: Path) -> None:
    """Measure one contestant whenever asked to, until the asker is gone; first of all warm up, and tell the likeness."""
    from benchmarks.cache.contestants import CONTESTANTS  # noqa: PLC0415

    try:
        frames = list(np.load(file))
        contestant, keys = CONTESTANTS[name](url, frames), (f"{name}-{number}" for number in itertools.count())
        asker.send(likeness(contestant, keys))
        while asker.recv():
            asker.send(one_pass(contestant, keys))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - told where it can be seen
        asker.send(f"{name}: {error!r}")


def one_pass(contestant: Any, keys: Iterator[str]) -> Pass:
    """Put and get every frame once, under keys that are new."""
    puts, gets, sizes, cpu = [], [], [], 0.0
    for number in range(len(contestant.frames)):
        key, busy = next(keys), time.process_time()
        begun = time.perf_counter()
        sizes.append(contestant.put(key, number))
        between = time.perf_counter()
        picture = contestant.get(key)
        gets.append(time.perf_counter() - between)
        puts.append(between - begun)
        cpu += time.process_time() - busy
        del picture
        contestant.drop(key)
    return Pass(1000 * middle(puts), 1000 * middle(gets), sum(sizes) / len(sizes), 1000 * cpu / len(sizes))


def likeness(contestant: Any, keys: Iterator[str]) -> float | None:
    """Return the least PSNR of what comes back, in dB; None if that is no picture."""
    import cv2  # noqa: PLC0415

    least = PERFECT
    for number, frame in enumerate(contestant.frames):
        key = next(keys)
        contestant.put(key, number)
        picture: Frame = contestant.get(key)
        contestant.drop(key)
        if contestant.keeps and not np.array_equal(picture, frame):
            least = min(least, float(cv2.PSNR(np.ascontiguousarray(frame), np.ascontiguousarray(picture))))
    return least if contestant.keeps else None
