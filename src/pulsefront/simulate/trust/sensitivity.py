"""What each open constant of a detector does to its light, energy resolution and timing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from pulsefront.config import FrozenModel, load_toml, validate
from pulsefront.detector import Detector
from pulsefront.errors import ConfigError
from pulsefront.evaluate.intervals import Interval
from pulsefront.files import sim_data_directory
from pulsefront.simulate.trust.changes import (
    Changed,
    Varied,
    applies,
    changed,
    cut_efficiencies,
    varied_of,
)
from pulsefront.simulate.trust.charges import measure_charges
from pulsefront.simulate.trust.times import Pickoff, measure_ctr

__all__ = ["QUANTITIES", "Sensitivity", "SensitivityRow", "find_sensitivity", "usual_ranges"]

QUANTITIES = ("light_per_mev", "energy_resolution_percent", "ctr_ps")
"""What is told: light and resolution of detectors with a charge readout, CTR with a digitizer."""


class _Range(FrozenModel):
    key: str
    """the constant"""
    values: Annotated[str, Field(min_length=1)]
    """as after the = of --vary"""
    source: str
    """where the range is from"""


class _Ranges(FrozenModel):
    vary: Annotated[tuple[_Range, ...], Field(min_length=1)]
    """the constants that stay open in most descriptions"""


@dataclass(frozen=True)
class SensitivityRow:
    """A constant at one of its values.

    ``relative`` holds, by quantity, the value over that of the detector as described; both
    simulations' statistics are in its interval.
    """

    key: str
    value: Changed
    source: str
    figures: dict[str, Interval]
    relative: dict[str, Interval]


@dataclass(frozen=True)
class Sensitivity:
    """A detector as described, and with one constant changed at a time."""

    detector: str
    nominal: dict[str, Interval]
    rows: list[SensitivityRow]
    left_out: list[str]
    """constants of the usual ranges that the detector does not have"""

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and words."""
        return {
            "detector": self.detector,
            "nominal": _numbers(self.nominal),
            "rows": [
                {
                    "constant": row.key,
                    "value": str(row.value),
                    "source": row.source,
                    "figures": _numbers(row.figures),
                    "relative": _numbers(row.relative),
                }
                for row in self.rows
            ],
            "left_out": self.left_out,
        }


def usual_ranges(path: str | Path | None = None) -> list[Varied]:
    """Return the constants that stay open in most descriptions, with the ranges of a file.

    Raises
    ------
    ConfigError
        The file is missing or does not fit.
    """
    path = Path(path) if path else sim_data_directory() / "sensitivity.toml"
    ranges = validate(_Ranges, load_toml(path), file=path)
    return [
        Varied(one.key, varied_of(f"{one.key}={one.values}").values, one.source)
        for one in ranges.vary
    ]


def find_sensitivity(
    detector: Detector,
    varied: Sequence[Varied] | None = None,
    *,
    quantities: Sequence[str] = QUANTITIES,
    energy_kev: float = 511.0,
    pickoff: Pickoff = "leading_edge",
    events: int = 6000,
    seed: int = 1,
    cache: str | Path | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Sensitivity:
    """Simulate a detector as described and with one constant changed at a time.

    Energy resolution and CTR are widths between the quantiles that hold 76 %: the FWHM of a
    Gaussian, and of less statistical error than one that is read from a histogram.

    Parameters
    ----------
    varied
        Constants and values; `usual_ranges` where None, without those the detector lacks.
    quantities
        Of `QUANTITIES`; those that the detector does not read are left out.
    events
        Of each simulation.
    report
        Told what is simulated next.

    Raises
    ------
    ConfigError
        A constant does not exist or cannot have a value, or nothing is left to be told.
    """
    told = _told(detector, quantities)
    left_out: list[str] = []
    if varied is None:
        usual = usual_ranges()
        varied = [one for one in usual if applies(detector, one)]
        left_out = [one.key for one in usual if one not in varied]
    variants = [
        (one, value, changed(detector, one.key, value)) for one in varied for value in one.values
    ]

    def measured(which: Detector) -> dict[str, Interval]:
        found = {}
        if told & {"light_per_mev", "energy_resolution_percent"}:
            charges = measure_charges(
                which, energy_kev=energy_kev, events=events, seed=seed, cache=cache, smooth=True
            )
            found.update({k: v for k, v in vars(charges).items() if k in told})
        if "ctr_ps" in told:
            found["ctr_ps"] = measure_ctr(
                which, pickoff=pickoff, events=events, seed=seed, cache=cache, smooth=True
            )
        return found

    for one, value, _ in variants:
        if cut := cut_efficiencies(detector, one.key, value):
            report(cut)
    report(f"{detector.name} as described")
    nominal = measured(detector)
    rows = []
    for one, value, variant in variants:
        report(f"{one.key} {value}")
        figures = measured(variant)
        relative = {name: _over(figures[name], nominal[name]) for name in figures}
        rows.append(SensitivityRow(one.key, value, one.source, figures, relative))
    return Sensitivity(detector.name, nominal, rows, left_out)


def _told(detector: Detector, quantities: Sequence[str]) -> set[str]:
    told = set(quantities)
    if unknown := sorted(told - set(QUANTITIES)):
        raise ConfigError(
            "is no quantity", value=unknown[0], remedy=f"there are: {', '.join(QUANTITIES)}"
        )
    if detector.charge is None:
        told -= {"light_per_mev", "energy_resolution_percent"}
    if detector.digitizer is None:
        told -= {"ctr_ps"}
    if not told:
        raise ConfigError(
            "reads nothing of what is asked",
            value=detector.name,
            remedy="light and energy need a [charge] section, time a [digitizer]",
        )
    return told


def _over(value: Interval, nominal: Interval) -> Interval:
    """Return a ratio; its relative error is that of both in quadrature."""
    ratio = value.value / nominal.value
    below = hypot(1 - value.low / value.value, nominal.high / nominal.value - 1)
    above = hypot(value.high / value.value - 1, 1 - nominal.low / nominal.value)
    return Interval(ratio, ratio * (1 - below), ratio * (1 + above), value.confidence)


def _numbers(figures: dict[str, Interval]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in figures.items():
        numbers |= value.as_dict(name)
    return numbers
