"""Make a faster form of a detector's weights, an OpenVINO folder or an ONNX file, with the exporter of ultralytics.

What is there in the end is whole: it is made in a temporary folder beside its place, run once by the detector, and only then
renamed. Nothing is downloaded, nothing installed, and nothing reported to anybody.

The new form takes pictures of any size, as the weights did. One of a fixed size would pad every 4:3 frame to a square, which is a
third more pixels and as much more time, and `detection.image_size` would count no longer.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from genesis.errors import ModelError, UsageError
from genesis.settings import Detection
from genesis.vision.detectors import load_detector
from genesis.vision.detectors.runtime import bring_up, limit_torch
from genesis.vision.detectors.weights import Weights

logger = logging.getLogger(__name__)

Format = Literal["openvino", "onnx"]
Precision = Literal["full", "half", "int8"]
FORMATS: tuple[Format, ...] = get_args(Format)

_ENDING: dict[Format, str] = {"openvino": "_openvino_model", "onnx": ".onnx"}
_SAID: dict[Format, str] = {"openvino": "OpenVINO", "onnx": "ONNX"}
_QUANTIZE: dict[Precision, int | None] = {"full": None, "half": 16, "int8": 8}  # bits, as ultralytics calls them
_GRAIN, _SMALLEST, _LARGEST = 32, 32, 4096  # pixels; as detection.image_size
# A checkpoint keeps its weights in 16 bits: in 32 they are twice that, and for INT8 both forms lie there for a while.
_ROOM = 4
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
_WHY_LENGTH = 160


@dataclass(frozen=True, slots=True)
class Form:
    """What is to be made.

    Attributes:
        format: of the file.
        precision: of the numbers in it: 32 bits, 16, or 8-bit integers where that costs little accuracy.
        image_size: pixels of the longer side at which it is tried, and calibrated.
    """

    format: Format
    precision: Precision = "full"
    image_size: int = 640

    def __post_init__(self) -> None:
        """Check the image size.

        Raises:
            UsageError: it is not what a network takes.
        """
        if self.image_size % _GRAIN or not _SMALLEST <= self.image_size <= _LARGEST:
            msg = f"image size {self.image_size}: expected a multiple of {_GRAIN} from {_SMALLEST} to {_LARGEST} (pixels)"
            raise UsageError(msg)

    def __str__(self) -> str:
        """Return it in words, such as `OpenVINO INT8`."""
        return " ".join([_SAID[self.format], *{"full": (), "half": ("FP16",), "int8": ("INT8",)}[self.precision]])

    def name(self, weights: Path) -> str:
        """Return what the new form of some weights is called, such as `yolo11n_int8_openvino_model`."""
        stem = weights.stem.replace(".pt", "-")  # ultralytics would take it for the ending
        return f"{stem}{'' if self.precision == 'full' else f'_{self.precision}'}{_ENDING[self.format]}"

    def require_packages(self) -> None:
        """Check, without importing them, that the packages that make and run this form are installed.

        Raises:
            UsageError: one line that names the package and the extra that brings it.
        """
        needed = {"openvino": ("openvino",), "onnx": ("onnx", "onnxruntime")}[self.format]
        extra: str = self.format
        if self.precision == "int8" and self.format == "openvino":
            needed, extra = (*needed, "nncf"), "int8"
        for package in needed:
            if importlib.util.find_spec(package) is None:
                msg = f"{self} needs the package {package}, which is not installed: pip install 'genesis[{extra}]'"
                raise UsageError(msg)


def check_place(weights: Weights, target: Path, *, force: bool) -> None:
    """See that there is something to export, and a place for it, before anything slow is done.

    Args:
        weights: to be exported.
        target: file or folder that will be written.
        force: it may be there already.

    Raises:
        UsageError: one line: no PyTorch weights, the target is there, its folder can't be written to, or has no room.
    """
    if weights.kind != "pt":
        msg = f"{weights.path}: {weights.kind} weights are exported already; name the .pt file that they were made from"
        raise UsageError(msg)
    if target.exists() and not force:
        msg = f"{target}: is there already; --force replaces it"
        raise UsageError(msg)
    folder = target.parent.absolute()
    if ".pt" in str(folder):
        msg = f"{folder}: a path with '.pt' in it confuses the exporter; name another folder with --to"
        raise UsageError(msg)
    # It is made only when there is something to put into it.
    known = next(place for place in (folder, *folder.parents) if place.exists())
    if not known.is_dir() or not os.access(known, os.W_OK):
        msg = f"{folder}: may not be written to; name another folder with --to"
        raise UsageError(msg)
    free, needed = shutil.disk_usage(known).free, _ROOM * weights.path.stat().st_size
    if free < needed:
        msg = f"{folder}: {free / 1e6:.0f} MB free, and {needed / 1e6:.0f} MB are needed; make room, or name another folder with --to"
        raise UsageError(msg)


def export(weights: Weights, form: Form, target: Path, settings: Detection, *, data_dir: Path, dataset: Path | None = None) -> None:
    """Make another form of some weights.

    Args:
        weights: a PyTorch checkpoint that the detector has loaded before.
        form: what is made.
        target: file or folder that is written; what is there is replaced. See `check_place`.
        settings: with which the detector tries what was made.
        data_dir: ultralytics keeps its own settings below it.
        dataset: pictures to calibrate INT8 with, as ultralytics describes them (see `genesis.vision.export_pictures`).

    Raises:
        ModelError: one line: the exporter can't do it, or the detector can't run what it made.
        UsageError: it can't be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as temporary:
            made = _made(weights, form, Path(temporary), settings, data_dir, dataset)
            fitting = made.with_name(target.name)
            made.rename(fitting)
            tried = settings.model_copy(update={"detector": "yolo", "weights": str(fitting), "image_size": form.image_size})
            load_detector(tried, data_dir=data_dir)
            _put(fitting, target, Path(temporary) / "replaced")
    except OSError as error:
        raise _not_written(target.parent, error) from None


