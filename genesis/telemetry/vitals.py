"""What a program shows of itself while it runs: metrics and health over HTTP, whether it goes on to systemd, what ails in the log."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import genesis
from genesis.telemetry import instruments, systemd, targets
from genesis.telemetry.health import Health

if TYPE_CHECKING:
    from prometheus_client.registry import Collector
    from typing_extensions import Self

    from genesis.settings import Settings
    from genesis.telemetry.serving import Server

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0  # between two looks for parts that ail
WATCHDOG_SHARE = 1 / 3  # of the time that systemd waits: two signs may be missed


class Vitals:
    """A program's vital signs, from entering it to leaving it.

    Args:
        settings: of this installation.
        role: bridge, capture, worker or exporter.
        name: of the program, unique within its role; `{port}` in it stands for the port.
        address: where metrics and health are served; None takes `monitoring.address`.
        ports: the first free one of these is taken; None takes `monitoring.program_ports`.
        required: a program that can't serve them is none.
        counts: this process counts by itself (and not its children).
        health: of the program; None makes one.

    Attributes:
        port: where they are served; 0: nowhere.
        started: seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        role: str,
        name: str,
        *,
        address: str | None = None,
        ports: Iterable[int] | None = None,
        required: bool = False,
        counts: bool = True,
        health: Health | None = None,
    ) -> None:
        self.role = role
        self.name = name
        self.health = health or Health()
        self.port = 0
        self.started = time.time()
        self._data_dir: Path = settings.data_dir
        self._address = address or settings.monitoring.address
        self._ports = ports
        self._range = settings.monitoring.program_ports
        self._required = required
        self._counts = counts
        self._collectors: list[Collector] = []
        self._server: Server | None = None
        self._target: targets.Target | None = None
        self._ended = threading.Event()
        self._looking: threading.Thread | None = None

    def collect(self, collector: Collector) -> None:
        """Tell what a collector finds, too; before entering."""
        self._collectors.append(collector)

    def __enter__(self) -> Self:
        """Begin to serve.

        Raises:
            OSError: that is not possible, though it is required.
        """
        if self._ports is not None or self._range:
            self._serve()
        self._looking = threading.Thread(target=self._look, name="vitals", daemon=True)
        self._looking.start()
        return self

    def works(self) -> None:
        """Tell systemd that the program does its work from now on."""
        systemd.tell(systemd.READY)

    def stopping(self) -> None:
        """Tell systemd that the program is about to end."""
        systemd.tell(systemd.STOPPING)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End in order: nobody is to miss this program."""
        self.stopping()
        self._ended.set()
        if self._target is not None:
            self._target.file.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
            if self._counts:
                instruments.end()

    def _serve(self) -> None:
        # Not where nothing is served.
        from genesis.telemetry.collectors import registry_of  # noqa: PLC0415
        from genesis.telemetry.serving import HEALTH, METRICS, health_page, listen, metrics_page, ports_of  # noqa: PLC0415

        registry = registry_of(self.health, self._collectors)
        about = {"role": self.role, "program": self.name, "version": genesis.__version__, "pid": os.getpid()}
        pages = {METRICS: metrics_page(registry), HEALTH: health_page(self.health.ailing, about)}
        ports = ports_of(self._range) if self._ports is None else self._ports
        try:
            self._server = listen(self._address, ports, pages)
        except OSError as error:
            if self._required:
                raise
            logger.warning(
                "no metrics and no health are served: no port of monitoring.program_ports (%s) can be listened on at %s (%s); widen it",
                self._range, self._address, error.strerror or error,
            )  # fmt: skip
            return
        self.port = self._server.server_port
        self.name = about["program"] = self.name.replace("{port}", str(self.port))
        if self._counts:
            instruments.begin(registry)
        try:
            self._target = targets.told(self._data_dir, role=self.role, program=self.name, host=self._address, port=self.port)
        except OSError as error:
            logger.warning("Prometheus and `genesis health` are not told of this program: %s", error)

    def _look(self) -> None:
        """Say what begins to ail and what is well again; give systemd its signs of life while all is well."""
        limit = systemd.watchdog_seconds()
        every = LOOK_SECONDS if limit is None else min(LOOK_SECONDS, limit * WATCHDOG_SHARE)
        before: frozenset[str] = frozenset()
        while True:
            ailing = frozenset(self.health.ailing())
            for part in sorted(ailing - before):
                logger.error("%s does not go on", part)
            for part in sorted(before - ailing):
                logger.info("%s goes on again", part)
            if limit is not None and not ailing:
                systemd.tell(systemd.ALIVE)
            before = ailing
            if self._ended.wait(every):
                return
