"""`genesis init`: create the streams and groups."""

from __future__ import annotations

import click


@click.command("init")
def command() -> None:
    """Create every stream and consumer group that is missing.

    Groups begin at the start of their stream, so nothing published before is missed. Harmless when all
    are there. `configs/redis/init-streams.sh` does the same with redis-cli alone.
    """
    from genesis.bus.ledger import Ledger  # noqa: PLC0415 - --help stays quick
    from genesis.cli.running import settings_in_force  # noqa: PLC0415
    from genesis.masking import mask  # noqa: PLC0415
    from genesis.subscriptions import load_subscriptions  # noqa: PLC0415

    settings = settings_in_force()
    ledger = Ledger(settings, load_subscriptions(settings.handlers))
    created = ledger.create_groups()
    for stream, group in created:
        click.echo(f"created {group} on {stream}")
    click.echo(f"{len(created)} groups created, {len(ledger.registry) - len(created)} were there, on {mask(settings.redis.url)}")
