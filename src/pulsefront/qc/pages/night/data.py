"""What the page of the night shows, as plain data: it knows no store and no model file.

Times are seconds since 1970 UTC; a night's *day* is the last one that it knows, its as-of instant
the end of that day. Probabilities are shares.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pulsefront.evaluate.intervals import Interval
from pulsefront.qc.alerts.records import AlertState
from pulsefront.qc.models.horizons.curve import CURVE_DAYS
from pulsefront.qc.nightly.run import Decision
from pulsefront.qc.times import DAY_S

__all__ = [
    "AlertNight",
    "CalibrationPoint",
    "Chart",
    "ComponentNight",
    "DriftRow",
    "LimitSpan",
    "Mark",
    "ModelPanel",
    "ModelPeriod",
    "NightPage",
    "NightScore",
    "UnitNight",
    "WaitingRows",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AlertNight:
    """The alert of a component as it stood after the night.

    ``until_s`` is the night on which a snooze ends; ``opening`` and ``highest`` are the score that
    opened it and the highest since. A ``suppressed`` one waits for the end of a service.
    """

    number: int
    state: AlertState
    opened_s: int
    opening: float | None = None
    highest: float | None = None
    until_s: int | None = None
    suppressed: bool = False
    by: str = ""
    why: str = ""

    @property
    def calls(self) -> bool:
        """Whether it waits for somebody to take it up."""
        return self.state == "open" and not self.suppressed

    @property
    def stands(self) -> bool:
        """Whether it is not closed."""
        return self.state != "closed"


@dataclass(frozen=True)
class NightScore:
    """The score of one past night; the probability is None where there was no decision."""

    as_of_s: int
    probability: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ComponentNight:
    """The score of a component; an empty name stands for the whole scanner.

    ``ahead`` is the chance to fail within so many days, of each of `NightPage.ahead_days`; empty
    where the score does not tell it.
    """

    component_id: str
    decision: Decision
    reasons: str
    probability: Interval | None = None
    alert: AlertNight | None = None
    history: tuple[NightScore, ...] = ()
    ahead: tuple[Interval, ...] = ()

    @property
    def name(self) -> str:
        """The component in words."""
        return self.component_id or "whole scanner"


@dataclass(frozen=True)
class LimitSpan:
    """Limits that hold from a reading of a chart on, in the unit of the value; NaN for none."""

    first: int
    reference: float
    action_low: float
    tolerance_low: float
    tolerance_high: float
    action_high: float


@dataclass(frozen=True)
class Chart:
    """A series of readings with what its control chart needs.

    Attributes
    ----------
    measured_s, known_s, value
        (reading,) when it was measured and when it became known, in the order in which they were
        measured, nothing missing.
    limits
        The first span begins at reading 0.
    mean, sigma, ewma
        Of the baseline tonight, and the smoothed distance from it in sigmas, as the score used
        them; NaN where the baseline is too short.
    baseline_from
        First reading of the baseline tonight; −1 where it began before the chart does.
    """

    component_id: str
    test: str
    measurement_unit: str
    measured_s: Ints
    known_s: Ints
    value: Floats
    limits: tuple[LimitSpan, ...]
    mean: float
    sigma: float
    ewma: float
    baseline_from: int

    @property
    def out_of_limits(self) -> bool:
        """Whether the newest reading lies outside the action limits that hold for it."""
        limits, value = self.limits[-1], float(self.value[-1])
        return value < limits.action_low or value > limits.action_high  # False against NaN


@dataclass(frozen=True)
class Mark:
    """A service or an event that the charts of its component show; empty for all components."""

    when_s: int
    component_id: str
    kind: str
    text: str


@dataclass(frozen=True)
class UnitNight:
    """One scanner: its scores with the component at most risk first, its charts and marks.

    ``last_qc_s`` is the newest reading known, None before the first; ``missed_days`` the working
    days without QC since; ``failed`` why it could not be scored, empty where it was; ``series``
    counts all its series, of which ``charts`` may hold a part.
    """

    unit_id: str
    site: str = ""
    model: str = ""
    serial: str = ""
    software: str = ""
    components: tuple[ComponentNight, ...] = ()
    charts: tuple[Chart, ...] = ()
    marks: tuple[Mark, ...] = ()
    series: int = 0
    last_qc_s: int | None = None
    missed_days: float = 0.0
    failed: str = ""

    @property
    def first(self) -> ComponentNight | None:
        """The component that comes first, None where nothing was scored."""
        return self.components[0] if self.components else None

    def late_days(self, from_s: int) -> int:
        """Return on how many days since an instant QC came in more than a day late."""
        days: set[int] = set()
        for chart in self.charts:
            late = (chart.known_s - chart.measured_s > DAY_S) & (chart.measured_s >= from_s)
            days.update((chart.measured_s[late] // DAY_S).tolist())
        return len(days)


@dataclass(frozen=True)
class WaitingRows:
    """Rows or whole files in quarantine for one reason, with what mends it and one example."""

    reason: str
    rows: int
    remedy: str = ""
    example: str = ""


@dataclass(frozen=True)
class CalibrationPoint:
    """Scores of about the same probability, in per cent: what was promised and what came."""

    rows: int
    promised: float
    observed: Interval | float | None


@dataclass(frozen=True)
class DriftRow:
    """How far an input of the model has moved, against what training days reached by chance.

    The threshold is None where the history was too short to tell.
    """

    name: str
    index: float
    threshold: float | None
    drifted: bool


@dataclass(frozen=True)
class ModelPeriod:
    """What the model in use was worth in a span of time, as far as its outcome is known."""

    period: str
    alerts: int
    precision: Interval | float | None
    lead_days: Interval | float | None
    false_per_unit_year: Interval | float | None
    failures: int
    failures_found: int
    observed_over_expected: Interval | float | None


@dataclass(frozen=True)
class ModelPanel:
    """The model in use and what it has been worth so far.

    ``periods`` end with the whole time and are empty, like ``calibration`` and ``drift``, until
    something is known. Alerts of the periods that are not decided yet are ``undecided``. A night
    ``in_training`` lies in the time that the model was trained on. Without a model the name is
    empty, and ``failures_known`` are those that one could learn from.
    """

    name: str
    file_hash: str
    version: str
    trained: str
    threshold: float
    false_alerts_per_unit_year: float
    periods: tuple[ModelPeriod, ...] = ()
    undecided: int = 0
    calibration: tuple[CalibrationPoint, ...] = ()
    drift: tuple[DriftRow, ...] = ()
    in_training: bool = False
    failures_known: int = 0

    @property
    def missing(self) -> bool:
        """Whether there is no model yet."""
        return not self.name

    @property
    def drifted(self) -> tuple[DriftRow, ...]:
        """The inputs beyond their threshold."""
        return tuple(row for row in self.drift if row.drifted)


@dataclass(frozen=True)
class NightPage:
    """All of the page. Units come by risk, the first one first.

    ``db`` names the store on a command line, ``ahead_days`` the days ahead that scores tell of.
    """

    as_of_s: int
    lead_days: int
    horizon_days: int
    run_id: str
    confidence: float
    units: tuple[UnitNight, ...]
    model: ModelPanel
    waiting: tuple[WaitingRows, ...] = ()
    closed: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    db: str = ""
    ahead_days: tuple[int, ...] = CURVE_DAYS

    @cached_property
    def components(self) -> tuple[tuple[UnitNight, ComponentNight], ...]:
        """Every component with its scanner, scanner by scanner."""
        return tuple((unit, part) for unit in self.units for part in unit.components)

    def command(self, words: str, *options: str) -> str:
        """Return a command of `pulsefront qc` on the store of the page, to be pasted."""
        db = f" --db {shlex.quote(self.db)}" if self.db else ""
        return " ".join([f"pulsefront qc {words}{db}", *options])
