"""What a fixed-point model would take on an FPGA: estimated LUTs, flip-flops, DSPs and cycles.

No tool has seen the design: these are counts of a plain circuit, for ranking networks and for
budgets. A `ResourceModel` that synthesizes can take the place of `estimate_resources`.

Constants that are multiplied without reuse become shifts and adds: one term per non-zero digit of
the canonical signed-digit form (Reitwiesner 1960), added up in a balanced tree in which an adder
of two w-bit numbers takes w LUTs, as on any fabric with a carry chain per LUT. Distributed
arithmetic shares partial sums between outputs (Sun et al. 2025, "da4ml"), which leaves
`SHARED` of those adders. Multipliers that are reused are of general kind: a product of at least
`DSP_FROM_BITS` bits on either side takes DSPs of 27 × 18 bits (AMD UG579), a smaller one a LUT per
partial-product bit; their weights lie in block RAM. After every few levels of a tree, as many as
fit the clock period, everything that is alive is registered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.bounds import weights_at
from pulsefront.fixed_point.format import Integers, Overflow, Rounding, container
from pulsefront.fixed_point.layers import (
    AveragePool,
    Clip,
    Conv1d,
    Dense,
    HardTanh,
    MaxPool,
    Relu,
    WindowSum,
    assignment_of,
)
from pulsefront.fixed_point.tensors import Step

if TYPE_CHECKING:
    from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["LayerResources", "ResourceEstimate", "ResourceModel", "estimate_resources"]

Strategy = Literal["Latency", "Resource", "distributed_arithmetic"]
STRATEGIES = ("Latency", "Resource", "distributed_arithmetic")

SHARED = 0.6
"""Share of the adders that is left when outputs share partial sums.

Measured against alkaid 0.8.2 on eight networks of 3 to 10 bits: 0.44 to 0.79, median 0.62
(``tests/peers/test_alkaid_resources.py`` measures it again). yosys 0.70 counted, for alkaid's
Verilog of five small networks with two adders between registers, 0.89 to 1.07 of the estimated
LUTs (0.51 for the smallest, of 460 LUTs) and 0.75 to 1.6 of the flip-flops."""

DSP_FROM_BITS = 10
"""Operands of at least so many bits, both of them, go to DSPs; an assumption, since synthesis
decides by rules of its own."""

DSP_BITS = (27, 18)
"""Signed operands of one DSP48E2."""

ADDER_LEVEL_NS = 2.0
"""Time of one adder with its routing, as high-level synthesis reckons. Two levels in a period of
5 ns give a 16-64-32-32-5 network 16 cycles, 80 ns; hls4ml's design of it takes "on the scale of
100 ns" (Duarte et al. 2018, abstract)."""

DSP_CYCLES = 2
BLOCK_RAM_WIDTH, BLOCK_RAM_DEPTH = 36, 512
"""Bits and words of an 18-kbit block RAM at its widest."""


@dataclass(frozen=True)
class LayerResources:
    """Resources of one layer; see `ResourceEstimate` for the meaning of each figure."""

    layer: str
    kind: str
    lut: int
    ff: int
    dsp: int
    bram_18k: int
    latency_cycles: int
    interval_cycles: int


@dataclass(frozen=True)
class ResourceEstimate:
    """Resources and timing of a design.

    Attributes
    ----------
    lut, ff, dsp, bram_18k
        Six-input look-up tables, flip-flops, DSP blocks and 18-kbit block RAMs.
    latency_cycles
        Cycles from the first input to the last output of an event.
    interval_cycles
        Cycles between two events.
    origin
        ``estimated``, or the tool that synthesized the design.
    layers
        The same by layer, where known.
    """

    lut: int
    ff: int
    dsp: int
    bram_18k: int
    latency_cycles: int
    interval_cycles: int
    origin: str = "estimated"
    layers: tuple[LayerResources, ...] = ()


class ResourceModel(Protocol):
    """Anything that tells what a model takes: this module's estimate, or a synthesis tool."""

    def __call__(self, model: FixedPointModel) -> ResourceEstimate:
        """Return the resources of *model*."""
        ...


