"""What is logged while a camera is read, by whomever, is known to be about that camera."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from genesis.capture.inprocess import InProcess
from genesis.capture.live import spawn_thread
from genesis.events import FrameCaptured, completed
from genesis.logs import bound, fields
from genesis.settings import Settings
from genesis.subscriptions import Registry, Subscription
from tests.events_of_tests import frame


def test_within_a_cameras_run_camera_and_session_are_bound(recording, sink, play, monkeypatch):
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(type(sink), "frame", lambda _self, _event, _image: told.append(dict(fields())))

    report = play(recording([True]), sink)

    assert told == [{"camera": "door", "session": report.session}]
    assert fields() == {}


def test_a_readers_thread_knows_the_camera_too():
    told: list[dict[str, Any]] = []
    done = threading.Event()

    with bound(camera="door"):
        spawn_thread(lambda: (told.append(dict(fields())), done.set()))

    assert done.wait(10)
    assert told == [{"camera": "door"}]


def test_in_sync_mode_a_handler_knows_event_group_and_stream():
    told: list[dict[str, Any]] = []
    registry = Registry()
    registry.add(Subscription(FrameCaptured, "g", "q", lambda _event, _context: told.append(dict(fields()))))
    event = completed(frame(1))

    InProcess(Settings(), registry).frame(event, np.zeros((48, 64, 3), np.uint8))

    assert told == [{"stream": "frames", "group": "g", "event": event.id, "camera": event.camera}]
    assert fields() == {}
