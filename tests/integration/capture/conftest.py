"""Cameras on loopback that can be killed, brought back and made to fall silent."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SERVERS = Path(__file__).parents[2] / "servers"
SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good"


class CameraServer:
    """One camera: a program of `tests/servers` that keeps its port when it is started again."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> CameraServer:
        port = [str(urlsplit(self.url).port)] if self.url else []
        self.process = subprocess.Popen([*self.command, *port], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the camera did not start"
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def fall_silent(self) -> None:
        """Send nothing any more, and keep every connection open."""
        self.process.send_signal(signal.SIGSTOP)

    def speak_again(self) -> None:
        self.process.send_signal(signal.SIGCONT)


def _rtsp_command() -> list[str]:
    command = [SYSTEM_PYTHON, str(SERVERS / "rtsp.py")]
    try:
        able = subprocess.run([*command, "--check"], capture_output=True, check=False).returncode == 0
    except OSError:
        able = False
    if not able:
        pytest.skip(f"no RTSP server: apt-get install {RTSP_PACKAGES}")
    return command


@pytest.fixture
def serve() -> Iterator[Callable[[str], CameraServer]]:
    """Return a function that starts a camera of a kind, `rtsp` or `mjpeg`."""
    started = []

    def start(kind: str) -> CameraServer:
        server = CameraServer(_rtsp_command() if kind == "rtsp" else [sys.executable, str(SERVERS / "mjpeg.py")])
        started.append(server)
        return server.start()

    yield start
    for server in started:
        with contextlib.suppress(ValueError):
            server.kill()
