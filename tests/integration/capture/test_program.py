"""The program as it runs by itself: signals, size, and what it loads in event mode."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import redis

MOST_MEGABYTES = 150
LIBRARIES_MEGABYTES = 50  # of code and tables in files that all processes share, as they are with small pages: 43 measured
HEAVY = ("torch", "tensorflow", "ultralytics", "deepface", "openvino", "onnxruntime")
PATIENCE_SECONDS = 30

PRINTING_SINK = """
import sys, threading
from genesis import logs
from genesis.capture import runner
from genesis.settings import Camera, Settings

class Sink:
    def frame(self, event, image):
        sys.stdout.write(f"frame {event.number}\\n")
        sys.stdout.flush()
        if sys.argv[2] == "stuck":
            threading.Event().wait()
    def session(self, event):
        sys.stdout.write(f"{event.kind} {event.reason}\\n")  # in one piece, since two cameras write
        sys.stdout.flush()
    def dropped(self, *_): pass
    def close(self): pass

logs.configure()
cameras = [Camera(name=name, source=sys.argv[1]) for name in ("a", "b")]
sys.exit(runner.run(cameras, Settings(), sink=Sink(), loop=True).exit_code)
"""

# What is the program's own is sampled. The peak that the kernel keeps would count the pages of shared libraries too, and of
# these it maps 2 MB at a time or 64 kB, as the page cache happens to hold them: 30 MB more right after an installation.
MEASURED = """
import json, sys, threading
peak, ended = 0, threading.Event()

def sample():
    global peak
    while True:
        last = ended.is_set()
        with open("/proc/self/status") as status:
            now = sum(int(line.split()[1]) for line in status if line.startswith(("RssAnon", "RssShmem")))
        peak = max(peak, now)
        if last:
            return
        ended.wait(0.002)

sampler = threading.Thread(target=sample)
sampler.start()
from genesis.capture.__main__ import main
try:
    main(sys.argv[2:])
except SystemExit as end:
    code = end.code
ended.set()
sampler.join()
print(json.dumps({"code": code, "megabytes": peak * 1024 / 1e6, "loaded": [name for name in sys.argv[1].split() if name in sys.modules]}))
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Return a video of 1920 x 1080 with 30 frames."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (1920, 1080))
    for number in range(30):
        image = np.full((1080, 1920, 3), 60, np.uint8)
        cv2.circle(image, (100 + 50 * number, 500), 80, (30, 180, 240), -1)
        writer.write(image)
    writer.release()
    return path


@pytest.fixture
def begin(clip: Path):
    """Return a function that starts the program and waits for its first frame."""
    begun = []

    def start(behaviour: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PRINTING_SINK, str(clip), behaviour]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        begun.append(process)
        while "frame" not in process.stdout.readline():
            assert process.poll() is None, process.stderr.read()
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_camera_and_its_session(begin, number):
    process = begin("playing")

    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 0, err
    assert out.count("ended stopped") == 2
    assert "Traceback" not in err


def test_a_second_signal_ends_a_program_that_is_stuck(begin):
    process = begin("stuck")

    process.send_signal(signal.SIGTERM)
    while "stopping" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 128 + signal.SIGTERM


def test_event_mode_is_small_and_loads_no_engine(clip, settings, ledger):
    command = [sys.executable, "-c", MEASURED, " ".join(HEAVY), "--source", str(clip), "--fps", "0", "--mode", "event", "--quiet"]

    answer = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_SECONDS, check=False)

    measured = json.loads(answer.stdout)
    with redis.Redis.from_url(ledger) as client:
        published = client.xlen("genesis:frames"), client.xlen("genesis:sessions")
    assert measured["code"] == 0, answer.stderr
    assert published == (30, 2)
    assert measured["loaded"] == []
    assert 20 < measured["megabytes"] < MOST_MEGABYTES - LIBRARIES_MEGABYTES
