"""What the tuned discriminators share: pulses from samples, and how a candidate is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.pulses import quantities as pulse
from pulsefront.evaluate import metrics

__all__ = [
    "Sampling",
    "Trial",
    "best_trial",
    "known_differences",
    "prepare_pulses",
    "score_trial",
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

    parameters: Mapping[str, float]
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


def score_trial(residual_ns: Float, parameters: Mapping[str, float]) -> Trial:
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
