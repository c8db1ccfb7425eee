"""What high-level synthesis makes of a layer's constants under hls4ml's latency strategy.

A constant is a shift where it has one signed digit, a subtraction where it has two, and a
multiplier where it has more; of each input, equal constants share one. Products are added up in a
balanced tree of adders as wide as the accumulator. A multiplier is a DSP block where its input has
`DSP_INPUT_BITS` bits or more and fits the block, else it is built of look-up tables. A reuse factor
limits the multipliers alone: shifts and adders stay.

Operations follow one another within a period less the margin of `UNCERTAINTY`; whatever does not
fit waits in registers for the next. The constants in `FITTED` are those at which these counts came
nearest to published synthesis reports, see ``docs/estimates.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import Literal

import numpy as np
import numpy.typing as npt

from pulsefront.fixed_point.circuits import (
    DSP_INPUT_BITS,
    bit_lengths,
    blocks_of_product,
    signed_digits,
)
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.layers.base import LayerStep
from pulsefront.fixed_point.layers.chosen import ChosenDense
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.tensors import Tensor

__all__ = [
    "FITTED",
    "SPREAD",
    "Family",
    "Flags",
    "HlsConstants",
    "HlsTarget",
    "MatrixWork",
    "Multipliers",
    "Priced",
    "elements_read",
    "matrix_work",
    "price_matrix",
    "price_other",
]

Flags = npt.NDArray[np.bool_]

Family = Literal["7series", "ultrascale+"]
Multipliers = Literal["auto", "dsp", "fabric"]
"""Where multipliers go: as the tool decides, or all to DSP blocks or to look-up tables."""

DSP_BITS: dict[Family, tuple[int, int]] = {"7series": (25, 18), "ultrascale+": (27, 18)}
"""Signed operands of one DSP block (AMD UG479, UG579)."""

UNCERTAINTY = 0.125
"""Share of the period that Vivado and Vitis HLS keep as margin where none is set."""

REUSE_MARGIN = 2
"""Cycles of an interval beyond those in which the multipliers take their turns."""


CHOICE = 2
"""Look-up tables for one of a plain activation: a comparison beside each choice."""


@dataclass(frozen=True)
class HlsTarget:
    """What a design is built for; *routed*: after placement and routing, else as HLS reports."""

    family: Family
    clock_period_ns: float
    multipliers: Multipliers = "auto"
    routed: bool = False

    @property
    def dsp_bits(self) -> tuple[int, int]:
        """Signed operands of one DSP block."""
        return DSP_BITS[self.family]

    @property
    def period_ns(self) -> float:
        """Time for operations between two registers."""
        return (1 - UNCERTAINTY) * self.clock_period_ns


@dataclass(frozen=True)
class HlsConstants:
    """What is fitted to reports: shares, delays and what the structure leaves out.

    Attributes
    ----------
    lut_7series, lut_ultrascale, lut_routed
        Look-up tables reported for one that the structure counts: by high-level synthesis for
        either family, and after placement and routing.
    adder_7series_ns, adder_ultrascale_ns, dsp_7series_ns, dsp_ultrascale_ns
        Delays of an adder and of a product in a DSP block.
    product_adders
        Delay of a product in look-up tables, in adders.
    fabric_bit
        Look-up tables for each partial-product bit of a multiplier that is built of them.
    dsp_lut, layer_lut
        Look-up tables beside each DSP block, and of each layer's control.
    result_ff, product_ff
        Registers for each bit of a layer's result, and for each bit of its products where they
        wait for the next cycle.
    reused_ff, routed_ff
        Share of the registers with an interval above 1, and of those after routing.
    """

    lut_7series: float
    lut_ultrascale: float
    lut_routed: float
    adder_7series_ns: float
    adder_ultrascale_ns: float
    dsp_7series_ns: float
    dsp_ultrascale_ns: float
    product_adders: float
    fabric_bit: float
    dsp_lut: float
    layer_lut: float
    result_ff: float
    product_ff: float
    reused_ff: float
    routed_ff: float

    def lut(self, target: HlsTarget) -> float:
        """Return the look-up tables reported for one that is counted."""
        if target.routed:
            return self.lut_routed
        return self.lut_7series if target.family == "7series" else self.lut_ultrascale

    def adder_ns(self, target: HlsTarget) -> float:
        """Return the delay of an adder."""
        old = target.family == "7series"
        return self.adder_7series_ns if old else self.adder_ultrascale_ns

    def dsp_ns(self, target: HlsTarget) -> float:
        """Return the delay of a product in a DSP block."""
        return self.dsp_7series_ns if target.family == "7series" else self.dsp_ultrascale_ns


FITTED = HlsConstants(
    lut_7series=1.12,
    lut_ultrascale=1.22,
    lut_routed=0.654,
    adder_7series_ns=2.33,
    adder_ultrascale_ns=0.846,
    dsp_7series_ns=3.85,
    dsp_ultrascale_ns=1.65,
    product_adders=0.951,
    fabric_bit=0.973,
    dsp_lut=1.74,
    layer_lut=50.6,
    result_ff=0.763,
    product_ff=0.7,
    reused_ff=0.65,
    routed_ff=0.762,
)
"""Fitted to 31 designs by ``tests/benchmarks/hls_error.py``, which also says how well such
constants do on designs that they are not fitted to."""

SPREAD = {"lut": 1.31, "ff": 2.0, "dsp": 1.39, "latency_cycles": 1.42}
"""Factor either way within which 9 of 10 figures lay of designs left out of the fit."""


@dataclass(frozen=True, eq=False)
class MatrixWork:
    """What a layer with weights asks for, before any tool's habits.

    *terms* (output,) are the summands of each sum of *sum_bits*, of the outputs that have any.
    *pair_bits* are those of all distinct products of two signed digits; *dsp* and *fabric* count
    the multipliers, *dsp_blocks* what the first take, *fabric_bits* the partial-product bits of
    the second. *limit* is the number of multipliers that a reuse factor leaves; None: all.
    """

    terms: Integers
    sum_bits: int
    input_bits: int
    result_bits: int
    pair_bits: int
    dsp: int
    dsp_blocks: int
    fabric: int
    fabric_bits: int
    limit: int | None
    reuse: int
    rows: int

    @property
    def multipliers(self) -> int:
        """Distinct products that take more than an adder."""
        return self.dsp + self.fabric

    @property
    def built(self) -> float:
        """Share of the multipliers that are built."""
        if self.limit is None or self.multipliers <= self.limit:
            return 1.0
        return self.limit / self.multipliers

    @property
    def interval(self) -> int:
        """Cycles between two rows."""
        if self.limit is None or self.multipliers <= self.limit:
            return min(self.reuse, 2) if self.reuse > 1 and self.multipliers else 1
        return min(self.reuse, ceil(self.multipliers / self.limit) + REUSE_MARGIN)


@dataclass(frozen=True)
class Priced:
    """Look-up tables, flip-flops, DSP blocks and cycles of one layer."""

    lut: int
    ff: int
    dsp: int
    latency_cycles: int
    interval_cycles: int


def elements_read(steps: Sequence[LayerStep], outputs: Sequence[str]) -> dict[str, Flags]:
    """Return which elements of each layer's result anything reads: the others are left out."""
    read = {one.result.name: np.full(one.result.size, one.result.name in outputs) for one in steps}
    for step in reversed(steps):
        layer = step.layer
        for source in step.sources:
            if source.name not in read:
                continue
            wanted = np.ones(source.size, dtype=bool)
            if isinstance(layer, MatrixLayer) and layer.weights.size == source.size * layer.n_out:
                # As a matrix, one row meets one element.
                wanted = np.any(layer.weights.reshape(source.size, -1) != 0, axis=1)
            elif source.size == step.result.size and not isinstance(layer, ChosenDense):
                wanted = read[layer.name]
            read[source.name] |= wanted
    return read


