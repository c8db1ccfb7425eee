"""What a study file says about networks of regions; light to import."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.networks.settings import MlpSettings, TrainingSettings

__all__ = ["RegionNetworkSettings"]

MOST_REGIONS = 64


class RegionNetworkSettings(FrozenModel):
    """Two stages: a linear estimate says in which region an event lies, a small network where.

    The network has the same shape in every region and weights of its own, which multipliers take
    from a memory by the region's number.
    """

    counts: tuple[Annotated[int, Field(ge=1, le=MOST_REGIONS)], ...] = Field(
        default=(1, 4), min_length=1
    )
    """numbers of regions that are tried, each a network of its own; 1 is the same network without
    regions, to compare with"""
    by: Literal["cells", "depth"] = "cells"
    """what is divided: cells of the block by a linear estimate of x and y, with about as many
    events each, or ranges of an estimate of the depth, which must be known"""
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = (16, 8)
    """nodes of each hidden layer, the same in every region"""
    weight_bits: int = Field(default=8, ge=2, le=16)
    """width of the weights; every output of a layer has a binary point of its own, the same in all
    regions"""
    bias_bits: int = Field(default=14, ge=2, le=24)
    """width of the biases"""
    activation_bits: int = Field(default=10, ge=1, le=16)
    """width of the results of hidden layers"""
    coarse_bits: int = Field(default=8, ge=3, le=16)
    """width of the coarse stage's weights and of its estimate"""
    shared_training: TrainingSettings = TrainingSettings(epochs=15.0)
    """training of one network on all events, in floating point, which those of all regions start
    from"""
    region_training: TrainingSettings = TrainingSettings(epochs=15.0, learning_rate=6e-3)
    """training of each region's on its own events, in floating point; its batches are smaller by
    the region's share of the events, to 256 at least"""
    quantized_training: TrainingSettings = TrainingSettings(epochs=8.0, learning_rate=2e-3)
    """the same through quantizers"""

    @property
    def network(self) -> MlpSettings:
        """The network of one region."""
        return MlpSettings(
            hidden=self.hidden,
            weight_bits=self.weight_bits,
            bias_bits=self.bias_bits,
            activation_bits=self.activation_bits,
            per_channel=True,
        )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.counts)) < len(self.counts):
            raise ValueError("counts: names a number twice, which gives the same network twice")
        for name in ("shared_training", "region_training", "quantized_training"):
            if getattr(self, name).patience is not None:
                raise ValueError(
                    f"{name}.patience: networks of regions are trained to the end; leave it out"
                )
        if self.quantized_training.batch_norm:
            raise ValueError(
                "quantized_training.batch_norm: networks that have formats are not normalized; "
                "leave it out"
            )
        return self
