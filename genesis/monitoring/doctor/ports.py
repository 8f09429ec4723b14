"""Whether the ports of the settings can be listened on, or are held by our own programs."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from genesis.monitoring.doctor.findings import Finding
from genesis.monitoring.doctor.listeners import Listener, listener
from genesis.settings import Settings

FEW = 10  # free ports of the range: capture, bridge and the workers of a small installation


@dataclass(frozen=True, slots=True)
class Port:
    """What trying to listen somewhere has told.

    Attributes:
        number: of the port.
        error: why it can't be listened on; 0: it can.
        holder: who listens there, if that can be told.
    """

    number: int
    error: int = 0
    holder: Listener | None = None


def try_port(address: str, number: int) -> Port:
    """Try to listen, for a moment."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((address, number))
            tried.listen()
        except socket.gaierror:
            return Port(number, errno.EADDRNOTAVAIL)
        except OSError as error:
            return Port(number, error.errno or errno.EINVAL, listener(number) if error.errno == errno.EADDRINUSE else None)
    return Port(number)


def check_ports(settings: Settings, ours: Collection[int] | None, tried: Callable[[str, int], Port] = try_port) -> Iterable[Finding]:
    """Look at the ports of the exporter, of Flower and of the programs.

    Args:
        settings: of this installation.
        ours: ports that its programs on this machine told of in their signs of life; None: the ledger does not tell.
        tried: tries to listen on an address and port.
    """
    monitoring, flower = settings.monitoring, settings.flower
    found = [
        *_one("monitoring.port", monitoring.address, tried(monitoring.address, monitoring.port), ours, "python -m genesis.monitoring"),
        *_one("flower.port", flower.address, tried(flower.address, flower.port), None, "celery -A genesis flower"),  # it gives no signs
        *_range(settings, ours, tried),
    ]
    yield from found or [Finding("ok", "ports", "ports", "the ports of the settings are free, or held by our own programs")]


def _usable(port: Port, ours: Collection[int] | None) -> bool:
    if not port.error:
        return True
    if ours is None:
        return port.holder is not None and port.holder.ours
    return port.number in ours


def _one(setting: str, address: str, port: Port, ours: Collection[int] | None, program: str) -> Iterator[Finding]:
    if _usable(port, ours):
        return
    if port.error == errno.EADDRNOTAVAIL:
        name = setting.replace("port", "address")
        yield Finding(
            "error", name, "address", f"{address} is no address of this machine", f"{program} can't listen there, and ends.",
            f"{name}: 127.0.0.1, or one that `ip -brief address` lists",
        )  # fmt: skip
    elif port.error == errno.EACCES:
        yield Finding(
            "warning", setting, "ports", f"we may not listen on port {port.number}", f"{program} can't serve there.",
            f"{setting}: one above 1024",
        )  # fmt: skip
    else:
        holder = str(port.holder) if port.holder else "a program of another user"
        holder += ", of another installation" if port.holder and port.holder.ours else ""
        yield Finding(
            "warning", setting, "ports", f"port {port.number} is taken by {holder}", f"{program} can't listen there, and ends.",
            f"{setting}: another number, or stop that program",
        )  # fmt: skip


def _range(settings: Settings, ours: Collection[int] | None, tried: Callable[[str, int], Port]) -> Iterator[Finding]:
    text = settings.monitoring.program_ports
    if not text:
        return
    first, _, last = text.partition("-")
    ports = [tried(settings.monitoring.address, number) for number in range(int(first), int(last or first) + 1)]
    if ports[0].error == errno.EADDRNOTAVAIL:
        return  # told already
    usable = [port for port in ports if _usable(port, ours)]
    strangers = sorted({str(port.holder) for port in ports if port not in usable and port.holder})
    if len(usable) < min(FEW, len(ports)):
        yield Finding(
            "warning", "monitoring.program_ports", "ports",
            f"{len(usable)} of the ports {text} can be used" + (f"; others are held by {', '.join(strangers)}" if strangers else ""),
            "Capture, bridge and every worker take one each; those that find none serve no metrics and no health.",
            "monitoring.program_ports: another range of forty ports",
        )  # fmt: skip
