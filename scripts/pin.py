"""Rewrite the lower part of constraints.txt: `make pins PYTHONS="python3.10 python3.11 python3.12"`.

The upper part, written by hand with a reason for each pin, stays and is obeyed. Below it come all other
packages that the extras `all` and `dev` bring along, as pip resolves them today on each of the Pythons.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from environment import CUDA_PREFIXES, NOT_CUDA, normal

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "constraints.txt"
BORDER = "# Below this line: written by scripts/pin.py (make pins)."


def main() -> int:
    """Resolve on every Python, then write."""
    parser = argparse.ArgumentParser(description="Rewrite the lower part of constraints.txt.")
    parser.add_argument("pythons", nargs="+", help="interpreters with pip 23.1 or newer, oldest first")
    text = FILE.read_text(encoding="utf-8").partition(BORDER)[0]
    by_hand = {line.partition("==")[0] for line in text.splitlines() if "==" in line and not line.startswith("#")}
    resolved: dict[str, dict[str, str]] = {}
    for python in parser.parse_args().pythons:
        version = subprocess.check_output([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True).strip()
        print(f"resolving on Python {version} ...", flush=True)
        resolved[version] = {name: pin for name, pin in _resolve(python, text).items() if name not in by_hand}
    FILE.write_text(text + BORDER + "\n" + "".join(f"{line}\n" for line in merged(resolved)), encoding="utf-8")
    print(f"{FILE.name}: {len(by_hand)} pins by hand, {len(set().union(*resolved.values()))} below them")
    return 0


def merged(resolved: dict[str, dict[str, str]]) -> list[str]:
    """Return one line for each package and version, with a marker where the Pythons differ.

    Args:
        resolved: for each Python version, oldest first, the version of each package. The newest one's also
            stand for later Pythons.

    >>> merged({"3.10": {"a": "1"}, "3.11": {"a": "2", "b": "1"}, "3.12": {"a": "2", "b": "1"}})
    ['a==1; python_version < "3.11"', 'a==2; python_version >= "3.11"', 'b==1']
    """
    versions = list(resolved)
    lines = []
    for name in sorted(set().union(*resolved.values())):
        # A package that one Python does not need may be pinned there as well, so that most lines need no marker.
        present = [(at, resolved[at][name]) for at in versions if name in resolved[at]]
        runs = [(at, pin) for index, (at, pin) in enumerate(present) if index == 0 or present[index - 1][1] != pin]
        for index, (at, pin) in enumerate(runs):
            bounds = [f'python_version >= "{at}"'] if index else []
            if index + 1 < len(runs):
                bounds.append(f'python_version < "{runs[index + 1][0]}"')
            lines.append(f"{name}=={pin}" + (f"; {' and '.join(bounds)}" if bounds else ""))
    return lines


def _resolve(python: str, constraints: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        pins, report = Path(folder, "by-hand.txt"), Path(folder, "report.json")
        pins.write_text(constraints, encoding="utf-8")
        command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--report", str(report), "-c", str(pins), f"{ROOT}[all,dev]"]
        subprocess.run(command, check=True)
        items = [item["metadata"] for item in json.loads(report.read_text(encoding="utf-8"))["install"]]
    found = {normal(item["name"]): item["version"] for item in items if normal(item["name"]) != "genesis"}
    return {name: pin for name, pin in found.items() if name in NOT_CUDA or not name.startswith(CUDA_PREFIXES)}


if __name__ == "__main__":
    sys.exit(main())
