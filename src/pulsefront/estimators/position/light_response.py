"""Position by maximum likelihood with the measured light response of every photosensor.

The response of each photosensor, the mean root of its share of the light as a function of x, y
and depth, is a smooth tensor-product spline fitted to the training events (P-splines, Eilers and
Marx 1996). The root makes the counting noise of all photosensors alike, so that the most likely
position is the one of least squared distance between the event's roots and the response.

Training events whose light does not fit their label, mostly gamma rays that scattered before
they were absorbed, are trimmed and the response is fitted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve

from pulsefront.errors import DataError
from pulsefront.estimators.position.patterns import (
    PositionTrial,
    check_charges,
    check_events,
    least_error,
    root_shares,
    same_sensors,
    subset,
)
from pulsefront.estimators.position.response_kernels import (
    Response,
    SplineGrid,
    normal_equations,
    refine,
    responses,
)
from pulsefront.evaluate import metrics

__all__ = ["Extent", "LightResponse", "Likelihood", "fit_light_response", "fit_response"]

Float = NDArray[np.float64]
Extent = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

_INTERVALS = ((10, 10, 5), (14, 14, 6))
_PENALTIES = (1e-4, 1e-3)
_KEPT_SHARES = (0.7, 1.0)
_CHUNK = 4096
_START_MM = 2.0
_STEPS = 12
_TRIMMINGS = 2


class Likelihood(NamedTuple):
    """Estimates with what the likelihood says about them.

    ``position_mm`` (event, 3); ``sigma_mm`` (event, 3) from the curvature at the maximum;
    ``misfit`` (event,) mean squared residual over its expectation, about 1 where the event has
    the light of a single position and more where the gamma ray scattered.
    """

    position_mm: Float
    sigma_mm: Float
    misfit: Float


@dataclass(frozen=True)
class LightResponse:
    """The fitted response and what it was tuned with.

    Attributes
    ----------
    extent_mm
        Range of x, y, z within which positions are sought.
    intervals
        Number of spline intervals along x, y, z.
    coefficients
        (spline, photosensor) float32; splines run over x, then y, then z.
    variance
        (photosensor,) of the root share about the response.
    table
        Every candidate tried.
    """

    extent_mm: Extent
    intervals: tuple[int, int, int]
    penalty: float
    kept_share: float
    coefficients: NDArray[np.float32] = field(repr=False)
    variance: Float = field(repr=False)
    table: tuple[PositionTrial, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float | str]:
        """Tuned parameters, for a table."""
        return {
            "intervals": "×".join(map(str, self.intervals)),
            "penalty": self.penalty,
            "kept_share": self.kept_share,
        }

    def estimate(self, charges: ArrayLike) -> Float:
        """Return x, y and depth in mm, (event, 3), from (event, photosensor) charges.

        Raises
        ------
        DataError
            Charges of another number of photosensors, or not finite.
        """
        return self.likelihood(charges).position_mm

    def likelihood(self, charges: ArrayLike) -> Likelihood:
        """Return positions with their uncertainty and the misfit of the light."""
        light = check_charges(charges)
        same_sensors(light, len(self.variance))
        parts = [
            _most_likely(root_shares(light[start : start + _CHUNK]), self)
            for start in range(0, len(light), _CHUNK)
        ]
        if not parts:
            return Likelihood(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
        return Likelihood(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def response(self, position_mm: ArrayLike) -> Float:
        """Return the mean root share at each position, (position, photosensor)."""
        position = np.ascontiguousarray(position_mm, dtype=np.float64)
        return responses(position, self.coefficients, spline_grid(self.extent_mm, self.intervals))


def spline_grid(extent_mm: Extent, intervals: tuple[int, int, int]) -> SplineGrid:
    """Return where the splines of so many intervals over an extent lie."""
    low, high = np.ascontiguousarray(np.array(extent_mm, dtype=np.float64).T)
    cells = np.array(intervals)
    return SplineGrid(low, cells / (high - low), cells)


def fit_light_response(
    charges: ArrayLike,
    position_mm: ArrayLike,
    selection_charges: ArrayLike,
    selection_position_mm: ArrayLike,
    *,
    extent_mm: Extent | None = None,
    intervals: Sequence[tuple[int, int, int]] = _INTERVALS,
    penalties: Sequence[float] = _PENALTIES,
    kept_shares: Sequence[float] = _KEPT_SHARES,
    most_tuning: int = 30_000,
    most_selection: int = 3_000,
    seed: int = 0,
) -> LightResponse:
    """Fit the light response on training events; choose its smoothness on selection events.

    Parameters
    ----------
    charges, position_mm
        Training: (event, photosensor), (event, 3) x, y, depth.
    selection_charges, selection_position_mm
        Events of other positions; the candidate of the smallest median error in the axes that
        are known of them, (event, 3) or (event, 2), is kept.
    extent_mm
        ((x low, x high), (y …), (z …)), such as the faces of the crystal; the range of the
        training positions where left out.
    intervals, penalties, kept_shares
        Candidates: spline intervals per axis; weight of squared second differences of
        coefficients; share of training events kept after trimming.
    most_tuning, most_selection
        Candidates are fitted on, and judged with, random subsets of this many events.

    Raises
    ------
    DataError
        Shapes do not fit, there are no events, values are not finite, or training positions lie
        outside the extent.
    """
    light, position = check_events(charges, position_mm, "training", axes=(3,))
    other_light, other_position = check_events(
        selection_charges, selection_position_mm, "selection"
    )
    known = other_position.shape[1]
    same_sensors(other_light, light.shape[1])
    extent = extent_mm or _range_of(position)
    low, high = np.array(extent).T
    if not (high > low).all() or not ((position >= low) & (position <= high)).all():
        raise DataError(
            "training positions lie outside the extent, or it is empty",
            field="extent_mm",
            value=extent,
        )
    random = np.random.default_rng(seed)
    few = subset(random, len(light), most_tuning)
    tried = subset(random, len(other_light), most_selection)
    other_light, other_position = other_light[tried], other_position[tried]
    roots = root_shares(light)
    table, fits = [], []
    for cells, penalty, kept in product(intervals, penalties, kept_shares):
        model = fit_response(roots[few], position[few], extent, cells, penalty, kept)
        found = model.estimate(other_light)[:, :known]
        error = metrics.median_error(found - other_position)
        table.append(PositionTrial(model.parameters, error))
        fits.append((cells, penalty, kept))
    best = least_error(table)
    return fit_response(roots, position, extent, *fits[best], tuple(table))


def _range_of(position: Float) -> Extent:
    low, high = position.min(axis=0), position.max(axis=0)
    x, y, z = ((float(a), float(b)) for a, b in zip(low, high, strict=True))
    return (x, y, z)


def fit_response(
    roots: NDArray[np.float32],
    position: Float,
    extent: Extent,
    intervals: tuple[int, int, int],
    penalty: float,
    kept_share: float,
    table: tuple[PositionTrial, ...] = (),
) -> LightResponse:
    """Fit the response of given smoothness to root shares (event, photosensor) at (event, 3)."""
    grid = spline_grid(extent, intervals)
    smooth = _second_differences(intervals)
    kept = np.ones(len(roots), dtype=bool)
    coefficients = np.zeros((smooth.shape[0], roots.shape[1]), np.float32)
    variance = np.ones(roots.shape[1])
    for _ in range(1 if kept_share >= 1 else 1 + _TRIMMINGS):
        gram, moments = normal_equations(position[kept], roots[kept], grid)
        # Ridge with a penalty between neighbours, which scikit-learn's does not take.
        # The penalty counts in events per spline, so that it means the same for any sample size.
        weight = penalty * kept.sum() / len(smooth)
        solution = cho_solve(cho_factor(gram + weight * smooth), moments)
        coefficients = np.ascontiguousarray(solution, dtype=np.float32)
        residual = roots - responses(position, coefficients, grid)
        variance = np.maximum((residual[kept] ** 2).mean(axis=0, dtype=np.float64), 1e-12)
        misfit = (residual**2) @ (1 / variance)
        if kept_share < 1:
            kept = misfit <= np.quantile(misfit, kept_share)
    return LightResponse(extent, intervals, penalty, kept_share, coefficients, variance, table)


def _second_differences(intervals: tuple[int, int, int]) -> Float:
    """Return the penalty matrix of squared second differences along each axis.

    A trace of plain ridge keeps it definite where splines see no event.
    """
    total = np.zeros((1, 1))
    unit = [np.eye(n + 3) for n in intervals]
    rough = [
        np.diff(np.eye(n + 3), 2, axis=0).T @ np.diff(np.eye(n + 3), 2, axis=0) for n in intervals
    ]
    for axis in range(3):
        factors = [rough[k] if k == axis else unit[k] for k in range(3)]
        total = total + np.kron(np.kron(factors[0], factors[1]), factors[2])
    return np.asarray(total + 1e-6 * np.eye(len(total)))


def _most_likely(roots: NDArray[np.float32], model: LightResponse) -> Likelihood:
    """Return the most likely positions: the best of a grid, refined by damped Newton steps."""
    grid = spline_grid(model.extent_mm, model.intervals)
    weight = 1 / model.variance
    starts = _start_positions(model.extent_mm)
    nodes = responses(starts, model.coefficients, grid)
    # |y − g|² without the term of the event alone.
    weighted = (nodes * weight).astype(np.float32)
    distance = roots @ (-2 * weighted.T) + (nodes * weighted).sum(axis=1).astype(np.float32)
    start = starts[distance.argmin(axis=1)]
    response = Response(grid, model.coefficients, weight)
    position, variance, squares = refine(roots, start, response, _STEPS)
    return Likelihood(position, np.sqrt(variance), squares / max(roots.shape[1] - 3, 1))


def _start_positions(extent_mm: Extent) -> Float:
    axes = [
        np.linspace(low, high, max(int(np.ceil((high - low) / _START_MM)), 1) + 1)
        for low, high in extent_mm
    ]
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.column_stack([each.ravel() for each in mesh])
