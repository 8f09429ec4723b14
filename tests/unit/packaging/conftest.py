"""The scripts are programs beside the package: their modules are found here."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def scripts(monkeypatch):
    """Return a function that imports a script by its name."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module


@pytest.fixture(scope="session")
def root():
    """Return the checkout."""
    return ROOT
