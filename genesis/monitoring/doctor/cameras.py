"""Whether each camera of the settings could be read from this machine now; none is opened, and none taken from who reads it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from genesis.masking import mask
from genesis.monitoring.doctor.bounded import SECONDS, Check
from genesis.monitoring.doctor.findings import Finding
from genesis.monitoring.doctor.probe import PORTS, Answer, ask
from genesis.monitoring.roll import at_work
from genesis.monitoring.status import Status
from genesis.settings import Camera, Settings

FRESH_SECONDS = 10.0  # a camera that gave a frame within this time is looked after
_DEVICE = re.compile(r"(?:/dev/video)?([0-9]{1,4})")
_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_FINE = range(200, 400)
_WHY = "Nothing is seen by this camera; capture tries it again for ever, and says so in its log."


def camera_checks(settings: Settings, status: Status | None) -> list[Check]:
    """Return a check for each camera.

    Args:
        settings: of this installation.
        status: a look at it; cameras that give frames are not asked. None: it can't be told.
    """
    live = _live(status)
    return [Check(f"camera {camera.name}", "camera", partial(_checked, camera, live), _late(camera)) for camera in settings.cameras]


def check_camera(camera: Camera, live: Mapping[str, str]) -> Finding:
    """Look at one camera.

    Args:
        camera: of the settings.
        live: who reads the cameras that give frames, by name.
    """
    about = f"camera {camera.name}"
    if camera.name in live:
        return Finding("ok", about, "camera", f"it gives frames{live[camera.name]}")
    if device := _DEVICE.fullmatch(camera.source):
        return _device(about, Path(f"/dev/video{int(device[1])}"))
    if "://" in camera.source:
        return _network(about, camera.source)
    if camera.source == "sample":
        return Finding("ok", about, "camera", "the sample clip, which is made when it is first used")
    return _file(about, Path(camera.source))


def _checked(camera: Camera, live: Mapping[str, str]) -> list[Finding]:
    return [check_camera(camera, live)]


def _late(camera: Camera) -> Finding:
    return Finding(
        "error", f"camera {camera.name}", "camera", f"{mask(camera.source)} does not answer within {SECONDS:g} s", _WHY,
        "look whether it has power and a network, and whether its address is right",
    )  # fmt: skip


def _live(status: Status | None) -> dict[str, str]:
    if status is None:
        return {}
    readers = {camera: capture.host for capture in at_work(status.programs, "capture") for camera in capture.cameras}
    return {
        row.camera: f", read on {readers[row.camera]}" if row.camera in readers else ""
        for row in status.cameras
        if row.state == "live" and row.age < FRESH_SECONDS
    }


def _device(about: str, path: Path) -> Finding:
    if not path.exists():
        others = ", ".join(sorted(str(other) for other in Path("/dev").glob("video[0-9]*"))) or "there is none at all"
        return Finding(
            "error", about, "camera", f"there is no {path}", _WHY,
            f"look whether it is plugged in (v4l2-ctl --list-devices), or name another (here: {others}); a container needs --device {path}",
        )  # fmt: skip
    if not os.access(path, os.R_OK | os.W_OK):
        return Finding("error", about, "camera", f"we may not use {path}", _WHY, "usermod -aG video USER, and log in again")
    return Finding("ok", about, "camera", f"{path} is there")


def _file(about: str, path: Path) -> Finding:
    if not path.exists():
        return Finding(
            "error", about, "camera", f"{path}: no such file or folder", "Capture ends when it is started.",
            "correct its `source`; a path that is not absolute begins at the working folder",
        )  # fmt: skip
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        return Finding("error", about, "camera", f"{path} can't be read", "Capture ends when it is started.", f"chmod a+rX {path}")
    empty = not any(path.iterdir()) if path.is_dir() else path.stat().st_size == 0
    if empty:
        return Finding("error", about, "camera", f"{path} is empty", "Capture ends when it is started.", "correct its `source`")
    return Finding("ok", about, "camera", f"{path} can be read")


def _network(about: str, source: str) -> Finding:
    scheme, _, rest = source.partition("://")
    url, shown = f"{scheme.lower()}://{rest}", mask(source)
    if scheme.lower() not in PORTS:
        return Finding(
            "error", about, "camera", f"{shown}: {scheme}:// is not known", _WHY, f"one of {', '.join(f'{s}://' for s in PORTS)}"
        )
    try:
        answer = ask(url, SECONDS * 0.9)
    except ValueError:  # its text may hold a part of a password
        return Finding(
            "error", about, "camera", f"{shown} names no host, or a port that is no number", _WHY,
            "correct its `source`; special characters of a password as %xx",
        )  # fmt: skip
    except socket.gaierror:
        return Finding(
            "error",
            about,
            "camera",
            f"{shown}: its host's name is not known",
            _WHY,
            "correct its `source`, or name the host by its address",
        )
    except OSError as error:
        return Finding(
            "error", about, "camera", f"{shown} can't be reached ({error.strerror or error})", _WHY,
            "look whether it has power and a network, and whether address and port are right",
        )  # fmt: skip
    return _answered(about, shown, answer)


def _answered(about: str, shown: str, answer: Answer) -> Finding:
    if answer.status == _UNAUTHORISED:
        what = "refuses the user or password" if answer.authorized else "wants a user and a password"
        mend = (
            "correct the user and password in its `source`" if answer.authorized else "a `source` with them: rtsp://user:password@host/path"
        )
        return Finding("error", about, "camera", f"{shown} {what}", _WHY, f"{mend} (special characters as %xx)")
    if answer.status == _FORBIDDEN:
        return Finding("error", about, "camera", f"{shown} forbids it (403)", _WHY, "a user there who may see the stream")
    if answer.status == _NOT_FOUND:
        return Finding(
            "error", about, "camera", f"{shown} has no stream at this path (404)", _WHY, "the path that the camera's manual tells"
        )
    if answer.status in _FINE:
        return Finding("ok", about, "camera", f"{shown} answers, and would give its stream")
    if answer.status == 0:
        return Finding("unknown", about, "camera", f"{shown} can be reached, but says nothing that we understand")
    return Finding("warning", about, "camera", f"{shown} answers with status {answer.status}", _WHY, "look into the camera's own log")
