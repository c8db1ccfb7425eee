"""What is usual of a channel, learned from its first pulses; what is far from it gets a flag.

Whether a baseline holds the tail of an earlier pulse, whether a second pulse lies on the first or
samples are clipped cannot be told from one waveform alone: a channel with dark counts is noisier
than one without, and light in few photons is bumpy. So what is usual is taken from the middle of
many events, which the events to be flagged hardly move.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsefront.config import FrozenModel

__all__ = [
    "BLOCK",
    "LEAST_EVENTS",
    "LEAST_SHARE",
    "ChannelLimits",
    "Gate",
    "block_levels",
    "code_step",
    "is_bipolar",
    "learn_limits",
    "value_or",
]

Floats = NDArray[np.float64]

LEAST_EVENTS = 16
"""Fewer events do not say what is usual."""

LEAST_SHARE = 0.05
"""No second pulse of a smaller share of the amplitude is looked for."""

MOST_SHARE = 0.5
NOISE_FACTOR_UP, NOISE_FACTOR_DOWN = 2.5, 4.0
NOISE_SPREADS, TREND_SPREADS, SHIFT_SPREADS, RISE_SPREADS = 6.0, 6.0, 8.0, 10.0
CLEAR_NOISE = 20.0
SEEN_NOISE = 10.0
LEAST_OF_AMPLITUDE = 2e-3
"""A baseline that is off by a smaller share of the median amplitude matters to no one."""

IN_GATE_OF_AMPLITUDE = 0.01
LIKE_HEIGHTS = 8.0
"""Ratio below which the halves of a channel's pulses, by height, are of one kind. Those of a
falling exponential differ by 4.8, and dark counts from light by more."""

SIGMA_OF_MEDIAN = 1.4826
ROBUST_EFFICIENCY = 0.37
"""A median absolute deviation is as good as a standard deviation of so many of its samples."""

ERROR_OF_MEDIAN = 1.2533
"""A median's, over that of a mean."""

CHANCE_SIGMAS = 5.0
"""Noise seen by chance: less than once in a million gates."""

WIDEST_IN_ONE_CODE = 0.74
"""In codes: noise of which more than half lies in one code, where the robust one is 0."""

BIPOLAR_SHARE = 0.3
"""Of the first lobe's height: pulses that swing so far to the other side are bipolar."""

BLOCK = 64
"""Events about an event, with which its baseline is compared."""

USUAL_LEVEL = 0.4
"""Share of the events about an event whose baseline lies below the usual level."""

LEAST_CHOSEN = 8
"""So many events of a block, with a flat gate, say where its baselines lie."""

CODES_LOOKED_AT = 5000


class Gate(NamedTuple):
    """Samples of the baseline, and whether their medians are taken, which lie on codes."""

    samples: int
    robust: bool = False


class ChannelLimits(FrozenModel):
    """What is usual of one channel, found from its first pulses; absent where they do not say."""

    code_step_adc: float = 0.0
    """distance of neighbouring codes of the converter; 0 where samples are not digital"""
    saturation_low_adc: float | None = None
    """samples pile up here: a raw sample at or below is SATURATED"""
    saturation_high_adc: float | None = None
    """samples pile up here: a raw sample at or above is SATURATED"""
    noise_adc: float = 0.0
    """usual noise of the baseline"""
    noise_low_adc: float | None = None
    """a baseline noise below is BAD_BASELINE"""
    noise_high_adc: float | None = None
    """a baseline noise above is BAD_BASELINE"""
    trend_adc: float | None = None
    """second half of the baseline gate minus the first: farther from zero is BAD_BASELINE"""
    shift_adc: float | None = None
    """a baseline farther from that of the events about it is BAD_BASELINE"""
    second_rise_share: float = 0.0
    """a second rise of a larger share of the amplitude is PILE_UP; 0 switches the check off"""
    second_rise_root_adc: float = 0.0
    """and it must be larger than this times the root of the amplitude: light comes in photons"""
    bipolar: bool = False
    """pulses swing to the other side"""


