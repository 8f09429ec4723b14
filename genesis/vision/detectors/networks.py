"""Exported YOLO networks, run by OpenVINO or ONNX Runtime themselves: no torch in the process, and no detour on a frame's way.

A network says here what it is; one that is made in another way than the plain ones is refused with `OtherNetworkError`, and runs through
ultralytics as before.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from genesis.vision.detectors.inference_threads import limited
from genesis.vision.types import Frame

Output = npt.NDArray[np.float32]
"""(4 + classes, places): middle, width and height of a box in pixels of the input, and the score of each class, for each place."""

ANY = -1
"""A side of an input or output that may have any length."""
_COLOURS = 3
_BOX = 4  # numbers of a box
_MOST_SIZES = 4  # of inputs for which a network is kept ready


class OtherNetworkError(Exception):
    """The network is not one of the plain ones; the message says in which way."""


class Network(Protocol):
    """A loaded network.

    Attributes:
        names: of its classes, by number.
        size: width and height of its input, in pixels; None: any multiple of `stride`.
        stride: pixels of the input for one place of its coarsest grid.
    """

    names: dict[int, str]
    size: tuple[int, int] | None
    stride: int

    def run(self, picture: Frame) -> Output:
        """Return what the network says of its input.

        Args:
            picture: (height, width, 3) uint8 BGR, of the input's size.
        """
        ...


class OpenVinoNetwork:
    """A network in an OpenVINO folder, on the CPU. Colours and numbers are changed inside of the compiled network.

    Args:
        folder: with the graph, the weights, and `metadata.yaml` as ultralytics writes it.
        threads: CPU threads; 0 leaves it to OpenVINO.

    Raises:
        OtherNetworkError: it is no plain network.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        import openvino  # noqa: PLC0415 - heavy

        self._ov = openvino
        self._graph = next(folder.glob("*.xml"))
        with limited("openvino", threads):
            self._core = openvino.Core()
        model = self._core.read_model(self._graph, self._graph.with_suffix(".bin"))
        shapes = [[side.get_length() if side.is_static else ANY for side in port.partial_shape] for port in (*model.inputs, *model.outputs)]
        metadata = yaml.safe_load((folder / "metadata.yaml").read_text(encoding="utf-8"))
        self.names, self.stride, self.size = _described(metadata, shapes)
        self._made: dict[tuple[int, int], Any] = {} if self.size is None else {self.size: self._compiled(model)}

    def run(self, picture: Frame) -> Output:
        """Return what the network says of its input; it is written over by the next run."""
        height, width = picture.shape[:2]
        request = self._made.pop((width, height), None)
        if request is None:
            # One that takes any size is compiled for each by itself: quicker, and INT8 on some CPUs knows no other way.
            model = self._core.read_model(self._graph, self._graph.with_suffix(".bin"))
            model.reshape([1, _COLOURS, height, width])
            request = self._compiled(model)
            while len(self._made) >= _MOST_SIZES:
                del self._made[next(iter(self._made))]
        self._made[width, height] = request  # the newest stands last
        found = request.infer([picture[None]], share_inputs=True, share_outputs=True)
        return np.asarray(found[0][0], np.float32)

    def _compiled(self, model: Any) -> Any:
        from openvino.preprocess import ColorFormat, PrePostProcessor  # noqa: PLC0415 - heavy

        layout, types = self._ov.Layout, self._ov.Type
        steps = PrePostProcessor(model)
        steps.input().tensor().set_element_type(types.u8).set_layout(layout("NHWC")).set_color_format(ColorFormat.BGR)
        steps.input().model().set_layout(layout("NCHW"))
        steps.input().preprocess().convert_element_type(types.f32).convert_color(ColorFormat.RGB).scale(255.0)
        return self._core.compile_model(steps.build(), "CPU", {"PERFORMANCE_HINT": "LATENCY"}).create_infer_request()


class OnnxNetwork:
    """A network in an ONNX file, on the CPU.

    Args:
        file: with the metadata that ultralytics writes into it.
        threads: CPU threads; 0 leaves it to ONNX Runtime.

    Raises:
        OtherNetworkError: it is no plain network.
    """

    def __init__(self, file: Path, threads: int) -> None:
        import onnxruntime  # noqa: PLC0415 - heavy

        with limited("onnx", threads):
            self._session = onnxruntime.InferenceSession(str(file), None, providers=["CPUExecutionProvider"])
        ports = (*self._session.get_inputs(), *self._session.get_outputs())
        if any(port.type != "tensor(float)" for port in ports):
            msg = f"its numbers are {', '.join(port.type for port in ports)}"
            raise OtherNetworkError(msg)
        shapes = [[side if isinstance(side, int) else ANY for side in port.shape] for port in ports]
        metadata = {name: _literal(text) for name, text in self._session.get_modelmeta().custom_metadata_map.items()}
        self.names, self.stride, self.size = _described(metadata, shapes)
        self._input = ports[0].name

    def run(self, picture: Frame) -> Output:
        """Return what the network says of its input."""
        numbers = cv2.dnn.blobFromImage(picture, 1 / 255, swapRB=True)
        return np.asarray(self._session.run(None, {self._input: numbers})[0][0], np.float32)


def _described(metadata: Mapping[str, Any], shapes: Sequence[Sequence[int]]) -> tuple[dict[int, str], int, tuple[int, int] | None]:
    """Return names of the classes, stride, and width and height of the input (None: any).

    Args:
        metadata: as ultralytics writes it.
        shapes: of all inputs and outputs.

    Raises:
        OtherNetworkError: it does not detect, finishes its boxes itself, or has other shapes than those of one picture and its places.
    """
    arguments, names, stride = (metadata.get(name) for name in ("args", "names", "stride"))
    finished = metadata.get("end2end") or (isinstance(arguments, Mapping) and arguments.get("nms"))
    if metadata.get("task") != "detect" or finished or not isinstance(names, Mapping) or not names or not isinstance(stride, int):
        msg = f"task {metadata.get('task')!r}, {'suppresses overlaps itself' if finished else 'no names or stride'}"
        raise OtherNetworkError(msg)
    wanted = ((1, _COLOURS, ANY, ANY), (1, _BOX + len(names), ANY))
    if len(shapes) != len(wanted) or not all(_fits(*pair) for pair in zip(shapes, wanted, strict=True)):
        msg = f"shapes {shapes}"
        raise OtherNetworkError(msg)
    height, width = shapes[0][2:]
    known = {int(number): str(name) for number, name in names.items()}
    return known, stride, None if ANY in {height, width} else (width, height)


def _fits(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    return len(shape) == len(wanted) and all(ANY in pair or pair[0] == pair[1] for pair in zip(shape, wanted, strict=True))


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
