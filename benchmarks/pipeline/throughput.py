"""Frames per second, CPU seconds per frame and memory: the bare loop, sync mode, and event mode with some workers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.pipeline.processes import cpu_seconds, has_ended, memory_of
from benchmarks.pipeline.system import ROOT, MeasurementError, Program, System
from genesis.events import PersonDetected

FRAMES, PERSONS = "genesis:frames", "genesis:persons"
NO_LIMIT = {
    "event_driven": {"backpressure": {"max_pending": 1_000_000, "block_threshold": 1_000_000}},
    "frame_cache": {"max_size_mb": 4000},
}
"""What a system needs whose other groups are served by nobody: their backlog would stop the capture, and their frames stay."""
_LOOK_SECONDS = 0.4  # between two looks at the memory


@dataclass(frozen=True)
class Run:
    """What one contestant made of the frames.

    Attributes:
        frames: that were looked at.
        seconds: from the first frame to the last settled result.
        cpu: CPU seconds in that time, by role.
        persons: found in all frames.
        memory: most resident and own bytes, by process, where they were looked at.
    """

    frames: int
    seconds: float
    cpu: dict[str, float]
    persons: int
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def cost(self) -> float:
        """CPU seconds per frame."""
        return sum(self.cpu.values()) / self.frames if self.frames else 0.0


def bare(source: str, detection: Mapping[str, Any], frames: int, processes: int) -> Run:
    """Run the bare loop in some processes side by side, each with its part of the frames."""
    with System({"detection": detection}, needs_servers=False) as system:
        share = frames // processes
        loops = [
            subprocess.Popen(  # noqa: S603 - ours
                [sys.executable, "-m", "benchmarks.pipeline.bare", source, "--first", str(number * share), "--frames", str(share)],
                cwd=ROOT, env=system.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )
            for number in range(processes)
        ]  # fmt: skip
        try:
            for loop in loops:
                assert loop.stdout is not None
                if loop.stdout.readline().strip() != "ready":
                    msg = "the bare loop has ended before it began: is the detector usable? (genesis doctor tells)"
                    raise MeasurementError(msg)
            for loop in loops:
                assert loop.stdin is not None
                loop.stdin.write("go\n")
                loop.stdin.flush()
            told = [json.loads(loop.communicate()[0]) for loop in loops]
        finally:
            for loop in loops:
                loop.kill()
                loop.wait()
    return Run(
        sum(one["frames"] for one in told),
        max(one["ended"] for one in told) - min(one["began"] for one in told),
        {"detector": sum(one["cpu"] for one in told)},
        sum(one["persons"] for one in told),
        {"bare loop": (max(one["resident"] for one in told), max(one["own"] for one in told))},
    )


def sync(source: str, detection: Mapping[str, Any], frames: int) -> Run:
    """Run `python -m genesis.capture --mode sync`: all handlers, in one process."""
    with System({"detection": detection}, needs_servers=False) as system:
        events = system.folder / "events.jsonl"
        program = system.capture(source, "--mode", "sync", "--fps", "0", "--max-frames", str(frames), "--json", "--events", str(events))
        system.wait(lambda: b": started" in program.log.read_bytes(), "capture to start", program)
        used = cpu_seconds(program.pid)
        # Not waited for: its times are there as long as nobody has.
        system.wait(lambda: has_ended(program.pid), "capture to end", seconds=600)
        used = cpu_seconds(program.pid) - used
        if program.process.wait() != 0:
            msg = f"sync mode has failed\n{program.last_words()}"
            raise MeasurementError(msg)
        text = program.log.read_text(encoding="utf-8")
        report = json.loads(text[text.index("\n{") :] if not text.startswith("{") else text)
        seen = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    camera = report["cameras"][0]
    persons = sum(len(json.loads(event["data"]).get("persons", ())) for event in seen if event["type"] == PersonDetected.TYPE)
    return Run(camera["frames"], camera["seconds"], {"capture": used}, persons)


def event(
    source: str, detection: Mapping[str, Any], frames: int, children: int, *, cameras: int = 1, whole: bool = False, looks: bool = False
) -> Run:
    """Run event mode, from the first frame in the stream to the last settled `PersonDetected`.

    Args:
        source: a video.
        detection: settings of the detector.
        frames: of all cameras together.
        children: of the detection worker.
        cameras: that play the same file at once.
        whole: a worker for all the other groups runs, too, and the exporter, as in `genesis up`; else the detection group is alone.
        looks: at the memory of all processes meanwhile.
    """
    with System({"detection": detection, **({} if whole else NO_LIMIT)}) as system:
        system.start_bridge()
        workers = {"detection": (["detection"], children)}
        if whole:
            workers["others"] = (system.others("detection"), 1)
            system.start("exporter", "-m", "genesis.monitoring", "--port", "0")
        system.start_workers(workers)
        wanted, ledger = frames // cameras * cameras, system.ledger
        capture = system.capture(
            source, "--mode", "event", "--fps", "0", "--max-frames", str(frames // cameras), "--quiet", cameras=cameras
        )  # fmt: skip
        system.wait(lambda: ledger.xlen(FRAMES), "the first frame", capture)
        before, looked, memory = system.cpu(), 0.0, {}

        def done() -> bool:
            nonlocal looked
            if looks and time.monotonic() > looked + _LOOK_SECONDS:
                looked = time.monotonic()
                _look(system, memory)
            return int(ledger.xlen(PERSONS)) >= wanted

        system.wait(done, f"{wanted} frames to be settled", *_lasting(system), seconds=600)
        after = system.cpu()
        results = ledger.xrange(PERSONS, count=wanted)
        began, ended = milliseconds(ledger.xrange(FRAMES, count=1)[0][0]), milliseconds(results[-1][0])
        persons = sum(len(json.loads(fields[b"data"]).get("persons", ())) for _, fields in results)
    used = {role: after.get(role, 0.0) - before.get(role, 0.0) for role in after}
    # From the first frame that is there to the last result: one frame more than there are steps between.
    return Run(wanted, (ended - began) / 1000, used, persons, memory)


def milliseconds(entry: bytes) -> int:
    """Return when an entry was added: milliseconds since 1970, by the server's clock."""
    return int(entry.partition(b"-")[0])


def _look(system: System, most: dict[str, tuple[int, int]]) -> None:
    for name, pid in system.processes().items():
        if (memory := memory_of(pid)) is not None:
            resident, own = most.get(name, (0, 0))
            most[name] = max(resident, memory.resident), max(own, memory.own)


def _lasting(system: System) -> list[Program]:
    return [program for role, program in system.programs.items() if role != "capture"]
