"""How well any unbiased estimator of time could do from samples: Cramér–Rao bounds.

For Gaussian samples of mean m(θ) and covariance C(θ) the Fisher information is
∂mᵀ C⁻¹ ∂m + ½ tr(C⁻¹ ∂C C⁻¹ ∂C) (Kay 1993, chapters 3 and 15). What stamps of every photon would
give is found by drawing them, see `pulsefront.estimators.timing.photons`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError

__all__ = [
    "coincidence_bound_ps",
    "emission_density",
    "gaussian_information",
    "waveform_bound_ps",
    "waveform_information",
]

Float = NDArray[np.float64]

_FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


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


def waveform_bound_ps(
    pulses: ArrayLike,
    arrival_ns: ArrayLike,
    sample_interval_ns: float,
    *,
    before: int = 4,
    after: int = 20,
    phases: int = 5,
) -> float:
    """Return the smallest CTR, as FWHM in ps, of two detectors of these digitized pulses.

    `waveform_information` within each of *phases* ranges of the arrival's phase between two
    samples; over all phases the variances are averaged, as coincidences of random phase do.
    Windows are laid by the true arrival, not by a trigger, whose noise would be selected away.

    Parameters
    ----------
    pulses
        (event, sample), baseline-subtracted.
    arrival_ns
        (event,) true arrival on the time axis of the samples.
    before, after
        Samples of the window before and after the sample at or before the arrival.

    Raises
    ------
    DataError
        As `waveform_information`, for the events of a phase.
    """
    waveforms = np.asarray(pulses, dtype=np.float64)
    arrival = np.asarray(arrival_ns, dtype=np.float64) / sample_interval_ns
    first = np.floor(arrival).astype(np.int64) - before
    whole = (first >= 0) & (first + before + after <= waveforms.shape[1])
    events = np.flatnonzero(whole)
    columns = first[events, None] + np.arange(before + after)
    windows = waveforms[events[:, None], columns]
    phase = arrival[events] % 1.0
    variances = []
    for number in range(phases):
        inside = (phase * phases).astype(np.int64) == number
        information, _ = waveform_information(windows[inside], phase[inside] * sample_interval_ns)
        variances.append(1 / information)
    return coincidence_bound_ps(1 / float(np.mean(variances)))


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
