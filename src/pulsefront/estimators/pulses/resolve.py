"""What the settings of the pulse chain leave open, decided from the first waveforms."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.loops import crossings_before, smooth
from pulsefront.estimators.pulses.one_pass import measure
from pulsefront.estimators.pulses.settings import PulseSettings, Side
from pulsefront.events.container import Status

__all__ = ["channels_of", "check_fits", "resolve", "signs_of"]

Settings = TypeVar("Settings", bound=PulseSettings)


def resolve(settings: Settings, waveforms: NDArray[Any]) -> Settings:
    """Return *settings* with what they leave open decided from *waveforms*.

    The gate of the baseline ends a little before nine in ten of the pulses begin, at sample 100 at
    the latest. Polarity is decided channel by channel: the side on which the median largest
    excursion from the baseline is larger. The delay becomes the median time, over all channels, in
    which pulses rise from 10 to 90 % of their amplitude, at least one sample. The first 1,000
    events decide.

    Use it once on the first events of a run, so that every later chunk is measured alike.

    Parameters
    ----------
    waveforms
        (event, sample) or (event, channel, sample).

    Raises
    ------
    ConfigError
        The baseline gate or the smoothing does not fit into the waveform.
    DataError
        The array has another number of axes.
    """
    rows = channels_of(waveforms)[:1000]
    if settings.baseline_stop is None:
        stop = _before_the_pulses(rows, settings.baseline_start)
        settings = settings.model_copy(update={"baseline_stop": stop})
    check_fits(settings, rows.shape[2])
    polarity = settings.polarity
    if polarity == "auto":
        polarity = tuple(_side(rows[:, c], settings) for c in range(rows.shape[1]))
    decided = settings.model_copy(update={"polarity": polarity})
    if decided.delay_samples is not None:
        return decided
    delay = 10.0
    if len(rows):
        trial = decided.model_copy(update={"delay_samples": 1.0, "pile_up_fraction": 0.0})
        rises = [
            _rise_times(rows[:, c], trial, sign)
            for c, sign in enumerate(signs_of(decided, rows.shape[1]))
        ]
        known = np.concatenate(rises)
        if np.isfinite(known).any():
            delay = float(np.nanmedian(known))
    longest = max(rows.shape[2] // 2, 1)
    return decided.model_copy(update={"delay_samples": float(np.clip(round(delay), 1, longest))})


def channels_of(waveforms: NDArray[Any]) -> NDArray[Any]:
    """Return waveforms as (event, channel, sample)."""
    waveforms = np.asarray(waveforms)
    if waveforms.ndim == 2:
        return waveforms[:, None]
    if waveforms.ndim == 3 and waveforms.shape[1]:
        return waveforms
    raise DataError(
        "waveforms must be (event, sample) or (event, channel, sample)",
        field="shape",
        value=waveforms.shape,
    )


def check_fits(settings: PulseSettings, samples: int) -> None:
    """Raise `ConfigError` where a gate, delay or smoothing leaves a waveform of *samples*."""
    for field, most in (
        ("baseline_stop", samples),
        ("delay_samples", samples - 2),
        ("smoothing", samples),
    ):
        value = getattr(settings, field)
        if value is not None and value > most:
            raise ConfigError(
                f"does not fit into the {samples} samples of a waveform", field=field, value=value
            )


def _before_the_pulses(rows: NDArray[Any], start: int) -> int:
    """Return where the gate of the baseline ends.

    A pulse begins where, walking back from its peak, the waveform is first within 5 % of the
    amplitude of where it started; a tenth of the samples before that is kept as a guard.
    """
    samples: int = rows.shape[2]
    waves = rows.reshape(-1, samples).astype(np.float64)[:, start:]
    first = waves[:, : max(samples // 32, 4)]
    level = np.median(first, axis=1, keepdims=True) if first.size else np.zeros((len(waves), 1))
    excursion = np.abs(waves - level)
    height = excursion.max(axis=1, initial=0.0)
    # From sample to sample: no gate without a pulse is known yet.
    noise = np.median(np.abs(np.diff(waves, axis=1)), axis=1) if samples > start + 1 else height
    pulses = np.isfinite(height) & (height > 10 * noise) & (height > 0)
    least, most = start + 2, min(start + 100, max(samples // 2, start + 2))
    if not pulses.any():
        return most
    excursion, height = excursion[pulses], height[pulses]
    sample = np.arange(excursion.shape[1])
    quiet = (excursion < 0.05 * height[:, None]) & (sample < excursion.argmax(axis=1)[:, None])
    onset = np.where(quiet, sample, 0).max(axis=1)
    return int(np.clip(start + 0.9 * np.quantile(onset, 0.1), least, most))


def _side(waveforms: NDArray[Any], settings: PulseSettings) -> Side:
    sample = waveforms.astype(np.float64)
    sample = sample[np.isfinite(sample).all(axis=1)]
    if not len(sample):
        return "positive"
    base = np.median(sample[:, settings.baseline_start : settings.baseline_stop], axis=1)
    up = np.median(sample.max(axis=1) - base)
    down = np.median(base - sample.min(axis=1))
    return "negative" if down > up else "positive"


def signs_of(settings: PulseSettings, channels: int) -> list[float]:
    """Return 1, or −1 for pulses that go down, of each channel."""
    sides = settings.polarity
    if isinstance(sides, str):
        sides = ("negative" if sides == "negative" else "positive",) * channels
    if len(sides) != channels:
        raise ConfigError(
            f"gives {len(sides)} polarities for {channels} channel(s)", field="polarity"
        )
    return [-1.0 if side == "negative" else 1.0 for side in sides]


def _rise_times(
    waveforms: NDArray[Any], settings: PulseSettings, sign: float
) -> NDArray[np.float64]:
    """Return the 10–90 % rise times, in samples, of the pulses without flags."""
    waveforms = np.ascontiguousarray(waveforms)
    found, status = measure(waveforms, settings, sign)
    pulses = sign * (waveforms.astype(np.float64) - found["baseline_adc"][:, None])
    if settings.smoothing > 1:
        pulses = smooth(pulses.astype(np.float32), settings.smoothing // 2).astype(np.float64)
    good = np.flatnonzero((status & np.uint16(~Status.NO_CROSSING & 0xFFFF)) == 0)
    peaks, heights = found["peak_sample"][good].astype(np.int64), found["amplitude_adc"][good]
    late, early = (crossings_before(pulses[good], peaks, share * heights) for share in (0.9, 0.1))
    return np.asarray(late - early)
