"""How well any unbiased estimator of position could do: the Cramér–Rao bound of a light map.

For counts of mean μ(r) and variance σ² the Fisher information on the position r is Σ ∂μ ∂μᵀ/σ²
(Kay 1993, chapter 3; the change of the variance with position adds next to nothing at many
photons). No unbiased estimator has a smaller covariance than the inverse of the information.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError

__all__ = ["PositionBound", "position_bound"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class PositionBound:
    """Smallest covariance of an unbiased estimate at each position.

    Attributes
    ----------
    covariance_mm2
        (position, 3, 3).
    """

    covariance_mm2: Float

    @property
    def sigma_mm(self) -> Float:
        """Standard deviation per axis, (position, 3)."""
        variance = np.diagonal(self.covariance_mm2, axis1=1, axis2=2)
        return np.asarray(np.sqrt(variance), dtype=np.float64)

    def residuals_mm(self, seed: int, draws: int = 1) -> Float:
        """Return residuals of an efficient Gaussian estimator, (position · draws, 3).

        Their metrics (point-spread width, median error) are what the bound means for events
        spread over all positions: a mixture of widths, whose FWHM is not 2.355 mean sigmas.
        """
        root = np.linalg.cholesky(self.covariance_mm2)
        normal = np.random.default_rng(seed).normal(size=(draws, len(root), 3))
        drawn = np.einsum("pab,dpb->dpa", root, normal)
        return np.asarray(drawn, dtype=np.float64).reshape(-1, 3)


def position_bound(
    probabilities: Callable[[Float], Float],
    position_mm: ArrayLike,
    photons: float,
    *,
    excess_noise_factor: float = 1.0,
    electronic_noise: float = 0.0,
    light_known: bool = False,
    step_mm: float = 0.1,
) -> PositionBound:
    """Return the bound on position from the charges of all photosensors.

    Parameters
    ----------
    probabilities
        From (position, 3) mm to (position, photosensor): the probability that an emitted photon
        is detected there (light map times detection efficiency).
    position_mm
        (position, 3), at least *step_mm* inside the crystal.
    photons
        Mean number of photons emitted.
    excess_noise_factor
        Variance over mean of a charge in units of its photoelectrons (1 for pure counting).
    electronic_noise
        Standard deviation per photosensor, in photoelectrons.
    light_known
        Whether the number of photons is known; otherwise it is estimated along with the position,
        as the spread of the light yield demands.
    step_mm
        Half the distance of the central differences; no less than half the pitch over which a
        tabulated light map is interpolated linearly makes it smooth.

    Raises
    ------
    DataError
        Shapes do not fit, probabilities are not finite and within 0 … 1, or the light does not
        determine the position.
    """
    position = np.asarray(position_mm, dtype=np.float64)
    if position.ndim != 2 or position.shape[1] != 3 or len(position) == 0:
        raise DataError(
            "positions must be (position, 3)", field="position_mm", value=position.shape
        )
    if not (photons > 0 and excess_noise_factor >= 1 and electronic_noise >= 0 and step_mm > 0):
        raise DataError(
            "photons and step must be positive, the excess noise factor at least 1, noise not "
            "negative",
            value=(photons, excess_noise_factor, electronic_noise, step_mm),
        )
    mean = photons * _checked(probabilities(position), len(position))
    derivatives = _slopes(probabilities, position, photons, step_mm)
    if not light_known:
        # By the logarithm of the number of photons.
        derivatives = np.concatenate([derivatives, mean[None]])
    variance = excess_noise_factor * mean + electronic_noise**2
    # A photosensor that sees nothing and has no noise says nothing either.
    weight = np.divide(1.0, variance, out=np.zeros_like(variance), where=variance > 0)
    information = np.einsum("aps,ps,bps->pab", derivatives, weight, derivatives, optimize=True)
    if np.linalg.cond(information).max() > 1e12:
        raise DataError(
            "the light does not determine the position",
            field="probabilities",
            remedy="use more photosensors, or positions where the light changes",
        )
    return PositionBound(np.linalg.inv(information)[:, :3, :3])


def _slopes(
    probabilities: Callable[[Float], Float], position: Float, photons: float, step_mm: float
) -> Float:
    """Return central differences of the mean along x, y, z: (axis, position, photosensor)."""
    slopes = []
    for step in step_mm * np.eye(3):
        above = _checked(probabilities(position + step), len(position))
        below = _checked(probabilities(position - step), len(position))
        slopes.append(photons * (above - below) / (2 * step_mm))
    return np.stack(slopes)


def _checked(values: Float, positions: int) -> Float:
    table = np.asarray(values, dtype=np.float64)
    fits = table.ndim == 2 and len(table) == positions
    if not fits or not ((table >= 0) & (table <= 1)).all():
        raise DataError(
            "probabilities must be (position, photosensor), finite and within 0 … 1",
            field="probabilities",
            value=table.shape,
        )
    return table
