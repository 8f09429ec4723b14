"""`genesis status`: what is going on, as tables, as JSON, or as a screen that is kept up to date."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

    from genesis.monitoring.status import Status
    from genesis.monitoring.verdict import Verdict
    from genesis.settings import Settings

_TEXT = 300  # characters of what comes from names and servers


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="As JSON; with --watch one line for each look.")
@click.option("--watch", is_flag=True, help="Keep a screen up to date until Ctrl-C.")
@click.option("--interval", type=click.FloatRange(min=0.1), default=1.0, show_default=True, help="Seconds between two looks with --watch.")
def command(*, as_json: bool, watch: bool, interval: float) -> None:
    """Show cameras, streams and groups, the programs, the frame cache, and in one word how all of it is.

    length: entries in the stream. pending: taken by a worker, not settled. lag: not yet taken. oldest: age
    of the oldest pending entry. dead: entries in the stream's dead-letter queue.

    Of a camera's newest window (metrics.window_seconds): processed: frames per second that were looked at. persons: on
    average, and the most in one frame. latency: from capture to tracker, 95 % of the frames took less.

    A program is silent when it gave no sign of life for 20 s, and is forgotten after an hour.

    --watch shows the newest events, too, and as much as the terminal has room for. While the ledger is away it says so, and
    goes on when it is back.
    """
    from genesis.cli.launch import interruptible  # noqa: PLC0415 - --help stays quick
    from genesis.cli.running import settings_in_force  # noqa: PLC0415
    from genesis.cli.screen import console  # noqa: PLC0415

    settings = settings_in_force()
    if not watch:
        _show_once(settings, as_json=as_json)
        return
    interruptible()
    try:
        if as_json:
            _print_lines(settings, interval)
        else:
            from genesis.cli.screen_watch import watch as keep_watching  # noqa: PLC0415

            keep_watching(settings, interval, console())
    except KeyboardInterrupt:
        return


def looker() -> Any:
    """Return a function that reads the figures.

    It raises ServerUnavailableError when the ledger is away.
    """
    from genesis.monitoring import status  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    return status.looker(current())


def render(status: Status, verdict: Verdict | None = None) -> RenderableType:
    """Return the figures as something that rich can print; with a verdict, the word and its reasons stand below."""
    from rich.console import Group  # noqa: PLC0415

    parts = [_streams(status)]
    parts += [_cameras(status)] if status.cameras else []
    parts += [_programs(status)] if status.programs else []
    parts.append(_cache(status))
    return Group(*parts, *(_summary(verdict) if verdict else ()))


def _show_once(settings: Settings, *, as_json: bool) -> None:
    import msgspec  # noqa: PLC0415

    from genesis.cli.screen import console  # noqa: PLC0415
    from genesis.monitoring.status import looker as looker_of  # noqa: PLC0415
    from genesis.monitoring.verdict import judge  # noqa: PLC0415

    status = looker_of(settings)()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_plain(status, settings)), indent=2).decode())
    else:
        console().print(render(status, judge(status, settings)))


def _print_lines(settings: Settings, interval: float) -> None:
    import msgspec  # noqa: PLC0415

    from genesis.errors import ServerUnavailableError  # noqa: PLC0415
    from genesis.masking import mask  # noqa: PLC0415
    from genesis.monitoring.status import looker as looker_of  # noqa: PLC0415

    look = looker_of(settings)
    while True:
        try:
            told = _plain(look(), settings)
        except ServerUnavailableError as error:
            told = {"error": mask(str(error))}
        click.echo(msgspec.json.encode(told).decode())
        time.sleep(interval)


def _plain(status: Status, settings: Settings) -> dict[str, Any]:
    """Return the figures, the word that judges them, and the reasons for it, for machines."""
    import msgspec  # noqa: PLC0415

    from genesis.monitoring.verdict import judge  # noqa: PLC0415

    verdict = judge(status, settings)
    return {**msgspec.to_builtins(status), "verdict": verdict.word, "reasons": msgspec.to_builtins(verdict.reasons)}


def _table(left: set[str], *names: str) -> Any:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=name not in {"queues, cameras", "dropped"})
    return table


def _streams(status: Status) -> Any:
    from rich.text import Text  # noqa: PLC0415

    from genesis.cli.figures import age  # noqa: PLC0415

    streams = _table({"stream", "group"}, "stream", "group", "length", "pending", "lag", "oldest", "settled", "retried", "dead")
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
                    _warm(group.pending), _warm(group.lag), age(group.oldest_pending), str(group.totals["settled"]),
                    _warm(group.totals["retried"]), dead if first else "",
                )  # fmt: skip
            first = False
    return streams


def _cameras(status: Status) -> Any:
    from genesis.cli.figures import age, camera_figures, camera_state, drops  # noqa: PLC0415

    left = {"camera", "state", "dropped"}
    cameras = _table(left, "camera", "state", "frames", "fps", "processed", "persons", "latency", "heard of", "dropped")
    for camera in status.cameras:
        fps = f"{camera.fps:.1f}" if camera.fps is not None else "-"
        heard = f"{age(camera.age)} ago"
        cameras.add_row(camera.camera, camera_state(camera), str(camera.frames), fps, *camera_figures(camera), heard, drops(camera))
    return cameras


def _programs(status: Status) -> Any:
    from rich.text import Text  # noqa: PLC0415

    from genesis.cli.figures import age, queues_or_cameras, standing  # noqa: PLC0415
    from genesis.cli.terminal import safe  # noqa: PLC0415

    left = {"program", "name", "host", "queues, cameras", "state"}
    programs = _table(left, "program", "name", "queues, cameras", "children", "runs for", "seen", "state")
    for program in status.programs:
        programs.add_row(
            program.role, Text(safe(program.name, _TEXT)), Text(safe(queues_or_cameras(program), _TEXT)), str(program.children or "-"),
            age(program.running), f"{age(program.age)} ago", standing(program),
        )  # fmt: skip
    return programs


def _cache(status: Status) -> Any:
    from rich.text import Text  # noqa: PLC0415

    cache = status.cache
    if cache.error:
        return Text(f"frame cache: {cache.error}", style="red")
    share = cache.bytes / cache.limit if cache.limit else 0.0
    return Text(
        f"frame cache: {cache.bytes / 1e6:.1f} of {cache.limit / 1e6:.0f} MB ({share:.0%}), "
        f"{cache.frames} frames, {cache.references} referenced"
    )


def _summary(verdict: Verdict) -> Any:
    from rich.text import Text  # noqa: PLC0415

    from genesis.cli.figures import WORDS  # noqa: PLC0415
    from genesis.cli.terminal import safe  # noqa: PLC0415

    mark, style = WORDS[verdict.word]
    yield Text(f"{mark} {verdict.word}", style=style)
    for reason in verdict.reasons:
        yield Text(f"  {safe(reason.text, _TEXT)}", style="red" if reason.grave else "yellow")


def _warm(value: int) -> Any:
    from rich.text import Text  # noqa: PLC0415

    return Text(str(value), style="yellow" if value else "dim")
