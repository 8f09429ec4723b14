"""Following persons from frame to frame: detections in, track numbers out, and a state that is plain data."""

from __future__ import annotations

from genesis.vision.tracking.follow import Followed, Track, finish, follow
from genesis.vision.tracking.rules import Rules
from genesis.vision.tracking.state import Live, Tracks

__all__ = ["Followed", "Live", "Rules", "Track", "Tracks", "finish", "follow"]
