"""How figures of `genesis status` are written, in its tables and on its screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

    from genesis.monitoring.status import CameraStatus, ProgramStatus

WORDS = {"healthy": ("●", "bold green"), "idle": ("○", "dim"), "attention": ("▲", "bold yellow"), "trouble": ("■", "bold red")}
"""The mark and colour of each word of a verdict."""

MINUTE, HOUR = 60, 3600
_STATES = {"live": "green", "lost": "bold red", "ended": "dim"}
_TEXT = 200  # characters


def age(seconds: float | None) -> str:
    """Return a length of time; `-` for none."""
    if seconds is None:
        return "-"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < HOUR else f"{seconds / HOUR:.1f} h"


def size(count: float) -> str:
    """Return a number of bytes in MB or GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004


def camera_figures(camera: CameraStatus) -> tuple[str, str, str]:
    """Return frames per second processed, persons and latency; those of a session that is over would mislead."""
    figures = camera.figures
    if figures is None or camera.state == "ended":
        return "-", "-", "-"
    latency = "-" if figures.latency_p95 is None else f"{figures.latency_p95:.2f} s"
    return f"{figures.fps_processed:.1f}", f"{figures.persons:.1f} (most {figures.most_persons})", latency


def camera_state(camera: CameraStatus) -> Text:
    """Return the state of a camera, in its colour."""
    from rich.text import Text  # noqa: PLC0415 - --help stays quick

    return Text(camera.state, style=_STATES.get(camera.state, ""))


def drops(camera: CameraStatus) -> Text:
    """Return what a camera has dropped, by reason."""
    from rich.text import Text  # noqa: PLC0415

    from genesis.cli.terminal import safe  # noqa: PLC0415

    told = ", ".join(f"{count} {reason}" for reason, count in sorted(camera.dropped.items()))
    return Text(safe(told or "-", _TEXT))


def standing(program: ProgramStatus) -> Text:
    """Return how a program is."""
    from rich.text import Text  # noqa: PLC0415

    from genesis.cli.terminal import safe  # noqa: PLC0415

    if not program.alive:
        return Text("silent", style="bold red")
    if program.ailing:
        return Text(safe(f"ailing: {', '.join(program.ailing)}", _TEXT), style="red")
    return Text("well", style="green")


def queues_or_cameras(program: ProgramStatus) -> str:
    """Return what a program works on."""
    return ", ".join((*program.queues, *program.cameras)) or "-"