def learn_limits(
    records: NDArray[np.void], pulses: NDArray[np.bool_], sign: float, step: float, gate: Gate
) -> ChannelLimits:
    """Return what is usual of a channel, without its saturation.

    Parameters
    ----------
    records
        (event,) of `pulsefront.estimators.pulses.one_pass.MEASURED`.
    pulses
        (event,) those that hold a pulse.
    sign
        −1 where pulses go down.
    step
        Distance of neighbouring codes; 0 where samples are not digital.
    gate
        Of the baseline.
    """
    usable = np.isfinite(records["amplitude_adc"])
    records, pulses = records[usable], pulses[usable]
    if len(records) < LEAST_EVENTS:
        return ChannelLimits(code_step_adc=step, second_rise_share=MOST_SHARE)
    those = records[pulses]
    height = _median(those["amplitude_adc"]) if len(those) else 0.0
    # Medians lie on codes: they may be one apart by rounding alone.
    least = max((1.0 if gate.robust else 0.5) * step, LEAST_OF_AMPLITUDE * height)
    noise = np.sqrt(records["noise_adc"] ** 2 + step * step / 12.0)
    usual = max(_median(noise), WIDEST_IN_ONE_CODE * step if gate.robust else 0.0)
    error = usual / np.sqrt(gate.samples) * (ERROR_OF_MEDIAN if gate.robust else 1.0)
    low, high = _noise_limits(noise, step, gate)
    share, root = _second_rises(those)
    trend = _trend_limit(
        sign * records["trend_adc"], height, max(least, TREND_SPREADS * 2.0 * error)
    )
    level = np.abs(records["trend_adc"]) <= trend
    levels = records["gate_level_adc"][level if level.sum() >= LEAST_EVENTS else slice(None)]
    shift = SHIFT_SPREADS * max(_one_sided(_shifts(sign * levels)), error)
    return ChannelLimits(
        code_step_adc=step,
        noise_adc=usual,
        noise_low_adc=low,
        noise_high_adc=high,
        trend_adc=trend,
        shift_adc=max(shift, least),
        second_rise_share=share,
        second_rise_root_adc=root,
        bipolar=is_bipolar(those, sign),
    )


