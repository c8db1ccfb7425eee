"""What a motion study finds beside what all studies find."""

from __future__ import annotations

from pulsefront.evaluate.record import Record
from pulsefront.studies.records import SplitRecord, TestRecord

__all__ = ["MotionSplit", "MotionTest", "NetworkRung", "ScanFinding"]


class ScanFinding(Record):
    """Something in a scan that is never motion."""

    scan: str
    finding: str
    """gap, clock reset, bed change, dead channels, no counts, times out of order, …"""
    start_s: float
    stop_s: float
    text: str


class MotionSplit(SplitRecord):
    """The same for the scans of patients; events are intervals, and positions are patients."""

    scans: dict[str, int]
    """scans of each part"""
    minutes: dict[str, float]
    """time of each part that can be looked at"""
    moves: dict[str, int]
    """known movements of each part"""
    findings: tuple[ScanFinding, ...]
    """what is wrong with scans, and was cut away before anything looked at them: the first 200"""
    findings_in_all: int


class NetworkRung(Record):
    """What the exported network does on selection scans at one threshold."""

    threshold: float
    """natural log-odds"""
    false_splits_per_10_min: float
    """at the worst count rate"""
    missed_steps_percent: float


class MotionTest(TestRecord):
    """What every detector of motion reaches on the test scans.

    Steps and false splits are counted with each detector deciding for itself, interval after
    interval, as in use; the log loss of an interval is that of scans whose filter was told of each
    step some time later. Where no step was missed, or nobody split, half of one is counted, so that
    gains stay defined in every resampled set.
    """

    test_scans: int
    test_minutes: float
    test_steps: int
    steps_not_judged: int
    """movements beside a gap, a change of the bed or another cut, or at the end of a scan"""
    thresholds: dict[str, float]
    """of every detector, tuned on selection scans; in the unit of its own score"""
    network_tuning: tuple[NetworkRung, ...]