def _made(weights: Weights, form: Form, folder: Path, settings: Detection, data_dir: Path, dataset: Path | None) -> Path:
    """Run the exporter, which writes beside the checkpoint that it is given: here that is a link in our own folder."""
    staged = folder / f"{weights.path.stem.replace('.pt', '-')}.pt"
    staged.symlink_to(weights.path.absolute())
    ultralytics = bring_up(settings.threads, data_dir)
    limit_torch(settings.threads)
    # The device is that of the export; what it makes runs on any.
    options: dict[str, Any] = {"format": form.format, "imgsz": form.image_size, "dynamic": True, "device": "cpu"}
    if form.format == "onnx":
        options["simplify"] = False  # it needs one package more, and ONNX Runtime simplifies by itself: no difference was measured
    if dataset is not None:
        options["data"] = str(dataset)
    try:
        with _silent(), _without_fonts(), _unreported():
            made = Path(ultralytics.YOLO(str(staged)).export(quantize=_QUANTIZE[form.precision], **options))
    except Exception as error:  # the exporters raise whatever they like
        if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            raise
        logger.debug("exporting %s failed", weights.path, exc_info=True)
        text = " ".join(str(error).split()) or type(error).__name__
        msg = f"{weights.path}: can't be exported to {form} ({text if len(text) <= _WHY_LENGTH else f'{text[:_WHY_LENGTH]}...'})"
        raise ModelError(msg) from None
    return made


def _put(made: Path, target: Path, replaced: Path) -> None:
    if not target.exists():
        made.rename(target)
        return
    # A folder can't be renamed onto another one. Who has the old one open keeps it.
    target.rename(replaced)
    try:
        made.rename(target)
    except OSError:
        replaced.rename(target)
        raise


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep the exporters' own words, bars and warnings out of the terminal."""
    root, said = logging.getLogger(), io.StringIO()
    level = root.level
    try:
        # The quantiser of ONNX Runtime warns through the root logger, NNCF through one of its own that writes to stdout.
        root.setLevel(logging.CRITICAL)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    finally:
        root.setLevel(level)
        logger.debug("the exporter said: %s", said.getvalue())


@contextlib.contextmanager
def _without_fonts() -> Iterator[None]:
    """Let ultralytics check a data set without asking the network for a font that it would draw labels with."""
    from ultralytics.data import utils  # noqa: PLC0415 - heavy

    original = utils.check_font
    utils.check_font = lambda *_args, **_options: None
    try:
        yield
    finally:
        utils.check_font = original


@contextlib.contextmanager
def _unreported() -> Iterator[None]:
    """Keep OpenVINO's converter and NNCF from reporting each use to their maker, which they do unless they are told not to."""
    try:
        from openvino_telemetry.main import ConsentCheckResult, OptInChecker, TelemetrySender  # noqa: PLC0415 - comes with OpenVINO
    except ImportError:
        yield
        return
    check, send = OptInChecker.check, TelemetrySender.send
    OptInChecker.check = lambda *_args, **_options: ConsentCheckResult.DECLINED
    # In case somebody in this process has asked before us.
    TelemetrySender.send = lambda *_args, **_options: None
    try:
        yield
    finally:
        OptInChecker.check, TelemetrySender.send = check, send


def _not_written(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"{folder}: can't be written to ({error.strerror or error}); make room, or name another folder with --to")