def matrix_work(step: LayerStep, *, reuse: int, target: HlsTarget, read: Flags) -> MatrixWork:
    """Return what the layer of *step*, one with weights, asks for.

    *read* are the elements of its result that something reads, see `elements_read`.
    """
    layer = step.layer
    assert isinstance(layer, MatrixLayer)
    columns = read.reshape(-1, layer.n_out).any(axis=0)
    matrix = layer.matrix_at(layer.weight_fraction) * columns
    (source,) = step.sources
    bits, signed = _input_bits(layer, source)
    digits = signed_digits(matrix)
    terms = np.count_nonzero(matrix, axis=0)
    if layer.bias is not None:
        terms += (layer.bias != 0) & columns
    row, value, kinds = _distinct_products(matrix, digits)
    lengths = bit_lengths(value) + 1
    pair = kinds == 2
    wide = np.maximum(bits[row] + ~signed[row], lengths) > target.dsp_bits[0]
    in_dsp = (kinds > 2) & ~wide & (bits[row] >= DSP_INPUT_BITS)
    if target.multipliers != "auto":
        in_dsp = (kinds > 2) & (target.multipliers == "dsp")
    in_fabric = (kinds > 2) & ~in_dsp
    blocks = sum(
        blocks_of_product(int(one), int(other), target.dsp_bits)
        for one, other in zip(bits[row][in_dsp], lengths[in_dsp], strict=True)
    )
    limit = None
    if reuse > 1:
        zeros = int((layer.weights == 0).sum())
        limit = max(ceil(matrix.size / reuse) - zeros // reuse, 1)
    reads = np.any(matrix != 0, axis=1)
    return MatrixWork(
        terms=terms[terms > 0],
        sum_bits=step.exact.format.width,
        input_bits=int(bits[reads].sum()),
        result_bits=int(np.count_nonzero(terms)) * step.result.format.width,
        pair_bits=int((bits[row] + lengths - 1)[pair].sum()),
        dsp=int(in_dsp.sum()),
        dsp_blocks=blocks,
        fabric=int(in_fabric.sum()),
        fabric_bits=int((bits[row] * (lengths - 1))[in_fabric].sum()),
        limit=limit,
        reuse=reuse,
        rows=step.exact.size // layer.n_out,
    )


def _input_bits(layer: MatrixLayer, source: Tensor) -> tuple[Integers, Flags]:
    """Return the bits of each input that meets the weights, and which of them are signed."""
    rows = layer.rows(source)
    low, high = rows(source.low[None]).min(axis=0), rows(source.high[None]).max(axis=0)
    signed = low < 0
    reach = np.maximum(high, np.where(signed, ~low, 0)).astype(np.float64)
    bits: Integers = np.frexp(reach)[1].astype(np.int64) + signed
    # Raw integers of a coarser channel end in zeros.
    return np.minimum(bits, rows(source.widths[None]).max(axis=0)), signed


def _distinct_products(matrix: Integers, digits: Integers) -> tuple[Integers, Integers, Integers]:
    """Return input, constant and signed digits of all distinct products of two digits or more."""
    row, column = np.nonzero(digits > 1)
    value = matrix[row, column]
    order = np.lexsort((value, row))
    row, value, kinds = row[order], value[order], digits[row, column][order]
    new = np.ones(len(row), dtype=bool)
    new[1:] = (np.diff(row) != 0) | (np.diff(value) != 0)
    return row[new], value[new], kinds[new]


def price_matrix(work: MatrixWork, target: HlsTarget, constants: HlsConstants = FITTED) -> Priced:
    """Return what a layer with weights takes."""
    adders = int(np.maximum(work.terms - 1, 0).sum())
    lut = adders * work.sum_bits + work.pair_bits + constants.layer_lut
    lut += work.built * (work.dsp * constants.dsp_lut + work.fabric_bits * constants.fabric_bit)
    cuts, ff = _schedule(work, target, constants)
    ff += constants.result_ff * work.result_bits
    if work.interval > 1:
        ff *= constants.reused_ff
    if target.routed:
        ff *= constants.routed_ff
    # The results of a layer are registered, whatever lies before them.
    interval = work.rows * work.interval
    return Priced(
        round(constants.lut(target) * lut),
        round(ff),
        ceil(work.built * work.dsp_blocks),
        cuts + interval,
        interval,
    )


def _schedule(work: MatrixWork, target: HlsTarget, constants: HlsConstants) -> tuple[int, float]:
    """Return the cuts between registers within a layer, and the bits that wait in them."""
    adder, period = constants.adder_ns(target), target.period_ns
    products = (work.multipliers * work.sum_bits + work.pair_bits) * constants.product_ff
    waiting = products + work.input_bits
    cuts, ff, spent = 0, 0.0, 0.0
    if work.dsp:
        cuts = int(constants.dsp_ns(target) / period)
        spent = constants.dsp_ns(target) - cuts * period
        ff = waiting if cuts else 0.0
    elif work.pair_bits or work.fabric:
        spent = constants.product_adders * adder
    most = int(work.terms.max(initial=1))
    for level in range(ceil(log2(most))):
        if spent and spent + adder > period:
            cuts += 1
            ff += waiting if level == 0 else float(-(-work.terms // 2**level).sum() * work.sum_bits)
            spent = 0.0
        spent += adder
    return cuts, ff


def price_other(
    lut: int, depth: int, result_bits: int, target: HlsTarget, constants: HlsConstants = FITTED
) -> Priced:
    """Return what a layer without weights takes, of *lut* look-up tables in a plain circuit."""
    cycles = int(depth * constants.adder_ns(target) / target.period_ns)
    ff = (constants.result_ff + cycles) * result_bits
    if target.routed:
        ff *= constants.routed_ff
    return Priced(round(constants.lut(target) * CHOICE * lut), round(ff), 0, cycles, 1)
