"""Persons by an exported YOLO network (OpenVINO, ONNX) on a CPU, without ultralytics and torch: quicker, and a third of the memory.

Finds the same persons as ultralytics does with the same file, to within rounding.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from genesis.errors import ModelError
from genesis.settings import Detection
from genesis.vision.boxes import MOST_PERSONS, check_frames, thinned, tidy
from genesis.vision.detectors.letterbox import Letterbox
from genesis.vision.detectors.networks import Network, OnnxNetwork, OpenVinoNetwork, OtherNetworkError, Output
from genesis.vision.detectors.weights import Weights, person_classes
from genesis.vision.types import Detections, Frame

logger = logging.getLogger(__name__)

_BOX = 4  # numbers of a box


class DirectDetector:
    """Finds persons with an exported YOLO network, frame by frame.

    Args:
        settings: of the detection; `image_size` counts for networks that take any size.
        weights: an OpenVINO folder or an ONNX file.

    Raises:
        OtherNetworkError: it is no plain network.
        ModelError: it does not know persons.
    """

    def __init__(self, settings: Detection, weights: Weights) -> None:
        if settings.threads:
            cv2.setNumThreads(settings.threads)
        self._settings = settings
        self._path = weights.path
        made = OpenVinoNetwork if weights.kind == "openvino" else OnnxNetwork
        self._network: Network = made(weights.path, settings.threads)
        self._classes = person_classes(self._network.names, weights.path)
        self._size = self._network.size or (settings.image_size, settings.image_size)
        self.detect([np.zeros((*self._size[::-1], 3), np.uint8)])  # the first run is slow
        logger.debug("%s is loaded; it runs on %s", self.name, self.device)

    @property
    def name(self) -> str:
        """`yolo:` and the name of the weights' file or folder."""
        return f"yolo:{self._path.name}"

    @property
    def device(self) -> str:
        """`cpu`."""
        return "cpu"

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the persons of each frame, in the order of the frames.

        Args:
            frames: pictures, each (height, width, 3) uint8 BGR; sizes may differ.
        """
        check_frames(frames)
        return [self._search(frame) for frame in frames]

    def _search(self, frame: Frame) -> Detections:
        # A network that takes any size is given no more grey than it needs.
        place, limits = Letterbox.of(frame, self._size, self._network.stride if self._network.size is None else 0), self._settings
        boxes, scores = persons_in(self._network.run(place.apply(frame)), self._classes, confidence=limits.confidence, iou=limits.iou)
        width, height = place.frame
        return tidy(place.undo(boxes), scores, width=width, height=height, confidence=limits.confidence, min_height=limits.min_height)


def directly(settings: Detection, weights: Weights) -> DirectDetector | None:
    """Return a detector that runs these weights itself; None if ultralytics must.

    Args:
        settings: of the detection.
        weights: that were found for them.

    Raises:
        ModelError: the network does not know persons.
    """
    if weights.kind not in {"openvino", "onnx"} or not _on_cpu(settings, weights):
        return None
    try:
        return DirectDetector(settings, weights)
    except OtherNetworkError as reason:
        logger.debug("%s runs through ultralytics: %s", weights.path, reason)
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001 - the engines raise whatever they like; ultralytics meets it too, and there it is told in words
        logger.debug("%s can't be run directly: %s", weights.path, error)
    return None


def persons_in(
    output: Output, classes: Sequence[int], *, confidence: float, iou: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return boxes of persons, (n, 4) `x1 y1 x2 y2` in pixels of the input, and their confidences, (n,).

    Args:
        output: what the network says.
        classes: numbers of the classes that are persons.
        confidence: least one that is kept.
        iou: largest overlap of two persons of one class.
    """
    scores = output[_BOX:]
    # Few places hold a person: only there the other classes are looked at.
    sure = np.flatnonzero((scores[list(classes)] >= np.float32(confidence)).any(axis=0))
    best = scores[:, sure].argmax(axis=0)
    found = [_of_class(output, sure[best == number], number, iou) for number in classes]
    indexes, numbers = np.concatenate([places for places, _ in found]), np.concatenate([kept for _, kept in found])
    order = np.argsort(-scores[numbers, indexes], kind="stable")[:MOST_PERSONS]
    return _corners(output[:_BOX, indexes[order]]), np.asarray(scores[numbers[order], indexes[order]], np.float32)


def _of_class(output: Output, places: npt.NDArray[np.intp], number: int, iou: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    # Equal scores, of which INT8 makes many, stay in the network's order, as with ultralytics.
    places = places[np.argsort(-output[_BOX + number, places], kind="stable")]
    kept = places[thinned(_corners(output[:_BOX, places]), iou, MOST_PERSONS)]
    return kept, np.full(len(kept), number, np.intp)


def _corners(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return (n, 4) `x1 y1 x2 y2` of (4, n) middles, widths and heights."""
    middle, half = boxes[:2], boxes[2:] / 2
    return np.asarray(np.concatenate([middle - half, middle + half]).T, np.float32)


def _on_cpu(settings: Detection, weights: Weights) -> bool:
    if settings.device != "auto":
        return settings.device == "cpu"
    if weights.kind == "openvino":
        return True
    import onnxruntime  # noqa: PLC0415 - heavy

    return "CUDAExecutionProvider" not in onnxruntime.get_available_providers()
