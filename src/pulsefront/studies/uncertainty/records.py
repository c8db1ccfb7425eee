"""What a study finds of the uncertainty of single events."""

from __future__ import annotations

from pulsefront.evaluate import Interval
from pulsefront.evaluate.conformal import ConformalFactor, ConformalRegion
from pulsefront.evaluate.record import Record
from pulsefront.search.head import HeadTrial

__all__ = [
    "CalibratedRegion",
    "CaughtInputs",
    "CoverageInPart",
    "ErrorHead",
    "EventUncertainty",
    "FlaggedByTest",
    "HeadCost",
    "InputTestNumbers",
    "InputTestRecord",
    "RegionCoverage",
    "RejectionCurve",
    "SaidAndFound",
]


class CalibratedRegion(Record):
    """The radius that holds a share of events: numerator · scale / 2^fraction_bits.

    The numerator is that of the part which the event's scale falls in.
    """

    share: float
    edges: tuple[int, ...]
    """ascending: the part's number is how many of them the scale exceeds"""
    numerators: tuple[int, ...]
    """of each part"""
    fraction_bits: int
    selection_events: tuple[int, ...]
    """that each was fixed on"""

    @property
    def region(self) -> ConformalRegion:
        """The same, to ask whether events lie inside."""
        return ConformalRegion(
            self.edges,
            tuple(
                ConformalFactor(self.share, numerator, events, self.fraction_bits)
                for numerator, events in zip(self.numerators, self.selection_events, strict=True)
            ),
        )


class HeadCost(Record):
    """What the head adds to the network."""

    weight_bytes: int
    macs: int
    bops: float
    ebops: int


class ErrorHead(Record):
    """The head beside the network, as it was trained and calibrated; no test event was seen."""

    nodes: int
    """of its hidden layer; 0 where the network has none that it could read"""
    reads: str
    """the layer of the network whose results it reads"""
    quantile: float
    """of an event's error that it learned"""
    step: float
    """what one step of the scale stands for, in the unit of the network's outputs"""
    least: int
    """that the scale of a vector counts as, where it is lower: few outputs are that low, and a
    factor that holds their errors too would be useless to all others"""
    cost: HeadCost
    trials: tuple[HeadTrial, ...]
    regions: tuple[CalibratedRegion, ...]
    cuts: dict[str, int]
    """share kept → largest scale that is kept, as fixed on selection events"""


class CoverageInPart(Record):
    """How many events of a part of the test set lie within their region."""

    part: str
    events: int
    inside: Interval


class RegionCoverage(Record):
    """How many test events lie within the region that was calibrated for a share of them."""

    share: float
    inside: Interval
    parts: tuple[CoverageInPart, ...]


class RejectionCurve(Record):
    """Median error of what is kept where the events that look worst are left out."""

    by: str
    """what the events are ranked by"""
    of: str
    """whose error it is"""
    median_error: tuple[float, ...]
    """for every share kept"""
    lowered_percent: Interval
    """at the share kept of the record: how far below that of all events"""
    head_lowers_more_percent: Interval | None = None
    """by how many percent points more the head lowers it; of the network's errors alone"""


class SaidAndFound(Record):
    """A tenth of the test events, by what the head says of them."""

    said: float
    """median radius of the region of the first share"""
    found: Interval
    """that quantile of the errors"""


class CaughtInputs(Record):
    """What share of some inputs the tests flag."""

    inputs: str
    """what is wrong with them"""
    vectors: int
    by_test: tuple[float, ...]
    by_any: float


class FlaggedByTest(Record):
    """What share of the test vectors one test flags."""

    test: str
    flagged: Interval


class InputTestNumbers(Record):
    """Two of these tests as a front end takes them; see `InputTestSettings` there."""

    sum_range: tuple[int, int]
    neighbours: tuple[tuple[int, ...], ...]
    ratio: int
    least: int


class InputTestRecord(Record):
    """Integer tests of the inputs: what each flags of test vectors, and of others."""

    false_rate: float
    """that each was made for"""
    tests: tuple[FlaggedByTest, ...]
    any_flagged: Interval
    caught: tuple[CaughtInputs, ...]
    ebops: int
    nonzero_weights: int
    """of the layer that reads the inputs"""


class EventUncertainty(Record):
    """What the head is worth on test events."""

    unit: str
    """of errors and radii"""
    head: ErrorHead
    coverage: tuple[RegionCoverage, ...]
    cut_kept: dict[str, float]
    """share that a cut was fixed for → share of the test events that it keeps"""
    shares_kept: tuple[float, ...]
    share_compared: float
    curves: tuple[RejectionCurve, ...]
    """the head's comes first"""
    said_and_found: tuple[SaidAndFound, ...]
    worse_than: tuple[str, ...]
    """rankings that are shown to lower the network's error more than the head does"""
    input_tests: InputTestRecord
