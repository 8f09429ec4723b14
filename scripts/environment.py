"""A virtual environment and the pip inside it, for `scripts/bootstrap.py`: standard library only."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

TAIL_LINES = 15
PROGRESS_SECONDS = 10.0
# What a CUDA build of torch brings along; nvidia-ml-py is a small pure Python package that ultralytics asks for.
CUDA_PREFIXES = ("nvidia-", "cuda-", "triton")
NOT_CUDA = ("nvidia-ml-py",)
# Variables that would make pip install elsewhere, see packages that are not there, or ask questions.
_HARMFUL = ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PIP_CONSTRAINT")
_OURS = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off", "PIP_USER": "0"}


class Failure(Exception):  # noqa: N818 - it is read by a person, once
    """What went wrong, for the person at the terminal.

    Attributes:
        code: exit code: 1, or 2 when the person can correct it.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Log:
    """Says what is being done, with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._last = 0.0

    def step(self, text: str) -> None:
        """Say that something begins."""
        self._last = time.monotonic()
        print(f"[{self._last - self._start:4.0f} s] {text}", flush=True)

    def progress(self, text: str) -> None:
        """Say how far it is, unless something was said a moment ago."""
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self.step(f"  {text}")

    @staticmethod
    def complain(text: str) -> None:
        """Say what went wrong."""
        print(f"genesis: {text}", file=sys.stderr, flush=True)


class Environment:
    """One virtual environment.

    Args:
        folder: where it lies or shall lie.
        log: where its steps are told.
    """

    def __init__(self, folder: Path, log: Log) -> None:
        self.folder = folder.absolute()
        self.log = log
        self.stamp = self.folder / "genesis-installed.json"
        self.record = self.folder / "install.log"
        self.python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def create(self) -> None:
        """Make it, in place of whatever is there.

        Raises:
            Failure: Python's own message.
        """
        self.log.step(f"making a virtual environment in {self.folder} with Python {sys.version.split()[0]}")
        if self.folder.exists() and not (self.folder / "pyvenv.cfg").is_file() and any(self.folder.iterdir()):
            msg = f"{self.folder} is in the way: it is not a virtual environment"
            raise Failure(msg, code=2)
        shutil.rmtree(self.folder, ignore_errors=True)
        done = subprocess.run([sys.executable, "-m", "venv", str(self.folder)], env=_environ(), capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            msg = f"python -m venv failed:\n{(done.stdout + done.stderr).strip()}"
            raise Failure(msg)

    def pip_version(self) -> tuple[int, ...]:
        """Return the first two numbers of pip's version; nothing if there is no working pip."""
        if not self.python.exists():
            return ()
        done = self._run("-m", "pip", "--version")
        return tuple(int(number) for number in re.findall(r"\d+", done.stdout)[:2]) if done.returncode == 0 else ()

    def packages(self) -> dict[str, str]:
        """Return the version of every installed package, by its normalised name."""
        code = "import importlib.metadata as m, json; print(json.dumps([(d.metadata['Name'], d.version) for d in m.distributions()]))"
        return {normal(name): version for name, version in json.loads(self._run("-c", code).stdout)}

    def plan(self, what: str, *arguments: str) -> dict[str, str]:
        """Ask pip what it would install, with versions, and install nothing.

        Raises:
            Failure: pip can't tell.
        """
        report = self.folder / "plan.json"
        self.pip(what, "install", "--dry-run", "--ignore-installed", "--report", str(report), *arguments)
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
        return {normal(item["metadata"]["name"]): item["metadata"]["version"] for item in items}

    def pip(self, what: str, *arguments: str) -> None:
        """Run pip, its output kept in a file.

        Args:
            what: said before it starts.
            *arguments: pip's command and options.

        Raises:
            Failure: with pip's last lines and the name of the file.
        """
        self.log.step(what)
        lines: list[str] = []
        command = [str(self.python), "-m", "pip", *arguments]
        with (
            self.record.open("a", encoding="utf-8") as record,
            subprocess.Popen(
                command, env=_environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
            ) as process,
        ):
            record.write(f"$ {' '.join(command)}\n")
            for line in process.stdout or ():
                record.write(line)
                lines.append(line.rstrip())
                self._tell(line)
        if process.returncode:
            words = "".join(f"  {line}\n" for line in _last(lines))
            msg = f"{what}: pip failed. Its last words:\n{words}All of them: {self.record}"
            raise Failure(msg)

    def import_error(self, modules: str) -> str | None:
        """Import modules in a process of their own; return the last line of what went wrong, or None."""
        folder = str(self.folder)
        quiet = {"YOLO_CONFIG_DIR": folder, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
        quiet |= {"DEEPFACE_HOME": folder, "DEEPFACE_BACKEND_ENGINE": "onnx", "DEEPFACE_LOG_LEVEL": "40"}
        done = self._run("-c", f"import {modules}", **quiet)
        if done.returncode == 0:
            return None
        return (done.stderr.strip().splitlines() or [f"python ended with {done.returncode}"])[-1]

    def _run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([str(self.python), *arguments], env={**_environ(), **variables}, capture_output=True, text=True, check=False)

    def _tell(self, line: str) -> None:
        if line.startswith("Installing collected packages:"):
            self.log.step(f"  unpacking {line.count(',') + 1} packages")
        elif line.lstrip().startswith(("Collecting", "Downloading", "Processing")):
            self.log.progress(" ".join(line.split()[:2]).rpartition("/")[2])


def normal(name: str) -> str:
    """Return a package's name as the index spells it: lower case, with hyphens."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _environ() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name not in _HARMFUL}, **_OURS}


def _last(lines: Sequence[str]) -> list[str]:
    told = [line for line in lines if line and "is ignored: it is neither a file nor a directory" not in line]
    return told[-TAIL_LINES:]
