"""Persons by a YOLO network, through ultralytics: PyTorch, ONNX, OpenVINO or TensorRT weights.

What loading a weights file may do: a .pt file is a pickle, and unpickling one runs whatever code its maker put in.
PyTorch's own `torch.load` restricts that by default (`weights_only=True`), but ultralytics switches the restriction
off, because its checkpoints hold whole model objects. It has a restricted way of its own, which admits only a list of
known classes; Genesis switches that on (`ULTRALYTICS_SAFE_LOAD=1`), so a .pt file that wants to run anything else is
refused. It is a safeguard, not a sandbox: it needs torch 2.6 or newer and an ultralytics that has it, and a mistake
in torch's restricted unpickler or in that list would open it again. So take weights only from where you would take a
program. The other formats are graphs that are interpreted, but by large native libraries that are not hardened
against hostile files either; a TensorRT engine may carry plugins, which are code.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import ModelError
from genesis.settings import Detection
from genesis.vision.boxes import MOST_PERSONS, check_frames, tidy
from genesis.vision.detectors.inference_threads import limited
from genesis.vision.detectors.runtime import SAFE_LOAD, bring_up, limit_torch
from genesis.vision.detectors.weights import Weights, locate, not_a_model, person_classes
from genesis.vision.types import Detections, Frame

logger = logging.getLogger(__name__)

_LARGEST_BATCH = 16  # frames in one run of the network: bounds memory
_WHY_LENGTH = 160
# Non-maximum suppression in ultralytics gives up after 2 s and leaves the rest of the batch empty.
_SUPPRESSION_MILLISECONDS = 2_000.0


class YoloDetector:
    """Finds persons with a YOLO network.

    On a graphics card, frames of one size run in one batch. On a CPU each frame runs by itself: a batch gains next to
    nothing there, and its sums are rounded differently, so that a frame's boxes would differ in the fourth decimal with
    its company. So on a CPU the same frame always gives exactly the same persons.
    """

    def __init__(self, settings: Detection, *, data_dir: Path = Path("data"), batch: int | None = None) -> None:
        """Load the weights and run them once, so that a mistake shows here and the first frame is not slow.

        Args:
            settings: of the detection.
            data_dir: fetched weights and ultralytics' own settings are kept below it.
            batch: most frames in one run of the network, if the weights take more than one; None: 1 on a CPU, 16 elsewhere.

        Raises:
            ModelError: one line: the weights are not there, are not a model, do not know persons, need a package
                that is missing, or the device is not there.
        """
        self._settings = settings
        self._weights = locate(settings, data_dir)
        ultralytics = bring_up(settings.threads, data_dir)
        self._device = _device(settings.device, self._weights)
        self._classes: list[int] | None = None
        with limited(self._weights.kind, settings.threads):
            self._model = self._load(ultralytics)
        limit_torch(settings.threads)
        self._classes = person_classes(self._model.names, self._weights.path)
        self._batch = self._batch_size(batch)
        logger.debug("%s is loaded; it runs on %s", self.name, self.device)

    @property
    def name(self) -> str:
        """`yolo:` and the name of the weights' file or folder."""
        return f"yolo:{self._weights.path.name}"

    @property
    def device(self) -> str:
        """Where the network really runs: `cpu`, `cuda:0` ..."""
        return str(self._model.predictor.device)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the persons of each frame, in the order of the frames.

        Args:
            frames: pictures, each (height, width, 3) uint8 BGR; sizes may differ.
        """
        check_frames(frames)
        found: dict[int, Detections] = {}
        for indexes in _batches(frames, self._batch):
            found.update(zip(indexes, self._run([frames[index] for index in indexes]), strict=True))
        return [found[index] for index in range(len(frames))]

    def _run(self, frames: list[Frame]) -> list[Detections]:
        results = self._predict(self._model, frames)
        if len(frames) > 1 and results[0].speed["postprocess"] * len(frames) >= _SUPPRESSION_MILLISECONDS:
            # A frame by itself is never cut short.
            results = [self._predict(self._model, [frame])[0] for frame in frames]
        limits = self._settings
        tidied = []
        for frame, result in zip(frames, results, strict=True):
            height, width = frame.shape[:2]
            boxes = result.boxes.data.cpu().numpy().astype(np.float32, copy=False)
            tidied.append(
                tidy(boxes[:, :4], boxes[:, 4], width=width, height=height, confidence=limits.confidence, min_height=limits.min_height)
            )
        return tidied

    def _predict(self, model: Any, frames: list[Frame]) -> list[Any]:
        results: list[Any] = model.predict(
            source=[np.ascontiguousarray(frame) for frame in frames],
            # Ultralytics keeps what is above this; `tidy` keeps what is at least as sure as the setting.
            conf=float(np.nextafter(np.float32(self._settings.confidence), np.float32(0))),
            iou=self._settings.iou,
            classes=self._classes,
            imgsz=self._settings.image_size,
            device=self._device,
            max_det=MOST_PERSONS,
            verbose=False,
            save=False,
        )
        return results

    def _load(self, ultralytics: Any) -> Any:
        path = self._weights.path
        blank = np.zeros((self._settings.image_size, self._settings.image_size, 3), np.uint8)
        try:
            model = ultralytics.YOLO(str(path), task=None if self._weights.kind == "pt" else "detect")
            results = self._predict(model, [blank])
        except Exception as error:  # the engines raise whatever they like on a broken file
            logger.debug("loading %s failed", path, exc_info=True)
            raise self._explained(error) from None
        task = getattr(model.predictor.model, "task", None) or model.task
        if results[0].boxes is None or (self._weights.kind != "pt" and task != "detect"):
            raise not_a_model(path, f"it is made for the task {task!r}; persons are found by 'detect'")
        return model

    def _explained(self, error: Exception) -> ModelError:
        path = self._weights.path
        # OpenVINO tells its own source files before each cause, ultralytics paints its errors.
        text = " ".join(re.sub(r"Exception from \S+:\s|^ERROR\W*(?=/)", "", str(error)).split()) or type(error).__name__
        if "Invalid" in text and "device=" in text:
            msg = f"detection.device {self._settings.device!r} is not there: use auto or cpu, or a device that torch sees"
            return ModelError(msg)
        if "references types outside" in text:
            msg = (
                f"{path}: not a checkpoint of a known network: it is damaged, or holds more than weights, which could run any code "
                f"when loaded; refused. Export it to ONNX, or set {SAFE_LOAD}=0 if you trust its maker"
            )
            return ModelError(msg)
        if isinstance(error, ModuleNotFoundError):
            msg = f"{path}: needs the package {error.name}, which is not installed: pip install {error.name}"
            return ModelError(msg)
        return not_a_model(path, text if len(text) <= _WHY_LENGTH else f"{text[:_WHY_LENGTH]}...")

    def _batch_size(self, wanted: int | None) -> int:
        largest = wanted or (1 if self.device == "cpu" else _LARGEST_BATCH)
        engine = self._model.predictor.model
        if self._weights.kind == "pt" or getattr(engine, "dynamic", False):
            return largest
        return max(1, min(int(getattr(engine, "batch", 1)), largest))


def _batches(frames: Sequence[Frame], largest: int) -> Iterator[list[int]]:
    # By size: in a batch of mixed sizes ultralytics pads every frame to a square, and a frame's result would depend on its company.
    by_size: dict[tuple[int, ...], list[int]] = {}
    for index, frame in enumerate(frames):
        by_size.setdefault(frame.shape, []).append(index)
    for indexes in by_size.values():
        for start in range(0, len(indexes), largest):
            yield indexes[start : start + largest]


def _device(wanted: str, weights: Weights) -> str:
    if wanted != "auto":
        return wanted
    import torch  # noqa: PLC0415 - heavy

    if not torch.cuda.is_available() or weights.kind == "openvino":
        return "cpu"
    if weights.kind == "onnx":
        import onnxruntime  # noqa: PLC0415 - heavy

        return "cuda:0" if "CUDAExecutionProvider" in onnxruntime.get_available_providers() else "cpu"
    return "cuda:0"
