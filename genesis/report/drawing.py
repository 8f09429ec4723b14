"""Draw with matplotlib into SVG that stands within a page: its text is the page's, its colours follow light and dark.

Nothing of pyplot is used, so that no state is shared and no window is looked for.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#010203", "#010204"
"""Stand for the colours of text and of lines behind the data."""
SERIES = ("#010211", "#010212", "#010213", "#010214", "#010215", "#010216")
"""Stand for the colours of data, which the page's style names."""

_VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)", **{colour: f"var(--c{number})" for number, colour in enumerate(SERIES, 1)}}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "text.color": INK, "axes.edgecolor": FAINT,
    "axes.labelcolor": INK, "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.grid.axis": "y", "grid.color": FAINT,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": False, "text.parse_math": False, "xtick.major.size": 0,
    "ytick.major.size": 0, "axes.unicode_minus": False,
}  # fmt: skip
_PROLOGUE = re.compile(r"^.*?(?=<svg )", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'(<svg [^>]*?)\s*\bheight="[^"]*"([^>]*?)\s*\bwidth="[^"]*"|(<svg [^>]*?)\s*\bwidth="[^"]*"([^>]*?)\s*\bheight="[^"]*"')
_NAMES = re.compile(r'(\bid="|url\(#|href="#)')
_FAMILY = re.compile(r"font-family: [^;\"]*;? ?")
_FONT = re.compile(r"font: (?:[^;\"]*?)(\d+(?:\.\d+)?px)[^;\"]*")  # as older releases write it
_COLOURS = re.compile("|".join(_VARIABLES))
_HEADING = re.compile(r"<svg ")


@contextmanager
def drawing(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """Return a figure and its axes for the time of a `with` block, in which it is drawn and written.

    Args:
        width: in inches of 72 units.
        height: likewise.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl  # noqa: PLC0415 - only where something is drawn
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the user's own file says
        mpl.rcParams.update(_SETTINGS)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def svg(figure: Figure, name: str, title: str) -> str:
    """Return a figure as an `<svg>` element that may stand in a page beside others.

    Args:
        figure: what was drawn.
        name: of letters, different for each figure of a page.
        title: what it shows, for those who can't see it.
    """
    import matplotlib as mpl  # noqa: PLC0415 - only where something is drawn

    written = io.StringIO()
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": name}):
        warnings.simplefilter("ignore")  # letters that the font for measuring lacks; the page's own has them
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _fitted(written.getvalue(), name, title)


def _fitted(text: str, name: str, title: str) -> str:
    from markupsafe import escape  # noqa: PLC0415 - of jinja2

    text = _METADATA.sub("", _PROLOGUE.sub("", text, count=1), count=1)
    text = _SIZE.sub(lambda m: "".join(part or "" for part in m.groups()), text, count=1)
    text = _NAMES.sub(lambda m: f"{m[1]}{name}-", text)
    text = _COLOURS.sub(lambda m: _VARIABLES[m[0]], text)
    text = _FONT.sub(lambda m: f"font-size: {m[1]}", _FAMILY.sub("", text))
    return _HEADING.sub(f'<svg role="img" aria-label="{escape(title)}" ', text, count=1)
