"""Estimated look-up tables, flip-flops, DSP blocks and memory of a design before any tool runs.

Plain counts of the circuits in ``firmware_export/rtl``; ``tests/peers/test_gates.py`` has them
beside yosys' counts. Every figure from here is called *estimated*.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulsefront.firmware.rtl.memories import MatrixNumbers, matrix_numbers
from pulsefront.firmware.rtl.plan import MatrixLanes, SharedPlan
from pulsefront.fixed_point.layers import Concatenate, LayerStep
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.layers.pooling import WindowLayer
from pulsefront.fixed_point.specification import Specification

__all__ = ["Estimate", "PartKind", "estimate_time_shared", "kind_of"]


@dataclass(frozen=True)
class PartKind:
    """What the cells of a family hold.

    *lut_inputs* of a look-up table; a DSP block multiplies *dsp_a* by *dsp_b* bits; a block RAM
    has *ram_kbit*, *ram_width* bits a word at most. A memory of fewer words than *ram_words* is
    counted as look-up tables: our choice, since every tool has a rule of its own. With *dsp_adds* a
    block adds too, and has the registers of its sum.
    """

    lut_inputs: int
    dsp_a: int
    dsp_b: int
    ram_kbit: int
    ram_width: int
    ram_words: int
    dsp_adds: bool = False


# ECP5: Lattice FPGA-DS-02012, sysDSP and sysMEM; iCE40 UltraPlus: Lattice FPGA-DS-02008, SB_MAC16
# and EBR; 7 series: AMD UG479 (DSP48E1), UG473 (RAMB18E1); UltraScale+: AMD UG579 (DSP48E2), UG573.
KINDS = {
    "ecp5": PartKind(4, 18, 18, 18, 36, 64),
    "ice40": PartKind(4, 16, 16, 4, 16, 16),
    "xc7": PartKind(6, 25, 18, 18, 36, 512, dsp_adds=True),
    "xcup": PartKind(6, 27, 18, 18, 36, 512, dsp_adds=True),
}
CONTROL_LUT = {4: 180, 6: 110}
CONTROL_FF = 110
"""Of the counters and the buffer of one layer with weights or windows; look-up tables by their
number of inputs. Found by comparison: with them the whole agrees with what yosys counts."""


@dataclass(frozen=True)
class Estimate:
    """Estimated resources of a design."""

    lut: int
    ff: int
    dsp: int
    block_ram_kbit: int

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(
            self.lut + other.lut,
            self.ff + other.ff,
            self.dsp + other.dsp,
            self.block_ram_kbit + other.block_ram_kbit,
        )


def kind_of(family: str) -> PartKind:
    """Return what the cells of a family hold; see `resources.family_of`."""
    return KINDS[family]


def estimate_time_shared(model: Specification, plan: SharedPlan, kind: PartKind) -> Estimate:
    """Return the estimated resources of the time-shared design of *model*."""
    total = Estimate(0, 0, 0, 0)
    for step in model.steps:
        if isinstance(step.layer, MatrixLayer):
            total += _matrix(step, plan.matrices[step.layer.name], kind)
        elif isinstance(step.layer, WindowLayer):
            width = step.exact.format.width
            total += Estimate(
                CONTROL_LUT[kind.lut_inputs] + 2 * width, CONTROL_FF + 2 * width, 0, 0
            )
        elif isinstance(step.layer, Concatenate):
            width = step.result.format.width
            total += Estimate(40 + 2 * width, 30 + 2 * width, 0, 0)
        total += _finish(step, kind)
    return total


def _matrix(step: LayerStep, plan: MatrixLanes, kind: PartKind) -> Estimate:
    numbers = matrix_numbers(step)
    x_width = step.sources[0].format.width + int(not step.sources[0].format.signed)
    product, width = x_width + numbers.weight_width, numbers.sum_width
    blocks = -(-x_width // kind.dsp_a) * -(-numbers.weight_width // kind.dsp_b)
    logic_lanes = plan.lanes - plan.dsp_lanes
    # An adder and the choice between bias and sum, and the drain's choice between load and shift.
    lane = width * (2 if kind.lut_inputs == 6 else 3)
    # A partial product a bit of the weight, each added in one level of carry.
    multiplier = (numbers.weight_width - 1) * (x_width + 1) * (2 if kind.lut_inputs == 4 else 1)
    in_block = plan.dsp_lanes if kind.dsp_adds else 0
    registers = in_block * width + (plan.lanes - in_block) * (2 * width + product)
    memory = _memories(plan, numbers, kind)
    return (
        Estimate(
            CONTROL_LUT[kind.lut_inputs]
            + in_block * width
            + (plan.lanes - in_block) * lane
            + logic_lanes * multiplier,
            CONTROL_FF + registers,
            plan.dsp_lanes * blocks,
            0,
        )
        + memory
    )


def _memories(plan: MatrixLanes, numbers: MatrixNumbers, kind: PartKind) -> Estimate:
    words, bits = plan.groups * plan.length, plan.lanes * numbers.weight_width
    if words >= kind.ram_words:
        deep = kind.ram_kbit * 1024 // kind.ram_width
        blocks = -(-bits // kind.ram_width) * -(-words // deep)
        found = Estimate(0, 0, 0, blocks * kind.ram_kbit)
    else:
        tables = -(-words // (1 << kind.lut_inputs))
        found = Estimate(bits * tables, bits, 0, 0)
    if plan.groups == 1:
        return found
    biases = plan.lanes * numbers.sum_width
    tables = -(-plan.groups // (1 << kind.lut_inputs))
    return found + Estimate(biases * tables, biases, 0, 0)


def _finish(step: LayerStep, kind: PartKind) -> Estimate:
    """Return what rounding, overflow and their two registers take."""
    if step.layer.assignment is None:
        return Estimate(0, 0, 0, 0)
    exact, result = step.exact.format.width, step.result.format.width
    luts = 3 if kind.lut_inputs == 4 else 1
    return Estimate(luts * (exact + result), 2 * (exact + result), 0, 0)
