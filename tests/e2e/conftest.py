"""Settings for whole programs: no weights, so that the detector that is always there is used, no database, a data folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data folder of every program that this test starts."""
    monkeypatch.setenv("GENESIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GENESIS_RECOGNITION__ENGINE", "none")
    monkeypatch.setenv("GENESIS_STORAGE__DSN", "none")
    monkeypatch.setenv("GENESIS_BRIDGE__BLOCK_SECONDS", "0.2")  # so that it ends soon
    monkeypatch.setenv("GENESIS_DETECTION__OFFLINE", "true")
    monkeypatch.setenv("GENESIS_DETECTION__WEIGHTS", str(tmp_path / "there-is-no.pt"))
    return tmp_path
