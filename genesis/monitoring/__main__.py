"""`python -m genesis.monitoring`: serve the figures to Prometheus until SIGTERM or Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from genesis.errors import GenesisError, UsageError

if TYPE_CHECKING:
    from genesis.settings import Settings


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0: any that is free. Default: monitoring.port.")
@click.option("--host", help="Address to listen on; 0.0.0.0: everywhere (nobody is asked who they are). Default: monitoring.address.")
@click.option("--config", type=click.Path(dir_okay=False), help="Settings file (default: configs/settings.yaml).")
@click.option("--quiet", is_flag=True, help="Log warnings and errors only.")
def main(*, port: int | None, host: str | None, config: str | None, quiet: bool) -> None:
    """Tell Prometheus, at http://HOST:PORT/metrics, how the cameras, streams, groups and the frame cache are.

    Everything is read from the servers when Prometheus asks; while the ledger is away, genesis_up is 0. /healthz tells whether this
    program itself goes on.
    """
    import os  # noqa: PLC0415

    from genesis import settings as settings_module  # noqa: PLC0415 - --help stays quick
    from genesis.logs import configure_from  # noqa: PLC0415

    if config:
        os.environ[settings_module.CONFIG_VARIABLE] = config
    try:
        settings = settings_module.current()
        configure_from(settings, role="exporter", quiet=quiet)
        serve(settings, host or settings.monitoring.address, settings.monitoring.port if port is None else port)
    except UsageError as error:
        raise SystemExit(_say(error, 2)) from None
    except GenesisError as error:
        raise SystemExit(_say(error, 1)) from None


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve the figures until this process is asked to end.

    Raises:
        UsageError: the address can't be used.
    """
    import logging  # noqa: PLC0415
    import signal  # noqa: PLC0415
    import socket  # noqa: PLC0415
    import threading  # noqa: PLC0415
    from contextlib import ExitStack  # noqa: PLC0415

    from genesis.bus.signs import shown  # noqa: PLC0415 - --help stays quick
    from genesis.monitoring.exporter import collector_of  # noqa: PLC0415
    from genesis.telemetry.vitals import Vitals  # noqa: PLC0415

    stopped = threading.Event()

    def stop(*_: Any) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    vitals = Vitals(settings, "exporter", f"{socket.gethostname()}-{{port}}", address=host, ports=[port], required=True)
    vitals.collect(collector_of(settings))
    with ExitStack() as stack:
        try:
            stack.enter_context(vitals)
        except OSError as error:
            msg = f"{host}:{port} can't be listened on ({error.strerror or error}): give another --port or --host, or end what is there"
            raise UsageError(msg) from error
        stack.enter_context(shown(settings, vitals))
        logging.getLogger("genesis.monitoring").info("metrics: http://%s:%d/metrics", host, vitals.port)
        stopped.wait()


def _say(error: GenesisError, code: int) -> int:
    from genesis.logs import complain  # noqa: PLC0415 - --help stays quick

    complain(error)
    return code


if __name__ == "__main__":
    main(prog_name="python -m genesis.monitoring")
