"""The study file of a position study."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.networks.settings import LossSettings
from pulsefront.studies.settings import ScanSelection, ScanStudy

__all__ = ["PositionBaselines", "PositionEvents", "PositionStudy"]


class PositionEvents(ScanSelection):
    """Which events of a scan are used, and what x and y are learned from."""

    label: Literal["stage", "first_interaction"] = "stage"


class PositionBaselines(FrozenModel):
    """Settings of the classical position estimators; they are tuned on training events."""

    knn_references: int = Field(default=60_000, ge=100)
    knn_selection: int = Field(default=5_000, ge=100)


class PositionStudy(ScanStudy):
    """Position of interaction from the charges of a pixelated photosensor."""

    kind: Literal["position"]
    loss: LossSettings = LossSettings()
    events: PositionEvents = PositionEvents()
    baselines: PositionBaselines = PositionBaselines()