def estimate_resources(
    model: FixedPointModel,
    *,
    strategy: Strategy | str = "Latency",
    reuse_factor: int = 1,
    clock_period_ns: float = 5.0,
) -> ResourceEstimate:
    """Estimate what *model* takes on an FPGA.

    Parameters
    ----------
    strategy
        ``Latency``: constants unrolled; ``distributed_arithmetic``: the same with shared partial
        sums and no DSPs; ``Resource``: general multipliers where they are reused.
    reuse_factor
        How often one multiplier is used per event and position; without effect on distributed
        arithmetic. A convolution runs its positions in turn, as hls4ml's does.
    clock_period_ns
        Sets how many levels of adders lie between two registers.

    Raises
    ------
    ConfigError
        The strategy is not known, or a number is not positive.
    """
    if strategy not in STRATEGIES:
        raise ConfigError(
            "unknown strategy",
            field="strategy",
            value=strategy,
            remedy=f"use one of {', '.join(STRATEGIES)}",
        )
    if reuse_factor < 1:
        raise ConfigError("is at least 1", field="reuse_factor", value=reuse_factor)
    if not 0 < clock_period_ns < float("inf"):
        raise ConfigError("is positive", field="clock_period_ns", value=clock_period_ns)
    levels = max(1, int(clock_period_ns / ADDER_LEVEL_NS))
    reuse = 1 if strategy == "distributed_arithmetic" else reuse_factor
    layers = tuple(_layer(step, strategy, reuse, levels) for step in model.steps)
    ready = {one.name: 0 for one in model.inputs}
    for step, one in zip(model.steps, layers, strict=True):
        ready[one.layer] = one.latency_cycles + max(ready[name] for name in step.layer.inputs)
    return ResourceEstimate(
        lut=sum(one.lut for one in layers),
        ff=sum(one.ff for one in layers),
        dsp=sum(one.dsp for one in layers),
        bram_18k=sum(one.bram_18k for one in layers),
        latency_cycles=max(ready[name] for name in model.outputs),
        interval_cycles=max(one.interval_cycles for one in layers),
        layers=layers,
    )


