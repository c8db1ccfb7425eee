"""What a study file says about networks of tables; light to import."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.fixed_point.layers.table import MOST_TABLE_BITS

__all__ = ["TableNetworkSettings", "TableTraining"]


class TableTraining(FrozenModel):
    """How the tables are trained: by Adam, under a one-cycle learning rate."""

    epochs: float = Field(default=40.0, gt=0)
    """passes over the training events"""
    batch: int = Field(default=1024, ge=1)
    """events of one step"""
    learning_rate: float = Field(default=1e-2, gt=0)
    """at the top of the cycle"""
    whole_from: float = Field(default=0.3, ge=0, lt=1)
    """share of the training after which entries and codes are whole numbers"""

    def steps(self, events: int) -> int:
        """Return how many minibatches *epochs* are where there are *events*."""
        return max(1, round(self.epochs * events / self.batch))


class TableNetworkSettings(FrozenModel):
    """Networks whose neurons are look-up tables.

    Every node is the sum of tables, cut off at the ends of a code; the output is the sum of a table
    for each node's code. No number is multiplied.
    """

    nodes: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(2,), min_length=1)
    """nodes that are tried, each a network of its own"""
    fan_in: int = Field(default=1, ge=1)
    """inputs of one table of a node; each node reads every input once, drawn into tables anew where
    there is more than one"""
    sample_bits: int = Field(default=7, ge=1)
    """bits of an input that a table reads, at most; fan_in times as many are at most 12"""
    node_bits: int = Field(default=6, ge=2, le=MOST_TABLE_BITS)
    """bits of a node's code"""
    output_bits: int = Field(default=7, ge=2, le=16)
    """the output's spread in steps of the last tables, as a power of two"""
    inside: int = Field(default=8, ge=1)
    """ReLUs whose sum is trained as a table, beside a straight line"""
    training: TableTraining = TableTraining()
    """training of every network"""

    @model_validator(mode="after")
    def _small_enough(self) -> Self:
        bits = self.fan_in * self.sample_bits
        if bits > MOST_TABLE_BITS:
            raise ValueError(
                f"sample_bits: tables of {self.fan_in} inputs of {self.sample_bits} bits have "
                f"2^{bits} entries, and the most is {1 << MOST_TABLE_BITS}; take fewer bits or a "
                "smaller fan_in"
            )
        if len(set(self.nodes)) < len(self.nodes):
            raise ValueError("nodes: names a number twice, which gives the same network twice")
        return self
