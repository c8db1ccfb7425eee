"""The ranges that data reach in every layer, before its assignment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from pulsefront.fixed_point.emulator.stages import (
    CHUNK,
    Array,
    Values,
    assignment_stage,
    exact_stage,
)
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.layers import LayerStep

__all__ = ["Seen", "seen_ranges"]


@dataclass(frozen=True, eq=False)
class Seen:
    """Smallest and largest integer of each channel."""

    low: Integers
    high: Integers


def seen_ranges(steps: Iterable[LayerStep], arrays: Mapping[str, Array]) -> dict[str, Seen]:
    """Return what each layer's exact result reached, by name.

    *arrays* are the checked inputs by name (see `Specification.input_arrays`).
    """
    stages = []
    for step in steps:
        to = step.layer.assignment
        channels = step.exact.shape[-1]
        finish: Callable[[Array], Array] | None = None
        if to is not None:
            finish = assignment_stage(step.exact.format.fraction, channels, to)
        stages.append((step.layer.name, channels, exact_stage(step), finish))
    found: dict[str, Seen] = {}
    events = len(next(iter(arrays.values())))
    for start in range(0, events, CHUNK):
        values: Values = {name: array[start : start + CHUNK] for name, array in arrays.items()}
        for name, channels, stage, finish in stages:
            stage(values)
            rows = values[name].reshape(-1, channels)
            low, high = rows.min(axis=0).astype(np.int64), rows.max(axis=0).astype(np.int64)
            if name in found:
                low, high = np.minimum(low, found[name].low), np.maximum(high, found[name].high)
            found[name] = Seen(low, high)
            if finish is not None:
                values[name] = finish(values[name])
    return found
