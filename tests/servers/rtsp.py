"""An RTSP camera for tests: a moving ball, from GStreamer's own server; as H.264 where there is an encoder, else as JPEG.

    /usr/bin/python3 tests/servers/rtsp.py [PORT]

Runs with the system's Python, since GStreamer's bindings come with the system (Debian: python3-gi,
gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base and -good; H.264 needs -ugly too). Binds to loopback, and prints
its URL as the first line. Port 0, the default, is a free one. With `--check` it only says whether it could run.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

BALL = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=20/1"
H264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! rtph264pay name=pay0 pt=96 config-interval=1"
JPEG = "videoconvert ! video/x-raw,format=I420 ! jpegenc ! rtpjpegpay name=pay0"


def main() -> None:
    """Serve until killed."""
    Gst.init(None)
    encoder = H264 if _has("x264enc") else JPEG
    missing = [name for name in ("videotestsrc", "jpegenc", "rtpjpegpay", "rtph264pay") if not _has(name)]
    if missing:
        sys.exit(f"GStreamer has no {', '.join(missing)}")
    if "--check" in sys.argv:
        return
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1] if len(sys.argv) > 1 else "0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch(f"( {BALL} ! {encoder} )")
    server.get_mount_points().add_factory("/cam", factory)
    if server.attach(None) == 0:
        sys.exit("the port is taken")
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}/cam", flush=True)  # noqa: T201
    GLib.MainLoop().run()


def _has(element: str) -> bool:
    return Gst.ElementFactory.find(element) is not None


if __name__ == "__main__":
    main()
