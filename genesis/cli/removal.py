"""Replay or drop dead letters: say what will be done, ask, do it, and say how far it went."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

from genesis.cli.launch import ENDING
from genesis.cli.terminal import safe
from genesis.errors import BackpressureError, GenesisError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from genesis.bus.deadletters import DeadLetter
    from genesis.bus.graveyard import Graveyard
    from genesis.bus.plan import Place, Plan

Verb = Literal["replay", "drop"]

PAST = {"replay": "replayed", "drop": "dropped"}
ROOM_SECONDS = 0.5  # between two looks whether a full stream has room again
INTERRUPTED = 130
SHOWN = 5  # places named in a sentence


def told(verb: Verb, plan: Plan) -> Iterator[str]:
    """Yield the sentences that say what a plan will do."""
    how = " for good" if verb == "drop" else ""
    yield f"{verb} {_letters(plan.total)}{how}: {_places(plan.letters)}" if plan.total else f"nothing to {verb}"
    if plan.groupless:
        yield f"left where they are, since their group no longer exists: {_places(plan.groupless)} (`genesis init` creates groups)"
    if plan.incomplete:
        yield f"left where they are, since they do not hold the whole entry: {_places(plan.incomplete)}"
    if plan.frames_gone:
        yield f"{plan.frames_gone:,} of them point to frames that have left the frame cache: who needs the frame will fail (stale_frame)"


def _letters(count: int) -> str:
    return f"{count:,} dead letter{'' if count == 1 else 's'}"


def _places(counts: Mapping[Place, int]) -> str:
    ordered = sorted(((count, *place) for place, count in counts.items() if count), reverse=True)
    named = [f"{count:,} of {stream} for {safe(group, 64)}" for count, stream, group in ordered[:SHOWN]]
    rest = sum(count for count, *_ in ordered[SHOWN:])
    return ", ".join([*named, *([f"{rest:,} of others"] if rest else [])])


def confirm(verb: Verb, *, yes: bool) -> None:
    """Ask whether to go on, unless that was answered on the command line.

    Raises:
        UsageError: there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        msg = f"{verb}: nobody to ask, since this is no terminal: add --yes to do it, or --dry-run to only see what would be done"
        raise UsageError(msg)
    click.confirm("Go on?", abort=True, err=True)


def carry_out(graveyard: Graveyard, verb: Verb, plan: Plan, stopped: threading.Event, rate: float | None = None) -> int:
    """Do what a plan says, and say what came of it; return the exit code.

    Args:
        graveyard: where the letters are.
        verb: what to do with them.
        plan: which ones.
        stopped: ends it after the letter in hand.
        rate: most letters a second.
    """
    fates: Counter[str] = Counter()
    error: GenesisError | None = None
    act: Callable[[DeadLetter], str] = graveyard.replay if verb == "replay" else lambda x: "dropped" if graveyard.drop(x) else "gone"
    with ending(stopped), Progress(f"{verb}ing" if verb == "replay" else "dropping", plan.total) as progress:
        due = time.monotonic()
        try:
            for letter in plan.again():
                if rate:
                    stopped.wait(due - time.monotonic())
                    due = max(due + 1 / rate, time.monotonic())
                fate = _patiently(act, letter, stopped, progress)
                if stopped.is_set() and not fate:
                    break
                fates[fate] += 1
                progress.advance()
        except GenesisError as met:
            error = met
    done = fates[PAST[verb]]
    interrupted = stopped.is_set() and sum(fates.values()) < plan.total
    if error or interrupted:
        begin = "stopped" if interrupted else "not finished"
        click.echo(f"{begin}: {PAST[verb]} {done:,} of {_letters(plan.total)}; the others lie where they were")
        if error:
            raise error
        return INTERRUPTED
    left = fates["no group"] + fates["incomplete"]
    gone = plan.total - done - left  # somebody else was quicker, or our answer was lost and the second try found it done
    click.echo(f"{PAST[verb]} {_letters(done)}" + (f"; {gone:,} {'was' if gone == 1 else 'were'} gone already" if gone else ""))
    return 1 if left + plan.left else 0


def _patiently(act: Callable[[DeadLetter], str], letter: DeadLetter, stopped: threading.Event, progress: Progress) -> str:
    """Act on a letter, waiting for room in its stream; return '' if asked to end before."""
    while not stopped.is_set():
        try:
            return act(letter)
        except BackpressureError as full:
            progress.waits(f"{full.stream} has {full.backlog:,} unsettled entries: waiting for its workers (Ctrl-C ends)")
            stopped.wait(ROOM_SECONDS)
    return ""


@contextmanager
def ending(stopped: threading.Event) -> Iterator[None]:
    """Let Ctrl-C, and whatever else asks this command to end, set a flag instead of striking in the middle of something."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Progress:
    """How far a long run is: a bar on a terminal's stderr; elsewhere only what it waits for.

    Args:
        title: what is being done.
        total: how many times; None where nobody knows.
    """

    def __init__(self, title: str, total: int | None) -> None:
        from rich.console import Console  # noqa: PLC0415 - --help stays quick
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415

        console = Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) if total is not None else (MofNCompleteColumn(),)
        self._bar = Bar(
            SpinnerColumn(), TextColumn("{task.description}"), *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._title = title
        self._task = self._bar.add_task(title, total=total)
        self._waiting = False

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._bar.stop()

    def advance(self) -> None:
        """Count one more."""
        self._bar.update(self._task, advance=1, description=self._title)
        self._waiting = False

    def at(self, number: int) -> None:
        """Say how many there are so far."""
        self._bar.update(self._task, completed=number)

    def waits(self, what: str) -> None:
        """Say what is being waited for."""
        self._bar.update(self._task, description=what)
        if not self._waiting and self._bar.disable:
            click.echo(what, err=True)
        self._waiting = True
