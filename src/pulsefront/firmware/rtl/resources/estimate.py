"""Estimated look-up tables, flip-flops, DSP blocks and memory of a design before any tool runs.

Counts of the circuits in ``firmware_export/rtl`` and of alkaid's sums, each with a weight per
family of parts. The weights are fitted to what yosys counts of 24 random networks and tested on 24
others; ``docs/estimates.md`` says how near they come, ``tests/benchmarks/gates_error.py`` fits and
tests them. Every figure from here is called *estimated*.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, prod

import numpy as np

from pulsefront.firmware.rtl.language.verilog import address_bits
from pulsefront.firmware.rtl.projects.unrolled import LEVELS_PER_STAGE, QUEUE_CYCLES
from pulsefront.firmware.rtl.resources.parts import PartKind, Weights
from pulsefront.firmware.rtl.time_shared.memories import matrix_numbers
from pulsefront.firmware.rtl.time_shared.plan import WEIGHTED, MatrixLanes, SharedPlan, queue_bits
from pulsefront.fixed_point.circuits import signed_digits
from pulsefront.fixed_point.layers import (
    Add,
    ChosenDense,
    Concatenate,
    Conv1d,
    FunctionTable,
    ImageWindows,
    InputTables,
    LargestIndex,
    LayerStep,
)
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.layers.pooling import WindowLayer
from pulsefront.fixed_point.specification import Specification

__all__ = [
    "SPREAD",
    "Estimate",
    "SharedCounts",
    "UnrolledCounts",
    "UnrolledEstimate",
    "count_time_shared",
    "count_unrolled",
    "estimate_time_shared",
    "estimate_unrolled",
    "weigh_time_shared",
    "weigh_unrolled",
]


SPREAD = {
    "time-shared": {"lut": 1.3, "ff": 1.4},
    "unrolled": {"lut": 2.0, "ff": 1.5, "latency_cycles": 1.2},
}
"""Factor either way within which 9 of 10 counts lay of designs that nothing was fitted to."""

DEPTH_OF_TREE = 1.6
"""alkaid's levels of a sum, for each halving of its terms: median of the networks counted."""

LARGE_FOR_SMALL = 3
"""Small block RAMs of a buffer for which yosys takes a large one."""


@dataclass(frozen=True)
class Estimate:
    """Estimated resources of a design."""

    lut: int
    ff: int
    dsp: int
    block_ram_kbit: int


@dataclass(frozen=True)
class UnrolledEstimate(Estimate):
    """Estimated resources of an unrolled design, and the clocks from an event in to its result."""

    latency_cycles: int


@dataclass(frozen=True)
class SharedCounts:
    """What a time-shared design consists of, before any weight.

    *layers* that count or wait; *adder_bits* and *register_bits* of lanes, *product_bits* of
    multipliers of look-up tables, *rom_tables* look-up tables full of constants, *finish_bits* of
    rounding and overflow; *buffer_lut*, and *behind_ff* behind multipliers, as they are.
    """

    layers: int = 0
    adder_bits: int = 0
    register_bits: int = 0
    product_bits: int = 0
    rom_tables: float = 0.0
    finish_bits: int = 0
    buffer_lut: int = 0
    behind_ff: int = 0
    dsp: int = 0
    block_ram_kbit: int = 0

    def __add__(self, other: SharedCounts) -> SharedCounts:
        return SharedCounts(
            self.layers + other.layers,
            self.adder_bits + other.adder_bits,
            self.register_bits + other.register_bits,
            self.product_bits + other.product_bits,
            self.rom_tables + other.rom_tables,
            self.finish_bits + other.finish_bits,
            self.buffer_lut + other.buffer_lut,
            self.behind_ff + other.behind_ff,
            self.dsp + other.dsp,
            self.block_ram_kbit + other.block_ram_kbit,
        )


@dataclass(frozen=True)
class UnrolledCounts:
    """What an unrolled design consists of.

    Adders and their bits, bits of results, its queue, *rom_tables* look-up tables full of entries.
    """

    adders: int
    adder_bits: int
    output_bits: int
    queue_lut: int
    queue_kbit: int
    latency_cycles: int
    rom_tables: float = 0.0


def estimate_time_shared(model: Specification, plan: SharedPlan, kind: PartKind) -> Estimate:
    """Return the estimated resources of the time-shared design of *model*."""
    return weigh_time_shared(count_time_shared(model, plan, kind), kind.weights)


def estimate_unrolled(model: Specification, kind: PartKind) -> UnrolledEstimate:
    """Return the estimated resources of the unrolled design of *model*."""
    return weigh_unrolled(count_unrolled(model, kind), kind.weights)


