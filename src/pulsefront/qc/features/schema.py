"""Names and order of the features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from pulsefront.qc.features.history import UnitHistory
from pulsefront.qc.features.trailing import LATER_STATISTICS, STATISTICS

__all__ = [
    "AGES",
    "FEATURES_VERSION",
    "LATER_AGES",
    "UNIT_STATISTICS",
    "WINDOWS_DAYS",
    "WINDOWS_HOURS",
    "WINDOW_STATISTICS",
    "FeatureSchema",
    "Kind",
    "failing_kinds",
    "schema_of",
]

FEATURES_VERSION = 2
"""What a schema has that is made today; models keep the version that they were trained with."""

AGES = (
    "age_days",
    "days_since_calibration",
    "days_since_replacement",
    "days_since_service",
    "calibrations_180d",
    "missed_qc_days",
)

LATER_AGES = ("sibling_replacements_90d", "days_since_sibling_replacement", "failures_730d")
"""Ages that schemas of version 2 have as well."""

WINDOWS_DAYS = (7, 30)
"""Days over which events are counted."""

_MORE_WINDOWS_DAYS = (1, 3)  # where rows are hours

WINDOWS_HOURS = (3, 24, 72)
"""Hours over which readings are looked at as they are, where rows are hours."""

WINDOW_STATISTICS = tuple(
    f"{name}_{hours}h"
    for hours in WINDOWS_HOURS
    for name in ("mean", "low", "high", "spread", "above", "below")
)
"""What `windows.fill_windows` tells of a reading, in that order."""

UNIT_STATISTICS = ("level_mean", "slope_slow", "cusum")
"""Statistics of the unit as a whole that are told to each of its components too."""

_LATER_UNIT_STATISTICS = (
    "ewma", "z", "ewma_slow", "projected", "rise_day", "fall_day", "rise_week", "fall_week",
)  # fmt: skip
_LEAST_FAILURES = 3  # of a component without readings, for it to be foreseen
_LEAST_UNITS = 2


class Kind(NamedTuple):
    """A component that fails but has no readings of its own, in units of one model."""

    model: str
    component: str


@dataclass(frozen=True)
class FeatureSchema:
    """Names and order of the features; a model is bound to one.

    ``tests`` are the tests that components have of their own, ``unit_tests`` those of the unit as
    a whole, ``codes`` the event codes. ``models`` are the units' models where there are several;
    ``kinds`` the components that fail and have no readings of their own. *hourly* schemas also
    tell of the last hours and of the time since each of these components was replaced.
    """

    tests: tuple[str, ...]
    unit_tests: tuple[str, ...]
    codes: tuple[str, ...]
    version: int = 1
    models: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    hourly: bool = False
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        late = self.version >= 2
        of_test = (*self.statistics, "neighbour", "peer", *(("neighbour_ewma",) if late else ()))
        own = [f"{test}:{s}" for test in self.tests for s in of_test]
        of_unit = (*self.unit_statistics, "peer")
        unit = [f"unit {test}:{s}" for test in self.unit_tests for s in of_unit]
        of_code = (*(f"{n}d" for n in self.windows_days), *(("recent", "since") if late else ()))
        counts = [
            f"{who}{code}:{s}" for who in ("", "unit ") for code in self.codes for s in of_code
        ]
        ages = (*AGES, *LATER_AGES) if late else AGES
        named = [f"{name}:is_model" for name in self.models]
        named += [f"{name}:is_component" for name in dict.fromkeys(k.component for k in self.kinds)]
        hours = self._hourly_names() if self.hourly else ()
        object.__setattr__(self, "names", (*own, *unit, *counts, *ages, *named, *hours))

    def _hourly_names(self) -> tuple[str, ...]:
        shared = {test: f"unit {test}" for test in self.unit_tests}
        read = [f"{shared.get(test, test)}:{s}" for test in self.tests for s in WINDOW_STATISTICS]
        parts = dict.fromkeys(kind.component for kind in self.kinds)
        return (*read, *(f"{name}:replaced" for name in parts))

    @property
    def statistics(self) -> tuple[str, ...]:
        """Statistics of every reading, in the order of `trailing.STATISTICS_RECORD`."""
        return (*STATISTICS, *LATER_STATISTICS) if self.version >= 2 else STATISTICS

    @property
    def windows_days(self) -> tuple[int, ...]:
        """Days over which events are counted."""
        return (*_MORE_WINDOWS_DAYS, *WINDOWS_DAYS) if self.hourly else WINDOWS_DAYS

    @property
    def unit_statistics(self) -> tuple[str, ...]:
        """Statistics of the unit as a whole that are told to each of its components too."""
        later = _LATER_UNIT_STATISTICS if self.version >= 2 else ()
        return (*UNIT_STATISTICS, *later)

    def of_version_1(self) -> FeatureSchema:
        """Return the same tests and codes with the features of version 1."""
        return FeatureSchema(self.tests, self.unit_tests, self.codes)

    def components(self, history: UnitHistory) -> tuple[str, ...]:
        """Return the components of a unit: those with readings, and those that fail without."""
        model = str(history.unit["model"])
        silent = {kind.component for kind in self.kinds if kind.model == model}
        return tuple(sorted({*history.components, *silent}))

    def column(self, name: str) -> int:
        """Return the column of a feature."""
        return self._columns[name]

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}


def schema_of(histories: Iterable[UnitHistory], *, hourly: bool = False) -> FeatureSchema:
    """Return the schema that holds every test and event code of the given units."""
    histories = list(histories)
    tests = {test for h in histories for _, test in h.series}
    unit_tests = {test for h in histories for component, test in h.series if component == ""}
    codes = {code for h in histories for code in h.events["code"].unique()}
    models = sorted({str(h.unit["model"]) for h in histories})
    failures = [
        (str(h.unit["model"]), h.unit_id, str(name))
        for h in histories
        for name in h.services.loc[h.services["kind"] == "corrective", "component_id"]
        if name not in h.components
    ]
    return FeatureSchema(
        tuple(sorted(tests)), tuple(sorted(unit_tests)), tuple(sorted(codes)),
        version=FEATURES_VERSION,
        models=tuple(models) if len(models) > 1 else (),
        kinds=failing_kinds(failures),
        hourly=hourly,
    )  # fmt: skip


def failing_kinds(failures: Iterable[tuple[str, str, str]]) -> tuple[Kind, ...]:
    """Return which components without readings fail often enough to be foreseen.

    *failures* has model, unit and component of each failure of such a component. Three in two
    units are asked for: a slip of the pen in a service log makes no component.
    """
    found: dict[Kind, list[str]] = {}
    for model, unit, component in failures:
        if component:
            found.setdefault(Kind(model, component), []).append(unit)
    return tuple(
        sorted(
            kind
            for kind, units in found.items()
            if len(units) >= _LEAST_FAILURES and len(set(units)) >= _LEAST_UNITS
        )
    )
