"""Plain circuits of integer arithmetic on an FPGA: look-up tables, registers, multipliers, depth.

Constants that are multiplied without reuse become shifts and adds: one term per non-zero digit of
the canonical signed-digit form (Reitwiesner 1960), added up in a balanced tree in which an adder
of two w-bit numbers takes w LUTs, as on any fabric with a carry chain per LUT. Distributed
arithmetic shares partial sums between outputs (Sun et al. 2025, "da4ml"), which leaves
`SHARED` of those adders. Multipliers that are reused are of general kind: a product of at least
`DSP_FROM_BITS` bits on either side takes DSPs of 27 × 18 bits (AMD UG579), a smaller one a LUT per
partial-product bit; their weights lie in block RAM, and every two events are two cycles apart at
least. After every few levels of a tree, as many as
fit the clock period, everything that is alive is registered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pulsefront.fixed_point.format import Integers

__all__ = [
    "DSP_INPUT_BITS",
    "Build",
    "Circuit",
    "Strategy",
    "bit_lengths",
    "bit_operations",
    "blocks_of_product",
    "reused_multipliers",
    "signed_digits",
    "unrolled_constants",
]

Strategy = Literal["Latency", "Resource", "distributed_arithmetic"]

SHARED = 0.6
"""Share of the adders that is left when outputs share partial sums.

