"""What weights tell of themselves: their classes, the size they are made for, their precision; no picture is run."""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genesis.errors import ModelError
from genesis.vision.detectors.runtime import bring_up
from genesis.vision.detectors.weights import Weights, not_a_model

logger = logging.getLogger(__name__)

_LENGTH_BYTES, _LARGEST_HEAD = 4, 1 << 20  # what ultralytics writes before an engine
_WHY_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Facts:
    """Of weights.

    Attributes:
        classes: names, in the order of their numbers; empty where they are not known.
        image_size: pixels of the sides that it takes, or was trained with, such as `640` or `480x640`; empty where it is not known.
        any_size: it takes other sizes, too.
        precision: of a graph: `FP32`, `FP16`, `INT8`; empty where it is not known.
        task: what it is made for; persons are found by `detect`.
    """

    classes: tuple[str, ...] = ()
    image_size: str = ""
    any_size: bool = False
    precision: str = ""
    task: str = ""


def facts(weights: Weights, data_dir: Path) -> Facts:
    """Read what weights tell of themselves. A checkpoint is loaded for it (seconds for the first); a graph is only looked at.

    Args:
        weights: the packages that run them are installed.
        data_dir: ultralytics keeps its own settings below it.

    Raises:
        ModelError: they can't be read.
    """
    try:
        return {"pt": _of_checkpoint, "onnx": _of_onnx, "openvino": _of_openvino, "engine": _of_engine}[weights.kind](
            weights.path, data_dir
        )
    except ModelError:
        raise
    except Exception as error:  # whatever a library says of a broken file
        logger.debug("reading %s failed", weights.path, exc_info=True)
        text = " ".join(str(error).split()) or type(error).__name__
        raise not_a_model(weights.path, text if len(text) <= _WHY_LENGTH else f"{text[:_WHY_LENGTH]}...") from None


def _of_checkpoint(path: Path, data_dir: Path) -> Facts:
    model = bring_up(1, data_dir).YOLO(str(path)).model
    names, size = dict(model.names), dict(getattr(model, "args", {})).get("imgsz", "")
    return Facts(_classes(names), _size(size), any_size=True, task=str(model.task))


def _of_openvino(path: Path, _data_dir: Path) -> Facts:
    return _told(yaml.safe_load((path / "metadata.yaml").read_text(encoding="utf-8")))


def _of_onnx(path: Path, _data_dir: Path) -> Facts:
    import onnxruntime  # noqa: PLC0415 - heavy

    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 4
    quiet.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it is not run
    session = onnxruntime.InferenceSession(str(path), quiet, providers=["CPUExecutionProvider"])
    return _told({key: _plain(value) for key, value in session.get_modelmeta().custom_metadata_map.items()})


def _of_engine(path: Path, _data_dir: Path) -> Facts:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        return _told(json.loads(file.read(length))) if 0 < length <= _LARGEST_HEAD else Facts()


def _told(metadata: Any) -> Facts:
    """Read what ultralytics writes beside a graph."""
    if not isinstance(metadata, Mapping):
        return Facts()
    options = metadata.get("args")
    options = options if isinstance(options, Mapping) else {}
    names = metadata.get("names")
    return Facts(
        classes=_classes(names) if isinstance(names, Mapping) else (),
        image_size=_size(metadata.get("imgsz", "")),
        any_size=bool(options.get("dynamic", False)),
        precision=_precision(options),
        task=str(metadata.get("task", "")),
    )


def _precision(options: Mapping[str, Any]) -> str:
    # `int8` and `half` are what older exporters wrote.
    if options.get("int8") or options.get("quantize") == 8:  # noqa: PLR2004 - bits
        return "INT8"
    if options.get("half") or options.get("quantize") == 16:  # noqa: PLR2004 - bits
        return "FP16"
    return "FP32" if options else ""


def _classes(names: Mapping[Any, Any]) -> tuple[str, ...]:
    return tuple(str(names[number]) for number in sorted(names, key=int))


def _size(told: Any) -> str:
    sides = list(told) if isinstance(told, (list, tuple)) else [told]
    return str(sides[0]) if len(set(sides)) == 1 else "x".join(str(side) for side in sides)


def _plain(text: str) -> Any:
    """Return the value of a text that was made by `str`."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
