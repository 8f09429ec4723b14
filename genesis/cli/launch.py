"""What the commands that start programs share: sources are looked at first, settings are handed on, a detector is chosen once."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis.embedded.servers import Servers
    from genesis.embedded.watchdog import Watchdog
    from genesis.settings import Settings

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks a command to end: Ctrl-C, a service manager, a terminal that is closed."""
ENGINE_VARIABLE = "GENESIS_RECOGNITION__ENGINE"
DSN_VARIABLE = "GENESIS_STORAGE__DSN"


def interruptible() -> None:
    """Let every signal that asks this command to end raise KeyboardInterrupt, so that what was started is stopped."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    for number in ENDING:
        signal.signal(number, interrupt)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back those signals in the main thread: a second Ctrl-C must not leave half of the programs running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_sources(sources: tuple[str, ...], names: tuple[str, ...], settings: Settings) -> None:
    """Refuse sources that can't work before anything is started.

    Raises:
        UsageError: more names than sources, or a recording that can't be played.
    """
    from genesis.capture.sources import open_source  # noqa: PLC0415
    from genesis.errors import UsageError  # noqa: PLC0415

    if len(names) > len(sources):
        msg = f"{len(names)} --camera for {len(sources)} --source: give each source at most one name"
        raise UsageError(msg)
    for source in sources or [camera.source for camera in settings.cameras]:
        opened = open_source(source, settings)
        if not opened.live:
            opened.close()


def use(env: dict[str, str]) -> Settings:
    """Set variables for this process and its children; return the settings that are then in force."""
    from genesis import settings as settings_module  # noqa: PLC0415
    from genesis.settings_files import without_files  # noqa: PLC0415

    for name in without_files(os.environ, env):
        del os.environ[name]  # two values for one setting are refused
    os.environ.update(env)
    settings_module.current.cache_clear()
    return settings_module.current()


def choose_detector(settings: Settings) -> dict[str, str]:
    """Settle once what `detection.detector: auto` means here; return the variables that tell every worker child.

    Warns where it means HOG.

    Raises:
        ModelError: the weights that are there can't be used.
    """
    from genesis.vision.detectors import resolve  # noqa: PLC0415

    chosen = resolve(settings.detection, data_dir=settings.data_dir)
    return {"GENESIS_DETECTION__DETECTOR": chosen.detector, "GENESIS_DETECTION__WEIGHTS": chosen.weights}


def check_database(settings: Settings) -> None:
    """Refuse a named database that can't be used before anything is started.

    Raises:
        UsageError: its schema does not fit.
        ServerUnavailableError: it is away, or refuses us.
    """
    if settings.storage.enabled and settings.storage.dsn:
        from genesis.storage.schema import require  # noqa: PLC0415

        require(settings.storage.dsn)


def open_storage(servers: Servers, settings: Settings, watchdog: Watchdog, *, durable: bool = True) -> None:
    """Start the embedded database if no other is named, or use the one that runs; every program is told.

    Warns where nothing is stored because something is missing, not where that is meant.

    Args:
        servers: the embedded server is added to them.
        settings: in force.
        watchdog: ends it should this process be killed, unless somebody else uses it.
        durable: whether what is committed must survive a power cut.

    Raises:
        UsageError: its folder can't be used.
        ServerUnavailableError: it does not start; the line says why.
    """
    import logging  # noqa: PLC0415

    from genesis.settings import NO_DATABASE  # noqa: PLC0415
    from genesis.storage.cluster import missing_packages  # noqa: PLC0415
    from genesis.storage.holding import NOTHING_STORED  # noqa: PLC0415

    if settings.storage.dsn:  # none, too
        return
    if reason := missing_packages():
        logging.getLogger(__name__).warning(NOTHING_STORED, reason)
        servers.env[DSN_VARIABLE] = NO_DATABASE
    else:
        servers.hold_postgres(settings.data_dir, watchdog, durable=durable)


def choose_engine(settings: Settings) -> dict[str, str]:
    """Settle once what `auto` means for `recognition.engine` and `.detector`; return the variables that tell every worker child.

    Warns where faces are left alone because something is missing, not where that is meant.

    Args:
        settings: with the database that is used; without one nobody is recognised.

    Raises:
        ModelError: deepface is asked for, and can't be used.
    """
    import logging  # noqa: PLC0415

    from genesis.errors import ModelError  # noqa: PLC0415

    engine = settings.recognition.engine
    if engine != "none" and settings.storage.enabled:
        from genesis.vision.faces import available, resolve  # noqa: PLC0415

        reason = available(settings.recognition, settings.data_dir)
        if reason is None:
            detector = resolve(settings.recognition, data_dir=settings.data_dir).detector
            return {ENGINE_VARIABLE: "deepface", "GENESIS_RECOGNITION__DETECTOR": detector}
        if engine != "auto":
            msg = f"recognition.engine is {engine}: {reason}"
            raise ModelError(msg)
        logging.getLogger(__name__).warning("nobody is recognised: %s (recognition.engine none says that this is meant)", reason)
    return {ENGINE_VARIABLE: "none"}


def capture_arguments(sources: tuple[str, ...], names: tuple[str, ...], fps: float | None, *, loop: bool) -> list[str]:
    """Return the command line of a capture process."""
    arguments = [part for source in sources for part in ("--source", source)]
    arguments += [part for name in names for part in ("--camera", name)]
    if fps is not None:
        arguments += ["--fps", str(fps)]
    return [*arguments, "--loop" if loop else "--once"]
