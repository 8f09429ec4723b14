"""Keeping OpenCV and FFmpeg off stderr, where they write behind the log's back, URLs with passwords included.

Imported before anything that loads OpenCV: it looks at these variables when it is first used, and never again.
"""

from __future__ import annotations

import os

LEVEL = "OPENCV_LOG_LEVEL"
SILENT = "SILENT"

# A person who looks for a fault may set them otherwise.
os.environ.setdefault(LEVEL, SILENT)
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
