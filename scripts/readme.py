"""Write the table of settings into the README: `make settings` runs it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from genesis.cli.config import markdown_table
from genesis.settings import described

README = Path(__file__).parents[1] / "README.md"
_BETWEEN = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.DOTALL)


def with_settings(text: str) -> str:
    """Return a README with the table of settings as it should be."""
    table = markdown_table(described())
    return _BETWEEN.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


if __name__ == "__main__":
    README.write_text(with_settings(README.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{README.name}: table of settings written\n")
