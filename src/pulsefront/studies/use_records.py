"""Records of what a test says beside its figures: inputs that count, events that are needed."""

from __future__ import annotations

from typing import Annotated, Literal

from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import INLINE, Record

__all__ = ["Failures", "InputUse", "InputUses", "TestPower", "WeakPart", "WorstEvent"]


class InputUse(Record):
    """What the exported network loses without one of its inputs, on test events."""

    input: str
    shuffled: Interval
    """growth of the mean loss where the input is exchanged between events"""
    silent: Interval
    """growth of the mean loss where the input is zero, as of a dead channel"""
    moved: Interval | None = None
    """how far the outputs move where the input moves by its standard deviation"""


class InputUses(Record):
    """Which inputs the exported network uses."""

    loss: str
    """what grows, in words with its unit"""
    events: int
    inputs: tuple[InputUse, ...]
    """the one that is missed most comes first"""
    rank_agreement: dict[str, float | None] | None = None
    """Spearman's correlation of the rankings, two by two; None where one is constant"""
    ranked_apart: tuple[str, ...] = ()
    """inputs whose rank differs between two rankings by more than a third of all inputs"""


class WorstEvent(Record):
    """A test event on which the exported network is worst."""

    event: int
    """among the test events"""
    loss: float
    baseline_loss: float | None
    """of the best classical estimator"""
    known: Annotated[dict[str, float], INLINE]
    """what the simulation or the manifest knows of it, units in the names"""


class WeakPart(Record):
    """A part of the test events where the network may be worse than elsewhere."""

    part: str
    events: int
    """of the half that confirms"""
    ratio_found: float
    """mean loss over that of all others, on the half that found it"""
    ratio: Interval
    """the same on the half that confirms"""
    adjusted_p: float
    """that it is not above the factor, after Holm"""
    confirmed: bool
    loss: float
    """mean, on the half that confirms and the other"""
    baseline_loss: float | None


class Failures(Record):
    """Where the exported network fails."""

    loss: str
    """in words with its unit"""
    baseline: str
    factor: float
    """a part is weak where its mean loss is more than so many times that of all others"""
    parts_searched: int
    significance: float
    weak: tuple[WeakPart, ...]
    """that looked worst on one half of the events, tested on the other"""
    worst: tuple[WorstEvent, ...]


class TestPower(Record):
    """How many test events another evaluation needs; this test is the pilot."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    counted: Literal["events", "positions", "patients"]
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
