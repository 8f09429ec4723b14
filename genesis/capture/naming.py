"""Names for cameras that were given none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import urlsplit

from genesis.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 64


def default_name(source: str) -> str:
    """Return a name made from a source: `camera-0`, the host of a URL, the stem of a file, `sample`.

    >>> default_name("rtsp://admin:secret@10.0.0.7:554/1")
    '10.0.0.7'
    """
    if source.isdecimal():
        stem = f"camera-{source}"
    elif "://" in source:
        stem = _host(source)
    else:
        stem = PurePath(source).stem
    return _UNFIT.sub("-", stem).strip("-.")[:_LONGEST] or "camera"


def name_all(sources: Sequence[str], names: Sequence[str] = ()) -> list[str]:
    """Name every source: the given names in order, then default names made distinct (`door`, `door-2`).

    Raises:
        UsageError: more names than sources, a name that can't be used, or the same name twice.
    """
    if len(names) > len(sources):
        msg = f"--camera {names[len(sources)]!r} has no --source: give one --source for each --camera"
        raise UsageError(msg)
    for name in names:
        if not NAME.fullmatch(name):
            msg = f"--camera {name!r}: expected 1 to 64 letters, digits, '_', '.' or '-'"
            raise UsageError(msg)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"--camera {twice[0]!r} is given twice: every camera needs a name of its own"
        raise UsageError(msg)
    taken = list(names)
    for source in sources[len(names) :]:
        taken.append(_distinct(default_name(source), taken))
    return taken


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "camera"
    except ValueError:
        return "camera"


def _distinct(name: str, taken: Sequence[str]) -> str:
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        suffix = f"-{count}"
        candidate = name[: _LONGEST - len(suffix)] + suffix
    return candidate
