"""The built-in subscriptions, one module per worker.

Importing this package declares all of them and loads nothing heavy: engines are imported by the
handler that needs them, in the worker's child.
"""

from tasks import alerts, analytics, detection, ingestion, metrics, notifications, recognition, sessions, storage

__all__ = ["alerts", "analytics", "detection", "ingestion", "metrics", "notifications", "recognition", "sessions", "storage"]
