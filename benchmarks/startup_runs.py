"""What is measured: commands to their end, programs until they are ready, and programs that have nothing to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.pipeline.processes import Memory, cpu_seconds, memory_of
from benchmarks.pipeline.system import ROOT, MeasurementError, Program, System
from genesis.connections import UNAVAILABLE, connect
from genesis.embedded.redis import RedisServer
from genesis.events import FrameCaptured, Keys, PersonDetected

LIGHT = "ingestion"  # a queue whose handlers load no model
WIDTH, HEIGHT, CLIP_FPS = 768, 576, 10  # of the clip that is drawn
END_SECONDS = 30.0  # for `genesis up` to end
NANOSECONDS = 1e9

HELP = {
    "python -c pass": ("-c", "pass"),
    "python -c 'import celery, redis'": ("-c", "import celery, redis"),
    "celery --version": ("-m", "celery", "--version"),
    "genesis --help": ("-m", "genesis", "--help"),
    "genesis status --help": ("-m", "genesis", "status", "--help"),
    "genesis.capture --help": ("-m", "genesis.capture", "--help"),
    "genesis.bridge --help": ("-m", "genesis.bridge", "--help"),
}
"""Commands that need nothing, by what they are called: arguments of Python."""
LOOKS = {"genesis health": ("-m", "genesis", "health"), "genesis status": ("-m", "genesis", "status")}
"""Commands that look at a running installation."""

PLAIN, PLAIN_ALONE = "plain Celery worker", "plain Celery worker, no mingle"
BRIDGE, WORKER, EXPORTER, CAPTURE = "bridge", "worker", "exporter", "capture"
_PLAIN_APP = """
from celery import Celery

app = Celery("plain", broker={broker!r})

@app.task
def nothing():
    pass
"""


@dataclass(frozen=True)
class Taken:
    """Seconds: on the clock, and of CPU, with all child processes."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Idle:
    """A program with nothing to do: its memory, and its share of a core in percent (None: not watched)."""

    memory: Memory
    busy: float | None = None


