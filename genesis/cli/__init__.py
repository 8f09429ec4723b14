"""The `genesis` command."""

from genesis.cli.main import main

__all__ = ["main"]