def weigh_time_shared(counts: SharedCounts, weights: Weights) -> Estimate:
    """Return what *counts* take."""
    lut = (
        counts.layers * weights.control_lut
        + counts.adder_bits * weights.lane_lut
        + counts.product_bits * weights.multiplier_lut
        + counts.rom_tables * weights.rom_lut
        + counts.finish_bits * weights.finish_lut
        + counts.buffer_lut
    )
    ff = (
        counts.layers * weights.control_ff
        + counts.register_bits * weights.lane_ff
        + counts.finish_bits * weights.finish_ff
        + counts.behind_ff
    )
    return Estimate(round(lut), round(ff), counts.dsp, counts.block_ram_kbit)


def weigh_unrolled(counts: UnrolledCounts, weights: Weights) -> UnrolledEstimate:
    """Return what *counts* take."""
    lut = (
        counts.adder_bits * weights.adder_bit_lut
        + counts.adders * weights.adder_lut
        + counts.output_bits * weights.output_lut
        + counts.rom_tables * weights.rom_lut
        + counts.queue_lut
    )
    ff = counts.adder_bits * weights.adder_bit_ff + counts.output_bits * weights.output_ff
    return UnrolledEstimate(round(lut), round(ff), 0, counts.queue_kbit, counts.latency_cycles)


def count_unrolled(model: Specification, kind: PartKind) -> UnrolledCounts:
    """Return what the unrolled design of *model* consists of.

    Every sum is as many terms as its constants have signed digits. What alkaid shares between sums
    is left to the weights.
    """
    adders = bits = 0
    tables = 0.0
    ready = {one.name: 0 for one in model.inputs}
    for step in model.steps:
        start = max(ready[source.name] for source in step.sources)
        if isinstance(step.layer, MatrixLayer):
            layer = step.layer
            rows = step.exact.size // layer.n_out
            terms = signed_digits(layer.matrix_at(layer.weight_fraction)).sum(axis=0)
            if layer.bias is not None:
                terms = terms + (layer.bias != 0)
            more = rows * int(np.maximum(terms - 1, 0).sum())
            adders += more
            bits += more * step.sources[0].format.width
            depth = DEPTH_OF_TREE * log2(max(int(terms.max()), 1))
            start += max(ceil(depth / LEVELS_PER_STAGE), 1) + 1
        elif isinstance(step.layer, WindowLayer):
            more = step.exact.size * (step.layer.size - 1)
            adders += more
            bits += more * step.exact.format.width
            start += ceil(log2(max(step.layer.size, 1)))
        elif isinstance(step.layer, Add):
            more = step.exact.size * (len(step.sources) - 1)
            adders += more
            bits += more * step.exact.format.width
            start += ceil(log2(len(step.sources)))
        elif isinstance(step.layer, FunctionTable):
            tables += step.exact.size * _entries(step.layer, kind)
            start += 1
        elif isinstance(step.layer, InputTables):
            tables += _entries(step.layer, kind)
            start += 1
        ready[step.layer.name] = start
    latency = 1 + max(ready[name] for name in model.outputs) + QUEUE_CYCLES
    outputs = sum(
        prod(model.tensors[name].shape) * model.tensors[name].format.width for name in model.outputs
    )
    # As the wrapper's queue: deep enough for all that is in the pipeline.
    depth = address_bits(latency + 3)
    lut, kbit = _buffer(outputs, depth, kind)
    return UnrolledCounts(adders, bits, outputs, lut, kbit, latency, tables)


def count_time_shared(model: Specification, plan: SharedPlan, kind: PartKind) -> SharedCounts:
    """Return what the time-shared design of *model* consists of."""
    total = SharedCounts()
    for step in model.steps:
        if isinstance(step.layer, WEIGHTED):
            total += _matrix(step, plan.matrices[step.layer.name], kind)
            if isinstance(step.layer, ChosenDense):
                for source in step.sources:
                    lut, kbit = _buffer(source.format.width, queue_bits(step, source, plan), kind)
                    total += SharedCounts(buffer_lut=lut, block_ram_kbit=kbit)
        elif isinstance(step.layer, LargestIndex):
            width = step.sources[0].format.width + 1
            total += SharedCounts(1, width, width + 2 * step.exact.format.width)
        elif isinstance(step.layer, WindowLayer):
            width = step.exact.format.width
            source = step.sources[0]
            window = max(step.layer.size, step.layer.stride) * source.shape[-1]
            lut, kbit = _buffer(source.format.width, address_bits(4 * window), kind)
            total += SharedCounts(1, width, 2 * width, buffer_lut=lut, block_ram_kbit=kbit)
        elif isinstance(step.layer, Concatenate | Add):
            width = step.exact.format.width
            total += SharedCounts(0, 2 * width, 2 * width)
            for source in step.sources:
                lut, kbit = _buffer(width, queue_bits(step, source, plan), kind)
                total += SharedCounts(buffer_lut=lut, block_ram_kbit=kbit)
        elif isinstance(step.layer, ImageWindows):
            source = step.sources[0]
            width, places = source.format.width, step.result.shape[0]
            lut, kbit = _buffer(width, address_bits(source.size) + 1, kind)
            rom, rom_kbit = _rom(places, address_bits(source.size) + 1, kind)
            total += SharedCounts(
                1, 0, 2 * width, rom_tables=rom, buffer_lut=lut, block_ram_kbit=kbit + rom_kbit
            )
        elif isinstance(step.layer, FunctionTable):
            total += SharedCounts(rom_tables=_entries(step.layer, kind))
            continue
        if step.layer.assignment is not None:
            ends = step.exact.format.width + step.result.format.width
            total += SharedCounts(finish_bits=ends)
    return total


