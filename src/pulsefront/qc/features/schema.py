"""Names and order of the features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from pulsefront.qc.features.history import UnitHistory
from pulsefront.qc.features.trailing import STATISTICS

__all__ = ["AGES", "UNIT_STATISTICS", "WINDOWS_DAYS", "FeatureSchema", "schema_of"]

AGES = (
    "age_days",
    "days_since_calibration",
    "days_since_replacement",
    "days_since_service",
    "calibrations_180d",
    "missed_qc_days",
)

WINDOWS_DAYS = (7, 30)
"""Days over which events are counted."""

UNIT_STATISTICS = ("level_mean", "slope_slow", "cusum")
"""Statistics of the unit as a whole that are told to each of its components too."""


@dataclass(frozen=True)
class FeatureSchema:
    """Names and order of the features; a model is bound to one.

    ``tests`` are the tests that components have of their own, ``unit_tests`` those of the unit as
    a whole, ``codes`` the event codes.
    """

    tests: tuple[str, ...]
    unit_tests: tuple[str, ...]
    codes: tuple[str, ...]
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        own = [f"{test}:{s}" for test in self.tests for s in (*STATISTICS, "neighbour", "peer")]
        unit = [f"unit {test}:{s}" for test in self.unit_tests for s in (*UNIT_STATISTICS, "peer")]
        counts = [
            f"{who}{code}:{n}d"
            for who in ("", "unit ")
            for code in self.codes
            for n in WINDOWS_DAYS
        ]
        object.__setattr__(self, "names", (*own, *unit, *counts, *AGES))

    def column(self, name: str) -> int:
        """Return the column of a feature."""
        return self._columns[name]

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}


def schema_of(histories: Iterable[UnitHistory]) -> FeatureSchema:
    """Return the schema that holds every test and event code of the given units."""
    histories = list(histories)
    tests = {test for h in histories for _, test in h.series}
    unit_tests = {test for h in histories for component, test in h.series if component == ""}
    codes = {code for h in histories for code in h.events["code"].unique()}
    return FeatureSchema(tuple(sorted(tests)), tuple(sorted(unit_tests)), tuple(sorted(codes)))
