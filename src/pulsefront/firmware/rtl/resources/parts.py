"""What the cells of each family of parts hold, how yosys uses them, and the fitted weights.

The weights are printed by ``tests/benchmarks/gates_error.py``; see `estimate` for what they weigh.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulsefront.errors import ExportError
from pulsefront.firmware.rtl.resources.count import family_of

__all__ = ["KINDS", "PartKind", "Weights", "kind_of", "registers_behind"]


@dataclass(frozen=True)
class Weights:
    """Cells for one that is counted, of each part of a circuit; fitted, see the module.

    Attributes
    ----------
    control_lut, control_ff
        Of one layer with weights or windows.
    lane_lut, lane_ff
        For each bit of the adders, and of the registers, of lanes.
    multiplier_lut
        For each partial-product bit of a multiplier of look-up tables.
    rom_lut
        For each bit of constants that a look-up table could hold.
    finish_lut, finish_ff
        For each bit of rounding and overflow.
    adder_bit_lut, adder_lut, output_lut, adder_bit_ff, output_ff
        Unrolled: for each bit of an adder, each adder, and each bit of a result.
    """

    control_lut: float
    lane_lut: float
    multiplier_lut: float
    rom_lut: float
    finish_lut: float
    control_ff: float
    lane_ff: float
    finish_ff: float
    adder_bit_lut: float
    adder_lut: float
    output_lut: float
    adder_bit_ff: float
    output_ff: float


@dataclass(frozen=True)
class PartKind:
    """What the cells of a family hold, and how yosys uses them.

    *lut_inputs* of a look-up table; a DSP block multiplies *dsp_a* by *dsp_b* bits; a block RAM
    has *ram_kbit*, *ram_width* bits a word at most. A table of constants goes to block RAM where it
    has *ram_words* and fills *ram_share* of it. A buffer takes *buffer_lut* look-up tables or
    *buffer_kbit* of block RAM for every *buffer_bits* of *buffer_words*. With *dsp_adds* a block
    adds too, and has the registers of its sum. *registers_behind* a product are more than one where
    the way from a block to the adders is long, and would keep a block that adds from adding.
    """

    lut_inputs: int
    dsp_a: int
    dsp_b: int
    ram_kbit: int
    ram_width: int
    ram_words: int
    ram_share: float
    buffer_bits: int
    buffer_words: int
    buffer_lut: int
    weights: Weights
    buffer_kbit: int = 0
    dsp_adds: bool = False
    registers_behind: int = 0


FITTED = {
    # ECP5, iCE40, 7 series, Nexus, PolarFire
    "control_lut": (132.0, 105.0, 78.5, 275.0, 114.0),
    "lane_lut": (1.79, 1.71, 0.572, 0.538, 1.22),
    "multiplier_lut": (2.43, 2.35, 1.15, 1.56, 2.72),
    "rom_lut": (1.02, 0.693, 2.68, 1.44, 2.26),
    "finish_lut": (2.41, 2.81, 1.29, 1.68, 2.19),
    "control_ff": (75.6, 85.2, 67.1, 169.0, 54.8),
    "lane_ff": (1.51, 1.18, 1.42, 0.395, 0.796),
    "finish_ff": (3.57, 3.45, 3.67, 2.74, 5.52),
    "adder_bit_lut": (0.842, 0.509, 0.418, 0.834, 0.546),
    "adder_lut": (0.845, 1.97, 1.88, 0.808, 0.781),
    "output_lut": (3.24, 5.55, 2.01, 3.64, 4.45),
    "adder_bit_ff": (0.639, 0.64, 0.64, 0.72, 0.605),
    "output_ff": (4.81, 5.62, 4.68, 4.28, 4.38),
}

WEIGHTS_ECP5, WEIGHTS_ICE40, WEIGHTS_XC7, WEIGHTS_NEXUS, WEIGHTS_POLARFIRE = (
    Weights(**dict(zip(FITTED, column, strict=True)))
    for column in zip(*FITTED.values(), strict=True)
)

# ECP5: Lattice FPGA-DS-02012, sysDSP and sysMEM; iCE40 UltraPlus: Lattice FPGA-DS-02008, SB_MAC16
# and EBR; 7 series: AMD UG479 (DSP48E1), UG473 (RAMB18E1); UltraScale+: AMD UG579 (DSP48E2), UG573;
# Nexus: Lattice FPGA-DS-02049, sysDSP and EBR; PolarFire: Microchip fabric user guide, math block,
# LSRAM and µSRAM. Nexus and PolarFire are fitted to 12 designs, the others to 24.
# When yosys takes block RAM is read off its counts: for 7 series it does at 435 words, and does not
# at 210. UltraScale+ has the weights of 7 series.
KINDS = {
    "ecp5": PartKind(4, 18, 18, 18, 36, 0, 0.11, 4, 16, 6, WEIGHTS_ECP5, registers_behind=1),
    "ice40": PartKind(4, 16, 16, 4, 16, 0, 0.25, 16, 256, 0, WEIGHTS_ICE40, buffer_kbit=4),
    "xc7": PartKind(6, 25, 18, 18, 36, 256, 0.11, 6, 32, 4, WEIGHTS_XC7, dsp_adds=True),
    "xcup": PartKind(6, 27, 18, 18, 36, 256, 0.11, 6, 32, 4, WEIGHTS_XC7, dsp_adds=True),
    "nexus": PartKind(4, 18, 18, 18, 36, 0, 0.11, 4, 16, 6, WEIGHTS_NEXUS),
    "polarfire": PartKind(
        4, 18, 18, 20, 40, 512, 0.11, 12, 64, 0, WEIGHTS_POLARFIRE, buffer_kbit=1
    ),
}


def kind_of(family: str) -> PartKind:
    """Return what the cells of a family hold; see `resources.family_of`."""
    return KINDS[family]


def registers_behind(part: str) -> int:
    """Return the registers behind each multiplier on a *part*; none where its family is unknown."""
    try:
        return kind_of(family_of(part)).registers_behind
    except ExportError:
        return 0
