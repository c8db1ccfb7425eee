"""How far a component stands from its neighbours in the unit, and from the fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.qc.features.schema import FeatureSchema

__all__ = [
    "fill_charted_neighbours",
    "fill_names",
    "fill_neighbours",
    "fill_peers",
    "fleet_levels",
    "median_of",
]

Floats = npt.NDArray[np.float32]

_LEAST_PEERS = 5


def fill_neighbours(
    values: Floats,
    levels: npt.NDArray[np.float32],
    signed: dict[str, list[tuple[int, npt.NDArray[np.float64]]]],
    schema: FeatureSchema,
) -> None:
    """Fill how far each component stands from the median of its unit, and that median."""
    for k, test in enumerate(schema.tests):
        if test not in signed:
            continue
        stack = np.stack([level for _, level in signed[test]])
        median = median_of(stack)
        levels[k] = median
        if len(stack) > 2:
            for c, level in signed[test]:
                values[c, :, schema.column(f"{test}:neighbour")] = np.abs(level - median)


def fill_charted_neighbours(
    values: Floats,
    charted: Mapping[str, Sequence[tuple[int, npt.NDArray[np.float64]]]],
    schema: FeatureSchema,
) -> None:
    """Fill how far the EWMA of each component, in sigma, stands from the median of its unit.

    What moves all parts of a unit alike, such as the room's temperature, drops out.
    """
    for test in schema.tests:
        series = charted.get(test, ())
        if len(series) > 2:
            median = median_of(np.stack([ewma for _, ewma in series]))
            for c, ewma in series:
                values[c, :, schema.column(f"{test}:neighbour_ewma")] = np.abs(ewma - median)


def fill_names(
    values: Floats, model: str, components: Sequence[str], schema: FeatureSchema
) -> None:
    """Fill of what model a unit is, and which component without readings a row is about."""
    for name in schema.models:
        values[:, :, schema.column(f"{name}:is_model")] = float(name == model)
    for name in dict.fromkeys(kind.component for kind in schema.kinds):
        for c, component in enumerate(components):
            values[c, :, schema.column(f"{name}:is_component")] = float(name == component)


def median_of(stack: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return the median over the first axis, NaNs left out; NaN where all are."""
    ordered = np.sort(stack, axis=0)  # NaNs go last
    count = (~np.isnan(stack)).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    column = np.arange(stack.shape[1])
    median = 0.5 * (ordered[low, column] + ordered[np.minimum(high, len(stack) - 1), column])
    return np.asarray(np.where(count > 0, median, np.nan))


def fleet_levels(levels: Sequence[Floats], models: Sequence[str]) -> dict[str, Floats]:
    """Return by model the (test, as_of) median level over the units of that model.

    *levels* has the (test, as_of) of each unit. NaN where fewer than five units have one.
    """
    found = {}
    for model in dict.fromkeys(models):
        mine = [level for level, name in zip(levels, models, strict=True) if name == model]
        # Test by test: the sorted copy of a large fleet would not fit.
        median = np.full(mine[0].shape, np.nan, dtype=np.float32)
        for k in range(len(median)):
            stack = np.stack([level[k] for level in mine])
            few = (~np.isnan(stack)).sum(axis=0) < _LEAST_PEERS
            median[k] = np.where(few, np.nan, median_of(stack))
        found[model] = median
    return found


def fill_peers(
    values: Floats, levels: Floats, fleet: Mapping[str, Floats], model: str, schema: FeatureSchema
) -> None:
    """Fill how far a unit stands from the fleet, in place.

    *values* are its (component, as_of, feature), *levels* its own (test, as_of); the fleet's need
    the same instants.
    """
    for k, test in enumerate(schema.tests):
        residual = np.abs(levels[k] - fleet[model][k])
        own = values[:, :, schema.column(f"{test}:peer")]
        has = ~np.isnan(values[:, :, schema.column(f"{test}:level")])
        own[:] = np.where(has, residual, np.nan)
        if test in schema.unit_tests:
            values[:, :, schema.column(f"unit {test}:peer")] = residual
