"""`python -m genesis.monitoring`: serve the figures to Prometheus until SIGTERM or Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from genesis.errors import GenesisError, UsageError

if TYPE_CHECKING:
    from genesis.settings import Settings

MOST_SECONDS = 2.0
"""How long one question to a server may take: Prometheus gives a scrape 10 s."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--port", type=click.IntRange(0, 65_535), default=9108, show_default=True, help="Port to listen on; 0: any that is free.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0: everywhere (nobody is asked who they are)."
)
@click.option("--config", type=click.Path(dir_okay=False), help="Settings file (default: configs/settings.yaml).")
@click.option("--quiet", is_flag=True, help="Log warnings and errors only.")
def main(*, port: int, host: str, config: str | None, quiet: bool) -> None:
    """Tell Prometheus, at http://HOST:PORT/metrics, how the cameras, streams, groups and the frame cache are.

    Everything is read from the ledger when Prometheus asks; while the ledger is away, genesis_up is 0.
    """
    import os  # noqa: PLC0415

    from genesis import settings as settings_module  # noqa: PLC0415 - --help stays quick
    from genesis.logs import configure  # noqa: PLC0415

    if config:
        os.environ[settings_module.CONFIG_VARIABLE] = config
    try:
        settings = settings_module.current()
        configure(settings.log.level, quiet=quiet)
        serve(settings, host, port)
    except UsageError as error:
        raise SystemExit(_say(error, 2)) from None
    except GenesisError as error:
        raise SystemExit(_say(error, 1)) from None


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve the figures until this process is asked to end.

    Raises:
        UsageError: the address can't be used, or a package is missing.
    """
    import logging  # noqa: PLC0415
    import signal  # noqa: PLC0415
    import threading  # noqa: PLC0415

    try:
        from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415
    except ImportError as error:
        msg = "the exporter needs prometheus_client: pip install 'genesis[monitoring]'"
        raise UsageError(msg) from error
    from genesis.monitoring.exporter import StatusCollector  # noqa: PLC0415 - needs that package
    from genesis.monitoring.status import looker  # noqa: PLC0415

    stopped = threading.Event()

    def stop(*_: Any) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    registry = CollectorRegistry()
    registry.register(StatusCollector(looker(settings, min(MOST_SECONDS, settings.redis.timeout_seconds))))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        msg = f"{host}:{port} can't be listened on ({error.strerror or error}): give another --port or --host, or end what is there"
        raise UsageError(msg) from error
    logging.getLogger("genesis.monitoring").info("metrics: http://%s:%d/metrics", host, server.server_port)
    stopped.wait()
    server.shutdown()
    server.server_close()
    thread.join()


def _say(error: GenesisError, code: int) -> int:
    from genesis.masking import mask  # noqa: PLC0415 - --help stays quick

    click.echo(f"genesis: {mask(str(error))}", err=True)
    return code


if __name__ == "__main__":
    main(prog_name="python -m genesis.monitoring")
