"""Biases that were not quantized, on the grid of the products that they are added to.

Products lie on a grid of step s. What follows compares the sum with thresholds: those at which a
cast rounds up or saturates, zero for ReLU. Where all of them lie on that grid too, a bias between
two of its steps has the same effect wherever it lies between them: n·s + b ≥ t exactly if
n·s + floor(b) + s/2 ≥ t. The middle is never a tie, so that every rounding decides as before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulsefront.fixed_point import Rounding
from pulsefront.imports.graph import (
    Cast,
    Flattening,
    Limit,
    Matrix,
    Pool,
    RealNetwork,
    Reals,
    Windows,
)
from pulsefront.imports.grids import formats_of_values

__all__ = ["PlacedBias", "placed_bias"]

FINER = 4
"""Fraction bits beyond the products' that a bias keeps where no cast follows."""

_WHOLE_STEPS = (Rounding.TRN, Rounding.TRN_ZERO)
"""Roundings whose thresholds are the steps themselves; those of others lie between two."""


@dataclass(frozen=True, eq=False)
class PlacedBias:
    """A bias of which every element has few fraction bits.

    *fraction* is that of the grid that it was placed on, None where nothing was changed; *exact*
    whether no integer behind it changes; *largest* the largest change.
    """

    values: Reals
    fraction: int | None = None
    exact: bool = True
    largest: float = 0.0


def placed_bias(graph: RealNetwork, node: Matrix, products: int) -> PlacedBias:
    """Return the bias of *node*, whose products have so many fraction bits."""
    assert node.bias is not None
    bias = np.asarray(node.bias, np.float64)
    behind = _thresholds(graph, node.name)
    if behind is None and formats_of_values(bias[None], f"{node.origin}: bias") is not None:
        return PlacedBias(bias)
    fraction = products + FINER if behind is None else max(products, behind)
    scaled = np.ldexp(bias, fraction)
    between = scaled != np.rint(scaled)
    if not np.any(between):
        return PlacedBias(bias)
    placed = np.rint(scaled) if behind is None else np.floor(scaled) + 0.5
    values = np.ldexp(np.where(between, placed, scaled), -fraction)
    largest = float(np.abs(values - bias).max())
    return PlacedBias(values, fraction + (behind is not None), behind is not None, largest)


def _thresholds(graph: RealNetwork, name: str) -> int | None:
    """Return the fraction bits at which all thresholds behind *name* are whole; None if not so."""
    if name in graph.outputs:
        return None
    found: list[int | None] = []
    for reader in graph.readers(name):
        match reader:
            case Cast():
                finest = max(one.fraction for one in reader.to.formats)
                found.append(finest + (reader.to.rounding not in _WHOLE_STEPS))
            case Limit() | Flattening() | Windows() | Pool(what="max"):
                found.append(_thresholds(graph, reader.name))
            case _:
                found.append(None)
    known = [one for one in found if one is not None]
    return max(known) if known and len(known) == len(found) else None
