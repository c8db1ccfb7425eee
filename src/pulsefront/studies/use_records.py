"""Records of what a test says beside its figures: inputs that count, events that are needed."""

from __future__ import annotations

from typing import Literal

from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import Record

__all__ = ["InputUse", "InputUses", "TestPower"]


class InputUse(Record):
    """What the exported network loses without one of its inputs, on test events."""

    input: str
    shuffled: Interval
    """growth of the mean loss where the input is exchanged between events"""
    silent: Interval
    """growth of the mean loss where the input is zero, as of a dead channel"""


class InputUses(Record):
    """Which inputs the exported network uses."""

    loss: str
    """what grows, in words with its unit"""
    events: int
    inputs: tuple[InputUse, ...]
    """the one that is missed most comes first"""


class TestPower(Record):
    """How many test events another evaluation needs; this test is the pilot."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    counted: Literal["events", "positions"]
    """what the numbers below count"""
    here: int
    least_gain_percent: float
    """over the best classical estimator, in the main metric"""
    power_here: float
    """chance that a test of this size shows that gain at one-sided 2.5 %"""
    needed: int
    """to show it in nine tests of ten"""
    needed_for_two_percent: int
    """to bring the 95 % interval of the network's main metric to ± 2 %"""