def run(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Taken:
    """Run Python to its end.

    Raises:
        MeasurementError: its exit code is not 0.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        msg = f"{' '.join(arguments)}: exit code {process.returncode}"
        raise MeasurementError(msg)
    return Taken(wall, usage.ru_utime + usage.ru_stime)


def in_turns(commands: Mapping[str, Sequence[str]], rounds: int, environment: Mapping[str, str] | None = None) -> dict[str, list[Taken]]:
    """Run every command in turns; the first run of each, which may compile modules and read them from the disk, does not count."""
    for arguments in commands.values():
        run(arguments, environment)
    taken: dict[str, list[Taken]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            taken[name].append(run(arguments, environment))
    return taken


def until(system: System, name: str, arguments: Sequence[str], ready: Callable[[Program], bool]) -> Taken:
    """Start a Python program, and measure until it is ready; it is killed then.

    Raises:
        MeasurementError: it has ended before.
    """
    begun = time.perf_counter()
    program = system.start(name, *arguments)
    try:
        system.wait(lambda: ready(program), f"{name} to be ready", program)
        return Taken(time.perf_counter() - begun, cpu_seconds(program.pid))
    finally:
        program.kill()
        del system.programs[name]


def said(text: bytes) -> Callable[[Program], bool]:
    """Return what tells whether a program has written a text."""
    return lambda program: text in program.log.read_bytes()


def starts(rounds: int, folder: Path, clip: Path, chosen: Iterable[str] = ()) -> dict[str, list[Taken]]:
    """Measure each program from its start until it works, in turns, beside one Redis pair of its own.

    Args:
        rounds: that are measured; one before them is not.
        folder: for the peer's module.
        clip: a video for capture.
        chosen: names of programs; all if there are none.
    """
    with System({}) as system:
        write_plain(folder, system)
        frames, published = Keys(system.settings.redis.prefix).stream(FrameCaptured.STREAM), 0

        def has_published(_: Program) -> bool:
            return system.ledger.xlen(frames) > published

        programs = {
            BRIDGE: (("-m", "genesis.bridge"), said(b" serves ")),
            WORKER: (worker("genesis", LIGHT), said(b" ready.")),
            EXPORTER: (("-m", "genesis.monitoring", "--port", "0"), said(b"/metrics")),
            CAPTURE: (("-m", "genesis.capture", "--mode", "event", "--source", str(clip)), has_published),
            PLAIN: (worker("plain", "celery", folder), said(b" ready.")),
            # As ours: it does not ask the other workers, for which Celery waits a second.
            PLAIN_ALONE: ((*worker("plain", "celery", folder), "--without-mingle", "--without-gossip"), said(b" ready.")),
        }
        programs = {name: program for name, program in programs.items() if not chosen or name in chosen}
        taken: dict[str, list[Taken]] = {name: [] for name in programs}
        for number in range(rounds + 1):
            for name, (arguments, ready) in programs.items():
                published = system.ledger.xlen(frames)
                one = until(system, name, arguments, ready)
                if number:
                    taken[name].append(one)
    return taken


def at_rest(rounds: int, seconds: float, folder: Path, clip: Path) -> tuple[dict[str, list[Taken]], dict[str, list[Idle]]]:
    """Start one program of each role, look at them with commands, and then watch them idle.

    Capture, which is never idle, is started last, and its memory measured with frames going through it.

    Args:
        rounds: of commands, and of watching.
        seconds: that each round watches.
        folder: for the peer's module.
        clip: a video for capture.

    Returns:
        What the commands took; the programs that idle.
    """
    idle: dict[str, list[Idle]] = {}
    with System({}) as system:
        write_plain(folder, system)
        system.start_bridge()
        for name, arguments, ready in (
            (WORKER, worker("genesis", LIGHT), b" ready."),
            (EXPORTER, ("-m", "genesis.monitoring", "--port", "0"), b"/metrics"),
            (PLAIN, worker("plain", "celery", folder), b" ready."),
            ("python", _holding("pass"), b"up"),
            ("python, celery and redis", _holding("import celery, redis"), b"up"),
            ("python, cv2 and redis", _holding("import cv2, redis"), b"up"),
        ):
            program = system.start(name, *arguments)
            system.wait(lambda program=program, ready=ready: said(ready)(program), f"{name} to be ready", program)
        looks = in_turns(LOOKS, rounds, system.environment)
        watched = {name: pid for name, pid in system.processes().items() if not name.startswith("Redis")}
        for _ in range(rounds):
            for name, one in watch(watched, seconds).items():
                idle.setdefault(name, []).append(one)
        frames = Keys(system.settings.redis.prefix).stream(FrameCaptured.STREAM)
        capture = system.start(CAPTURE, "-m", "genesis.capture", "--mode", "event", "--source", str(clip), "--loop")
        for wanted in range(CLIP_FPS, (rounds + 1) * CLIP_FPS, CLIP_FPS):
            system.wait(lambda wanted=wanted: system.ledger.xlen(frames) >= wanted, "frames", capture)
            idle.setdefault(CAPTURE, []).append(Idle(_memory(capture.pid, CAPTURE)))
    return looks, idle


def watch(pids: Mapping[str, int], seconds: float) -> dict[str, Idle]:
    """Watch processes for some seconds."""
    begun, before = time.perf_counter(), {name: on_core(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    elapsed = time.perf_counter() - begun
    return {name: Idle(_memory(pid, name), 100 * (on_core(pid) - before[name]) / elapsed) for name, pid in pids.items()}


def on_core(pid: int) -> float:
    """Return for how many seconds a process' threads have run; the kernel's usual ticks are too coarse for one that idles."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / NANOSECONDS


def up(clip: Path) -> dict[str, Taken]:
    """Start a whole installation with `genesis up` (HOG, no database, nobody is recognised), and measure until it works.

    Returns:
        Until all programs were ready, until the first frame was published, and until it was looked at; CPU is that of all programs.
    """
    marks: dict[str, Taken] = {}
    with System({"detection": {"detector": "hog"}}, needs_servers=False) as system:
        keys = Keys(system.settings.redis.prefix)
        client = connect(RedisServer("ledger", system.settings.data_dir / "redis" / "ledger").url())
        begun = time.perf_counter()
        program = system.start("up", "-m", "genesis", "up", "--source", str(clip), "--fps", "5")

        def length(stream: str) -> int:
            try:
                return int(client.xlen(keys.stream(stream)))
            except UNAVAILABLE:
                return 0

        steps: dict[str, Callable[[], bool]] = {
            "genesis up: all ready": lambda: said(b"data folder: ")(program),
            "genesis up: first frame": lambda: length(FrameCaptured.STREAM) > 0,
            "genesis up: first result": lambda: length(PersonDetected.STREAM) > 0,
        }
        try:
            for name, reached in steps.items():
                system.wait(reached, name, program)
                marks[name] = Taken(time.perf_counter() - begun, cpu_seconds(program.pid))
        finally:
            client.close()
            _end(program)
    return marks


def _end(program: Program) -> None:
    """End `genesis up` as two Ctrl-C do: it takes its programs and servers along."""
    for _ in range(2):
        program.process.send_signal(signal.SIGINT)
        try:
            program.process.wait(END_SECONDS / 2)
        except subprocess.TimeoutExpired:
            continue
        return


def worker(app: str, queue: str, folder: Path = ROOT) -> tuple[str, ...]:
    """Return the arguments of a worker with one child; its application's module lies in the folder."""
    return (
        "-m", "celery", "-q", "--workdir", str(folder), "-A", app, "worker", "-l", "INFO", "-Q", queue, "-c", "1", "-n", f"{queue}@%h",
    )  # fmt: skip


def write_plain(folder: Path, system: System) -> None:
    """Write the peer: a Celery application with one empty task, on the same Redis."""
    (folder / "plain.py").write_text(_PLAIN_APP.format(broker=system.settings.celery.broker_url), encoding="utf-8")


def _holding(statement: str) -> tuple[str, str]:
    return "-c", f"import signal\n{statement}\nprint('up', flush=True)\nsignal.pause()"


def _memory(pid: int, name: str) -> Memory:
    memory = memory_of(pid)
    if memory is None:
        msg = f"{name} has ended"
        raise MeasurementError(msg)
    return memory


def draw_clip(path: Path) -> Path:
    """Write a video in which a bright shape crosses a grey picture, ten seconds of it; return its path.

    Raises:
        MeasurementError: OpenCV can't write it.
    """
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), CLIP_FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        msg = f"OpenCV can't write {path}"
        raise MeasurementError(msg)
    ground = np.random.default_rng(7).integers(90, 130, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for number in range(10 * CLIP_FPS):
        picture = ground.copy()
        cv2.ellipse(picture, (60 + 6 * number, HEIGHT // 2), (40, 120), 0, 0, 360, (40, 60, 210), -1)
        writer.write(picture)
    writer.release()
    return path
