"""The study file of a position study."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.networks.settings import LossSettings
from pulsefront.studies.regions.settings import RegionSettings
from pulsefront.studies.settings import ScanSelection, ScanStudy

__all__ = ["PositionBaselines", "PositionEvents", "PositionStudy"]


class PositionEvents(ScanSelection):
    """Which events of a scan are used, and what x and y are learned from."""

    label: Literal["stage", "first_interaction"] = "stage"
    """what x and y are learned from: where the stage stood, or where the simulation knows the first
    interaction"""
    inputs: Literal["charges", "row_column_sums"] = "charges"
    """what the network reads: every photosensor, or the sums of the rows and columns of the array,
    as a multiplexed readout gives them; classical estimators read every photosensor"""
    drop_bits: int = Field(default=0, ge=0, le=8)
    """lowest bits of every charge that the network does not read, where they are hardly more than
    noise: what is left out costs no wire. Classical estimators read them all"""

    @model_validator(mode="after")
    def _of_charges(self) -> Self:
        if self.inputs != "charges":
            if self.drop_bits:
                raise ValueError('drop_bits: only inputs = "charges" have bits to leave out')
            if self.fold != "none":
                raise ValueError('fold: only inputs = "charges" can be turned')
        return self


class PositionBaselines(FrozenModel):
    """Settings of the classical position estimators; they are tuned on training events."""

    knn_references: int = Field(default=60_000, ge=100)
    """training events that k-NN compares with, at most"""
    knn_selection: int = Field(default=5_000, ge=100)
    """selection events that k-NN is tuned on, at most"""


class PositionStudy(ScanStudy):
    """Position of interaction from the charges of a pixelated photosensor."""

    kind: Literal["position"]
    """what is estimated: position"""
    loss: LossSettings = LossSettings()
    """what training minimizes"""
    events: PositionEvents = PositionEvents()
    """which events are used, and what is learned of them"""
    baselines: PositionBaselines = PositionBaselines()
    """of the classical estimators"""
    regions: RegionSettings | None = None
    """networks of regions beside the searched one, judged by the same test: a coarse estimate
    chooses the weights of a small network"""

    @property
    def region_settings(self) -> RegionSettings | None:
        """What is asked of networks of regions."""
        return self.regions
