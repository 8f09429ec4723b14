"""The whole screen of `genesis status --watch`, made from what was seen: head, reasons, and as many parts as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from genesis.cli.figures import WORDS, age
from genesis.cli.screen_layout import Part, allot
from genesis.cli.screen_parts import parts
from genesis.cli.terminal import safe
from genesis.monitoring.history import History
from genesis.monitoring.roll import at_work

if TYPE_CHECKING:
    from rich.console import RenderableType

    from genesis.monitoring.latest import Happening
    from genesis.monitoring.status import Status
    from genesis.monitoring.verdict import Verdict

WIDE = 160  # columns from which on two parts stand side by side
_LINES_A_REASON = 12  # of the screen for each line of reasons
_LEFT = 100  # columns that cameras and streams can use
_TEXT = 300  # characters of a reason


@dataclass(frozen=True, slots=True)
class ServerFigure:
    """The memory or size of a server in words; not `well`: it can't be told, and why."""

    name: str
    told: str
    well: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown.

    Attributes:
        prefix: of the installation.
        now: seconds since 1970.
        status: the newest look; None before the first.
        verdict: on it.
        history: of the looks.
        happenings: the newest, newest first.
        servers: their figures.
        away: why the ledger can't be read now; empty: it can.
        since: when that began, in seconds since 1970.
        zone: time zone of all times; None: this machine's.
    """

    prefix: str
    now: float
    status: Status | None = None
    verdict: Verdict | None = None
    history: History = field(default_factory=History)
    happenings: Sequence[Happening] = ()
    servers: Sequence[ServerFigure] = ()
    away: str = ""
    since: float = 0.0
    zone: tzinfo | None = None

    def local(self, happening: Happening) -> str:
        """Return when something happened by the clock on the wall, with its day unless that is today."""
        when = happening.time.astimezone(self.zone)
        return when.strftime("%H:%M:%S" if when.date() == self._at(self.now).date() else "%m-%d %H:%M")

    def clock(self, seconds: float) -> str:
        """Return a time by the clock on the wall."""
        return self._at(seconds).strftime("%H:%M:%S")

    def _at(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds).astimezone() if self.zone is None else datetime.fromtimestamp(seconds, self.zone)


def screen(view: View, width: int, height: int) -> RenderableType:
    """Return the screen.

    Args:
        view: what is to be shown.
        width: of the terminal, in columns.
        height: of the terminal, in lines.
    """
    head = _head(view, width, height)
    room = height - len(head)
    shown = parts(view)
    if width < WIDE:
        return Group(*head, *_column(shown, width, room))
    left = max(_LEFT, width // 2)
    right = width - left - 2
    halves = (
        [part for part in shown if part.title in {"cameras", "streams"}],
        [part for part in shown if part.title not in {"cameras", "streams"}],
    )
    body = Table.grid(padding=(0, 2, 0, 0), collapse_padding=True, pad_edge=False)
    body.add_column(width=left)
    body.add_column(width=right)
    body.add_row(Group(*_column(halves[0], left, room)), Group(*_column(halves[1], right, room)))
    return Group(*head, body)


def _head(view: View, width: int, height: int) -> list[Text]:
    if view.away:
        mark, word, style = "■", "ledger away", "bold red"
    elif view.verdict is None:
        mark, word, style = "○", "looking", "dim"
    else:
        word = view.verdict.word
        mark, style = WORDS[word]
    first = Text.assemble(
        ("genesis" if view.prefix == "genesis" else f"genesis {view.prefix}", "bold"),
        "  ",
        (f"{mark} {word}", style),
        no_wrap=True,
        overflow="ellipsis",
    )
    clock = f"{view.clock(view.now)}{_running(view)}"
    first.append(" " * max(2, width - first.cell_len - len(clock)))
    first.append(clock, style="dim")
    return [first, *_reasons(view, max(1, height // _LINES_A_REASON))]


def _running(view: View) -> str:
    running = [program.running + program.age for program in at_work(view.status.programs)] if view.status else []
    return f"  running for {age(max(running))}" if running else ""


def _reasons(view: View, lines: int) -> list[Text]:
    if view.away:
        seen = f"; what follows was so at {view.clock(view.status.time)}" if view.status else "; it is tried again and again"
        texts = [(f"for {age(max(0.0, view.now - view.since))}{seen}", "red"), (view.away, "red")]
    else:
        texts = [(reason.text, "red" if reason.grave else "yellow") for reason in (view.verdict.reasons if view.verdict else ())]
        if len(texts) > lines:
            kept = texts[: lines - 1] if lines > 1 else texts[:1]
            more = f"+ {len(texts) - len(kept)} more: genesis doctor"
            texts = [*kept, (more, "dim")] if lines > 1 else [(f"{kept[0][0]}   {more}", kept[0][1])]
    return [Text(f"  {safe(text, _TEXT)}", style=style, no_wrap=True, overflow="ellipsis") for text, style in texts]


def _column(shown: Sequence[Part], width: int, height: int) -> list[RenderableType]:
    drawn: list[RenderableType] = []
    for part, lines in zip(shown, allot(shown, height), strict=True):
        if lines:
            drawn += [_title(part.title, width), part.draw(width, lines)]
    return drawn


def _title(title: str, width: int) -> Text:
    return Text.assemble(
        ("── ", "dim"), (title, "bold"), (f" {'─' * max(0, width - len(title) - 4)}", "dim"), no_wrap=True, overflow="crop"
    )
