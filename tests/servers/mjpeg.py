"""A camera that sends JPEG pictures over HTTP, for tests: a moving bar, 20 pictures a second.

    python tests/servers/mjpeg.py [PORT]

Binds to loopback, and prints its URL as the first line. Port 0, the default, is a free one.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

FPS = 20
WIDTH, HEIGHT = 320, 240


def picture(number: int) -> bytes:
    """Return a JPEG with a bar whose place tells the number."""
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    left = number * 8 % WIDTH
    image[:, left : left + 16] = (60, 200, 250)
    return cv2.imencode(".jpg", image)[1].tobytes()


class Camera(BaseHTTPRequestHandler):
    """Answers every request with an endless stream of pictures."""

    def do_GET(self) -> None:
        """Send pictures until the other side has had enough."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        number = 0
        try:
            while True:
                data = picture(number)
                self.wfile.write(b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(data), data))
                number += 1
                time.sleep(1 / FPS)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until killed."""
    ThreadingHTTPServer.allow_reuse_address = True
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Camera)
    print(f"http://127.0.0.1:{server.server_port}/video", flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main()
