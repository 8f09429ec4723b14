"""Bring up ultralytics: quiet, without the network, without installing anything, with bounded threads."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from genesis.vision.detectors.torchvision_operators import ensure_operators

logger = logging.getLogger(__name__)

SAFE_LOAD = "ULTRALYTICS_SAFE_LOAD"
"""Environment variable: `0` lets a .pt file run any code in it when it is loaded. Genesis sets `1` where nothing is set."""
_FORCED = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}


def bring_up(threads: int, data_dir: Path) -> Any:
    """Import ultralytics and return the module.

    Several processes may do this at once on one `data_dir`.

    Args:
        threads: CPU threads for torch's OpenMP, set before torch is imported; 0 leaves them.
        data_dir: ultralytics keeps its own settings in the folder `ultralytics` below it, unless `YOLO_CONFIG_DIR` says otherwise.
    """
    os.environ.update(_FORCED)
    os.environ.setdefault(SAFE_LOAD, "1")
    os.environ.setdefault("YOLO_CONFIG_DIR", str((data_dir / "ultralytics").absolute()))
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    # Before the import: it already speaks while it is imported.
    talk = logging.getLogger("ultralytics")
    if not any(isinstance(known, _ToDebug) for known in talk.filters):
        talk.addFilter(_ToDebug())
    ensure_operators()
    import ultralytics  # noqa: PLC0415 - heavy

    _insist(ultralytics)
    return ultralytics


def limit_torch(threads: int) -> None:
    """Hold torch to a number of CPU threads; call it after a model is loaded, since loading one sets its own number."""
    if threads:
        import torch  # noqa: PLC0415 - heavy

        torch.set_num_threads(threads)


def _insist(ultralytics: Any) -> None:
    # The environment is read at import. When somebody in this process imported ultralytics before us, it was not ours yet.
    from ultralytics.nn import tasks  # noqa: PLC0415 - heavy
    from ultralytics.utils import checks, events  # noqa: PLC0415 - heavy

    checks.AUTOINSTALL = False
    checks.ONLINE = False
    events.events.enabled = False
    tasks.SAFE_LOAD = os.environ[SAFE_LOAD].strip().lower() in {"1", "true", "yes", "on", "y", "t"}
    if ultralytics.settings["sync"]:
        ultralytics.settings.update({"sync": False})


class _ToDebug(logging.Filter):
    """Hands what ultralytics says to our own logger, at DEBUG, instead of its standard output."""

    def filter(self, record: logging.LogRecord) -> bool:
        logger.debug("ultralytics: %s", record.getMessage())
        return False
