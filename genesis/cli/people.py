"""People, their faces and what became of their photos: as tables, as sentences, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from genesis.cli.terminal import safe

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from genesis.cli.enrolling import Enrolment
    from genesis.cli.search_photo import FaceInPhoto
    from genesis.storage.gallery import Identity, StoredFace

NAME = 100  # characters shown of a name, a path, a line
PATH, LINE = 120, 300
SHORT_ID = 8  # digits that nearly always are enough

_VERDICT = {"same": "green", "unsure": "yellow", "nobody": "dim"}


def local(moment: datetime | None) -> str:
    """Return a time by this machine's clock and zone, to the second; `-` for none."""
    return "-" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso(moment: datetime | None) -> str | None:
    """Return a time for programs, in UTC as it is kept."""
    return None if moment is None else moment.isoformat()


def counted(number: int, what: str, several: str = "") -> str:
    """Return `1 face`, `2 faces`.

    Args:
        number: how many.
        what: one of them.
        several: where it is not the word with an `s`.
    """
    return f"{number:,} {what if number == 1 else several or f'{what}s'}"


def identity_json(identity: Identity) -> dict[str, Any]:
    """Return an identity for programs."""
    return {
        "id": identity.id,
        "label": identity.label,
        "name": identity.name,
        "kind": identity.kind,
        "photos": identity.photos,
        "embeddings": identity.embeddings,
        "sightings": identity.sightings,
        "created": iso(identity.created),
        "first_seen": iso(identity.first_seen),
        "last_seen": iso(identity.last_seen),
        "erasing": identity.erasing,
    }


def face_json(face: StoredFace) -> dict[str, Any]:
    """Return an enrolled face for programs."""
    return {
        "model": face.model, "source": face.source, "origin": face.origin, "crop": face.crop or None, "size": face.size,
        "sharpness": face.sharpness, "frontal": face.frontal, "created": iso(face.created),
    }  # fmt: skip


def identity_table(identities: Sequence[Identity]) -> RenderableType:
    """Return a table of people."""
    from rich.text import Text  # noqa: PLC0415 - --help stays quick

    rows = _table(
        ("who", ""), ("photos", "right"), ("faces", "right"), ("sightings", "right"), ("first seen", ""), ("last seen", ""), ("id", "")
    )
    for identity in identities:
        style = "" if identity.kind == "known" else "yellow"
        who = Text(safe(identity.label, NAME), style=style)
        if identity.erasing:
            who.append(" (being erased)", style="red")
        numbers = (identity.photos, identity.embeddings, identity.sightings)
        rows.add_row(
            who, *(f"{number:,}" for number in numbers), local(identity.first_seen), local(identity.last_seen), identity.id[:SHORT_ID]
        )
    return rows


def identity_facts(identity: Identity, faces: Sequence[StoredFace]) -> RenderableType:
    """Return what is known of one person."""
    from rich.console import Group  # noqa: PLC0415 - --help stays quick
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    was = f" (was unknown-{identity.number})" if identity.name is not None and identity.number is not None else ""
    facts.add_row("who", Text(safe(identity.label, NAME) + was))
    facts.add_row("kind", "being erased: run `genesis erase` again to finish" if identity.erasing else identity.kind)
    facts.add_row("id", identity.id)
    facts.add_row("created", local(identity.created))
    facts.add_row("sightings", f"{identity.sightings:,}")
    if identity.sightings:
        facts.add_row("seen", f"{local(identity.first_seen)} to {local(identity.last_seen)}")
    facts.add_row("faces", f"{counted(identity.photos, 'photo')}, {counted(len(faces), 'embedding')} in all")
    if not faces:
        return facts
    rows = _table(
        ("face from", ""), ("model", ""), ("size", "right"), ("sharpness", "right"), ("frontal", "right"), ("enrolled", ""), ("picture", "")
    )
    for face in faces:
        crop = face.crop[:SHORT_ID] if face.crop else "-"
        numbers = (f"{face.size:.0f}", f"{face.sharpness:.0f}", f"{face.frontal:.2f}")
        rows.add_row(face.source, Text(safe(face.model, NAME)), *numbers, local(face.created), crop)
    return Group(facts, rows)


def enrolment_lines(enrolment: Enrolment, *, dry: bool = False) -> list[tuple[str, str]]:
    """Return what became of a person's photos: lines and their styles."""
    would = "would be " if dry else ""
    told = [f"{counted(enrolment.count('enrolled'), 'face')} {would}enrolled"]
    for outcome, words in (("already", "already"), ("refused", "refused")):
        if count := enrolment.count(outcome):
            told.append(f"{count:,} {words}")
    if enrolment.left_out:
        told.append(f"{counted(enrolment.left_out, 'file')} left out (no pictures by their names)")
    lines = [(f"{safe(enrolment.name, NAME)}: {', '.join(told)}", "" if enrolment.fine else "red")]
    lines += [(f"  {safe(one.photo, PATH)}: {safe(one.line, LINE)}", "yellow") for one in enrolment.outcomes if one.outcome == "refused"]
    lines += [(f"  {safe(note, LINE)}", "cyan") for note in enrolment.notes]
    return lines


def enrolment_json(enrolment: Enrolment) -> dict[str, Any]:
    """Return what became of a person's photos, for programs."""
    return {
        "name": enrolment.name,
        "id": enrolment.identity_id,
        "enrolled": enrolment.count("enrolled"),
        "already": enrolment.count("already"),
        "refused": enrolment.count("refused"),
        "left_out": enrolment.left_out,
        "photos": [
            {"photo": one.photo, "outcome": one.outcome, "reason": one.reason, "message": one.line or None} for one in enrolment.outcomes
        ],
        "notes": list(enrolment.notes),
    }


def search_table(found: FaceInPhoto) -> RenderableType:
    """Return the people who are nearest to a face."""
    from rich.text import Text  # noqa: PLC0415 - --help stays quick

    rows = _table(("who", ""), ("distance", "right"), ("threshold", "right"), ("", ""))
    for number, match in enumerate(found.matches):
        verdict = found.verdict if number == 0 else "same" if match.distance <= found.threshold else "nobody"
        words = found.words if number == 0 else "within the threshold, too" if verdict == "same" else "another person"
        style = _VERDICT[found.verdict] if number == 0 else "dim"
        rows.add_row(Text(safe(match.label, NAME)), f"{match.distance:.4f}", f"{found.threshold:.4f}", Text(words, style=style))
    return rows


def search_json(found: FaceInPhoto) -> dict[str, Any]:
    """Return a face of a photo and who is nearest to it, for programs."""
    return {
        "box": [round(float(value), 1) for value in found.face.box],
        "size": round(float(found.face.size), 1),
        "sharpness": round(float(found.face.sharpness), 1),
        "frontal": round(float(found.face.frontal), 2),
        "usable": found.poor is None,
        "refusal": found.poor,
        "verdict": found.verdict,
        "threshold": found.threshold,
        "matches": [
            {"id": m.identity_id, "label": m.label, "name": m.name, "kind": m.kind, "distance": round(m.distance, 6)} for m in found.matches
        ],
    }


def _table(*columns: tuple[str, Any]) -> Table:
    from rich import box  # noqa: PLC0415 - --help stays quick
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for name, justify in columns:
        if justify:
            table.add_column(name, justify=justify, no_wrap=True)
        else:
            table.add_column(name, overflow="fold")
    return table
