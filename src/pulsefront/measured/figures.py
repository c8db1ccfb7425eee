"""Figures of measured pulses: typical, mean and worst, and the time between two channels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pulsefront.estimators.pulses.settings import PICKOFFS
from pulsefront.events.container import EventTable, Status
from pulsefront.measured.time_spread import time_spread

__all__ = ["difference_figure", "pulse_figure"]

COLOURS = dict(zip(PICKOFFS, ("C0", "C3", "C4", "C1"), strict=True))
LABELS = {name: name.replace("_", " ") for name in PICKOFFS}


def pulse_figure(raw: EventTable, measured: EventTable, interval_ns: float | None) -> Figure:
    """Return a figure with a row per channel: overlaid, typical and worst pulses.

    Parameters
    ----------
    raw
        Events with ``waveform_adc`` (event, sample) or (event, channel, sample).
    measured
        The same events as `pulsefront.estimators.pulses.chain.process_table` gives them.
    interval_ns
        Sampling interval; None draws over samples.
    """
    waveforms = raw["waveform_adc"]
    if waveforms.ndim == 2:
        waveforms = waveforms[:, None]
    channels = waveforms.shape[1]
    figure = Figure(figsize=(13, 0.6 + 3.2 * channels), layout="constrained")
    axes = figure.subplots(channels, 3, squeeze=False)
    scale = interval_ns or 1.0
    unit = "ns" if interval_ns else "samples"
    time = np.arange(waveforms.shape[2], dtype=np.float64) * scale
    for c in range(channels):
        columns = {
            name: _of_channel(measured[name], c) for name in _SHOWN if name in measured.columns
        }
        status = measured.status
        if "channel_status" in measured.columns:
            status = measured["channel_status"][:, c]
        pulses = waveforms[:, c]
        _overlay(axes[c, 0], time, pulses, status)
        typical, worst = _typical_and_worst(columns["amplitude_adc"], status)
        _single(axes[c, 1], time, pulses, columns, typical, scale, "typical")
        flags = Status(int(status[worst])).name or "no flag"
        title = f"worst: {flags.replace('|', ', ').replace('_', ' ').lower()}"
        _single(axes[c, 2], time, pulses, columns, worst, scale, title)
        for axis in axes[c]:
            axis.set_xlabel(f"time ({unit})" if interval_ns else "sample")
        axes[c, 0].set_ylabel(f"channel {c} (ADC counts)")
    return figure


def difference_figure(differences: Mapping[str, NDArray[np.float64]], unit: str) -> Figure:
    """Return a histogram, per pickoff, of the time of channel 0 minus that of channel 1."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axis = figure.subplots()
    values = np.concatenate([*differences.values(), np.zeros(0)])
    if len(values):
        middle = float(np.median(values))
        reach = max(float(np.percentile(np.abs(values - middle), 95)) * 1.2, 1e-9)
        bins = int(np.clip(2 * np.sqrt(max(map(len, differences.values()))), 10, 200))
        edges = np.linspace(middle - reach, middle + reach, bins + 1)
        for name, times in differences.items():
            spread = time_spread(times)
            if spread is None:
                continue
            outside = int(np.count_nonzero(np.abs(times - middle) > reach))
            counts, _ = np.histogram(times, edges)
            axis.stairs(
                counts,
                edges,
                linewidth=1.6,
                color=COLOURS[name],
                label=f"{LABELS[name]}: {spread.events} events, median {spread.median:.3g} {unit},"
                f"\n68 % within ±{spread.half_width:.3g} {unit}, {outside} outside the axis",
            )
        axis.legend(frameon=False, fontsize=8)
        axis.set_ylim(top=axis.get_ylim()[1] * 1.35)
    else:
        axis.text(0.5, 0.5, "no event has both times", ha="center", transform=axis.transAxes)
    axis.set_xlabel(f"time of channel 0 − time of channel 1 ({unit})")
    axis.set_ylabel("events without flags")
    return figure


_SHOWN = ("amplitude_adc", "baseline_adc", *(f"{name}_samples" for name in PICKOFFS))


def _of_channel(values: NDArray[np.float64], channel: int) -> NDArray[np.float64]:
    return values if values.ndim == 1 else values[:, channel]


def _overlay(
    axis: Axes, time: NDArray[np.float64], pulses: NDArray[np.float64], status: NDArray[np.uint16]
) -> None:
    good = np.flatnonzero(status == 0)
    told = "without flags" if len(good) else "(all have flags)"
    chosen = good if len(good) else np.arange(len(pulses))
    for event in chosen[:30]:
        axis.plot(time, pulses[event], color="0.6", linewidth=0.4, alpha=0.6, rasterized=True)
    axis.plot(time, pulses[chosen].mean(axis=0), color="C0", linewidth=1.2, label="mean")
    axis.legend(frameon=False)
    axis.set_title(f"{min(len(chosen), 30)} pulses {told} and mean of {len(chosen)}", fontsize=9)


def _typical_and_worst(
    amplitude: NDArray[np.float64], status: NDArray[np.uint16]
) -> tuple[int, int]:
    """Return the event of median amplitude, unflagged if any is, and the one with most flags."""
    finite = np.isfinite(amplitude)
    good = np.flatnonzero((status == 0) & finite)
    good = good if len(good) else np.flatnonzero(finite)
    typical = 0
    if len(good):
        typical = int(good[np.argsort(amplitude[good])[len(good) // 2]])
    flags = np.array([int(value).bit_count() for value in status])
    if flags.max() > 0:
        # Of several with as many, the one that is not shown already.
        flags = 2 * flags + (np.arange(len(flags)) != typical)
        return typical, int(np.argmax(flags))
    # Nothing is flagged: the worst is the one farthest from the others in amplitude.
    return typical, int(np.nanargmax(np.abs(amplitude - np.nanmedian(amplitude))))


def _single(
    axis: Axes,
    time: NDArray[np.float64],
    pulses: NDArray[np.float64],
    columns: Mapping[str, NDArray[np.float64]],
    event: int,
    scale: float,
    title: str,
) -> None:
    axis.plot(time, pulses[event], color="0.35", linewidth=0.6, rasterized=True)
    axis.axhline(columns["baseline_adc"][event], color="C2", linewidth=1, label="baseline")
    for name, colour in COLOURS.items():
        times = columns.get(f"{name}_samples")
        crossing = np.nan if times is None else times[event]
        if np.isfinite(crossing):
            axis.axvline(crossing * scale, color=colour, linewidth=1, label=LABELS[name])
    axis.legend(fontsize=7, framealpha=0.7)
    axis.set_title(f"event {event}, {title}", fontsize=9)
