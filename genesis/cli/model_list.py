"""What `genesis model list` shows: weights where the settings look for them, what they are, and which are used."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis.cli.doctor_models import check_detector, check_faces
from genesis.cli.figures import size
from genesis.cli.terminal import safe
from genesis.errors import ModelError
from genesis.settings import Settings
from genesis.vision.detectors.facts import facts
from genesis.vision.detectors.weights import ModelUnavailableError, examine, find, locate, require_packages
from genesis.vision.export_check import size_of
from genesis.vision.faces.needs import YUNET_FILE
from genesis.vision.faces.weights import folder_of

if TYPE_CHECKING:
    from rich.table import Table

_PATTERNS = ("*.pt", "*.onnx", "*.engine", "*_openvino_model")
_FORMS = {"pt": "PyTorch", "onnx": "ONNX", "openvino": "OpenVINO", "engine": "TensorRT"}
_SHOWN_CLASSES = 3
_TEXT, _PATH = 300, 200  # characters shown


@dataclass(frozen=True, slots=True)
class Row:
    """A file or folder with weights.

    Attributes:
        path: where it is.
        purpose: `persons` or `faces`.
        form: PyTorch, ONNX ... and the precision, as far as known.
        bytes: on disk.
        classes: names; empty where not known.
        image_size: pixels; see `genesis.vision.detectors.facts`.
        any_size: it takes other sizes, too.
        used: it is what the workers take now.
        problem: why it can't be used; empty if it can.
    """

    path: Path
    purpose: str
    form: str = ""
    bytes: int = 0
    classes: tuple[str, ...] = ()
    image_size: str = ""
    any_size: bool = False
    used: bool = False
    problem: str = ""


def rows(settings: Settings) -> list[Row]:
    """Return the weights that there are: in the working folder, in `models` of the data folder, and what the settings name."""
    used = _used(settings)
    return [_row(path, settings, used=used is not None and path.absolute() == used.absolute()) for path in _found(settings)]


def verdicts(settings: Settings) -> dict[str, str]:
    """Return what finds persons and what recognises faces now, and why, as `genesis doctor` says it."""
    wanted, answers = settings.detection, {}
    for about, findings in (("persons", check_detector(settings)), ("faces", check_faces(settings))):
        finding = next(iter(findings))
        answers[about] = ". ".join(part.rstrip(".") for part in (finding.found, finding.why, finding.advice) if part)
    if wanted.detector != "hog":
        answers["persons"] += f" [detection.detector: {wanted.detector}, detection.weights: {wanted.weights}]"
    return answers


def as_json(row: Row) -> dict[str, Any]:
    """Return a row for programs."""
    return {**asdict(row), "path": str(row.path)}


def table(rows: list[Row]) -> Table:
    """Return the rows as a table."""
    from rich.text import Text  # noqa: PLC0415 - a program that reads JSON needs none of it

    shown = plain_table(("weights", ""), ("for", ""), ("form", ""), ("size", "right"), ("image size", ""), ("classes", ""), ("state", ""))
    for row in rows:
        state = Text("used", style="bold green") if row.used and not row.problem else Text(safe(row.problem, _TEXT), style="yellow")
        sides = f"{row.image_size}{' or any' if row.any_size else ''}" if row.image_size else "any" if row.any_size else "-"
        classes = Text(safe(_classes(row.classes), _TEXT))
        shown.add_row(Text(safe(str(row.path), _PATH)), row.purpose, row.form or "-", size(row.bytes), sides, classes, state)
    return shown


def plain_table(*columns: tuple[str, Any]) -> Table:
    """Return an empty table; each column has a name, and `right` for numbers."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    made = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for name, justify in columns:
        if justify:
            made.add_column(name, justify=justify, no_wrap=True)
        else:
            made.add_column(name, overflow="fold")
    return made


def _found(settings: Settings) -> list[Path]:
    named = find(settings.detection.weights, settings.data_dir)
    places = (Path(), settings.data_dir / "models")
    listed = [path for place in places for path in sorted({path for pattern in _PATTERNS for path in place.glob(pattern)})]
    face = folder_of(settings.data_dir) / YUNET_FILE
    once: dict[Path, Path] = {}
    for path in [*([named] if named else []), *listed, *([face] if face.is_file() else [])]:
        if not path.name.startswith("."):
            once.setdefault(path.absolute(), path)
    return list(once.values())


def _used(settings: Settings) -> Path | None:
    if settings.detection.detector == "hog":
        return None
    try:
        return locate(settings.detection.model_copy(update={"offline": True}), settings.data_dir).path
    except ModelError:
        return None


def _row(path: Path, settings: Settings, *, used: bool) -> Row:
    if path.name == YUNET_FILE:
        wanted = settings.recognition
        yunet = wanted.engine != "none" and wanted.detector in {"auto", "yunet"}
        return Row(path, "faces", "ONNX", size_of(path), ("face",), any_size=True, used=yunet)
    row = Row(path, "persons", used=used)
    try:
        row = replace(row, bytes=size_of(path))
        weights = examine(path)
        row = replace(row, form=_FORMS[weights.kind])
        require_packages(weights.kind)
        told = facts(weights, settings.data_dir)
    except ModelUnavailableError as error:
        return replace(row, problem=str(error))
    except (ModelError, OSError) as error:
        return replace(row, problem=str(error).removeprefix(f"{path}: "))
    row = replace(
        row, form=f"{row.form} {told.precision}".rstrip(), classes=told.classes, image_size=told.image_size, any_size=told.any_size
    )  # fmt: skip
    if told.task not in {"", "detect"}:
        return replace(row, purpose=told.task, problem=f"made for the task {told.task!r}; persons are found by 'detect'")
    if told.classes and "person" not in {name.strip().lower() for name in told.classes}:
        return replace(row, problem="has no class named 'person'")
    return row


def _classes(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN_CLASSES
    return ", ".join(names[:_SHOWN_CLASSES]) + (f" and {more} more" if more > 0 else "") or "-"