Measured against alkaid 0.8.2 on eight networks of 3 to 10 bits: 0.44 to 0.79, median 0.62
(``tests/peers/test_alkaid_resources.py`` measures it again). yosys 0.70 counted, for alkaid's
Verilog of five small networks with two adders between registers, 0.89 to 1.07 of the estimated
LUTs (0.51 for the smallest, of 460 LUTs) and 0.75 to 1.6 of the flip-flops."""

DSP_FROM_BITS = 10
"""Operands of at least so many bits, both of them, go to DSPs; an assumption, since synthesis
decides by rules of its own."""

DSP_INPUT_BITS = 12
"""An input of so many bits goes to DSPs whatever its weights: what the reports of high-level
synthesis show (``docs/estimates.md``), not what a manual says."""

DSP_BITS = (27, 18)
"""Signed operands of one DSP48E2."""

BLOCK_RAM_WIDTH, BLOCK_RAM_DEPTH = 36, 512
"""Bits and words of an 18-kbit block RAM at its widest."""


@dataclass(frozen=True)
class Build:
    """How a design is built.

    *reuse* is the number of uses of one multiplier per event and position, *levels* the number of
    adders, one after the other, between two registers.
    """

    strategy: Strategy = "Latency"
    reuse: int = 1
    levels: int = 2


@dataclass(frozen=True)
class Circuit:
    """What computes a layer's exact result.

    Attributes
    ----------
    lut, ff, dsp, bram_18k
        As in `resources.ResourceEstimate`; flip-flops without those of the result.
    depth
        Adders, comparisons or choices one after the other.
    turns
        How often the circuit is used per event.
    outputs
        Elements of the result that leave it in one turn; None: all.
    """

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram_18k: int = 0
    depth: int = 0
    turns: int = 1
    outputs: int | None = None


def unrolled_constants(
    matrix: Integers, terms: Integers, bits: npt.ArrayLike, build: Build
) -> Circuit:
    """Return the circuit of *bits* wide inputs times a *matrix* (n_in, n_out) of constants.

    *bits* is one width, or (n_in,) one of each input: a sum starts with the mean of its digits'.

    *terms* is the number of further terms in the sum of each output.
    """
    digits = signed_digits(matrix)
    dsp = 0
    entering = np.broadcast_to(np.asarray(bits, np.int64), matrix.shape[:1])[:, None]
    spread = np.maximum(digits.sum(axis=0), 1)
    width = -(-(digits * entering).sum(axis=0) // spread)
    width = np.where(digits.any(axis=0), width, entering.min())
    if build.strategy != "distributed_arithmetic":
        lengths = bit_lengths(matrix)
        wide = (lengths >= DSP_FROM_BITS) & (entering >= DSP_FROM_BITS)
        pairs = zip(np.broadcast_to(entering, matrix.shape)[wide], lengths[wide], strict=True)
        dsp = sum(blocks_of_product(int(one), int(other) + 1) for one, other in pairs)
        digits = np.where(wide, 1, digits)
        width = np.maximum(width, np.where(wide, lengths + entering, 0).max(axis=0))
    lut, ff, depth = _trees(digits.sum(axis=0) + terms, width, build.levels)
    # Fewer adders, but what is shared has to wait for its last reader: the registers stay.
    share = SHARED if build.strategy == "distributed_arithmetic" else 1.0
    return Circuit(round(lut * share), ff, dsp, depth=depth)


def _trees(terms: Integers, width: Integers, levels: int) -> tuple[int, int, int]:
    """Return LUTs, flip-flops and depth of one balanced adder tree per output."""
    left, wide = terms.astype(np.int64), width.astype(np.int64)
    lut = ff = depth = 0
    while np.any(left > 1):
        depth += 1
        wide = wide + 1
        adders = left // 2
        left = left - adders
        lut += int((adders * wide).sum())
        if depth % levels == 0:
            ff += int((np.where(left > 1, left, 0) * wide).sum())
    return lut, ff, depth


def reused_multipliers(
    shape: tuple[int, int],
    bits: int,
    weight_bits: int,
    sum_bits: int,
    build: Build,
    *,
    sets: int = 1,
) -> Circuit:
    """Return the circuit of general multipliers that take a matrix of *shape* in turns.

    *bits*, *weight_bits* and *sum_bits* are the widths of an input, a weight and a sum. Memories
    hold so many *sets* of weights, of which an event takes one.
    """
    n_in, n_out = shape
    weights = n_in * n_out
    reuse = min(build.reuse, weights)
    multipliers = -(-weights // reuse)
    in_dsp = bits >= DSP_INPUT_BITS or min(bits, weight_bits) >= DSP_FROM_BITS
    each = blocks_of_product(bits, weight_bits) if in_dsp else 0
    lut = 0 if each else multipliers * bits * weight_bits
    # Every product is added to others, and every output's sum to that of the turns before.
    lut += (multipliers + n_out) * sum_bits
    # Multipliers of one input share its choice among those of its turns: a six-input LUT selects
    # one of four.
    turns = min(reuse, n_in)
    lut += -(-n_in // turns) * bits * -(-(turns - 1) // 3)
    bram = 0
    if build.strategy == "Resource":
        bram = -(-multipliers * weight_bits // BLOCK_RAM_WIDTH) * -(
            -reuse * sets // BLOCK_RAM_DEPTH
        )
    else:
        lut += multipliers * weight_bits * -(-reuse * sets // 64)
    ff = multipliers * (bits + weight_bits) + n_out * sum_bits
    depth = max(1, int(np.ceil(np.log2(max(multipliers / n_out, 1.0)))) + 1)
    return Circuit(lut, ff, multipliers * each, bram, depth)


def blocks_of_product(one: int, other: int, block: tuple[int, int] = DSP_BITS) -> int:
    """Return the DSP blocks, of *block* signed bits, in a product of so many bits."""
    large, small = max(one, other), min(one, other)
    # Beyond the first, each further DSP carries its part without a sign of its own.
    across = 1 + max(0, -(-(large - block[0]) // (block[0] - 1)))
    down = 1 + max(0, -(-(small - block[1]) // (block[1] - 1)))
    return across * down


def signed_digits(matrix: Integers) -> Integers:
    """Return the number of non-zero digits of each number in canonical signed-digit form.

    It is the number of ones of 3n XOR n (Reitwiesner 1960).
    """
    magnitude = np.abs(matrix).astype(np.uint64)
    digits: Integers = np.bitwise_count((3 * magnitude) ^ magnitude).astype(np.int64)
    return digits


def bit_operations(
    weight_bits: npt.ArrayLike, activation_bits: int, fan_in: int
) -> npt.NDArray[np.float64]:
    """Return the bit operations of one multiply-accumulate in a sum of *fan_in* products.

    Baskin et al. 2021, "UNIQ", equation 1.
    """
    bits = np.asarray(weight_bits)
    products = bits * activation_bits + bits + activation_bits
    found: npt.NDArray[np.float64] = products + np.log2(fan_in)
    return found


def bit_lengths(integers: Integers) -> Integers:
    """Return the number of bits from the first to the last non-zero one of each magnitude."""
    magnitude = np.abs(integers)
    odd = magnitude // np.maximum(magnitude & -magnitude, 1)
    lengths: Integers = np.frexp(odd.astype(np.float64))[1].astype(np.int64)
    return lengths
