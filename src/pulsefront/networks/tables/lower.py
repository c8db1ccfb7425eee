"""From trained tables to the one specification, `fixed_point.FixedPointModel`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
    format_holding,
)
from pulsefront.fixed_point.layers import (
    Dense,
    Flatten,
    Input,
    InputTables,
    Layer,
    Quantize,
    WindowSum,
)
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.tables.codes import InputCodes
from pulsefront.networks.tables.network import MORE_BITS, SumOfTables, TableNetwork

__all__ = ["lower_tables", "output_step"]


def output_step(scale: NDArray[np.float64], output_bits: int) -> float:
    """Return the step of the last tables: a power of two, 2^−*output_bits* of the least spread."""
    return float(2.0 ** np.floor(np.log2(scale.min() * 2.0**-output_bits)))


def lower_tables(
    network: TableNetwork,
    codes: InputCodes,
    output_mean: NDArray[np.float64],
    step: float,
    input_format: FixedPointFormat,
    output_format: FixedPointFormat,
    *,
    name: str,
) -> FixedPointModel:
    """Return the integer model of trained tables, of the raw counts (event, input).

    Parameters
    ----------
    network
        Outputs in steps.
    output_mean
        What is added to outputs, (output,), in their unit.
    step
        Of the last tables, a power of two, see `output_step`.

    Raises
    ------
    PrecisionError
        An entry is not finite.
    """
    network = network.double()
    layers: list[Layer] = []
    source = "counts"
    if np.any(codes.offsets):
        layers.append(_less(codes.offsets, input_format))
        source = layers[-1].name
    layers.append(Quantize("codes", (source,), codes.assignment))
    layers += _summed(
        "node", "codes", network.nodes.chosen.numpy(), codes.first_bits, codes.bits,
        _whole(network.nodes, network.given.numpy()), MORE_BITS,
        FixedPointFormat(network.node_bits, network.node_bits),
    )  # fmt: skip
    entries = _entries_of_outputs(network)
    entries[0] += np.rint(output_mean / step)[:, None]
    chosen = network.outputs.chosen.numpy()
    layers += _summed(
        "output", layers[-1].name, chosen, np.zeros(len(chosen), np.int64), network.node_bits,
        entries, -round(np.log2(step)), output_format,
    )  # fmt: skip
    layers.append(Flatten("output", (layers[-1].name,)))
    inputs = (Input("counts", (len(codes.formats),), input_format),)
    return FixedPointModel(name, inputs, tuple(layers), ("output",))


def _less(offsets: Integers, form: FixedPointFormat) -> Dense:
    """Return the subtraction of offsets."""
    least, most = int(-offsets.max()), int(-offsets.min())
    wide = format_holding(least, max(most, 0), form.fraction)
    identity, one = np.eye(len(offsets), dtype=np.int64), FixedPointFormat(1, 1, signed=False)
    return Dense("less", ("counts",), identity, one, -offsets, wide)


def _entries_of_outputs(network: TableNetwork) -> NDArray[np.float64]:
    """Return whole entries of the last tables, (term, output, 2^bits)."""
    half = 1 << (network.node_bits - 1)
    slices = np.arange(2 * half)
    values = np.where(slices < half, slices, slices - 2 * half).astype(np.float64)
    with torch.no_grad():
        given = network.of_nodes(torch.from_numpy(values)).numpy()
    shape = network.outputs.chosen.shape
    return _whole(network.outputs, np.broadcast_to(given[:, None, None, None], (2 * half, *shape)))


def _whole(tables: SumOfTables, given: NDArray[np.float64]) -> NDArray[np.float64]:
    with torch.no_grad():
        found = tables.entries(torch.from_numpy(np.array(given))).numpy()
    if not np.isfinite(found).all():
        raise PrecisionError(
            "entries of tables are not finite",
            field="tables.training.learning_rate",
            remedy="lower the learning rate: the training diverged",
        )
    return np.moveaxis(np.floor(found + 0.5), 0, -1).copy()


def _summed(
    name: str,
    source: str,
    chosen: Integers,
    first_bits: Integers,
    bits: int,
    entries: NDArray[np.float64],
    fraction: int,
    to: FixedPointFormat,
) -> list[Layer]:
    """Return tables (term, node, 2^(fan_in · bits)) of so many fraction bits, and their sums."""
    whole = _balanced(entries.astype(np.int64))
    form = format_holding(int(whole.min()), int(whole.max()), fraction)
    terms = len(whole)
    tables, sums = f"{name}_tables", f"{name}_sums"
    return [
        InputTables(tables, (source,), chosen, first_bits, bits, whole, form),
        WindowSum(sums, (tables,), terms, terms, Assignment(to, Rounding.TRN, Overflow.SAT)),
    ]


def _balanced(entries: Integers) -> Integers:
    """Return tables (term, node, entry) of the same sums, nearly all of them about zero.

    A table about zero has the fewest bits; the last one takes what the others lose.
    """
    middle = (entries.max(-1) + entries.min(-1)) >> 1
    middle[-1] = -middle[:-1].sum(0)
    result: Integers = entries - middle[..., None]
    return result
