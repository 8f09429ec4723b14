"""The scripts are programs beside the package: their modules are found here; so are the tools that check what deploys it."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from genesis.settings import described
from genesis.subscriptions import load_subscriptions

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


@pytest.fixture(scope="session")
def tool():
    """Return a function that finds a program, first in the virtual environment; where there is none the test is skipped."""

    def find(name, package):
        found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
        if found is None:
            pytest.skip(f"no {name} (of {package})")
        return found

    return find


@pytest.fixture(scope="session")
def variables():
    """Return the environment variables of all settings, with those that name a file."""
    names = {f"GENESIS_{key.replace('.', '__').upper()}" for key, *_ in described() if "[]" not in key}
    return names | {f"{name}_FILE" for name in names} | {"GENESIS_CONFIG"}


@pytest.fixture(scope="session")
def queues():
    """Return all queues, each of which needs a worker."""
    return set(load_subscriptions().queues)
