"""Parts of events that can be told apart by what is known of them, for subgroup analysis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.container import EventTable

__all__ = ["known_parts"]

Mask = NDArray[np.bool_]

MOST_NAMES = 12
"""Of a label (run, detector): more would be a list, not a subgroup analysis."""


def known_parts(events: EventTable) -> dict[str, Mask]:
    """Return name → mask (event,) of every part that the columns tell, measured or simulated.

    Parts of one column do not overlap; those of two do. Thirds and tenths are of these events.
    """
    columns, found = events.columns, dict[str, Mask]()
    if "stage_position_mm" in columns:
        found |= _from_centre(np.asarray(columns["stage_position_mm"], np.float64))
    if "charge_adc" in columns:
        found |= _thirds(columns["charge_adc"].sum(axis=1, dtype=np.float64), "charge sum")
    if "waveform_adc" in columns and columns["waveform_adc"].ndim == 3:
        height = np.ptp(columns["waveform_adc"].astype(np.float64), axis=2).min(axis=1)
        found |= _thirds(height, "smaller pulse")
    if "counts_per_s" in columns:
        found |= _thirds(np.asarray(columns["counts_per_s"], np.float64), "count rate")
    if "source_offset_mm" in columns:
        offset = np.asarray(columns["source_offset_mm"], np.float64)
        if (offset < 0).any() and (offset > 0).any():
            found |= {
                "source nearer detector 0": offset < 0,
                "source nearer detector 1": offset > 0,
            }
    if "depth_mm" in columns:
        depth = np.asarray(columns["depth_mm"], np.float64).reshape(len(events), -1)
        words = "depth" if depth.shape[1] == 1 else "mean depth"
        found |= _thirds(depth.mean(axis=1), words)
    for name, words in (("compton_scatters", "Compton scatters"), ("elements_hit", "crystals hit")):
        if name in columns and columns[name].ndim == 1:
            found |= _counts(np.asarray(columns[name], np.int64), words)
    for name in ("run", "detector", "source"):
        if name in columns and columns[name].ndim == 1:
            values, of_event = np.unique(columns[name], return_inverse=True)
            if 1 < len(values) <= MOST_NAMES:
                found |= {f"{name} {_word(v)}": of_event == k for k, v in enumerate(values)}
    return {name: mask for name, mask in found.items() if mask.any() and not mask.all()}


def _word(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _from_centre(position_mm: NDArray[np.float64]) -> dict[str, Mask]:
    """Return the middle of the scanned square, what lies around it, and its rim."""
    reach = np.abs(position_mm - (position_mm.max(axis=0) + position_mm.min(axis=0)) / 2).max(
        axis=1
    )
    most = float(reach.max())
    if most <= 0:
        return {}
    rim = reach >= 0.9 * most
    middle = reach <= 0.5 * most
    return {
        f"within {0.5 * most:.3g} mm of the middle": middle,
        "between middle and rim": ~middle & ~rim,
        f"rim: from {0.9 * most:.3g} mm": rim,
    }


def _thirds(values: NDArray[np.float64], words: str) -> dict[str, Mask]:
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    return {
        f"{words} in the lowest third": values <= low,
        f"{words} in the middle third": (values > low) & (values <= high),
        f"{words} in the highest third": values > high,
    }


def _counts(values: NDArray[np.int64], words: str) -> dict[str, Mask]:
    least = int(values.min())
    return {
        f"{words}: {least}": values == least,
        f"{words}: {least + 1}": values == least + 1,
        f"{words}: more": values > least + 1,
    }
