"""A YOLO checkpoint made on the spot: the real loading and predicting code runs with no download and no training."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

_SEED = 7
# A backbone of four strides and one detection head: small, but made of the layers of a real one.
_NETWORK: dict[str, Any] = {
    "backbone": [
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "C3k2", [16, False, 0.5]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "Conv", [16, 3, 2]],
    ],
    "head": [[[3, 4, 5], 1, "Detect", ["nc"]]],
}


def tiny_checkpoint(path: Path, *, names: Sequence[str] = ("person",), data_dir: Path | None = None) -> Path:
    """Write a .pt file that ultralytics loads as a detection model, the same one every time.

    Its weights are random (from a fixed seed), so it "finds" boxes anywhere with middling confidences; what it finds
    is the same for the same picture.

    Args:
        path: the file to write, ending in `.pt`.
        names: of the classes.
        data_dir: where ultralytics keeps its settings; the file's folder if None.
    """
    from genesis.vision.detectors.runtime import bring_up

    ultralytics = bring_up(threads=1, data_dir=data_dir or path.parent)
    import torch
    from ultralytics.nn.tasks import DetectionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = DetectionModel({**_NETWORK, "nc": len(names)}, ch=3, nc=len(names), verbose=False)
        # The usual start lets a picture fade away from layer to layer and makes everything background; this one spreads the confidences.
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d) and module.weight.requires_grad:
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        for branch in network.model[-1].cv3:
            branch[-1].weight.data *= 40
            torch.nn.init.constant_(branch[-1].bias, -1.0)
    network.names = dict(enumerate(names))
    network.task = "detect"
    network.args = {"task": "detect", "imgsz": 64}
    checkpoint = {
        "epoch": -1,
        "model": network.half(),
        "ema": None,
        "optimizer": None,
        "train_args": {"task": "detect", "imgsz": 64},
        "date": datetime(2026, 1, 1, tzinfo=timezone.utc).isoformat(),
        "version": ultralytics.__version__,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, path)
    return path
