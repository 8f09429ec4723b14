"""Networks that stall, reset, delay or lose, and servers that throw everybody out."""

from __future__ import annotations

from collections.abc import Iterator

from genesis.chaos.faults.register import fault
from genesis.chaos.faults.servers import insisting
from genesis.chaos.plan import Step
from genesis.chaos.proxy import Proxy
from genesis.chaos.site import LEDGER, VOLATILE, Site

_DELAY_SECONDS = 0.05


def _mended(proxy: Proxy) -> Iterator[None]:
    try:
        yield
    finally:
        proxy.mend()


@fault("stall-ledger")
def stall_ledger(site: Site, step: Step) -> Iterator[None]:
    """Let nothing through to the ledger or back."""
    del step
    site.proxies[LEDGER].stall()
    yield from _mended(site.proxies[LEDGER])


@fault("stall-volatile")
def stall_volatile(site: Site, step: Step) -> Iterator[None]:
    """Let nothing through to the volatile server or back."""
    del step
    site.proxies[VOLATILE].stall()
    yield from _mended(site.proxies[VOLATILE])


@fault("reset-ledger")
def reset_ledger(site: Site, step: Step) -> Iterator[None]:
    """Reset every connection to the ledger, also those that are made meanwhile."""
    del step
    site.proxies[LEDGER].refuse()
    yield from _mended(site.proxies[LEDGER])


@fault("reset-volatile")
def reset_volatile(site: Site, step: Step) -> Iterator[None]:
    """Reset every connection to the volatile server, also those that are made meanwhile."""
    del step
    site.proxies[VOLATILE].refuse()
    yield from _mended(site.proxies[VOLATILE])


@fault("delay-ledger")
def delay_ledger(site: Site, step: Step) -> Iterator[None]:
    """Make the ledger far away."""
    del step
    site.proxies[LEDGER].delay(_DELAY_SECONDS)
    yield from _mended(site.proxies[LEDGER])


@fault("lose-answers")
def lose_answers(site: Site, step: Step) -> Iterator[None]:
    """Lose what the ledger answers, and then the connections: nobody knows what took effect."""
    del step
    site.proxies[LEDGER].lose_answers()
    yield from _mended(site.proxies[LEDGER])


def _thrown_out(site: Site, server: str) -> Iterator[None]:
    insisting(lambda: site.client(server).client_kill_filter(_type="normal", skipme=True))
    yield


@fault("disconnect-ledger")
def disconnect_ledger(site: Site, step: Step) -> Iterator[None]:
    """Throw everybody out of the ledger."""
    del step
    yield from _thrown_out(site, LEDGER)


@fault("disconnect-volatile")
def disconnect_volatile(site: Site, step: Step) -> Iterator[None]:
    """Throw everybody out of the volatile server."""
    del step
    yield from _thrown_out(site, VOLATILE)
