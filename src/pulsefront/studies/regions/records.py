"""What a study knows of its networks of regions, as records."""

from __future__ import annotations

from pulsefront.evaluate.record import Record
from pulsefront.search.noninferiority import MetricChange
from pulsefront.search.regions import RegionCost, RegionTrial

__all__ = ["RegionsRecord", "RegionsTest"]


class RegionsRecord(Record):
    """The networks of regions that were tried, and the chosen one."""

    by: str
    """what is divided: cells or depth"""
    trials: tuple[RegionTrial, ...]
    """every network of regions that was trained and judged"""
    best_initialization: int
    """the one that is exported"""
    kept_inputs: tuple[int, ...]
    """indices of the raw inputs that it reads"""
    over_searched: MetricChange
    """the chosen network against the searched one, on selection events"""
    searched_cost: RegionCost
    """of the searched one"""


class RegionsTest(Record):
    """What the chosen network of regions reaches on the test set, and its proof."""

    metric: str
    """the figure that decides, with its unit"""
    regions: tuple[float, ...]
    """of each initialization, on test events"""
    searched: tuple[float, ...]
    """of the searched network, likewise"""
    change: MetricChange
    """regions against the searched network, on test events"""
    integers_compared: int
    """by executors of the exported firmware"""
    mismatches: int
    """integers that differ"""
    executors: tuple[str, ...]
    """that were compared with the emulator"""
