"""What the tuned discriminators share: pulses from samples, and how a candidate is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.pulses import quantities as pulse
from pulsefront.evaluate import metrics

__all__ = [
    "Sampling",
    "Trial",
    "best_trial",
    "check_pairs",
    "default_thresholds",
    "fit_delay",
    "known_differences",
    "prepare_pulses",
    "score_trial",
    "typical_amplitude",
    "walk_terms",
]

Float = NDArray[np.float64]

_LEAST_SHARE = 0.99


@dataclass(frozen=True)
class Sampling:
    """How samples become pulses.

    Attributes
    ----------
    sample_interval_ns
        Distance of samples.
    baseline_samples
        How many samples at the beginning make the baseline.
    polarity
        ``"positive"`` or ``"negative"``.
    """

    sample_interval_ns: float
    baseline_samples: int = 8
    polarity: pulse.Polarity = "positive"


@dataclass(frozen=True)
class Trial:
    """One row of a tuning table.

    ``ctr_fwhm_ps`` is None where fewer than 99 % of the events have an estimate: a candidate may
    not gain by losing the difficult ones. ``central_width_ps`` is its FWHM-equivalent between
    quantiles, which shoulders and side peaks widen as they should.
    """

    parameters: Mapping[str, Any]
    ctr_fwhm_ps: float | None
    central_width_ps: float | None
    events: int
    without_estimate: int


def prepare_pulses(
    waveform_adc: NDArray[np.generic], settings: Sampling
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the baseline-subtracted upward pulses of both detectors, each (event, sample).

    Raises
    ------
    DataError
        The waveforms are not (event, 2, sample).
    """
    waveforms = np.asarray(waveform_adc)
    if waveforms.ndim != 3 or waveforms.shape[1] != 2:
        raise DataError(
            "waveforms of a pair must be (event, 2, sample)",
            field="waveform_adc",
            value=waveforms.shape,
        )
    first, second = (
        pulse.subtract(
            waveforms[:, side],
            pulse.baseline(waveforms[:, side], 0, settings.baseline_samples),
            settings.polarity,
        )
        for side in (0, 1)
    )
    return first, second


def score_trial(residual_ns: Float, parameters: Mapping[str, Any]) -> Trial:
    """Return the row of a tuning table for estimates minus known differences, (event,) in ns."""
    usable = residual_ns[np.isfinite(residual_ns)]
    lost = len(residual_ns) - len(usable)
    ctr = central = None
    if len(usable) >= _LEAST_SHARE * len(residual_ns):
        # All equal or too few: no candidate.
        with suppress(DataError):
            ctr = 1000 * metrics.fwhm(usable)
            central = 1000 * metrics.central_width(usable)
    return Trial(parameters, ctr, central, len(residual_ns), lost)


def best_trial(table: Sequence[Trial], what: str) -> int:
    """Return the row of smallest CTR.

    Raises
    ------
    DataError
        No row has an estimate for 99 % of the events.
    """
    scores = [np.inf if row.ctr_fwhm_ps is None else row.ctr_fwhm_ps for row in table]
    best = int(np.argmin(scores))
    if not np.isfinite(scores[best]):
        most = max(1 - row.without_estimate / max(row.events, 1) for row in table)
        raise DataError(
            f"no {what} gives an estimate for 99 % of the training coincidences",
            value=f"{most:.1%} at best",
            remedy="check polarity and baseline_samples, or select events with pulses first",
        )
    return best


def check_pairs(values: Float, known: Float) -> None:
    """Raise `DataError` where there is not one known difference for each value, (event,)."""
    if values.ndim != 1 or values.shape != known.shape:
        raise DataError(
            "one known difference per event is needed",
            field="known_difference_ns",
            value=(values.shape, known.shape),
        )


def known_differences(known_difference_ns: ArrayLike, events: int) -> Float:
    """Return known differences as floats.

    Raises
    ------
    DataError
        They are not finite, or not one per event.
    """
    known = np.asarray(known_difference_ns, dtype=np.float64)
    if known.shape != (events,) or not np.isfinite(known).all():
        raise DataError(
            "known differences must be finite, one per event",
            field="known_difference_ns",
            value=known.shape,
        )
    return known


def default_thresholds(
    pulses: tuple[NDArray[np.float32], ...], settings: Sampling, count: int
) -> list[float]:
    """Return *count* thresholds in equal ratios, in the unit of the samples.

    From three times the baseline noise (at least half a count) to half the median amplitude.

    Raises
    ------
    DataError
        Pulses do not rise above the noise.
    """
    scale = typical_amplitude(pulses)
    quiet = np.concatenate([side[:, : settings.baseline_samples] for side in pulses])
    lowest = max(3 * float(np.sqrt(np.mean(quiet.astype(np.float64) ** 2))), 0.5)
    if not scale > 2 * lowest:
        raise DataError(
            "pulses do not rise above the baseline noise",
            field="waveform_adc",
            value=round(scale, 3),
            remedy="check polarity and baseline_samples",
        )
    return [float(value) for value in np.geomspace(lowest, scale / 2, count)]


def typical_amplitude(pulses: tuple[NDArray[np.float32], ...]) -> float:
    """Return the median amplitude of both detectors, in the unit of the samples."""
    return float(np.median(np.concatenate([pulse.amplitude(side) for side in pulses])))


def walk_terms(pulses: tuple[NDArray[np.float32], ...], scale: float) -> Float:
    """Return (event, 6) functions of both amplitudes that the walk of fixed thresholds is made of.

    The foot of a pulse rises as a power of time, so that a fixed threshold is crossed later by
    an inverse power of the amplitude; three of them bend enough for any pulse shape met here.
    They are zero at *scale*, so that the correction does not shift the mean.
    """

    def of(side: NDArray[np.float32]) -> Float:
        relative = np.maximum(pulse.amplitude(side), 1e-3 * scale) / scale
        return np.column_stack([relative**-0.5, 1 / relative, np.log(relative)])

    first, second = (of(side) for side in pulses)
    middle = np.array([1.0, 1.0, 0.0])
    return np.hstack([first - middle, middle - second])


def fit_delay(residual_ns: Float, walk: Float | None = None) -> tuple[float, Float]:
    """Return the constant delay and the walk coefficients, by least squares without outliers.

    Parameters
    ----------
    residual_ns
        (event,) estimates minus known differences.
    walk
        (event, term) functions that the walk is made of; without them the delay is the median.
    """
    usable = np.isfinite(residual_ns)
    none = np.zeros(0)
    if usable.sum() < 100:
        return 0.0, none
    middle = float(np.median(residual_ns[usable]))
    if walk is None:
        return middle, none
    # Events further out than twice the central width are random or noise triggers.
    width = metrics.central_width(residual_ns[usable])
    usable &= np.abs(np.nan_to_num(residual_ns, nan=np.inf) - middle) <= 2 * width
    design = np.column_stack([np.ones(int(usable.sum())), walk[usable]])
    solution = np.linalg.lstsq(design, residual_ns[usable], rcond=None)[0]
    return float(solution[0]), np.asarray(solution[1:])
