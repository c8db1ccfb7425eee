"""How well any unbiased estimator could do: Cramér–Rao bounds of position and of time.

For Poisson counts of mean μ(θ) the Fisher information is Σ ∂μ ∂μᵀ/μ, for a Poisson process of
intensity λ(t − θ) it is ∫ λ′²/λ dt, and for Gaussian samples of mean m(θ) and covariance C(θ) it
is ∂mᵀ C⁻¹ ∂m + ½ tr(C⁻¹ ∂C C⁻¹ ∂C) (Kay 1993, chapters 3 and 15). No unbiased estimator has a
smaller covariance than the inverse of the information.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate import metrics

__all__ = [
    "PositionBound",
    "coincidence_bound_ps",
    "emission_density",
    "gaussian_information",
    "photon_time_information",
    "position_bound",
    "transit_spread",
    "waveform_information",
]

Float = NDArray[np.float64]

_FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


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

    def fwhm_2d_mm(self, seed: int = 0, draws: int = 10) -> float:
        """Return the 2-D FWHM (see `metrics.point_spread`) of an efficient estimator."""
        return metrics.point_spread(self.residuals_mm(seed, draws)).fwhm_mm

    def median_error_mm(self, seed: int = 0, draws: int = 10) -> float:
        """Return the median 3-D error of an efficient estimator."""
        return metrics.median_error(self.residuals_mm(seed, draws))


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
    place = np.asarray(position_mm, dtype=np.float64)
    if place.ndim != 2 or place.shape[1] != 3 or len(place) == 0:
        raise DataError("positions must be (position, 3)", field="position_mm", value=place.shape)
    if not (photons > 0 and excess_noise_factor >= 1 and electronic_noise >= 0 and step_mm > 0):
        raise DataError(
            "photons and step must be positive, the excess noise factor at least 1, noise not "
            "negative",
            value=(photons, excess_noise_factor, electronic_noise, step_mm),
        )
    mean = photons * _checked_probabilities(probabilities(place), len(place))
    derivatives = np.empty((4, *mean.shape))
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = step_mm
        above = _checked_probabilities(probabilities(place + step), len(place))
        below = _checked_probabilities(probabilities(place - step), len(place))
        derivatives[axis] = photons * (above - below) / (2 * step_mm)
    derivatives[3] = mean  # by the logarithm of the number of photons
    variance = excess_noise_factor * mean + electronic_noise**2
    # A photosensor that sees nothing and has no noise says nothing either.
    weight = np.divide(1.0, variance, out=np.zeros_like(variance), where=variance > 0)
    count = 3 if light_known else 4
    information = np.einsum(
        "aps,ps,bps->pab", derivatives[:count], weight, derivatives[:count], optimize=True
    )
    if np.linalg.cond(information).max() > 1e12:
        raise DataError(
            "the light does not determine the position",
            field="probabilities",
            remedy="use more photosensors, or positions where the light changes",
        )
    return PositionBound(np.linalg.inv(information)[:, :3, :3])


def _checked_probabilities(values: Float, positions: int) -> Float:
    table = np.asarray(values, dtype=np.float64)
    fits = table.ndim == 2 and len(table) == positions
    if not fits or not ((table >= 0) & (table <= 1)).all():
        raise DataError(
            "probabilities must be (position, photosensor), finite and within 0 … 1",
            field="probabilities",
            value=table.shape,
        )
    return table


def emission_density(
    time_ns: ArrayLike,
    decays_ns: Sequence[tuple[float, float]],
    *,
    rise_ns: float,
    spread_sigma_ns: float,
    prompt_fraction: float = 0.0,
) -> Float:
    """Return the density of detection times of one photon, (time,) per ns.

    A sum of bi-exponentials ``(e^(−t/d) − e^(−t/r))/(d − r)`` plus a prompt (Cherenkov) part, all
    smeared by a Gaussian (single-photon time resolution and transit spread), in closed form
    (Seifert 2012, eq. 3 and 4).

    Parameters
    ----------
    time_ns
        (time,) after the interaction.
    decays_ns
        (decay time, share) of each component; shares are normalized.
    rise_ns
        Common rise time; 0 for a sudden start.
    spread_sigma_ns
        Standard deviation of the Gaussian, above zero.
    prompt_fraction
        Share of prompt photons.

    Raises
    ------
    DataError
        Times that are not positive, shares beyond 0 … 1, or a decay that equals the rise.
    """
    time = np.asarray(time_ns, dtype=np.float64)
    shares = np.array([share for _, share in decays_ns], dtype=np.float64)
    if (
        not shares.size
        or not (shares >= 0).all()
        or shares.sum() <= 0
        or min(decay for decay, _ in decays_ns) <= rise_ns
        or rise_ns < 0
        or spread_sigma_ns <= 0
        or not 0 <= prompt_fraction <= 1
    ):
        raise DataError(
            "needs decay > rise ≥ 0, spread > 0, shares ≥ 0, and a prompt fraction within 0 … 1",
            field="decays_ns",
            value=tuple(decays_ns),
        )
    shares /= shares.sum()
    density = np.zeros_like(time)
    for (decay, _), share in zip(decays_ns, shares, strict=True):
        # Of the bi-exponential: decay/(d − r) of an exponential of d less r/(d − r) of one of r.
        part = _smeared_exponential(time, decay, spread_sigma_ns) * decay
        # A rise far below the spread is a sudden start.
        if rise_ns > 1e-3 * spread_sigma_ns:
            part -= _smeared_exponential(time, rise_ns, spread_sigma_ns) * rise_ns
        density += share * part / (decay - rise_ns)
    prompt = np.exp(-0.5 * (time / spread_sigma_ns) ** 2) / (
        spread_sigma_ns * math.sqrt(2 * math.pi)
    )
    return np.asarray((1 - prompt_fraction) * np.maximum(density, 0) + prompt_fraction * prompt)


def _smeared_exponential(time: Float, tau: float, sigma: float) -> Float:
    """Return e^(−t/τ)/τ smeared by a Gaussian, through erfcx, which does not overflow."""
    from scipy.special import erfcx, ndtr

    z = sigma / tau - time / sigma
    density = np.empty_like(time)
    early = z > 0
    # Each form is used where its exponent is not positive.
    density[early] = (
        0.5 * erfcx(z[early] / math.sqrt(2)) * np.exp(-0.5 * (time[early] / sigma) ** 2)
    )
    late = ~early
    density[late] = np.exp(0.5 * (sigma / tau) ** 2 - time[late] / tau) * ndtr(-z[late])
    return density / tau


def transit_spread(
    density: ArrayLike, step_ns: float, transit_ns: ArrayLike, weights: ArrayLike | None = None
) -> Float:
    """Return a detection density smeared by the distribution of optical transit times.

    Parameters
    ----------
    density
        (time,) on an even grid of *step_ns*.
    transit_ns
        (sample,) transit times from one depth of interaction (Cates 2015); their mean is taken
        off, since a constant delay carries no information.
    weights
        (sample,) relative frequency.
    """
    values = np.asarray(density, dtype=np.float64)
    transit = np.asarray(transit_ns, dtype=np.float64)
    share = np.ones(len(transit)) if weights is None else np.asarray(weights, dtype=np.float64)
    share = share / share.sum()
    shift = (transit - share @ transit) / step_ns
    low = int(np.floor(shift.min()))
    kernel = np.zeros(int(np.ceil(shift.max())) - low + 2)
    whole = np.floor(shift).astype(np.int64)
    part = shift - whole
    # A transit time between two steps belongs to both in proportion.
    np.add.at(kernel, whole - low, share * (1 - part))
    np.add.at(kernel, whole - low + 1, share * part)
    full = np.convolve(values, kernel)
    if low >= 0:
        return np.concatenate([np.zeros(low), full])[: len(values)]
    padded = np.concatenate([full, np.zeros(len(values))])
    return padded[-low : -low + len(values)]


def photon_time_information(
    density: ArrayLike, step_ns: float, photons: float, dark_counts_per_ns: float = 0.0
) -> float:
    """Return the Fisher information on the interaction time in 1/ns².

    All detected photons are time-stamped: a Poisson process of intensity
    ``photons · density + dark counts`` (Seifert 2012, eq. 14, with a Poisson number of photons).

    Parameters
    ----------
    density
        (time,) per ns on an even grid of *step_ns*, which must be fine against its rise.
    photons
        Mean number of detected photons.

    Raises
    ------
    DataError
        Negative or not finite values, or fewer than three times.
    """
    values = np.asarray(density, dtype=np.float64)
    if values.ndim != 1 or len(values) < 3 or not (np.isfinite(values) & (values >= 0)).all():
        raise DataError("a density must be (time,), finite and not negative", field="density")
    if not (photons > 0 and step_ns > 0 and dark_counts_per_ns >= 0):
        raise DataError(
            "photons and step must be positive, dark counts not negative",
            value=(photons, step_ns, dark_counts_per_ns),
        )
    intensity = photons * values + dark_counts_per_ns
    slope = np.diff(intensity) / step_ns
    between = (intensity[1:] + intensity[:-1]) / 2
    seen = between > 0
    return float(np.sum(slope[seen] ** 2 / between[seen]) * step_ns)


def gaussian_information(
    mean_derivative: ArrayLike,
    covariance: ArrayLike,
    covariance_derivative: ArrayLike | None = None,
) -> float:
    """Return the Fisher information on one parameter of Gaussian samples.

    Parameters
    ----------
    mean_derivative
        (sample,) derivative of the mean by the parameter.
    covariance
        (sample, sample), positive definite.
    covariance_derivative
        (sample, sample); left out where the covariance does not depend on the parameter.

    Raises
    ------
    DataError
        Shapes do not fit, or the covariance is not positive definite.
    """
    slope = np.asarray(mean_derivative, dtype=np.float64)
    matrix = np.asarray(covariance, dtype=np.float64)
    if slope.ndim != 1 or matrix.shape != (len(slope), len(slope)):
        raise DataError("covariance must be (sample, sample)", value=matrix.shape)
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise DataError("is not positive definite", field="covariance") from None
    information = float(slope @ np.linalg.solve(matrix, slope))
    if covariance_derivative is not None:
        change = np.linalg.solve(matrix, np.asarray(covariance_derivative, dtype=np.float64))
        information += 0.5 * float(np.einsum("ij,ji->", change, change))
    return information


def waveform_information(
    pulses: ArrayLike, delay_ns: ArrayLike, *, fitted: bool = True
) -> tuple[float, Float]:
    """Return the information that a linear look at digitized samples has about time, and weights.

    Samples of pulses are regressed on their true delay: with mean slope ``d`` and covariance
    ``C`` at fixed delay, the best linear unbiased estimator has information ``dᵀ C⁻¹ d`` (the
    Gaussian bound without the covariance term). Over a range of delays within which pulses shift
    but do not leave the samples this is a local bound: restrict *delay_ns* to a small range.

    Parameters
    ----------
    pulses
        (event, sample), normalized as the estimator under study normalizes them.
    delay_ns
        (event,) true arrival relative to the samples.
    fitted
        Whether the information is corrected for slope and covariance fitted to the same events,
        which make it look better than it is.

    Returns
    -------
    information
        1/ns².
    weights
        (sample,) of the estimator ``weights · (pulse − mean pulse)``, in ns.

    Raises
    ------
    DataError
        Fewer than twice as many events as samples, shapes that do not fit, or a constant delay.
    """
    samples = np.asarray(pulses, dtype=np.float64)
    delay = np.asarray(delay_ns, dtype=np.float64)
    if samples.ndim != 2 or delay.shape != (len(samples),):
        raise DataError("pulses must be (event, sample) with a delay each", value=samples.shape)
    events, count = samples.shape
    centred_delay = delay - delay.mean()
    if events < 2 * count + 2 or not (centred_delay != 0).any():
        raise DataError(
            "needs at least twice as many events as samples, of different delays",
            field="pulses",
            value=events,
        )
    centred = samples - samples.mean(axis=0)
    slope = centred_delay @ centred / (centred_delay @ centred_delay)
    rest = centred - np.outer(centred_delay, slope)
    covariance = rest.T @ rest / (events - 2)
    information = gaussian_information(slope, covariance)
    weights = np.linalg.solve(covariance, slope) / information
    if fitted:
        # E[S⁻¹] = n/(n − p − 1) C⁻¹ for a Wishart matrix S/n, and the scatter of the p slopes
        # adds p over the sum of squared delays.
        information *= (events - 3 - count) / (events - 2)
        information -= count / float(centred_delay @ centred_delay)
    return information, np.asarray(weights)


def coincidence_bound_ps(first: float, second: float | None = None) -> float:
    """Return the smallest CTR, as FWHM in ps, of two detectors of given information in 1/ns².

    2.355 times the root of the sum of both inverse informations: an efficient estimator from
    many photons is Gaussian.

    Raises
    ------
    DataError
        An information that is not positive.
    """
    other = first if second is None else second
    if not (first > 0 and other > 0):
        raise DataError("information must be positive", value=(first, other))
    return 1000 * _FWHM_PER_SIGMA * math.sqrt(1 / first + 1 / other)