def _layer(step: Step, strategy: str, reuse: int, levels: int) -> LayerResources:
    layer = step.layer
    if isinstance(layer, (Dense, Conv1d)):
        return _matrix(step, strategy, reuse, levels)
    lut, depth = _OPERATIONS.get(type(layer), _nothing)(step)
    end, end_ff = _assignment(step)
    busy = lut + end > 0
    cycles = -(-(depth + int(end > 0)) // levels) if busy else 0
    ff = step.result.size * step.result.format.width + end_ff if busy else 0
    return LayerResources(layer.name, layer.kind, lut + end, ff, 0, 0, cycles, 1)


def _matrix(step: Step, strategy: str, reuse: int, levels: int) -> LayerResources:
    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    weights, _ = weights_at(layer)
    matrix = weights.reshape(-1, weights.shape[-1])
    outputs = matrix.shape[1]
    positions = step.exact.size // outputs
    biased = np.zeros(outputs, dtype=np.int64) if layer.bias is None else np.sign(layer.bias) ** 2
    bits = step.sources[0].format.width
    end, end_ff = _assignment(step, elements=outputs)
    if reuse == 1:
        lut, ff, dsp, depth = _unrolled(matrix, biased, bits, strategy, levels)
        bram = 0
    else:
        width = container(layer.weight_format).width
        lut, ff, dsp, bram, depth = _reused(matrix, bits, width, step, strategy, reuse)
    # The results of all positions wait in registers for the next layer.
    ff += step.result.size * step.result.format.width + end_ff
    turns = positions * reuse
    # Rounding is an adder more.
    cycles = -(-(depth + int(end > 0)) // levels) + (DSP_CYCLES if dsp else 0) + turns - 1
    return LayerResources(layer.name, layer.kind, lut + end, ff, dsp, bram, cycles, turns)


def _unrolled(
    matrix: Integers, biased: Integers, bits: int, strategy: str, levels: int
) -> tuple[int, int, int, int]:
    """Return LUTs, flip-flops, DSPs and the depth of a matrix of constants."""
    terms = _signed_digits(matrix)
    dsp = 0
    width = np.full(matrix.shape[1], bits)
    if strategy != "distributed_arithmetic":
        lengths = _bit_lengths(matrix)
        wide = (lengths >= DSP_FROM_BITS) & (bits >= DSP_FROM_BITS)
        dsp = int(sum(_dsps(bits, int(one) + 1) for one in lengths[wide]))
        terms = np.where(wide, 1, terms)
        width = np.maximum(width, np.where(wide, lengths + bits, 0).max(axis=0))
    lut, ff, depth = _trees(terms.sum(axis=0) + biased, width, levels)
    # Fewer adders, but what is shared has to wait for its last reader: the registers stay.
    share = SHARED if strategy == "distributed_arithmetic" else 1.0
    return round(lut * share), ff, dsp, depth


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


def _reused(
    matrix: Integers, bits: int, width: int, step: Step, strategy: str, reuse: int
) -> tuple[int, int, int, int, int]:
    """Return LUTs, flip-flops, DSPs, block RAMs and depth of general multipliers in turns."""
    n_in, n_out = matrix.shape
    reuse = min(reuse, matrix.size)
    multipliers = -(-matrix.size // reuse)
    total = step.exact.format.width
    each = _dsps(bits, width) if min(bits, width) >= DSP_FROM_BITS else 0
    lut = 0 if each else multipliers * bits * width
    # Every product is added to a sum, and chosen from the inputs that share the multiplier: a
    # six-input LUT selects one of four.
    lut += multipliers * total + multipliers * bits * -(-(min(reuse, n_in) - 1) // 3)
    bram = 0
    if strategy == "Resource":
        bram = -(-multipliers * width // BLOCK_RAM_WIDTH) * -(-reuse // BLOCK_RAM_DEPTH)
    else:
        lut += multipliers * width * -(-reuse // 64)
    ff = multipliers * (bits + width) + n_out * total
    depth = max(1, int(np.ceil(np.log2(max(multipliers / n_out, 1.0)))) + 1)
    return lut, ff, multipliers * each, bram, depth


def _dsps(one: int, other: int) -> int:
    large, small = max(one, other), min(one, other)
    # Beyond the first, each further DSP carries its part without a sign of its own.
    across = 1 + max(0, -(-(large - DSP_BITS[0]) // (DSP_BITS[0] - 1)))
    down = 1 + max(0, -(-(small - DSP_BITS[1]) // (DSP_BITS[1] - 1)))
    return across * down


def _signed_digits(matrix: Integers) -> Integers:
    """Return the number of non-zero digits of each number in canonical signed-digit form.

    It is the number of ones of 3n XOR n (Reitwiesner 1960).
    """
    magnitude = np.abs(matrix).astype(np.uint64)
    digits: Integers = np.bitwise_count((3 * magnitude) ^ magnitude).astype(np.int64)
    return digits


def _bit_lengths(matrix: Integers) -> Integers:
    """Return the bits from the first to the last one of each magnitude."""
    magnitude = np.abs(matrix)
    odd = magnitude // np.maximum(magnitude & -magnitude, 1)
    lengths: Integers = np.frexp(odd.astype(np.float64))[1].astype(np.int64)
    return lengths


def _assignment(step: Step, elements: int | None = None) -> tuple[int, int]:
    """Return LUTs and flip-flops of rounding and overflow at the end of a layer."""
    to = assignment_of(step.layer)
    if to is None:
        return 0, 0
    whole = to.container
    elements = step.result.size if elements is None else elements
    dropped = step.exact.format.fraction - whole.fraction
    lut = 0
    if dropped > 0 and to.rounding is not Rounding.TRN:
        lut += whole.width
    above = step.exact.format.integer - whole.integer
    if above > 0 and to.overflow is not Overflow.WRAP:
        lut += whole.width
    return lut * elements, lut * elements


def _windows(step: Step) -> tuple[int, int]:
    layer = step.layer
    assert isinstance(layer, (WindowSum, AveragePool, MaxPool))
    # A comparison and a choice take twice the LUTs of an adder.
    cost = 2 if isinstance(layer, MaxPool) else 1
    lut = cost * (layer.size - 1) * step.exact.size * step.exact.format.width
    return lut, int(np.ceil(np.log2(layer.size)))


def _chosen(limits: int) -> Callable[[Step], tuple[int, int]]:
    def operation(step: Step) -> tuple[int, int]:
        return limits * step.exact.size * step.exact.format.width, 1

    return operation


def _nothing(_: Step) -> tuple[int, int]:
    return 0, 0


_OPERATIONS: dict[type, Callable[[Step], tuple[int, int]]] = {
    WindowSum: _windows,
    AveragePool: _windows,
    MaxPool: _windows,
    Relu: _chosen(1),
    Clip: _chosen(2),
    HardTanh: _chosen(2),
}
