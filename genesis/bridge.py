"""`python -m genesis.bridge`: run a bridge until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from genesis.errors import GenesisError, UsageError

if TYPE_CHECKING:
    from genesis.bus.chores import Chore
    from genesis.settings import Settings


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(dir_okay=False), help="Settings file (default: configs/settings.yaml).")
@click.option("--quiet", is_flag=True, help="Log warnings and errors only.")
def main(*, config: str | None, quiet: bool) -> None:
    """Turn every event in the streams into Celery tasks, one for each group that subscribed to it.

    Any number of bridges share the work, on one machine or several. A bridge that is stopped or killed
    loses nothing: started again, it goes on with what it had taken.
    """
    import os  # noqa: PLC0415

    from genesis import settings as settings_module  # noqa: PLC0415 - --help stays quick
    from genesis.logs import configure_from  # noqa: PLC0415

    if config:
        os.environ[settings_module.CONFIG_VARIABLE] = config
    try:
        settings = settings_module.current()
        configure_from(settings, role="bridge", quiet=quiet)
        from genesis.bus.bridge import Bridge  # noqa: PLC0415
        from genesis.celery import app  # noqa: PLC0415 - reads the settings
        from genesis.subscriptions import load_subscriptions  # noqa: PLC0415
        from genesis.telemetry.vitals import Vitals  # noqa: PLC0415

        stopped = threading.Event()

        def stop(*_: Any) -> None:
            stopped.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        bridge = Bridge(settings, load_subscriptions(settings.handlers), app, stopped, chores_of(settings))
        with Vitals(settings, "bridge", bridge.consumer) as vitals:
            bridge.run(vitals)
    except UsageError as error:
        raise SystemExit(_say(error, 2)) from None
    except GenesisError as error:
        raise SystemExit(_say(error, 1)) from None
    raise SystemExit(1 if bridge.failed else 0)


def chores_of(settings: Settings) -> list[Chore]:
    """Return what the bridges do for the database: remove what is older than its retention."""
    from genesis.bus.chores import Chore  # noqa: PLC0415 - --help stays quick
    from genesis.storage.server import is_served  # noqa: PLC0415

    storage = settings.storage

    def sweep() -> None:
        if storage.dsn or is_served(settings.data_dir):  # ours is not started for this
            from genesis.storage.upkeep import sweep_now  # noqa: PLC0415 - no SQL where nothing is stored

            sweep_now(settings)

    return [Chore("the sweep of the database", storage.sweep_seconds, sweep)] if storage.enabled else []


def _say(error: GenesisError, code: int) -> int:
    from genesis.logs import complain  # noqa: PLC0415 - --help stays quick

    complain(error)
    return code


if __name__ == "__main__":
    main()
