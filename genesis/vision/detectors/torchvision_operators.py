"""Let a CPU torch run beside a torchvision that was built for CUDA.

Where no CPU build of torchvision can be had, the CUDA build installs but can't load its compiled operators, and then
even `import torchvision` fails: it describes operators that nobody has defined. Ultralytics needs one of them, `nms`.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import logging
import sys
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries: list[Any] = []  # an operator lives as long as the library object that defines it


def ensure_operators() -> bool:
    """Import torchvision, after defining the operators it lacks, if it lacks them; call it before ultralytics is imported.

    A matched pair of torch and torchvision is left as it is. The replacement of `nms` gives the same boxes.

    Returns:
        True if the operators had to be defined here.
    """
    if "torchvision" in sys.modules or _real_operators():
        return bool(_libraries)
    import torch  # noqa: PLC0415 - heavy

    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    library.impl("nms", _nms, "CPU")
    _libraries.append(library)
    import torchvision  # noqa: PLC0415 - heavy, and must come after the definition

    # torchvision asks these before it calls an operator; both modules hold the function by name.
    torchvision.extension._has_ops = _yes  # noqa: SLF001
    torchvision.ops.boxes._assert_has_ops = _nothing  # noqa: SLF001
    logger.debug("torchvision %s has no operators for torch %s; nms is defined by Genesis", torchvision.__version__, torch.__version__)
    return True


def _real_operators() -> bool:
    import torch  # noqa: PLC0415 - heavy

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # not installed: nothing to mend
    folder = Path(spec.origin).parent
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        compiled = folder / f"_C{suffix}"
        if compiled.is_file():
            try:
                torch.ops.load_library(compiled)
            except OSError:
                return False
            return True
    return False


def _nms(dets: Any, scores: Any, iou_threshold: float) -> Any:
    from ultralytics.utils.nms import TorchNMS  # noqa: PLC0415 - imported after this module has made it importable

    return TorchNMS.nms(dets, scores, iou_threshold)


def _yes() -> bool:
    return True


def _nothing() -> None:
    return None
