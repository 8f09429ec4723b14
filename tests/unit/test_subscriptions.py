"""Declaring a subscription: what is kept, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genesis import Retry, subscribe
from genesis import subscriptions as module
from genesis.errors import UsageError
from genesis.events import Event, FrameCaptured, Keys, ZoneEvent
from genesis.subscriptions import Registry, Subscription, load_subscriptions


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """An empty registry in place of the process's own."""
    empty = Registry()
    monkeypatch.setattr(module, "registry", empty)
    return empty


def test_a_declared_handler_is_registered_and_can_still_be_called(registry: Registry) -> None:
    @subscribe(ZoneEvent, group="night-watch", queue="alerts", retry=Retry(1), max_age=2.5)
    def night_watch(event: Any, context: Any) -> list[Event]:
        return [event, event]

    (row,) = registry

    assert (row.event, row.group, row.queue, row.handler) == (ZoneEvent, "night-watch", "alerts", night_watch)
    assert (row.retry, row.max_age) == (Retry(1), 2.5)
    assert row.stream(Keys("site")) == "site:zones"
    assert row.name == f"{__name__}.{night_watch.__qualname__}"
    assert len(night_watch("event", None)) == 2


@pytest.mark.parametrize("bad", ["", "a b", "a:b", "ü", "x" * 65, "a\n"])
@pytest.mark.parametrize("kind", ["group", "queue"])
def test_a_name_that_redis_or_celery_could_not_carry_is_refused(registry: Registry, kind: str, bad: str) -> None:
    names: Any = {"group": "workers", "queue": "work", kind: bad}

    with pytest.raises(UsageError, match=f"{kind} .*expected 1 to 64 letters"):
        subscribe(ZoneEvent, **names)

    assert len(registry) == 0


@pytest.mark.parametrize("bad", [Event, int, "ZoneEvent", None, ZoneEvent.__mro__[-1]])
def test_what_is_not_an_event_type_is_refused(registry: Registry, bad: Any) -> None:
    with pytest.raises(UsageError, match="expected one of the event types"):
        subscribe(bad, group="workers", queue="work")

    assert len(registry) == 0


def handler(event: Any, context: Any) -> None: ...


def other_handler(event: Any, context: Any) -> None: ...


def test_two_handlers_cannot_share_a_group_of_a_stream() -> None:
    rows = Registry()
    rows.add(Subscription(ZoneEvent, "workers", "work", handler))

    with pytest.raises(UsageError, match=r"'workers' of stream 'zones' has two handlers.*other_handler"):
        rows.add(Subscription(ZoneEvent, "workers", "work", other_handler))

    assert [row.handler for row in rows] == [handler]


def test_a_module_imported_again_replaces_its_own_subscription() -> None:
    rows = Registry()
    rows.add(Subscription(ZoneEvent, "workers", "old", handler))

    rows.add(Subscription(ZoneEvent, "workers", "new", handler))

    assert [row.queue for row in rows] == ["new"]


def test_a_group_name_may_serve_on_two_streams() -> None:
    rows = Registry()
    rows.add(Subscription(ZoneEvent, "workers", "b", handler))

    rows.add(Subscription(FrameCaptured, "workers", "a", other_handler))

    assert rows.queues == ("a", "b")
    assert rows.groups(ZoneEvent) == ("workers",)
    assert [row.queue for row in rows.readers(FrameCaptured)] == ["a"]


@pytest.mark.parametrize(("attempt", "delay"), [(1, 1.0), (2, 5.0), (3, 15.0), (4, 15.0), (50, 15.0)])
def test_the_last_delay_serves_for_the_rest(attempt: int, delay: float) -> None:
    found = Retry(3).delay(attempt)

    assert found == delay


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module file of the user's own, importable as `site_handlers`."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "site_handlers.py"
    sys.modules.pop("site_handlers", None)


def test_a_module_of_the_users_own_is_imported_beside_ours(own_module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUILTIN_MODULES", ())
    own_module.write_text("imported = True\n", encoding="utf-8")

    load_subscriptions(["site_handlers"])

    assert sys.modules["site_handlers"].imported


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (None, "No module named 'site_handlers'"),
        ("import nothing_of_this_name\n", "No module named 'nothing_of_this_name'"),
        ("def broken(:\n", "invalid syntax"),
        ("\nraise RuntimeError('no\\n', 'way')\n", "site_handlers.py, line 2)"),
        ("import sys\nsys.exit(0)\n", "SystemExit: 0 ("),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(own_module: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, part: str) -> None:
    monkeypatch.setattr(module, "BUILTIN_MODULES", ())
    if text is not None:
        own_module.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        load_subscriptions(["site_handlers"])

    assert "'site_handlers' can't be imported" in str(caught.value)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", ".handlers", "site_handlers.py/", "site handlers"])
def test_what_cannot_be_a_modules_name_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(module, "BUILTIN_MODULES", ())

    with pytest.raises(UsageError, match="not the name of a module"):
        load_subscriptions([name])
