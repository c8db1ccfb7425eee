"""Numbers of the integer tests of what the network of a front end reads."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.fixed_point.input_check import InputTests

__all__ = ["InputTestSettings"]


class InputTestSettings(FrozenModel):
    """Numbers of the tests of what the network reads, integers as it reads them."""

    sum_range: tuple[int, int]
    """lowest and highest sum of the inputs that is not flagged"""
    neighbours: tuple[tuple[int, ...], ...]
    """for each input those that go with it, numbered from 0, as many for each"""
    ratio: Literal[1, 2, 4, 8, 16, 32, 64, 128]
    """an input is as of a dead channel where the sum of these exceeds so many times it …"""
    least: int = Field(ge=0)
    """… by more than this"""

    @model_validator(mode="after")
    def _fits(self) -> InputTestSettings:
        if self.sum_range[0] > self.sum_range[1]:
            raise ValueError("sum_range needs its lower end first")
        lengths = {len(row) for row in self.neighbours}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError("neighbours must be as many for each input, one at least")
        if any(not 0 <= one < len(self.neighbours) for row in self.neighbours for one in row):
            raise ValueError("neighbours must be numbers of inputs, from 0")
        return self

    @property
    def tests(self) -> InputTests:
        """The same as the tests that a study learns, without directions of a fit."""
        neighbours = np.array(self.neighbours, np.int64)
        none = np.zeros((0, len(neighbours)), np.int64)
        return InputTests(self.sum_range, neighbours, self.ratio, self.least, none, 0)
