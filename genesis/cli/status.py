"""`genesis status`: what is going on, as a table, as JSON, or watched."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from genesis.monitoring.status import CameraStatus, Status


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--watch", is_flag=True, help="Keep showing it until Ctrl-C.")
@click.option("--interval", type=click.FloatRange(min=0.1), default=1.0, show_default=True, help="Seconds between two looks with --watch.")
def command(*, as_json: bool, watch: bool, interval: float) -> None:
    """Show every stream and group, the cameras and the frame cache.

    length: entries in the stream. pending: taken by a worker, not settled. lag: not yet taken. oldest: age
    of the oldest pending entry. dead: entries in the stream's dead-letter queue.

    Of a camera's newest window (metrics.window_seconds): processed: frames per second that were looked at. persons: on
    average, and the most in one frame. latency: from capture to tracker, 95 % of the frames took less.
    """
    import msgspec  # noqa: PLC0415 - --help stays quick
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    look = looker()
    if as_json and not watch:
        click.echo(msgspec.json.format(msgspec.json.encode(look()), indent=2).decode())
        return
    console = Console()
    try:
        if as_json:
            while True:
                click.echo(msgspec.json.encode(look()).decode())
                time.sleep(interval)
        if not watch:
            console.print(render(look()))
            return
        with Live(render(look()), console=console, screen=console.is_terminal, auto_refresh=False) as live:
            while True:
                time.sleep(interval)
                live.update(render(look()), refresh=True)
    except KeyboardInterrupt:
        return


def looker() -> Any:
    """Return a function that reads the figures.

    It raises ServerUnavailableError when the ledger is away.
    """
    from genesis.monitoring import status  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    return status.looker(current())


def render(status: Status) -> Any:
    """Return the figures as something that rich can print."""
    from rich import box  # noqa: PLC0415
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    streams = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("stream", "group"):
        streams.add_column(name, no_wrap=True)
    for name in ("length", "pending", "lag", "oldest", "settled", "retried", "dead"):
        streams.add_column(name, justify="right")
    for stream in status.streams:
        first, short = True, stream.stream.removeprefix(f"{status.prefix}:")
        dead = Text(str(stream.dead_letters), style="red" if stream.dead_letters else "dim")
        for group in stream.groups:
            if not group.exists:
                state = Text("missing: run `genesis init`", style="red")
                streams.add_row(short if first else "", group.group, state)
            else:
                streams.add_row(
                    short if first else "", group.group, str(stream.length) if first else "",
                    _warm(group.pending), _warm(group.lag), _age(group.oldest_pending), str(group.totals["settled"]),
                    _warm(group.totals["retried"]), dead if first else "",
                )  # fmt: skip
            first = False
    cameras = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("camera", "state", "frames", "fps", "processed", "persons", "latency", "heard of", "dropped"):
        cameras.add_column(name, justify="left" if name in {"camera", "state", "dropped"} else "right")
    styles = {"live": "green", "lost": "red", "ended": "dim"}
    for camera in status.cameras:
        dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(camera.dropped.items()))
        fps = f"{camera.fps:.1f}" if camera.fps is not None else "-"
        state = Text(camera.state, style=styles.get(camera.state, ""))
        cameras.add_row(camera.camera, state, str(camera.frames), fps, *_figures(camera), f"{_age(camera.age)} ago", dropped or "-")
    cache = status.cache
    share = cache.bytes / cache.limit if cache.limit else 0.0
    line = Text(
        f"frame cache: {cache.bytes / 1e6:.1f} of {cache.limit / 1e6:.0f} MB ({share:.0%}), "
        f"{cache.frames} frames, {cache.references} referenced"
    )
    if cache.error:
        line = Text(f"frame cache: {cache.error}", style="red")
    return Group(streams, cameras, line) if status.cameras else Group(streams, line)


def _figures(camera: CameraStatus) -> tuple[str, str, str]:
    """Return frames per second processed, persons and latency; those of a session that is over would mislead."""
    figures = camera.figures
    if figures is None or camera.state == "ended":
        return "-", "-", "-"
    latency = "-" if figures.latency_p95 is None else f"{figures.latency_p95:.2f} s"
    return f"{figures.fps_processed:.1f}", f"{figures.persons:.1f} (most {figures.most_persons})", latency


def _warm(value: int) -> Any:
    from rich.text import Text  # noqa: PLC0415

    return Text(str(value), style="yellow" if value else "dim")


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    if seconds < 3600:  # noqa: PLR2004
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
