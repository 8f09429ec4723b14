"""What all sections of the settings are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Share = Annotated[float, Field(ge=0, le=1)]
SimpleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Section(BaseModel):
    """Base of every group of settings: unknown keys are refused, values can't be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)
