"""The study file of a crystal study."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.networks.settings import LossSettings
from pulsefront.studies.settings import ScanStudy

__all__ = ["CrystalBaselines", "CrystalStudy"]


class CrystalBaselines(FrozenModel):
    """Settings of the classical estimators of the crystal; tuned on training events."""

    knn_references: int = Field(default=60_000, ge=100)
    """training events that k-NN compares with, at most"""
    knn_selection: int = Field(default=4_000, ge=100)
    """selection events that k-NN is tuned on, at most"""
    pair_events: int = Field(default=20_000, ge=100)
    """training events that unmixing into pairs of crystals is tuned on, at most"""


class CrystalStudy(ScanStudy):
    """The crystal of first interaction in a pixelated array, with scatter between crystals.

    What is learned is known in simulated events alone: no measurement says which of two crystals
    was hit first.
    """

    kind: Literal["crystal"]
    """what is estimated: crystal"""
    loss: LossSettings = LossSettings(kind="classification")
    """what training minimizes"""
    baselines: CrystalBaselines = CrystalBaselines()
    """of the classical estimators"""

    @property
    def has_head(self) -> bool:
        """Classes are told by the margin of their scores: there is no output more."""
        return False

    @model_validator(mode="after")
    def _has_truth(self) -> Self:
        if self.measured is not None:
            raise ValueError("measured: measured events do not say which crystal was hit first")
        return self
