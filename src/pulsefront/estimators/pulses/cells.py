"""Ring samplers such as the DRS4: offsets of the cells, and time axes that are not even."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError

__all__ = ["cell_offsets", "crossing_times_ns", "subtract_cells", "to_even_grid"]

Floats = NDArray[np.float64]
FITTED_SAMPLES = 9
MOST_ROUNDS = 20


def cell_offsets(
    waveforms: NDArray[Any],
    trigger_cell: NDArray[Any],
    start: int = 0,
    stop: int | None = None,
    *,
    cells: int | None = None,
    against: Literal["level", "neighbours"] = "level",
) -> Floats:
    """Return the offset of each physical cell from waveforms that are baseline there.

    What a cell is compared with is the level of its waveform, or, ``"neighbours"``, the cubic
    through the nine samples about it: then pickup that is smooth over those, which in phase with
    the trigger looks like offsets, leaves none behind, and neither do pulses; offsets that change
    slowly along the ring stay unknown.

    Parameters
    ----------
    waveforms
        (event, sample).
    trigger_cell
        (event,) cell of the first sample.
    start, stop
        Samples before any pulse.
    cells
        Length of the ring; by default as many as there are samples.

    Returns
    -------
    offsets
        (cell,) median over events, minus the median over cells.

    Raises
    ------
    DataError
        A cell is never read within the gate.
    ConfigError
        *against* is something else.
    """
    if against not in ("level", "neighbours"):
        raise ConfigError("must be level or neighbours", field="against", value=against)
    from scipy.signal import savgol_filter

    waveforms = np.asarray(waveforms, np.float64)
    cells = cells or waveforms.shape[1]
    stop = waveforms.shape[1] if stop is None else stop
    index = (np.asarray(trigger_cell, np.int64)[:, None] + np.arange(start, stop)) % cells
    counts = np.bincount(index.ravel(), minlength=cells)
    if (counts == 0).any():
        raise DataError(
            f"{int((counts == 0).sum())} cells are never read within the gate",
            field="start, stop",
            value=(start, stop),
            remedy="give more events or a longer gate",
        )
    gate = waveforms[:, start:stop]
    order = np.argsort(index, axis=None, kind="stable")
    ends = np.cumsum(counts)[:-1]
    offsets = np.zeros(cells)
    # An event reads only part of the ring, so its level depends on the offsets, and they on it.
    for _ in range(MOST_ROUNDS):
        excess = (gate - _level(gate - offsets[index], against)).ravel()[order]
        found = np.array([np.median(part) for part in np.split(excess, ends)])
        found -= np.median(found)
        if against == "neighbours":
            # Nothing holds what is smooth along the ring: it would drift from turn to turn.
            found -= savgol_filter(found, FITTED_SAMPLES, 3, mode="wrap")
        change = float(np.abs(found - offsets).max())
        offsets = found
        if change < 1e-6 * (1e-12 + float(np.abs(offsets).max())):
            break
    return offsets


def _level(gate: Floats, against: Literal["level", "neighbours"]) -> Floats:
    """Return what the samples of a gate are compared with."""
    from scipy.signal import savgol_filter

    if against == "neighbours":
        return np.asarray(savgol_filter(gate, FITTED_SAMPLES, 3, axis=1))
    return np.asarray(np.median(gate, axis=1, keepdims=True))


def subtract_cells(
    waveforms: NDArray[Any], trigger_cell: NDArray[Any], offsets: Floats
) -> NDArray[np.float32]:
    """Return (event, sample) waveforms without the offsets of their cells."""
    cells = len(offsets)
    if waveforms.shape[1] > cells:
        raise DataError("has more samples than there are cells", field="waveforms")
    index = np.asarray(trigger_cell, np.int64)[:, None] + np.arange(waveforms.shape[1])
    return np.asarray(waveforms - offsets[index % cells], np.float32)


def to_even_grid(
    waveforms: NDArray[Any], sample_time_ns: NDArray[Any], interval_ns: float, samples: int
) -> NDArray[np.float32]:
    """Return waveforms at times 0, interval, 2·interval, … by linear interpolation.

    A discriminator with a delay in samples needs an even time axis. Beyond the last sample the
    last value is repeated, as before the first.

    Parameters
    ----------
    waveforms, sample_time_ns
        (event, sample) values and their times, which rise.
    interval_ns, samples
        The new axis.

    Raises
    ------
    ConfigError
        *interval_ns* or *samples* is not positive.
    DataError
        The two arrays differ in shape.
    """
    if not interval_ns > 0 or samples < 1:
        raise ConfigError("must be positive", field="interval_ns, samples")
    if waveforms.shape != sample_time_ns.shape or waveforms.ndim != 2:
        raise DataError("waveforms and times must be (event, sample) alike", field="shape")
    return _to_even_grid(
        np.ascontiguousarray(waveforms), np.ascontiguousarray(sample_time_ns), interval_ns, samples
    )


def crossing_times_ns(crossing_samples: Floats, sample_time_ns: NDArray[Any]) -> Floats:
    """Return crossings given in samples as times on each event's own axis; NaN stays NaN.

    Parameters
    ----------
    crossing_samples
        (event,), from `pulsefront.estimators.pulses.quantities.leading_edge`: linear between two
        samples.
    sample_time_ns
        (event, sample).
    """
    last = sample_time_ns.shape[1] - 2
    known = np.isfinite(crossing_samples)
    crossing = np.where(known, crossing_samples, 0.0)
    index = np.clip(crossing.astype(np.int64), 0, last)
    rows = np.arange(len(sample_time_ns))
    early = sample_time_ns[rows, index].astype(np.float64)
    late = sample_time_ns[rows, index + 1].astype(np.float64)
    return np.where(known, early + (crossing - index) * (late - early), np.nan)


@njit(nogil=True, cache=True)
def _to_even_grid(
    waveforms: NDArray[Any], times: NDArray[Any], interval: float, samples: int
) -> NDArray[np.float32]:
    result = np.empty((len(waveforms), samples), np.float32)
    last = waveforms.shape[1] - 1
    for event in range(len(waveforms)):
        k = 0
        for i in range(samples):
            time = i * interval
            while k < last and times[event, k + 1] <= time:
                k += 1
            if k == last or time <= times[event, 0]:
                result[event, i] = waveforms[event, k]
                continue
            early = np.float64(times[event, k])
            share = (time - early) / (np.float64(times[event, k + 1]) - early)
            low = np.float64(waveforms[event, k])
            result[event, i] = low + share * (np.float64(waveforms[event, k + 1]) - low)
    return result
