"""What tests and the handlers in their workers must agree on; importing handlers here would declare their subscriptions for all tests."""

from __future__ import annotations

MODEL, DIMENSION = "Made-up", 8
QUEUE = "alerts"
SECRET = "s3cret-of-the-camera"