def _matrix(step: LayerStep, plan: MatrixLanes, kind: PartKind) -> SharedCounts:
    numbers = matrix_numbers(step)
    source, weight = step.sources[0], numbers.weight_width
    x_width = source.format.width + int(not source.format.signed)
    blocks = -(-x_width // kind.dsp_a) * -(-weight // kind.dsp_b)
    in_block = plan.dsp_lanes if kind.dsp_adds else 0
    others = plan.lanes - in_block
    # An adder with the choice between bias and sum, and the drain's between load and shift.
    adder_bits = (in_block + 2 * others) * numbers.sum_width
    register_bits = adder_bits + others * (x_width + weight)
    # A partial product a bit of the weight, each added in one level of carry.
    product_bits = (plan.lanes - plan.dsp_lanes) * (weight - 1) * (x_width + 1)
    # The product of a factor that is one bit wider: every x is signed there.
    behind_ff = plan.registers_behind * plan.lanes * (source.format.width + 1 + weight)
    depth = address_bits(_buffered(step, plan))
    buffer_lut, kbit = _buffer(source.format.width, depth, kind)
    tables, rom_kbit = _rom(plan.sets * plan.groups * plan.length, plan.lanes * weight, kind)
    if plan.sets * plan.groups > 1:
        more, more_kbit = _rom(plan.sets * plan.groups, plan.lanes * numbers.sum_width, kind)
        tables, rom_kbit = tables + more, rom_kbit + more_kbit
        register_bits += plan.lanes * numbers.sum_width
    if tables:
        register_bits += plan.lanes * weight
    return SharedCounts(
        1, adder_bits, register_bits, product_bits, tables, 0, buffer_lut, behind_ff,
        plan.dsp_lanes * blocks, kbit + rom_kbit,
    )  # fmt: skip


def _buffered(step: LayerStep, plan: MatrixLanes) -> int:
    """Return the elements that the buffer before a layer with weights has room for."""
    source = step.sources[0]
    if not isinstance(step.layer, Conv1d):
        return 2 * source.size
    return 4 * max(plan.length, step.layer.stride * source.shape[-1])


def _entries(layer: FunctionTable | InputTables, kind: PartKind) -> float:
    """Return the look-up tables full of entries of tables that are read at once."""
    return layer.format.width * max(layer.entries.size / (1 << kind.lut_inputs), 1.0)


def _rom(words: int, bits: int, kind: PartKind) -> tuple[float, int]:
    """Return the look-up tables, or the kbit of block RAM, of a table of constants."""
    deep = kind.ram_kbit * 1024 // kind.ram_width
    blocks = -(-bits // kind.ram_width) * -(-words // deep)
    if words >= kind.ram_words and words * bits >= kind.ram_share * blocks * kind.ram_kbit * 1024:
        return 0.0, blocks * kind.ram_kbit
    return bits * max(words / (1 << kind.lut_inputs), 1.0), 0


def _buffer(bits: int, depth_log2: int, kind: PartKind) -> tuple[int, int]:
    """Return the look-up tables, or the kbit of block RAM, of a buffer that is written."""
    words = 1 << depth_log2
    blocks = -(-bits // kind.buffer_bits) * -(-words // kind.buffer_words)
    whole = -(-bits // kind.ram_width) * -(-words // (kind.ram_kbit * 1024 // kind.ram_width))
    if kind.buffer_kbit and blocks >= LARGE_FOR_SMALL * whole:
        return 0, whole * kind.ram_kbit
    return blocks * kind.buffer_lut, blocks * kind.buffer_kbit
