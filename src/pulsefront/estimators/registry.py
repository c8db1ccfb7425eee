"""Every classical estimator that a study is compared with, by kind of study.

An entry is fitted and tuned on training (and, for charges, selection) events alone; a study fits
all entries of its kind. A new estimator is a line here. ``iterates`` marks references that search
anew for every event, which no front end could do: a network is compared with and without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.position.anger import AngerLogic, fit_anger
from pulsefront.estimators.position.boosted_trees import BoostedPositions, fit_boosted_positions
from pulsefront.estimators.position.depth_free import DepthFreeResponse, fit_depth_free_response
from pulsefront.estimators.position.flood_map import FloodMap, fit_flood_map
from pulsefront.estimators.position.light_response import Extent, LightResponse, fit_light_response
from pulsefront.estimators.position.neighbours import (
    CrystalNeighbours,
    NearestNeighbours,
    fit_crystal_neighbours,
    fit_nearest_neighbours,
)
from pulsefront.estimators.position.unmixing import CrystalUnmixing, fit_unmixing
from pulsefront.estimators.timing.boosted_trees import fit_boosted_times
from pulsefront.estimators.timing.crossings import (
    fit_first_photons,
    fit_multi_threshold,
    fit_relative_edge,
    fit_two_thresholds,
)
from pulsefront.estimators.timing.discriminators import fit_constant_fraction, fit_leading_edge
from pulsefront.estimators.timing.pulse_filters import fit_pulse_filter
from pulsefront.estimators.timing.tuning import Sampling, Trial
from pulsefront.plugins import plugins
from pulsefront.progress import Report, silent

__all__ = [
    "CRYSTAL",
    "POSITION",
    "TIMING",
    "ChargeEvents",
    "ClassicalEstimator",
    "CrystalEvents",
    "PulseEvents",
    "TimeEstimator",
    "estimators_for",
    "fit_all",
    "iterating",
]


StudyKindName = Literal["position", "timing", "crystal"]


class TimeEstimator(Protocol):
    """A tuned time difference."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Tuned parameters, for a table."""

    @property
    def table(self) -> tuple[Trial, ...]:
        """Every candidate tried."""

    def estimate(self, waveform_adc: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return t0 − t1 in ns, (event,), of (event, 2, sample)."""


PositionEstimator = (
    AngerLogic | NearestNeighbours | LightResponse | DepthFreeResponse | BoostedPositions
)
CrystalEstimator = FloodMap | CrystalNeighbours | CrystalUnmixing


@dataclass(frozen=True)
class PulseEvents:
    """Training coincidences: (event, 2, sample) and the known t0 − t1 (event,) in ns."""

    waveform_adc: NDArray[np.generic]
    known_difference_ns: NDArray[np.float64]
    sampling: Sampling
    seed: int


@dataclass(frozen=True)
class ChargeEvents:
    """Training and selection events of a scan, and what is known of the detector.

    Charges are (event, photosensor), positions (event, 3), or (event, 2) without depth.
    """

    charges: NDArray[np.generic]
    position_mm: NDArray[np.float64]
    selection_charges: NDArray[np.generic]
    selection_position_mm: NDArray[np.float64]
    sensor_position_mm: NDArray[np.float64]
    extent_mm: Extent
    attenuation_per_mm: float
    knn_references: int
    knn_selection: int
    seed: int

    @property
    def parts(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Training and selection, as every fit takes them."""
        return (
            self.charges,
            self.position_mm,
            self.selection_charges,
            self.selection_position_mm,
        )

    @cached_property
    def anger(self) -> AngerLogic:
        """Anger logic, which trees start from."""
        return fit_anger(*self.parts, self.sensor_position_mm)


@dataclass(frozen=True)
class CrystalEvents:
    """Training and selection events of a scan of pixels: charges and crystal (event,)."""

    charges: NDArray[np.generic]
    crystal: NDArray[np.int64]
    selection_charges: NDArray[np.generic]
    selection_crystal: NDArray[np.int64]
    sensor_position_mm: NDArray[np.float64]
    crystals: int
    columns: int
    knn_references: int
    knn_selection: int
    pair_events: int
    seed: int

    @property
    def parts(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Training and selection, as every fit takes them."""
        return self.charges, self.crystal, self.selection_charges, self.selection_crystal


Events = TypeVar("Events")
Estimator = TypeVar("Estimator")


@dataclass(frozen=True)
class ClassicalEstimator(Generic[Events, Estimator]):
    """One entry: its name in reports, how it is fitted, and whether it iterates per event."""

    name: str
    fit: Callable[[Events], Estimator]
    iterates: bool = False


def estimators_for(kind: StudyKindName) -> tuple[ClassicalEstimator[Any, Any], ...]:
    """Return every classical estimator of a kind of study, those that other packages add last.

    Raises
    ------
    ConfigError
        A package adds a name that is there.
    """
    own: dict[str, tuple[ClassicalEstimator[Any, Any], ...]]
    own = {"position": POSITION, "timing": TIMING, "crystal": CRYSTAL}
    names = {entry.name for entry in own[kind]}
    added = [
        ClassicalEstimator(name, one.fit, iterates=getattr(one, "iterates", False))
        for name, one in plugins("estimators").items()
        if one.kind == kind
    ]
    for entry in added:
        if entry.name in names:
            raise ConfigError(
                "a package adds an estimator that is there",
                field="pulsefront.estimators",
                value=entry.name,
            )
    return (*own[kind], *added)


def fit_all(
    entries: tuple[ClassicalEstimator[Events, Estimator], ...],
    events: Events,
    report: Report = silent,
) -> dict[str, Estimator]:
    """Fit every entry to *events*, in their order, by name."""
    fitted = {}
    for number, entry in enumerate(entries, 1):
        try:
            fitted[entry.name] = entry.fit(events)
        except DataError as error:
            error.problem = f"{entry.name}: {error.problem}"
            raise
        report(number, len(entries))
    return fitted


def iterating(kind: StudyKindName) -> tuple[str, ...]:
    """Return the names of those that no front end could run, of a kind of study."""
    return tuple(entry.name for entry in estimators_for(kind) if entry.iterates)


def _timed(fit: Callable[..., TimeEstimator], **options: Any) -> Callable[[PulseEvents], Any]:
    """Return the fit of an estimator to training coincidences."""
    return lambda of: fit(of.waveform_adc, of.known_difference_ns, of.sampling, **options)


TIMING: tuple[ClassicalEstimator[PulseEvents, TimeEstimator], ...] = (
    ClassicalEstimator("leading edge", _timed(fit_leading_edge)),
    ClassicalEstimator(
        "leading edge, walk-corrected", _timed(fit_leading_edge, walk_correction=True)
    ),
    ClassicalEstimator("digital CFD", _timed(fit_constant_fraction)),
    ClassicalEstimator("relative leading edge", _timed(fit_relative_edge)),
    ClassicalEstimator("two thresholds, walk-corrected", _timed(fit_two_thresholds)),
    ClassicalEstimator("multi-threshold fit, walk-corrected", _timed(fit_multi_threshold)),
    ClassicalEstimator("first photons, walk-corrected", _timed(fit_first_photons)),
    ClassicalEstimator("matched filter", _timed(fit_pulse_filter, optimal=False)),
    ClassicalEstimator("optimal filter", _timed(fit_pulse_filter, optimal=True)),
    ClassicalEstimator(
        "boosted trees",
        lambda of: fit_boosted_times(
            of.waveform_adc, of.known_difference_ns, of.sampling, seed=of.seed
        ),
    ),
)
"""Of the time difference of two pulses."""


def _neighbours(of: ChargeEvents) -> NearestNeighbours:
    return fit_nearest_neighbours(
        *of.parts,
        most_references=of.knn_references,
        most_selection=of.knn_selection,
        seed=of.seed,
    )


def _likelihood(of: ChargeEvents) -> LightResponse | DepthFreeResponse:
    if of.position_mm.shape[1] == 3:
        return fit_light_response(*of.parts, extent_mm=of.extent_mm)
    return fit_depth_free_response(
        *of.parts, extent_mm=of.extent_mm, attenuation_per_mm=of.attenuation_per_mm
    )


POSITION: tuple[ClassicalEstimator[ChargeEvents, PositionEstimator], ...] = (
    ClassicalEstimator("Anger logic", lambda of: of.anger),
    ClassicalEstimator("k-NN", _neighbours),
    ClassicalEstimator(
        "boosted trees", lambda of: fit_boosted_positions(*of.parts, of.anger, seed=of.seed)
    ),
    ClassicalEstimator("light-response likelihood", _likelihood, iterates=True),
)
"""Of the position of interaction in a block."""

CRYSTAL: tuple[ClassicalEstimator[CrystalEvents, CrystalEstimator], ...] = (
    ClassicalEstimator(
        "flood map",
        lambda of: fit_flood_map(*of.parts, of.sensor_position_mm, of.crystals),
    ),
    ClassicalEstimator(
        "k-NN",
        lambda of: fit_crystal_neighbours(
            *of.parts,
            most_references=of.knn_references,
            most_selection=of.knn_selection,
            seed=of.seed,
        ),
    ),
    ClassicalEstimator(
        "unmixing of pairs",
        lambda of: fit_unmixing(
            *of.parts, of.crystals, of.columns, most_events=of.pair_events, seed=of.seed
        ),
        iterates=True,
    ),
)
"""Of the crystal of first interaction in an array."""
