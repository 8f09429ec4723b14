"""The detection worker: the persons in each frame."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from genesis import subscribe
from genesis.context import Context
from genesis.events import Box, FrameCaptured, Person, PersonDetected
from genesis.settings import Settings

if TYPE_CHECKING:
    from genesis.vision.detectors.base import Detector
    from genesis.vision.types import Detections


@lru_cache(maxsize=1)
def detector_for(settings: Settings) -> Detector:
    """Return this process's detector, loaded on first use."""
    from genesis.vision.detectors import load_detector  # noqa: PLC0415 - heavy: only where frames are looked at

    return load_detector(settings.detection, data_dir=settings.data_dir)


def load_model(context: Context) -> str:
    """Load the detector before the first frame; return its name and where it runs."""
    detector = detector_for(context.settings)
    return f"{detector.name} on {getattr(detector, 'device', 'cpu')}"


@subscribe(FrameCaptured, group="detection-workers", queue="detection", preload=load_model)
def detect_persons(event: FrameCaptured, context: Context) -> list[PersonDetected]:
    """Find the persons in a frame; a frame without any gives an event too, since that is knowledge."""
    detector = detector_for(context.settings)
    (found,) = detector.detect([context.frames.get(event.frame_key)])
    return [
        PersonDetected(
            camera=event.camera,
            time=event.time,
            session=event.session,
            number=event.number,
            width=event.width,
            height=event.height,
            persons=persons_of(found),
            detector=detector.name,
            frame_key=event.frame_key,
            live=event.live,
            dropped=event.dropped,
        )
    ]


def persons_of(found: Detections) -> tuple[Person, ...]:
    """Return detections as they are told: boxes to a tenth of a pixel, confidences to four digits."""
    return tuple(
        Person(box=Box(*(round(float(value), 1) for value in box)), confidence=round(float(confidence), 4))
        for box, confidence in zip(found.boxes, found.confidences, strict=True)
    )
