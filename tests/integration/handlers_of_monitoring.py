"""A subscription for the test of the dashboards: it looks somebody up in the gallery for each frame, without a face engine."""

from __future__ import annotations

import numpy as np

from genesis import subscribe
from genesis.context import Context
from genesis.events import FrameCaptured
from tests.integration.words_of_handlers import DIMENSION, MODEL


@subscribe(FrameCaptured, group="lookers-up", queue="recognition")
def look_up(event: FrameCaptured, context: Context) -> None:
    """Search the gallery."""
    from genesis.storage.database import database_of
    from genesis.storage.search import search

    face = np.ones(DIMENSION, np.float32)
    database_of(context.settings).run(lambda cursor: search(cursor, MODEL, face, exact_below=1000))
