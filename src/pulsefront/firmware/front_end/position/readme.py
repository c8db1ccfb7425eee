"""The README of a position chain's folder, written for the firmware engineer."""

from __future__ import annotations

from pulsefront.firmware.before_network import fold_lines
from pulsefront.firmware.front_end.position.layout import PositionLayout
from pulsefront.firmware.front_end.readme_rows import field_rows, flag_rows, test_rows
from pulsefront.firmware.front_end.settings import Doubt
from pulsefront.firmware.front_end.statement import FrontEndStatement
from pulsefront.fixed_point.normalise import SPARE_BITS

__all__ = ["position_readme"]

MEANINGS: dict[Doubt, str] = {
    "saturated": "a charge is the largest of the ADC",
    "energy": "the sum lies outside its range",
    "output": "an output of the network lies outside its range",
    "few_channels": "too few channels have light",
}


def position_readme(layout: PositionLayout, statement: FrontEndStatement) -> str:
    """Return the text of ``README.md`` for a position chain."""
    chain, name = layout.settings, layout.model.name
    low, high = chain.sum_range
    ns = 1e3 / statement.clock_mhz
    interval, latency = statement.interval_clocks, statement.latency_clocks
    lines = [
        f"# {name}: the whole front end",
        "",
        f"`{name}_front_end.v` takes the charges of an event, channel by channel, and gives a",
        "record: gain, sum, normalisation, the network. Verilog 2001, nothing vendor-specific.",
        "`front_end.json` has the settings and what is stated below.",
        "",
        "## Ports",
        "",
        f"- `clk`; `rst`, synchronous, high; `charge` ({chain.adc_bits} bits, unsigned, pedestal",
        "  subtracted) passes in a clock in which `charge_valid` and `charge_ready` are both high.",
        f"  The first after the reset is channel 0 of {chain.channels}.",
        "- `record_valid`, `record_ready`: a record passes in a clock in which both are high.",
        "  Nothing is lost: charges wait while a receiver stops.",
        f"- `{name}_front_end_axis.v` has the same under the names of AXI4-Stream: `aclk`,",
        "  `aresetn`, `s_axis_charge` and `m_axis_record`, one record a beat. Above a field its",
        "  lane holds the sign, or zeros.",
        "",
        "| field `record_…` | bits | signed | bits of `m_axis_record_tdata` | what |",
        "|---|---|---|---|---|",
        *_fields(layout),
        "",
        "| bit of `record_flags` | name | set where | no decision |",
        "|---|---|---|---|",
        *flag_rows(MEANINGS, chain.undecided, tests=layout.tests is not None),
        "",
        "## What is computed",
        "",
        *_offsets(layout),
        "- corrected charge: times the gain of its channel (`gains.hex`, one word a channel) in",
        f"  steps of 2^−{chain.gain_fraction_bits}, rounded half up; all fit",
        f"  {layout.charge_bits} bits",
        f"- sum of all {chain.channels}; from {low} to {high} it is not flagged",
        f"- channels of {chain.channel_adc} or more have light; fewer than",
        f"  {chain.least_channels} are flagged",
        *_normalisation(layout),
        *([] if chain.mirrors is None else fold_lines(chain.mirrors, charges="a corrected charge")),
        *_dropped(layout),
        f"- the network reads {len(layout.chosen)} channels",
        *([] if layout.tests is None else test_rows(layout.tests)),
        *_margin(layout),
        "",
        "## Rate",
        "",
        "| | clocks | at the clock of the board |",
        "|---|---|---|",
        f"| charges | 1 | {statement.clock_mhz:g} MHz |",
        f"| between two events | {interval} | {interval * ns:,.0f} ns |",
        f"| from first charge to record, at most | {latency} | {latency * ns:,.0f} ns |",
        f"| events, at most | | {statement.events_per_second / 1e6:.3g} million/s |",
        "",
        "There is no dead time of its own: the chain stops taking charges while it is full. The",
        "clock is that of the board that was named, not one that was reached:",
        "`pulsefront export --synthesize` counts the design; placement says what a part reaches.",
        "",
        "## Check",
        "",
        "`sh run_testbench.sh` runs the bench with Icarus Verilog on golden charges (`tb_data`:",
        f"{statement.samples:,} charges, {statement.records:,} records): one a clock, then with",
        "gaps and back-pressure, then with a receiver that stops for long. It ends with PASS, or",
        "with FAIL, the event, the field and both integers. `pulsefront verify` runs it too, and",
        "the emulator on the same charges.",
    ]
    return "\n".join(lines) + "\n"


def _fields(layout: PositionLayout) -> list[str]:
    what = {
        "number": "of the event since the reset, modulo its width",
        "energy": "sum of the corrected charges",
        "channels": "with light",
        "flags": "see below",
    }
    return field_rows(layout.fields, what, layout.limits.format)


def _dropped(layout: PositionLayout) -> list[str]:
    if not layout.drop_bits:
        return []
    return [f"- the network reads charges without their {layout.drop_bits} lowest bits"]


def _margin(layout: PositionLayout) -> list[str]:
    if layout.margin is None:
        return []
    return [
        f"- scores of which the largest lies less than {layout.margin.least} steps above the",
        "  second are flagged as `output`",
    ]


def _offsets(layout: PositionLayout) -> list[str]:
    if not layout.offset_bits:
        return []
    return [
        f"- charge less the offset of its channel ({layout.offset_bits} bits, signed, above the",
        f"  gain's {layout.gain_bits} in `gains.hex`); none below 0",
    ]


def _normalisation(layout: PositionLayout) -> list[str]:
    made = layout.normalisation
    if made is None:
        return ["- no normalisation: the network reads the corrected charges"]
    return [
        f"- normalised to a sum of {made.total}: r = {made.total}·2^{made.shift} / sum, rounded",
        f"  down, at most {made.reciprocal_bits} bits; then charge·r / 2^{made.shift}, rounded",
        "  half up: within",
        f"  1/2 + 2^−{SPARE_BITS} of the exact quotient where the sum is in its range",
    ]
