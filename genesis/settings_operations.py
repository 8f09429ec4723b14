"""Settings of running Genesis: logs, metrics, Flower, traces, privacy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from genesis.settings_base import Section, Share

_PORTS = (1, 65_535)


def _ports(value: str) -> str:
    if value:
        first, _, last = value.partition("-")
        try:
            numbers = int(first), int(last or first)
        except ValueError:
            numbers = (0, 0)
        if not _PORTS[0] <= numbers[0] <= numbers[1] <= _PORTS[1]:
            msg = "a port (9110), a range (9110-9149), or nothing"
            raise ValueError(msg)
    return value


def _web_url(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        msg = "http://host:port or https://..., or nothing"
        raise ValueError(msg)
    return value


def _credentials(value: str) -> str:
    user, colon, password = value.partition(":")
    if value and not (user and colon and password):
        msg = "user:password, or nothing"
        raise ValueError(msg)
    return value


Port = Annotated[int, Field(ge=1, le=65_535)]
Ports = Annotated[str, AfterValidator(_ports)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
Credentials = Annotated[str, AfterValidator(_credentials)]


class Log(Section):
    """What is logged."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least severity that is logged.")
    format: Literal["line", "json"] = Field(default="line", description="line: for people. json: one object a line, for machines.")
    repeat_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=10.0, description="The same warning again within this time is counted instead of written; 0: all are written."
    )


class Monitoring(Section):
    """Metrics and health of every program."""

    address: str = Field(
        default="127.0.0.1", min_length=1, description="Where they are served; 0.0.0.0: everywhere (nobody is asked who they are)."
    )
    port: Port = Field(default=9108, description="Of the exporter, `python -m genesis.monitoring`.")
    program_ports: Ports = Field(
        default="9110-9149", description="Capture, bridge and workers take the first of these that is free; empty: they serve none."
    )


class Flower(Section):
    """Flower, the page that shows Celery's workers and tasks."""

    address: str = Field(default="127.0.0.1", min_length=1, description="Where it listens.")
    port: Port = Field(default=5555, description="Where it listens.")
    basic_auth: Credentials = Field(default="", description="user:password that it asks for; empty: nobody is asked.")
    max_tasks: int = Field(default=5000, ge=1, description="Tasks that it remembers; each takes 5 kB.")


class Tracing(Section):
    """One frame's way: which events came from which, through which hands."""

    keep: int = Field(default=20_000, ge=0, description="Newest deliveries that the ledger remembers for `genesis trace`; 0: none.")
    endpoint: WebUrl = Field(default="", description="OTLP over HTTP, such as http://127.0.0.1:4318; empty: nothing is sent.")
    share: Share = Field(default=1.0, description="Share of the traces that is sent there.")


class Privacy(Section):
    """What is kept of people who did not ask for it."""

    crops: bool = Field(default=True, description="Keep pictures of faces with sightings.")
    blur: Literal["nobody", "unknown", "everybody"] = Field(
        default="nobody",
        description="Whose heads are made unrecognisable in the pictures of alerts: of those who are not (known to be) enrolled, or all.",
    )
