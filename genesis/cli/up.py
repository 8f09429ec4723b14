"""`genesis up`: everything on this machine, in the foreground, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from genesis.cli.launch import ENDING

if TYPE_CHECKING:
    from pathlib import Path

    from genesis.embedded.servers import Servers
    from genesis.embedded.stack import Stack
    from genesis.embedded.watchdog import Watchdog
    from genesis.settings import Flower, Monitoring

ENDING_SECONDS = 60.0  # how long a new installation waits for the one before it, which was killed, to be gone
DRAIN_SECONDS = 60.0  # how long a stopping installation lets its workers finish what is published


@click.command("up")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="S",
    help="A source as for `python -m genesis.capture`; repeatable. Default: the cameras of the settings.",
)
@click.option("--camera", "names", multiple=True, metavar="NAME", help="Name of the source in the same place; repeatable.")
@click.option("--fps", type=click.FloatRange(min=0), help="Frames per second to take (0: as fast as the pipeline takes them).")
@click.option("--loop/--once", default=True, show_default=True, help="Play a recording again and again, or once.")
@click.option("--redis-url", metavar="URL", help="Use this Redis instead of starting two (it serves as ledger, cache and broker).")
@click.option("--cache-url", metavar="URL", help="With --redis-url: another Redis for frames and queues.")
@click.option("--detectors", type=click.IntRange(min=1), help="Worker children for detection (default: one a core, at most 4).")
@click.option("--recognisers", type=click.IntRange(min=1), default=1, show_default=True, help="Worker children for recognition.")
@click.option("--flower", is_flag=True, help="Run Flower too: see flower.address and flower.port.")
@click.option("--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), help="Of the workers (default: log.level).")
def command(
    *,
    sources: tuple[str, ...],
    names: tuple[str, ...],
    fps: float | None,
    loop: bool,
    redis_url: str | None,
    cache_url: str | None,
    detectors: int | None,
    recognisers: int,
    flower: bool,
    log_level: str | None,
) -> None:
    """Run Redis, PostgreSQL, bridge, workers, capture and exporter on this machine until Ctrl-C.

    What dies is started again. Ctrl-C stops capture first, lets the workers finish what is published,
    then stops the rest; a second Ctrl-C does not wait for the workers. Nothing is lost either way,
    nor if this command itself is killed: started again, it goes on where it was.
    """
    from genesis.cli import launch  # noqa: PLC0415 - --help stays quick
    from genesis.embedded.servers import Servers  # noqa: PLC0415
    from genesis.embedded.stack import Stack, default_detectors  # noqa: PLC0415
    from genesis.embedded.watchdog import Watchdog  # noqa: PLC0415
    from genesis.errors import UsageError  # noqa: PLC0415
    from genesis.logs import configure_from  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415
    from genesis.subscriptions import load_subscriptions  # noqa: PLC0415

    settings = current()
    configure_from(settings, role="genesis", quiet=True)
    if cache_url and not redis_url:
        msg = "--cache-url needs --redis-url"
        raise UsageError(msg)
    if not sources and not settings.cameras:
        msg = "no camera: give --source (try `--source sample`), or list cameras in configs/settings.yaml"
        raise UsageError(msg)
    if flower:
        _check_flower()
    launch.check_sources(sources, names, settings)
    launch.check_database(settings)
    launch.interruptible()
    folder = settings.data_dir.resolve() / "redis"
    watchdog = Watchdog() if redis_url else _watchdog_of(folder)
    servers = Servers()
    try:
        servers = Servers.existing(redis_url, cache_url) if redis_url else Servers.embedded(folder, watchdog)
        detector = launch.choose_detector(settings)
        launch.open_storage(servers, settings, watchdog)
        settings = launch.use({**servers.env, **detector})
        settings = launch.use(launch.choose_engine(settings))
        stack = Stack(
            settings, load_subscriptions(settings.handlers), {}, sys.stdout,
            detectors or default_detectors(), log_level or settings.log.level,
            recognisers if settings.recognition.engine != "none" else 0, watchdog=watchdog,
            flower_port=_flower_port(settings.flower) if flower else 0, exporter_port=_exporter_port(settings.monitoring),
        )  # fmt: skip
        _run(stack, servers, launch.capture_arguments(sources, names, fps, loop=loop))
    finally:
        servers.stop()
        watchdog.close()


def _check_flower() -> None:
    from importlib.util import find_spec  # noqa: PLC0415 - only where it is asked for

    from genesis.errors import UsageError  # noqa: PLC0415

    if find_spec("flower") is None:
        msg = "--flower: Flower is not installed: pip install 'genesis[monitoring]'"
        raise UsageError(msg)


def _flower_port(flower: Flower) -> int:
    import os  # noqa: PLC0415 - --help stays quick

    from genesis.embedded.ports import free_port  # noqa: PLC0415

    named = os.environ.get("FLOWER_PORT", "")
    return int(named) if named.isdigit() else free_port(_flower_address(flower), flower.port) or flower.port


def _flower_address(flower: Flower) -> str:
    import os  # noqa: PLC0415 - --help stays quick

    return os.environ.get("FLOWER_ADDRESS") or flower.address


def _exporter_port(monitoring: Monitoring) -> int:
    from genesis.embedded.ports import free_port  # noqa: PLC0415
    from genesis.telemetry.serving import ports_of  # noqa: PLC0415

    return free_port(monitoring.address, monitoring.port, ports_of(monitoring.program_ports))


def _watchdog_of(folder: Path) -> Watchdog:
    """Return a watchdog for the servers below a folder, once what a killed command has left there is gone."""
    from genesis.embedded.places import made_folder  # noqa: PLC0415
    from genesis.embedded.watchdog import Watchdog, wait_for_the_last  # noqa: PLC0415

    lock = made_folder(folder) / "up.lock"
    wait_for_the_last(lock, ENDING_SECONDS, lambda: click.echo("genesis: waiting until what a killed one has left is ended", err=True))
    return Watchdog(lock)


class Interrupts:
    """Counts what asks to end (Ctrl-C, SIGTERM, a closed terminal) instead of dying of it."""

    def __init__(self) -> None:
        self.count = 0
        for number in ENDING:
            signal.signal(number, self._note)

    def _note(self, *_: Any) -> None:
        self.count += 1


def _run(stack: Stack, servers: Servers, arguments: list[str]) -> None:
    from genesis.embedded.stack import READY_SECONDS  # noqa: PLC0415
    from genesis.masking import mask  # noqa: PLC0415

    supervisor, interrupts = stack.supervisor, Interrupts()
    supervisor.chores.append(lambda: servers.tend(supervisor.say))
    for server in servers.started:
        supervisor.say(f"{server.product} {server.version}: {server.url()}")
    recognition = f"recognition: {stack.recognisers}" if stack.recognisers else "nobody is recognised"
    supervisor.say(f"detection: {stack.detectors} children, {recognition}; stop with Ctrl-C")
    try:
        stack.start()
        if not stack.wait_until_ready(READY_SECONDS, lambda: bool(interrupts.count)) and not interrupts.count:
            supervisor.say(f"the workers are not ready after {READY_SECONDS:.0f} s; capture starts all the same")
        if not interrupts.count:
            stack.start_flower()
        stack.capture(arguments, keep="on failure")
        supervisor.say(mask(f"capture {' '.join(arguments)}"))
        for line in places(stack):
            supervisor.say(line)
        told = False
        while not interrupts.count:
            supervisor.poll(0.5)
            if not told and not supervisor.running("capture"):
                told = True
                supervisor.say(f"capture is done (exit code {supervisor.code('capture')}); the rest runs on until Ctrl-C")
        stack.stop_captures()
        drain(stack, interrupts)
    finally:
        stack.stop()
        supervisor.say("stopped")


def places(stack: Stack) -> list[str]:
    """Return where this installation is to be seen, a line for each place."""
    from genesis.embedded.ports import page  # noqa: PLC0415 - --help stays quick
    from genesis.telemetry.targets import FOLDER  # noqa: PLC0415

    settings, port = stack.settings, stack.exporter_port
    lines = [
        f"data folder: {settings.data_dir.resolve()}",
        "how it is: genesis status --watch; whether all goes on: genesis health; what is wrong: genesis doctor",
    ]
    if port:
        wanted = settings.monitoring.port
        moved = "" if port == wanted else f" (monitoring.port {wanted} is taken: name this one to Prometheus)"
        lines.append(
            f"metrics: {page(settings.monitoring.address, port)}/metrics{moved}; those of the programs: {settings.data_dir / FOLDER}"
        )
        lines.append("Prometheus and Grafana: docs/monitoring.md says how to start them")
    else:
        lines.append(f"no metrics: nothing can listen on monitoring.address {settings.monitoring.address!r}")
    if stack.flower_port:
        asked = ", which asks for flower.basic_auth" if settings.flower.basic_auth else ""
        lines.append(f"Flower: {page(_flower_address(settings.flower), stack.flower_port)}{asked}")
    return lines


def drain(stack: Stack, interrupts: Interrupts) -> None:
    """Let the workers finish what is published, for a bounded time."""
    import time  # noqa: PLC0415

    from genesis.cli.status import looker  # noqa: PLC0415
    from genesis.errors import GenesisError  # noqa: PLC0415
    from genesis.monitoring.status import at_rest  # noqa: PLC0415

    look, supervisor = looker(), stack.supervisor
    begun, so_far, told, before = time.monotonic(), interrupts.count, 0.0, None
    while True:
        try:
            now = look()
        except GenesisError as error:
            supervisor.say(f"not waiting for the workers: {error}")
            return
        backlog = now.backlog
        if at_rest(before, now):
            supervisor.say("all that was published is done")
            return
        before = now
        if interrupts.count > so_far or time.monotonic() - begun > DRAIN_SECONDS:
            supervisor.say(f"{backlog} deliveries are left for the next start")
            return
        if backlog and time.monotonic() - told > 2:  # noqa: PLR2004
            told = time.monotonic()
            supervisor.say(f"finishing {backlog} deliveries (Ctrl-C again to leave them for the next start)")
        supervisor.poll(0.2)
