"""What the settings of the pulse chain leave open, decided from the first waveforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.estimators.pulses.limits import (
    ChannelLimits,
    Gate,
    code_step,
    learn_limits,
    value_or,
)
from pulsefront.estimators.pulses.loops import crossings_before, smooth
from pulsefront.estimators.pulses.one_pass import measure
from pulsefront.estimators.pulses.polarity import channels_of, find_polarities
from pulsefront.estimators.pulses.rails import find_rails
from pulsefront.estimators.pulses.settings import PulseSettings
from pulsefront.events.container import Status

__all__ = [
    "FIRST_EVENTS",
    "check_fits",
    "learned_limits",
    "resolve",
    "resolve_gates",
    "signs_of",
    "with_rails",
]

Settings = TypeVar("Settings", bound=PulseSettings)
Measured = tuple[NDArray[np.void], NDArray[np.uint16]]

FIRST_EVENTS = 1000
"""So many events decide what is left open."""

BEYOND_NOISE = 8.0
"""Noise on a flat top goes 4 spreads up, and the level of one lies 2 below it."""


def resolve(settings: Settings, waveforms: NDArray[Any]) -> Settings:
    """Return *settings* with what they leave open decided from *waveforms*.

    The gate of the baseline ends a little before nine in ten of the pulses begin, at sample 100 at
    the latest. Polarity is decided channel by channel: the side on which pulses first go far from
    the baseline. The delay becomes the median time, over all channels, in which pulses rise from
    10 to 90 % of their amplitude, at least one sample. Limits are what is usual of each channel.
    The first 1,000 events decide.

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
    rows = channels_of(waveforms)[:FIRST_EVENTS]
    settings = resolve_gates(settings, rows)
    if settings.limits:
        return settings
    channels = [np.ascontiguousarray(rows[:, c]) for c in range(rows.shape[1])]
    parts = [
        measure(waves, settings, sign)
        for waves, sign in zip(channels, signs_of(settings, len(channels)), strict=True)
    ]
    return learned_limits(settings, channels, parts)


