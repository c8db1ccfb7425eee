"""What a study of classes finds of the uncertainty of single events: the margin of its scores."""

from __future__ import annotations

from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import Record
from pulsefront.studies.uncertainty.records import CoverageInPart, InputTestRecord

__all__ = [
    "ChoiceCurve",
    "ClassMargin",
    "ClassSets",
    "ClassUncertainty",
    "CutFound",
    "MarginBin",
    "MarginBinFound",
    "SetsFound",
]


class ClassSets(Record):
    """Sets of the classes whose score lies within ``reach`` of the largest."""

    share: float
    """of events whose set is to hold the true class"""
    reach: int
    """in steps of the output"""


class MarginBin(Record):
    """Selection events of a margin above ``above``, up to that of the next."""

    above: int
    """in steps of the output; -1 of the first, which a margin of 0 belongs to"""
    events: int
    right: int
    """of these events: the largest score is that of the true class"""


class ClassMargin(Record):
    """The margin between the two largest scores, as selection events calibrate it."""

    step: float
    """of the output: what a margin of 1 stands for"""
    sets: tuple[ClassSets, ...]
    bins: tuple[MarginBin, ...]
    cuts: dict[str, int]
    """share kept → smallest margin that is kept"""


class MarginBinFound(Record):
    """Test events of a bin of margins."""

    said: float
    """share that is right of the selection events"""
    events: int
    found: Interval | None
    """the same of the test events; none where no or one event is there"""


class SetsFound(Record):
    """How many test events have the true class in their set, and how large the sets are."""

    share: float
    inside: Interval
    parts: tuple[CoverageInPart, ...]
    mean_classes: float
    alone: float
    """share of the events whose set is one class"""


class CutFound(Record):
    """What a cut keeps of the test events."""

    kept: float
    right: Interval
    """share that is right of those kept"""


class ChoiceCurve(Record):
    """Share that is right of what is kept where the events that look worst are left out."""

    by: str
    of: str
    """whose choices they are"""
    right: tuple[float, ...]
    """for every share kept"""
    right_kept: Interval
    """at the share compared"""
    margin_more: Interval | None = None
    """by how much more the margin has right there; of the network's choices alone"""


class ClassUncertainty(Record):
    """What the margin is worth on test events."""

    margin: ClassMargin
    right: Interval
    """share of all test events that is right"""
    bins: tuple[MarginBinFound, ...]
    sets: tuple[SetsFound, ...]
    cuts: dict[str, CutFound]
    shares_kept: tuple[float, ...]
    share_compared: float
    curves: tuple[ChoiceCurve, ...]
    """the margin's comes first"""
    worse_than: tuple[str, ...]
    """rankings that are shown to have more right than the margin"""
    input_tests: InputTestRecord
