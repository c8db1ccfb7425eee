"""What a position study finds beside what all studies find."""

from __future__ import annotations

from pulsefront.evaluate.record import Record
from pulsefront.studies.records import TestRecord

__all__ = ["PositionLimit", "PositionTest"]


class PositionLimit(Record):
    """The Cramér–Rao bound of the light map beside the network, for the same events."""

    events: int
    events_are: str
    """which test events"""
    bound_median_error_3d_mm: float
    bound_fwhm_xy_mm: float
    network_median_error_3d_mm: float
    network_fwhm_xy_mm: float


class PositionTest(TestRecord):
    """What every estimator of position reaches on the test set."""

    limit: PositionLimit | None = None