def code_step(waveforms: NDArray[Any]) -> float:
    """Return the distance of neighbouring codes of an (event, sample) block; 0 if there are none.

    Samples of a cheaper converter lie in wider words: of 8 bits in 16, every 256th code is there.
    """
    values = np.unique(waveforms[: 1 + CODES_LOOKED_AT // max(waveforms.shape[1], 1)])
    values = values[np.isfinite(values)].astype(np.float64)
    if len(values) < 2:
        return 1.0 if waveforms.dtype.kind in "iu" else 0.0
    steps = np.diff(values)
    smallest = float(steps.min())
    # Steps of a converter in volts are alike but for rounding; others are alike by no measure.
    whole = np.abs(steps / smallest - np.rint(steps / smallest)) < 0.05
    digital = waveforms.dtype.kind in "iu" or bool(whole.mean() > 0.95)
    return smallest if digital else 0.0


def _noise_limits(known: Floats, step: float, gate: Gate) -> tuple[float | None, float | None]:
    """Return below and above what a noise is far from the usual one; by factors, as noises are.

    How far the noise of few samples goes by chance is χ² in the cube-root approximation of Wilson
    and Hilferty (1931).
    """
    quarter, usual = _at(known, 0.25, 0.5)
    if not quarter > 0:
        return None, None
    # The lower half is that of gates without pulses in them.
    spread = float(np.log(usual / quarter)) / 0.6745
    degrees = max((ROBUST_EFFICIENCY if gate.robust else 1.0) * (gate.samples - 1), 0.5)
    of_root = 2.0 / (9.0 * degrees)
    chance = 1.0 - of_root + CHANCE_SIGMAS * np.sqrt(of_root) * np.array([-1.0, 1.0])
    down, up = np.maximum(chance, 0.0) ** 1.5
    high = usual * max(
        float(up), float(np.exp(max(np.log(NOISE_FACTOR_UP), NOISE_SPREADS * spread)))
    )
    low = usual * min(
        float(down), float(np.exp(-max(np.log(NOISE_FACTOR_DOWN), NOISE_SPREADS * spread)))
    )
    if gate.robust:
        high, low = high + SIGMA_OF_MEDIAN * step, low - SIGMA_OF_MEDIAN * step
    floor = step * step / 12.0
    lowest = float(np.sqrt(low**2 - floor)) if low > np.sqrt(floor) and low > 0 else None
    return lowest, float(np.sqrt(max(high**2 - floor, 0.0)))


def _trend_limit(trends: Floats, height: float, least: float) -> float:
    """Return how far apart the halves of a gate may lie; *trends* are upward where pulses are."""
    # Where half of the gates hold tails, the middle lies between two kinds: the flat one counts.
    middle = min(_at(trends, 0.4, 0.6), key=abs)
    about = SIGMA_OF_MEDIAN * _median(np.abs(trends - middle))
    if abs(middle) <= 3.0 * about:
        return max(TREND_SPREADS * _one_sided(trends), least)
    # All trend one way. A small trend is how the board digitizes; a large one is the pulses.
    usual = abs(middle) + TREND_SPREADS * about
    return max(min(usual, IN_GATE_OF_AMPLITUDE * height), least) if height else usual


def _one_sided(values: Floats) -> float:
    """Return the spread about zero on the side where it is smaller.

    Tails of earlier pulses and pulses that begin early each lie on one side only, and noise on
    both.
    """
    spreads = [
        SIGMA_OF_MEDIAN * _median(side)
        for side in (values[values >= 0], -values[values <= 0])
        if len(side) >= max(LEAST_EVENTS // 2, len(values) // 10)
    ]
    return min(spreads, default=0.0)


def _shifts(levels: Floats) -> Floats:
    """Return levels, upward where pulses are, less those of the events about them."""
    blocks = len(levels) // BLOCK
    if not blocks:
        return levels - _at(levels, USUAL_LEVEL)[0]
    return levels[: blocks * BLOCK] - np.repeat(block_levels(levels, blocks, BLOCK), BLOCK)


def block_levels(
    levels: Floats, blocks: int, size: int, chosen: NDArray[np.bool_] | None = None
) -> Floats:
    """Return the usual level of each of the first *blocks* blocks of *size* values.

    *levels* are upward where pulses are: a little below the middle lies none of a tail, where half
    of the events have one. Only *chosen* values count, where a block holds `LEAST_CHOSEN` of them.
    """
    whole = levels[: blocks * size].reshape(blocks, size)
    if chosen is None or chosen.all():
        place = int(USUAL_LEVEL * (size - 1))
        return np.asarray(np.partition(whole, place, axis=1)[:, place])
    those = chosen[: blocks * size].reshape(blocks, size)
    those |= (np.count_nonzero(those, axis=1) < LEAST_CHOSEN)[:, None]
    ordered = np.sort(np.where(those, whole, np.inf), axis=1)
    places = (USUAL_LEVEL * (np.count_nonzero(those, axis=1) - 1)).astype(np.int64)
    return np.asarray(ordered[np.arange(blocks), places])


def _second_rises(records: NDArray[np.void]) -> tuple[float, float]:
    """Return share and root of the amplitude above which a second rise is another pulse.

    Reflections and ringing rise with the amplitude, light of few photons with its root. So the
    share is that of the larger half, which rises less for its height than the smaller one. If it
    rises far more, the second pulses made it the larger one, and the other half says what is usual.
    """
    if len(records) < LEAST_EVENTS:
        return MOST_SHARE, 0.0
    height, rise = records["amplitude_adc"], records["second_rise_adc"]
    large = height >= _median(height)
    share = _far_above(rise[large] / height[large])
    if large.all():
        return float(np.clip(share, LEAST_SHARE, MOST_SHARE)), 0.0
    root = _far_above(rise[~large] / np.sqrt(height[~large]))
    of_others = max(_far_above(rise[~large] / height[~large]), LEAST_SHARE)
    like = _median(height[large]) < LIKE_HEIGHTS * _median(height[~large])
    usual = _at(rise[large] / height[large], 0.25)[0]
    # Smaller pulses that rose as much for their height would show it above their noise.
    shown = usual * _at(height[~large], 0.25)[0] > SEEN_NOISE * _median(records["noise_adc"])
    if like and shown and usual > of_others:
        share = of_others
    return float(np.clip(share, LEAST_SHARE, MOST_SHARE)), root


def _far_above(values: Floats) -> float:
    """Return what is far above usual where up to half of the values are not usual."""
    low, quarter, half = _at(values, 0.05, 0.25, 0.5)
    return quarter + RISE_SPREADS * min(quarter - low, half - quarter)


def is_bipolar(records: NDArray[np.void], sign: float) -> bool:
    """Return whether the clear pulses of a channel swing to the other side too, by a third or so.

    Parameters
    ----------
    records
        (event,) of `pulsefront.estimators.pulses.one_pass.MEASURED`.
    sign
        1, or −1 for pulses that go down.
    """
    if len(records) < LEAST_EVENTS:
        return False
    farthest = records["lowest_adc"] if sign > 0 else records["highest_adc"]
    other_side = sign * (records["baseline_adc"] - farthest)
    clear = records["amplitude_adc"] > CLEAR_NOISE * records["noise_adc"]
    if clear.sum() < LEAST_EVENTS:
        return False
    return _median(other_side[clear] / records["amplitude_adc"][clear]) > BIPOLAR_SHARE


def value_or(value: float | None, other: float) -> float:
    """Return a limit, or *other* where there is none: a bound that no value breaks."""
    return other if value is None else value


def _median(values: Floats) -> float:
    return _at(values, 0.5)[0]


def _at(values: Floats, *shares: float) -> list[float]:
    """Return quantiles, each the value at its place: ten times as fast as between two places."""
    ordered = np.sort(values)
    return [float(ordered[int(share * (len(ordered) - 1))]) for share in shares]
