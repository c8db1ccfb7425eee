"""Golden streams: what meets every state of a chain, and measured records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError
from pulsefront.firmware.front_end.settings import PositionChainSettings, TimingChainSettings

__all__ = ["made_charges", "made_stream", "stream_of_records"]

Samples = npt.NDArray[np.int64]
Heights = npt.NDArray[np.float64]
NOISE_ADC = 2.0
MADE_PULSES = 40


def made_stream(
    settings: TimingChainSettings, *, pulses: int = MADE_PULSES, seed: int = 1
) -> Samples:
    """Return a stream (sample,) of pulses and of what front ends see beside them.

    Pulses of every height, one upon the other, beyond the range of the ADC; noise and flat lines;
    steps and drifts of the baseline; the two ends of the range, alternating and in blocks; samples
    drawn from the whole range; heights that are just those of trigger and re-arming, and one off.
    """
    rng = np.random.default_rng(seed)
    parts = [_quiet(settings, rng, _settling(settings))]
    for _ in range(pulses):
        parts.append(_pulse(settings, rng))
        gap = int(rng.integers(0, 2 * settings.dead + 4))
        parts.append(_quiet(settings, rng, gap))
    for hostile in HOSTILE:
        parts += [hostile(settings, rng), _quiet(settings, rng, _settling(settings))]
    upright = np.concatenate(parts)
    return _digitized(upright, settings)


def _level(settings: TimingChainSettings) -> float:
    highest = (1 << settings.adc_bits) - 1
    return min(0.05 * highest, max(highest - 2.0 * settings.trigger_adc, 0.0))


def _settling(settings: TimingChainSettings) -> int:
    return settings.gap + settings.baseline_samples + settings.gate + 8


def _quiet(settings: TimingChainSettings, rng: np.random.Generator, samples: int) -> Heights:
    noise = rng.normal(0.0, min(NOISE_ADC, settings.trigger_adc / 8), samples)
    return np.asarray(_level(settings) + noise)


def _pulse(settings: TimingChainSettings, rng: np.random.Generator) -> Heights:
    """Return a pulse of one to three components on noise."""
    length = settings.dead + settings.gap
    found = _quiet(settings, rng, length)
    t = np.arange(length)
    highest = (1 << settings.adc_bits) - 1
    for component in range(rng.choice([1, 1, 1, 2, 3])):
        start = 0 if component == 0 else int(rng.integers(1, length))
        height = settings.trigger_adc * 0.8 * (1.8 * highest / settings.trigger_adc) ** rng.random()
        fall = max(settings.energy_samples / rng.uniform(2.5, 8.0), 0.5)
        later = np.clip(t - start, 0, None)
        shape = np.where(t >= start, np.exp(-later / fall) * (1 - np.exp(-(later + 1) / 2.0)), 0.0)
        found += height * shape
    return found


def _flat(settings: TimingChainSettings, _: np.random.Generator) -> Heights:
    return np.full(_settling(settings), round(_level(settings)), np.float64)


def _drift(settings: TimingChainSettings, rng: np.random.Generator) -> Heights:
    samples = 4 * _settling(settings)
    rise = np.linspace(0, 2.0 * settings.trigger_adc, samples)
    return np.asarray(_quiet(settings, rng, samples) + rise)


def _step(settings: TimingChainSettings, rng: np.random.Generator) -> Heights:
    """Return a baseline that jumps over the threshold and stays: the chain learns it anew."""
    samples = settings.timeout_samples + _settling(settings)
    return np.asarray(_quiet(settings, rng, samples) + 1.5 * settings.trigger_adc)


def _low(settings: TimingChainSettings, _: np.random.Generator) -> Heights:
    return np.zeros(_settling(settings))


def _high(settings: TimingChainSettings, _: np.random.Generator) -> Heights:
    return np.full(_settling(settings), (1 << settings.adc_bits) - 1.0)


def _alternating(settings: TimingChainSettings, rng: np.random.Generator) -> Heights:
    highest = float((1 << settings.adc_bits) - 1)
    every = np.arange(2 * _settling(settings)) // int(rng.integers(1, 4))
    return np.asarray(np.where(every % 2 == 0, 0.0, highest))


def _any(settings: TimingChainSettings, rng: np.random.Generator) -> Heights:
    return np.asarray(rng.integers(0, 1 << settings.adc_bits, 4 * _settling(settings)) * 1.0)


def _rims(settings: TimingChainSettings, _: np.random.Generator) -> Heights:
    """Return samples at the trigger's height, then at that of re-arming, then another pulse."""
    level, settle = round(_level(settings)), _settling(settings)
    parts = []
    for off in (-1, 0, 1):
        heights = np.zeros(settle + settings.dead + 4)
        begin = settle
        heights[begin] = settings.trigger_adc + off
        heights[begin + 1 :] = settings.rearm + off
        # Two samples past the dead time: only a chain that was armed again sees it.
        heights[begin + settings.dead + 2] = 2 * settings.trigger_adc
        parts.append(level + heights)
        # The same, re-armed and triggered at the first samples that may do so.
        early = heights.copy()
        early[begin] = settings.trigger_adc
        early[begin + 1 :] = 0
        early[begin + settings.dead + off :] = 2 * settings.trigger_adc
        parts.append(level + early)
    return np.concatenate(parts)


