"""Anger logic: the centroid of the light, with a fitted linearity correction.

Fitted on training events, tuned on events of other positions; the table of trials is kept: a weak
baseline proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.position.patterns import (
    PositionTrial,
    check_charges,
    check_events,
    least_error,
    light_shares,
    same_axes,
    same_sensors,
    subset,
)
from pulsefront.evaluate import metrics

__all__ = ["AngerLogic", "fit_anger"]

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

_POWERS = (1.0, 1.5, 2.0, 3.0)
_THRESHOLDS = (0.0, 0.005, 0.01, 0.02, 0.04)
_DEGREES = (1, 3, 5, 7)


@dataclass(frozen=True)
class AngerLogic:
    """Centroid of the light with linearity correction; depth from the spread of the light.

    Per event, shares of light below ``threshold`` are dropped and the rest raised to ``power``;
    their centroid and concentration (the sum of squared shares) go through one polynomial of
    ``degree`` per axis, fitted by least squares on the training positions.

    Attributes
    ----------
    sensor_position_mm
        (photosensor, 2) centres.
    power, threshold, degree
        As tuned.
    centre, scale
        (3,) shift and divisor that bring centroid and concentration to order 1.
    coefficients
        (term, 3).
    table
        Every candidate tried.
    """

    sensor_position_mm: Float
    power: float
    threshold: float
    degree: int
    centre: Float
    scale: Float
    coefficients: Float
    table: tuple[PositionTrial, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float | int]:
        """Tuned parameters, for a table."""
        return {"power": self.power, "threshold": self.threshold, "degree": self.degree}

    def estimate(self, charges: ArrayLike) -> Float:
        """Return the axes that were fitted in mm, (event, axis), from (event, photosensor) charges.

        Raises
        ------
        DataError
            Charges of another number of photosensors, or not finite.
        """
        light = check_charges(charges)
        same_sensors(light, len(self.sensor_position_mm))
        moments = _light_moments(light, self.sensor_position_mm, self.power, self.threshold)
        scaled = (moments - self.centre) / self.scale
        return _polynomial_terms(scaled, self.degree) @ self.coefficients


def _light_moments(light: Float32, sensors_mm: Float, power: float, threshold: float) -> Float:
    """Return centroid x and y, in half widths of the array, and concentration, (event, 3)."""
    half_mm = float(np.abs(sensors_mm).max())
    shares = light_shares(np.maximum(light, 0))
    concentration = np.sqrt(np.einsum("es,es->e", shares, shares, dtype=np.float64))
    if threshold > 0:
        shares = np.where(shares >= threshold, shares, np.float32(0))
    kept = shares if power == 1 else shares ** np.float32(power)
    total = np.maximum(kept.sum(axis=1, dtype=np.float64), np.finfo(np.float32).tiny)
    centroid = kept.astype(np.float64) @ (sensors_mm / half_mm) / total[:, None]
    return np.column_stack([centroid, concentration])


def _polynomial_terms(variables: Float, degree: int) -> Float:
    """Return all products of up to *degree* of the variables, (event, term), the constant first.

    Terms are ordered by degree, so that those of a lower degree come first.
    """
    axes = range(variables.shape[1])
    chosen = [c for order in range(degree + 1) for c in combinations_with_replacement(axes, order)]
    row = {c: number for number, c in enumerate(chosen)}
    terms = np.ones((len(chosen), len(variables)))
    for c in chosen[1:]:
        # Each product is a shorter one, already there, times its last variable.
        np.multiply(terms[row[c[:-1]]], variables[:, c[-1]], out=terms[row[c]])
    return terms.T


def _fit_polynomials(variables: Float, targets: Float, degrees: Sequence[int]) -> list[Float]:
    """Return least-squares coefficients, (term, axis), of each degree.

    Solved through the normal equations of the highest degree, of which those of lower degrees
    are a corner, so that one product serves all (scikit-learn's features and regression make
    each degree anew); *variables* must be of order 1, which keeps them well conditioned.
    """
    terms = _polynomial_terms(variables, max(degrees))
    gram, moments = terms.T @ terms, terms.T @ targets
    solutions = []
    for degree in degrees:
        count = math.comb(degree + variables.shape[1], degree)
        solution = np.linalg.lstsq(gram[:count, :count], moments[:count], rcond=1e-13)[0]
        solutions.append(np.asarray(solution, dtype=np.float64))
    return solutions


def fit_anger(
    charges: ArrayLike,
    position_mm: ArrayLike,
    selection_charges: ArrayLike,
    selection_position_mm: ArrayLike,
    sensor_position_mm: ArrayLike,
    *,
    powers: Sequence[float] = _POWERS,
    thresholds: Sequence[float] = _THRESHOLDS,
    degrees: Sequence[int] = _DEGREES,
    most_tuning: int = 40_000,
    seed: int = 0,
) -> AngerLogic:
    """Fit Anger logic on training events; choose power, threshold and degree on selection events.

    Parameters
    ----------
    charges, position_mm
        Training: (event, photosensor), (event, 3) x, y, depth, or (event, 2) without depth.
    selection_charges, selection_position_mm
        Events of other positions; the candidate of the smallest median 3-D error is kept.
    sensor_position_mm
        (photosensor, 2).
    thresholds
        As shares of the event's whole light.
    most_tuning
        Candidates are fitted on a random subset of this many training events, the chosen one on
        all.

    Raises
    ------
    DataError
        Shapes do not fit, there are no events, or values are not finite.
    """
    light, position = check_events(charges, position_mm, "training")
    other_light, other_position = check_events(
        selection_charges, selection_position_mm, "selection"
    )
    sensors = np.asarray(sensor_position_mm, dtype=np.float64)
    if sensors.ndim != 2 or sensors.shape[1] != 2:
        raise DataError("photosensor positions must be (photosensor, 2)", value=sensors.shape)
    for each in (light, other_light):
        same_sensors(each, len(sensors))
    same_axes(position, other_position)
    few = subset(np.random.default_rng(seed), len(light), most_tuning)
    table = []
    for power, threshold in product(powers, thresholds):
        moments = _light_moments(light[few], sensors, power, threshold)
        other = _light_moments(other_light, sensors, power, threshold)
        centre, scale = _scaling(moments)
        fits = _fit_polynomials((moments - centre) / scale, position[few], degrees)
        for degree, coefficients in zip(degrees, fits, strict=True):
            found = _polynomial_terms((other - centre) / scale, degree) @ coefficients
            error = metrics.median_error(found - other_position)
            parameters = {"power": power, "threshold": threshold, "degree": degree}
            table.append(PositionTrial(parameters, error))
    best = table[least_error(table)].parameters
    power, threshold, degree = best["power"], best["threshold"], int(best["degree"])
    moments = _light_moments(light, sensors, power, threshold)
    centre, scale = _scaling(moments)
    (coefficients,) = _fit_polynomials((moments - centre) / scale, position, [degree])
    return AngerLogic(sensors, power, threshold, degree, centre, scale, coefficients, tuple(table))


def _scaling(moments: Float) -> tuple[Float, Float]:
    centre = moments.mean(axis=0)
    return centre, np.maximum(np.abs(moments - centre).max(axis=0), 1e-9)
