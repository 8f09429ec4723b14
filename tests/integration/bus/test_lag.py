"""After a restart Redis 7 tells the lag of its groups too high; nothing here falls for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from genesis.bus.backpressure import GroupBacklog, group_backlogs
from genesis.bus.janitor import Janitor
from genesis.bus.ledger import Ledger
from genesis.cache import FrameCache
from genesis.embedded.redis import RedisServer
from genesis.errors import BackpressureError
from genesis.events import completed
from genesis.settings import Settings
from genesis.subscriptions import Registry
from tests.events_of_tests import zone
from tests.processes import wait_until

STREAM = "genesis:zones"
PUBLISHED, READ = 600, 500


@pytest.fixture(params=["never rewritten", "rewritten"])
def restarted(
    request: pytest.FixtureRequest, settings: Settings, registry: Registry, redis_program: Path, tmp_path: Path
) -> Iterator[Ledger]:
    """Return a ledger whose server was restarted after every group had read most of what was published."""
    with RedisServer("ledger", tmp_path / "restarted", appendfsync="no") as server:
        url = settings.redis.model_copy(update={"url": server.url()})
        ledger = Ledger(settings.model_copy(update={"redis": url}), registry)
        ledger.create_groups()
        if request.param == "rewritten":  # then the server believes to know what was read by then
            ledger.publish([completed(zone())])
            read(ledger, 1)
            ledger.client.bgrewriteaof()
            wait_until(lambda: not ledger.client.info("persistence")["aof_rewrite_in_progress"], "the file is rewritten")
        for _ in range(PUBLISHED // 100):
            ledger.publish([completed(zone()) for _ in range(100)])
        read(ledger, READ)
        server.stop()
        server.start()
        yield ledger
        ledger.close()


def read(ledger: Ledger, count: int) -> None:
    for group in ("zone-workers", "analytics-workers"):
        ((_, entries),) = ledger.client.xreadgroup(group, "test", {STREAM: ">"}, count=count)
        ledger.client.xack(STREAM, group, *[entry for entry, _ in entries])


def test_the_backlog_is_what_was_not_read(restarted: Ledger) -> None:
    expected = [GroupBacklog(group, 0, PUBLISHED - READ) for group in ("analytics-workers", "zone-workers")]

    assert sorted(group_backlogs(restarted.client, STREAM), key=lambda found: found.group) == expected
    assert max(found.total for found in group_backlogs(restarted.client, STREAM, 500)) == PUBLISHED - READ


def test_publishing_is_refused_at_the_true_backlog_alone(restarted: Ledger) -> None:
    for _ in range(9):
        restarted.publish([completed(zone()) for _ in range(100)])

    with pytest.raises(BackpressureError) as refused:
        restarted.publish([completed(zone())])

    assert refused.value.backlog == 1000


def test_the_janitor_puts_the_server_s_own_figure_right(restarted: Ledger, settings: Settings) -> None:
    told = [group.get("lag") for group in restarted.client.xinfo_groups(STREAM)]
    janitor = Janitor(restarted, FrameCache.of(settings), "bridge-a-1", threading.Event())

    mended = janitor.round().lags

    now = [group.get("lag") for group in restarted.client.xinfo_groups(STREAM)]
    assert now == [None if lag is None else PUBLISHED - READ for lag in told]
    assert mended == sum(lag not in {None, PUBLISHED - READ} for lag in told)
    assert janitor.round().lags == 0