HOSTILE: Sequence[Callable[[TimingChainSettings, np.random.Generator], Heights]] = (
    _flat,
    _drift,
    _low,
    _high,
    _alternating,
    _any,
    _step,
    _rims,
)


def _digitized(upright: npt.NDArray[np.float64], settings: TimingChainSettings) -> Samples:
    highest = (1 << settings.adc_bits) - 1
    counts = np.clip(np.round(upright), 0, highest).astype(np.int64)
    return highest - counts if settings.polarity == "negative" else counts


def made_charges(settings: PositionChainSettings, *, events: int = 60, seed: int = 1) -> Samples:
    """Return charges (event, channel): spots of light of every size and sum, and extremes.

    The extremes are nothing, the end of the range in all channels and in one, single channels,
    sums at both ends of their range, and charges drawn from the whole range.
    """
    rng = np.random.default_rng(seed)
    channels, highest = settings.channels, (1 << settings.adc_bits) - 1
    low, high = settings.sum_range
    place = np.arange(channels)
    centre = rng.uniform(0, channels, (events, 1))
    width = channels * rng.uniform(0.02, 0.5, (events, 1))
    light = np.exp(-0.5 * ((place - centre) / width) ** 2)
    total = rng.uniform(0.5 * low, 1.5 * high, (events, 1))
    spots = light / light.sum(axis=1, keepdims=True) * total
    one = np.zeros((8, channels))
    one[np.arange(8), rng.integers(0, channels, 8)] = [1, highest, low, high, 2, 3, 7, highest]
    even = np.full(channels, 1.0)
    hostile = np.stack(
        [
            0 * even,
            highest * even,
            even,
            *(np.floor(total / channels) + (place < total % channels) for total in (low, high)),
            *(np.floor((total + 1) / channels) + (place < (total + 1) % channels)
              for total in (low - 2, high)),
        ]
    )  # fmt: skip
    drawn = rng.integers(0, highest, (12, channels), endpoint=True)
    rows = np.concatenate([spots, hostile, one, drawn])
    return np.clip(np.round(rows), 0, highest).astype(np.int64)


def stream_of_records(
    waveforms_adc: npt.NDArray[np.integer], settings: TimingChainSettings
) -> Samples:
    """Return records (record, sample) as one stream, one after the other.

    Records with negative samples are taken as those of an ADC whose zero lies in the middle of its
    range, and moved up by half of it.

    Where two records meet the baseline jumps as far as theirs differ: a front end that saw only
    records would see the same.

    Raises
    ------
    DataError
        A sample is no integer of the ADC's range.
    """
    waveforms = np.asarray(waveforms_adc)
    if waveforms.dtype.kind not in "iu" or waveforms.ndim != 2 or not waveforms.size:
        raise DataError(
            "waveforms are rows of integers",
            field="waveform_adc",
            value=f"{waveforms.dtype} {waveforms.shape}",
        )
    low, high = int(waveforms.min()), int(waveforms.max())
    half = 1 << (settings.adc_bits - 1)
    middle = half if low < 0 else 0
    if low + middle < 0 or high + middle >= 2 * half:
        magnitude = max(high, -low - 1)
        needed = magnitude.bit_length() + (low < 0)
        raise DataError(
            f"a sample lies outside {settings.adc_bits} bits",
            field="waveform_adc",
            value=(low, high),
            remedy=f"give the front end adc_bits = {needed}"
            if needed <= 16
            else "a front end takes 16 bits at most: store the samples in fewer",
        )
    return waveforms.reshape(-1).astype(np.int64) + middle
