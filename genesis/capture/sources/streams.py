"""Live sources: network cameras, and devices of this machine."""

from __future__ import annotations

import os
import socket
import time
from urllib.parse import urlsplit

import cv2

from genesis.capture.sources.base import Connection, LiveSource, SourceLostError
from genesis.capture.sources.opencv import Grabber
from genesis.errors import SourceError
from genesis.masking import mask
from genesis.settings import Capture

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_DECODER_THREADS = 2  # each thread more holds one frame back, which a live picture can't afford
_PROBE_SECONDS = 2.0
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"


class UrlStream(LiveSource):
    """A camera behind a URL.

    Args:
        url: with its password.
        settings: timeouts and the RTSP transport.

    Raises:
        SourceError: the URL names no host.
    """

    def __init__(self, url: str, settings: Capture) -> None:
        self.description = mask(url)
        self._url = url
        self._settings = settings
        self._address = _address(url, self.description)
        # OpenCV takes it from the environment only. All sources of a process have the same settings.
        os.environ.setdefault(_OPTIONS, f"rtsp_transport;{settings.rtsp_transport}")

    def connect(self) -> Connection:
        """Open the stream.

        Raises:
            SourceLostError: it can't be opened now; says as far as can be told whether host, port or stream is at fault.
        """
        began = time.monotonic()
        wanted = {
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: int(self._settings.open_seconds * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC: int(self._settings.stall_seconds * 1000),
            cv2.CAP_PROP_N_THREADS: _DECODER_THREADS,
        }
        grabber = Grabber(cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, [number for pair in wanted.items() for number in pair]))
        if grabber.opened:
            return grabber
        grabber.close()
        if time.monotonic() - began >= self._settings.open_seconds:
            msg = f"{self.description} did not answer within {self._settings.open_seconds:g} s"
            raise SourceLostError(msg)
        raise SourceLostError(self._why_not())

    def _why_not(self) -> str:
        host, port = self._address
        try:
            socket.create_connection((host, port), timeout=_PROBE_SECONDS).close()
        except OSError as error:
            return f"{self.description} can't be reached ({error.strerror or error})"
        return f"{self.description} answers, but gives no video (check path, user and password)"


class Device(LiveSource):
    """A camera of this machine, by its index. It is opened at once: one that never worked was named wrongly.

    Raises:
        SourceError: there is no such camera.
    """

    def __init__(self, index: int) -> None:
        self.description = f"camera {index}"
        self._index = index
        first = Grabber(cv2.VideoCapture(index))
        if not first.opened:
            first.close()
            msg = f"source '{index}': no camera with this index on this machine (or another program uses it)"
            raise SourceError(msg)
        self._first: Grabber | None = first
        self.fps = first.fps

    def connect(self) -> Connection:
        """Open the camera; the first time, it is open already.

        Raises:
            SourceLostError: it is not there now.
        """
        grabber, self._first = self._first or Grabber(cv2.VideoCapture(self._index)), None
        if not grabber.opened:
            grabber.close()
            msg = f"{self.description} is not there"
            raise SourceLostError(msg)
        return grabber

    def close(self) -> None:
        """Let go of the camera if it was never connected to."""
        if self._first is not None:
            self._first.close()
            self._first = None


def _address(url: str, description: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    except ValueError as error:
        msg = f"source {description!r}: not a URL ({error})"
        raise SourceError(msg) from None
    if not host:
        msg = f"source {description!r}: the URL names no host"
        raise SourceError(msg)
    return host, port
