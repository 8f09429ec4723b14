"""Sightings and enrolled faces as files: the pictures, a table of them, and contact sheets."""

from __future__ import annotations

import csv
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis.cli.people import SHORT_ID, iso, local
from genesis.cli.terminal import safe
from genesis.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from genesis.cli.contact_sheet import Tile
    from genesis.storage.crops import Crops
    from genesis.storage.gallery import Identity, StoredFace
    from genesis.storage.sightings import Sighting
    from genesis.vision.types import Frame

SHEET = "contact_sheet"
NOBODY = "nobody"  # who was too unclear even for a label

_FACE = 208  # pixels: a picture is no larger on a sheet
_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST = 60  # characters of a name in a file's name
_QUALITY = 92  # of the sheets, as JPEG
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: pictures, how many were gone, and the contact sheets."""

    pictures: int
    gone: int
    sheets: tuple[Path, ...]


def sighting_json(sighting: Sighting) -> dict[str, Any]:
    """Return a sighting for programs."""
    return {
        "number": sighting.id,
        "event": sighting.event_id,
        "time": iso(sighting.time),
        "camera": sighting.camera,
        "who": sighting.label,
        "kind": sighting.kind,
        "identity": sighting.identity_id,
        "score": sighting.score,
        "distance": sighting.distance,
        "threshold": sighting.threshold,
        "margin": sighting.margin,
        "attempts": sighting.attempts,
        "track": sighting.track,
        "session": sighting.session,
        "frame": sighting.number,
        "person": list(sighting.person),
        "face": list(sighting.box),
        "model": sighting.model,
        "crop": sighting.crop or None,
        "size": sighting.size,
        "sharpness": sighting.sharpness,
        "frontal": sighting.frontal,
    }


def export(sightings: Sequence[Sighting], crops: Crops, folder: Path, heading: str, note: str) -> Exported:
    """Write the pictures of sightings, `sightings.csv`, `sightings.json`, and contact sheets.

    Args:
        sightings: in the order of the sheets.
        crops: the installation's pictures.
        folder: where to; made if it is missing.
        heading: of the sheets.
        note: beside it.

    Raises:
        UsageError: a file can't be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names: dict[int, str] = {}
        for sighting in sightings:
            content = _content(crops, sighting.crop)
            if content is not None:
                names[sighting.id] = file_name(sighting)
                (folder / names[sighting.id]).write_bytes(content)
        rows = [{**sighting_json(sighting), "file": names.get(sighting.id)} for sighting in sightings]
        (folder / "sightings.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        with (folder / "sightings.csv").open("w", encoding="utf-8", newline="") as file:
            columns = [name for name in sighting_json(sightings[0]) if name not in {"person", "face"}] if sightings else ["number"]
            writer = csv.DictWriter(file, [*columns, "file"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
        sheets = write_sheets((sighting_tile(sighting, crops) for sighting in sightings), folder, heading, note)
    except OSError as error:
        raise _cant_write(folder, error) from error
    return Exported(len(names), sum(bool(one.crop) for one in sightings) - len(names), sheets)


def file_name(sighting: Sighting) -> str:
    """Return the name of a sighting's picture: time, camera, who, number; of safe characters alone.

    The time is this machine's; names sort by it.
    """
    when = sighting.time.astimezone().strftime("%Y-%m-%d_%H-%M-%S.") + f"{sighting.time.microsecond // 1000:03d}"
    parts = (when, sighting.camera, sighting.label or NOBODY, str(sighting.id))
    return "_".join(_UNSAFE.sub("-", part).strip("-.")[:_LONGEST] or "-" for part in parts) + ".jpg"


def sheet_folder() -> Path:
    """Return a new folder, for this user alone, for sheets that are only looked at."""
    return Path(tempfile.mkdtemp(prefix="genesis-faces-"))


def sighting_tile(sighting: Sighting, crops: Crops) -> Tile:
    """Return a sighting as it is shown on a sheet."""
    from genesis.cli.contact_sheet import Tile  # noqa: PLC0415 - only here OpenCV is needed

    sure = "" if sighting.score is None else f"   {sighting.score:.0%} sure"
    who = drawable(sighting.label or NOBODY, f"see number {sighting.id}")
    lines = (local(sighting.time), f"{sighting.camera}{sure}")
    return Tile(_picture(crops, sighting.crop), who, lines, sighting.kind == "known", str(sighting.id))


def face_tile(identity: Identity, face: StoredFace, crops: Crops) -> Tile:
    """Return an enrolled face as it is shown on a sheet."""
    from genesis.cli.contact_sheet import Tile  # noqa: PLC0415 - only here OpenCV is needed

    lines = (f"enrolled {local(face.created)}", f"{face.model}   {face.size:.0f} px")
    return Tile(_picture(crops, face.crop), drawable(identity.label, identity.id[:SHORT_ID]), lines, identity.kind == "known", face.source)


def drawable(name: str, instead: str) -> str:
    """Return a name as a sheet can show it; something else instead, where it has no letter for it."""
    from genesis.cli.contact_sheet import as_ascii  # noqa: PLC0415 - only here OpenCV is needed

    return instead if as_ascii(name).count("?") > name.count("?") else safe(name, _LONGEST)


def write_sheets(tiles: Iterable[Tile], folder: Path, heading: str, note: str) -> tuple[Path, ...]:
    """Write as many sheets as the tiles need; at least one.

    Raises:
        UsageError: one can't be written.
    """
    import cv2  # noqa: PLC0415 - only here it is needed

    from genesis.cli.contact_sheet import contact_sheet  # noqa: PLC0415

    made: list[Path] = []
    for number, page in enumerate(_pages(tiles), start=1):
        path = folder / (f"{SHEET}.jpg" if number == 1 else f"{SHEET}-{number}.jpg")
        _, encoded = cv2.imencode(".jpg", contact_sheet(page, heading, note), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        try:
            path.write_bytes(encoded.tobytes())
        except OSError as error:
            raise _cant_write(folder, error) from error
        made.append(path)
    return tuple(made)


def _pages(tiles: Iterable[Tile]) -> Iterator[list[Tile]]:
    from genesis.cli.contact_sheet import MOST  # noqa: PLC0415 - only here OpenCV is needed

    rest = iter(tiles)
    yield list(islice(rest, MOST))
    while page := list(islice(rest, MOST)):
        yield page


def _picture(crops: Crops, sha: str) -> Frame | None:
    import cv2  # noqa: PLC0415 - only here it is needed
    import numpy as np  # noqa: PLC0415

    from genesis.cli.contact_sheet import square  # noqa: PLC0415

    content = _content(crops, sha)
    picture = None if not content else cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return None if picture is None else square(np.asarray(picture, np.uint8), _FACE)


def _content(crops: Crops, sha: str) -> bytes | None:
    try:
        return crops.path(sha).read_bytes() if sha else None
    except FileNotFoundError:
        return None


def _cell(value: Any) -> Any:
    # A spreadsheet would take such a text for a formula.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _cant_write(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"{safe(str(error.filename or folder), 200)}: {error.strerror or error}")


def span(moments: Iterable[datetime]) -> str:
    """Return from when to when things were, for a heading; empty for nothing."""
    ordered = sorted(moments)
    return f"{local(ordered[0])} to {local(ordered[-1])}" if ordered else ""
