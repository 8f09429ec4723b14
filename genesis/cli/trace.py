"""`genesis trace`: what came of one event, group by group, as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from genesis.bus.runlog import RunRecord
    from genesis.bus.trail import Handling, Step, Trail
    from genesis.events import Event

SHORT, WHOLE = 8, 32  # characters of an id that are shown, and of one that tells nothing to a person


@click.command("trace")
@click.argument("name", metavar="EVENT")
@click.option("--root", "from_root", is_flag=True, help="From the first event of its trace on (the frame, mostly).")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with whole ids.")
def command(*, name: str, from_root: bool, as_json: bool) -> None:
    """Show what came of one event: which groups handled it, when, how long, with what outcome, and the events that followed.

    EVENT is an event's id or the first 6 characters of it or more, an entry (`frames/1764052345123-0`), or the id of a trace.
    Ids stand in logs, in Flower, in dead letters and in `genesis status`. The ledger remembers the newest runs (tracing.keep).

    \b
      genesis trace 7f3a9c1e
      genesis trace zones/1764052345123-0 --root
    """  # noqa: D301 - click's mark for lines that stay as they are
    import msgspec  # noqa: PLC0415 - --help stays quick
    from rich.console import Console  # noqa: PLC0415

    from genesis.bus.trail import Tracker  # noqa: PLC0415
    from genesis.cli.running import settings_in_force  # noqa: PLC0415
    from genesis.subscriptions import load_subscriptions  # noqa: PLC0415

    settings = settings_in_force()
    trail = Tracker(settings, load_subscriptions(settings.handlers)).follow(name, from_root=from_root)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(as_plain(trail)), indent=2).decode())
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # into a file or another program
    console.print(render(trail))


def as_plain(trail: Trail) -> dict[str, Any]:
    """Return a trail as what JSON can say; events as they stand in their streams."""
    from genesis.events import encode  # noqa: PLC0415 - --help stays quick

    def step(row: Step) -> dict[str, Any]:
        return {
            "stream": row.stream,
            "event": row.id,
            "entry": row.entry,
            "published": row.published,
            "fields": None if row.event is None else encode(row.event),
            "groups": [
                {
                    "group": handling.group,
                    "queue": handling.queue,
                    "task": handling.task,
                    "state": handling.state,
                    "detail": handling.detail,
                    "runs": handling.runs,
                    "events": [step(cause) for cause in handling.causes],
                }
                for handling in row.handlings
            ],
        }

    return {"trace": trail.trace, "came_from": trail.above, **step(trail.step)}


def render(trail: Trail) -> Tree:
    """Return a trail as a tree that rich can print."""
    from rich.text import Text  # noqa: PLC0415 - --help stays quick
    from rich.tree import Tree  # noqa: PLC0415

    begun = trail.step.published
    tree = Tree(Text.assemble(_head(trail.step, begun), (f"   trace {trail.trace}", "dim")), guide_style="dim")
    if trail.above:
        came = " ─▶ ".join(f"{stream} {_short(event)}" for stream, _, event in (name.partition("/") for name in trail.above))
        tree.add(Text(f"came from {came}", style="dim"))
    _grow(tree, trail.step, begun)
    return tree


def _grow(tree: Tree, step: Step, begun: float | None) -> None:
    for handling in step.handlings:
        branch = tree.add(_handled(handling, begun))
        for run in handling.runs:
            if run.error:
                branch.add(_failed(run))
        for cause in handling.causes:
            _grow(branch.add(_head(cause, begun)), cause, begun)


def _head(step: Step, begun: float | None) -> Text:
    from datetime import datetime, timezone  # noqa: PLC0415 - --help stays quick

    from rich.text import Text  # noqa: PLC0415

    when = ""
    if step.published is not None and step.published == begun:
        when = f"{datetime.fromtimestamp(step.published, timezone.utc).astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3]
    elif step.published is not None and begun is not None:
        when = f"+{step.published - begun:.3f} s"
    told = told_of(step.event) if step.event is not None else "no longer in its stream"
    return Text.assemble((f"{step.stream} ", "bold"), told, (f"   {_short(step.id)}   {when}", "dim"))


def _short(event: str) -> str:
    return event[:SHORT] if len(event) == WHOLE else event


STYLES = {"settled": "green", "filtered": "dim", "stale": "yellow", "late": "yellow", "buried": "bold red", "forgotten": "dim"}


def _handled(handling: Handling, begun: float | None) -> Text:
    from rich.text import Text  # noqa: PLC0415 - --help stays quick

    text = Text.assemble((f"{handling.group:<21} ", "cyan"), (handling.state, STYLES.get(handling.state, "yellow")))
    if len(handling.runs) > 1:
        text.append(f" in run {len(handling.runs)}")
    if handling.runs:
        run = handling.runs[-1]
        if run.outcome != "filtered":
            text.append(f"   {run.seconds * 1000:.1f} ms")
        if begun is not None:
            text.append(f"   +{max(0.0, run.begun - begun):.3f} s", style="dim")
        text.append(f"   {run.worker or 'the bridge'}", style="dim")
    if handling.state == "buried":
        text.append(f"   genesis dlq show {handling.detail}" if handling.detail else "   its dead letter is gone: replayed or dropped")
    elif handling.detail:
        text.append(f"   {handling.detail}")
    elif handling.state == "forgotten":
        text.append("   done, but too long ago to be remembered", style="dim")
    return text


def _failed(run: RunRecord) -> Text:
    from rich.text import Text  # noqa: PLC0415 - --help stays quick

    return Text.assemble((f"{run.outcome} after {run.seconds * 1000:.1f} ms on {run.worker}: ", "yellow"), run.error)


def told_of(event: Event) -> str:
    """Return an event in a few words."""
    from genesis.events import FaceRecognized, FrameCaptured, MetricsEvent, PersonDetected, SessionEvent, ZoneEvent  # noqa: PLC0415

    what = ""
    if isinstance(event, FrameCaptured):
        what = f"frame {event.number}"
    elif isinstance(event, PersonDetected):
        what = "end of the session" if event.last else f"{len(event.persons)} person{'' if len(event.persons) == 1 else 's'}"
    elif isinstance(event, FaceRecognized):
        what = event.identity or "an unknown person"
    elif isinstance(event, ZoneEvent):
        what = f"{event.track} {event.kind} {event.zone}".rstrip()
    elif isinstance(event, SessionEvent):
        what = f"{event.scope} {event.session} {event.kind}"
    elif isinstance(event, MetricsEvent):
        what = f"{event.window:g} s of figures"
    else:
        what = f"{getattr(event, 'rule', '')}: {getattr(event, 'message', '')}".removesuffix(": ")
    return f"{event.camera}: {what}"