def resolve_gates(settings: Settings, waveforms: NDArray[Any]) -> Settings:
    """Return *settings* with gates, polarity and delay decided, as `resolve` does."""
    rows = channels_of(waveforms)[:FIRST_EVENTS]
    if settings.baseline_stop is None:
        stop = _before_the_pulses(rows, settings.baseline_start)
        settings = settings.model_copy(update={"baseline_stop": stop})
    if settings.polarity != "auto":
        signs_of(settings, rows.shape[1])  # refuses a wrong number
    check_fits(settings, *rows.shape[1:])
    if settings.polarity == "auto":
        sides = find_polarities(rows, settings.baseline_start, settings.baseline_stop)
        settings = settings.model_copy(update={"polarity": sides})
    if settings.delay_samples is not None:
        return settings
    delay = 10.0
    if len(rows):
        trial = settings.model_copy(update={"delay_samples": 1.0})
        rises = [
            _rise_times(rows[:, c], trial, sign)
            for c, sign in enumerate(signs_of(settings, rows.shape[1]))
        ]
        known = np.concatenate(rises)
        if np.isfinite(known).any():
            delay = float(np.nanmedian(known))
    longest = max(rows.shape[2] // 2, 1)
    return settings.model_copy(update={"delay_samples": float(np.clip(round(delay), 1, longest))})


def learned_limits(
    settings: Settings, channels: Sequence[NDArray[Any]], measured: Sequence[Measured]
) -> Settings:
    """Return *settings* with what the first 1,000 events say is usual of each channel.

    Parameters
    ----------
    channels
        (event, sample) of each.
    measured
        Records and flags of the same events.
    """
    limits = []
    signs = signs_of(settings, len(channels))
    stop = settings.baseline_stop or channels[0].shape[1]
    gate = Gate(stop - settings.baseline_start, settings.baseline_method == "robust")
    for waves, (records, status), sign in zip(channels, measured, signs, strict=True):
        first, flags = records[:FIRST_EVENTS], status[:FIRST_EVENTS]
        pulses = (flags & np.uint16(Status.NO_PULSE)) == 0
        found = learn_limits(first, pulses, sign, code_step(waves), gate)
        limits.append(_asked_for(found, settings))
    return settings.model_copy(update={"limits": tuple(limits)})


def with_rails(
    settings: Settings,
    channels: Sequence[NDArray[Any]],
    measured: Sequence[Measured],
    usable: NDArray[np.bool_],
) -> Settings:
    """Return *settings* with levels at which the samples of these events pile up.

    A level that was found before holds until samples go beyond it, by more than noise would; one
    that was given holds.
    """
    if not settings.find_saturation:
        return settings
    gate = slice(settings.baseline_start, settings.baseline_stop)
    given = settings.saturation_low_adc is not None, settings.saturation_high_adc is not None
    limits = []
    signs = signs_of(settings, len(channels))
    for waves, (records, _), known, side in zip(
        channels, measured, settings.limits, signs, strict=True
    ):
        lowest, highest = records["lowest_adc"], records["highest_adc"]
        low, high = known.saturation_low_adc, known.saturation_high_adc
        beyond = BEYOND_NOISE * known.noise_adc
        asked = (
            not given[0] and (low is None or bool((lowest[usable] < low - beyond).any())),
            not given[1] and (high is None or bool((highest[usable] > high + beyond).any())),
        )
        found = find_rails(waves, lowest, highest, gate, known.code_step_adc, usable, side, asked)
        update = {
            "saturation_low_adc": found.low_adc if asked[0] else low,
            "saturation_high_adc": found.high_adc if asked[1] else high,
        }
        limits.append(known.model_copy(update=update))
    return settings.model_copy(update={"limits": tuple(limits)})


def _asked_for(found: ChannelLimits, settings: PulseSettings) -> ChannelLimits:
    """Return limits with those that are given in place of those that were found."""
    update: dict[str, Any] = {
        "saturation_low_adc": settings.saturation_low_adc,
        "saturation_high_adc": settings.saturation_high_adc,
    }
    if not settings.check_baseline:
        update |= dict.fromkeys(("noise_low_adc", "noise_high_adc", "trend_adc", "shift_adc"))
    if settings.baseline_noise_limit_adc is not None:
        update["noise_high_adc"] = settings.baseline_noise_limit_adc
    if settings.pile_up_fraction is not None:
        update["second_rise_share"] = settings.pile_up_fraction
        update["second_rise_root_adc"] = 0.0
    return found.model_copy(update=update)


def check_fits(settings: PulseSettings, channels: int, samples: int) -> None:
    """Raise `ConfigError` where settings do not fit (event, *channels*, *samples*) waveforms."""
    if settings.limits and len(settings.limits) != channels:
        raise ConfigError(
            f"gives limits of {len(settings.limits)} channels for {channels} channel(s)",
            field="limits",
        )
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
    level = np.median(first, axis=1) if first.size else np.zeros(len(waves))
    excursion = np.abs(waves - level[:, None])
    height = excursion.max(axis=1, initial=0.0)
    # From sample to sample: no gate without a pulse is known yet.
    noise = np.median(np.abs(np.diff(waves, axis=1)), axis=1) if samples > start + 1 else height
    pulses = np.isfinite(height) & (height > 10 * noise) & (height > 0)
    least, most = start + 2, min(start + 100, max(samples // 2, start + 2))
    if not pulses.any():
        return most
    # Waveforms that begin in the tail of an earlier pulse have no say, unless all do.
    of_channel = level.reshape(rows.shape[:2])
    usual = np.abs(of_channel - np.median(of_channel, axis=0)).ravel() < 0.05 * height
    pulses &= usual | (np.count_nonzero(pulses & usual) < 0.5 * np.count_nonzero(pulses))
    excursion, height = excursion[pulses], height[pulses]
    sample = np.arange(excursion.shape[1])
    quiet = (excursion < 0.05 * height[:, None]) & (sample < excursion.argmax(axis=1)[:, None])
    onset = np.where(quiet, sample, 0).max(axis=1)
    return int(np.clip(start + 0.9 * np.quantile(onset, 0.1), least, most))


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
    clipped = (found["lowest_adc"] <= value_or(settings.saturation_low_adc, -np.inf)) | (
        found["highest_adc"] >= value_or(settings.saturation_high_adc, np.inf)
    )
    good = np.flatnonzero(((status & np.uint16(~Status.NO_CROSSING & 0xFFFF)) == 0) & ~clipped)
    peaks, heights = found["peak_sample"][good].astype(np.int64), found["amplitude_adc"][good]
    late, early = (crossings_before(pulses[good], peaks, share * heights) for share in (0.9, 0.1))
    return np.asarray(late - early)
