"""`genesis health`: whether the programs of this machine go on; for a person, for Docker's HEALTHCHECK and the like."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from genesis.errors import GenesisError, UsageError
from genesis.masking import mask
from genesis.telemetry.targets import Target, targets

if TYPE_CHECKING:
    from genesis.settings import Settings

ROLES = ("capture", "bridge", "worker", "exporter")
PATH = "/healthz"
MOST_BYTES = 100_000  # of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    """How a program is.

    Attributes:
        role: bridge, capture, worker or exporter; empty where it is not known.
        program: its name; likewise.
        address: host and port.
        ailing: parts that do not go on.
        error: why that is not known; empty if it is.
        advice: what to do then.
    """

    role: str
    program: str
    address: str
    ailing: tuple[str, ...] = ()
    error: str = ""
    advice: str = ""

    @property
    def healthy(self) -> bool:
        """Whether it answers and all of its parts go on."""
        return not self.ailing and not self.error

    def as_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        about = {"role": self.role, "program": self.program, "address": self.address, "healthy": self.healthy}
        return {**about, "ailing": list(self.ailing), "error": self.error, "advice": self.advice}

    @property
    def line(self) -> str:
        """For a person."""
        state = self.error or (f"does not go on: {', '.join(self.ailing)}" if self.ailing else "healthy")
        return f"{self.role:<9}{self.program or self.address}: {state}{f' ({self.advice})' if self.advice else ''}"


@click.command()
@click.option("--role", type=click.Choice(ROLES), help="Ask programs of this role only.")
@click.option("--url", metavar="URL", help="Ask this one program instead, such as http://10.0.0.7:9110.")
@click.option("--timeout", type=click.FloatRange(min=0.05), default=2.0, show_default=True, help="Seconds that an answer is waited for.")
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
def command(*, role: str | None, url: str | None, timeout: float, as_json: bool) -> None:
    """Ask the capture, bridge, worker and exporter processes of this machine and data folder how they are.

    A program is healthy if it answers and each of its parts goes on. One that waits for a server that is away is healthy, too.

    Exit code: 0 if all are healthy, 1 if one is not, or there is none.
    """
    answers = [ask("", "", _address(url), timeout)] if url is not None else _ask_all(role, timeout)
    if as_json:
        click.echo(json.dumps([answer.as_dict() for answer in answers], indent=2))
    elif answers:
        click.echo("\n".join(answer.line for answer in answers))
    if not answers:
        raise GenesisError(_nobody(role))
    raise SystemExit(0 if all(answer.healthy for answer in answers) else 1)


def ask(role: str, program: str, address: str, timeout: float, file: Path | None = None) -> Answer:
    """Ask a program how it is.

    Args:
        role: that it should have; empty if it may be any.
        program: its name, likewise.
        address: host and port.
        timeout: seconds.
        file: that tells of it.
    """
    gone = f"if it is not to be started again, remove {file}" if file else ""
    try:
        told = _told(address, timeout)
        found = Answer(str(told["role"]), str(told["program"]), address, tuple(map(str, told["ailing"])))
    except TimeoutError:
        return Answer(role, program, address, error=f"hangs: no answer within {timeout:g} s at {address}")
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Answer(role, program, address, error=f"does not answer at {address}: {reason}", advice=gone)
    except (ValueError, KeyError, TypeError):
        return Answer(role, program, address, error=f"what answers at {address} is no program of Genesis", advice=gone)
    if (role or found.role, program or found.program) != (found.role, found.program):
        return Answer(role, program, address, error=f"is gone: {found.role} {found.program} answers at {address}", advice=gone)
    return found


def _told(address: str, timeout: float) -> Any:
    until = time.monotonic() + timeout
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.connect()
        connection.sock.settimeout(max(0.01, until - time.monotonic()))
        connection.request("GET", PATH)
        return json.loads(connection.getresponse().read(MOST_BYTES))
    finally:
        connection.close()


def _ask_all(role: str | None, timeout: float) -> list[Answer]:
    asked = [target for target in targets(_settings().data_dir) if role in {None, target.role}]

    def asking(target: Target) -> Callable[[], Answer]:
        return lambda: ask(target.role, target.program, target.here, timeout, target.file)

    return _side_by_side([asking(target) for target in asked])


def _nobody(role: str | None) -> str:
    settings = _settings()
    others = ", ".join(sorted({target.role for target in targets(settings.data_dir)}))
    if others:
        return f"no {role} runs here with data folder {settings.data_dir} (but: {others})"
    if not settings.monitoring.program_ports:
        return "no program can be asked: monitoring.program_ports is empty, so that none serves its health"
    return f"no program of Genesis runs here with data folder {settings.data_dir}"


def _settings() -> Settings:
    from genesis.settings import current  # noqa: PLC0415 - --help and --url stay quick

    return current()


def _address(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"//{url}", "http")
    try:
        usable = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        msg = f"--url {mask(url)!r}: expected http://host:port"
        raise UsageError(msg)
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or 80}"


def _side_by_side(questions: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Return the answers in the order of the questions; all together take as long as the slowest."""
    answers: dict[int, Answer] = {}

    def work(number: int) -> None:
        answers[number] = questions[number]()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[number] for number in range(len(questions))]
