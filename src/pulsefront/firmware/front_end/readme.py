"""The README of a front end's folder, written for the firmware engineer."""

from __future__ import annotations

from pulsefront.firmware.front_end.position.layout import PositionLayout
from pulsefront.firmware.front_end.position.readme import position_readme
from pulsefront.firmware.front_end.readme_rows import field_rows, flag_rows, test_rows
from pulsefront.firmware.front_end.settings import Doubt
from pulsefront.firmware.front_end.statement import FrontEndStatement
from pulsefront.firmware.front_end.timing.layout import TimingLayout

__all__ = ["readme"]

MEANINGS: dict[Doubt, str] = {
    "pile_up": "the signal rises again within the energy gate",
    "tail": "the trigger came soon after the chain was armed",
    "saturated": "a sample of the gate is at an end of the ADC's range",
    "baseline": "the baseline lies outside its range",
    "energy": "the energy lies outside its range",
    "output": "an output of the network lies outside its range",
}


def readme(layout: TimingLayout | PositionLayout, statement: FrontEndStatement) -> str:
    """Return the text of ``README.md``."""
    if isinstance(layout, TimingLayout):
        return _timing_readme(layout, statement)
    return position_readme(layout, statement)


def _timing_readme(layout: TimingLayout, statement: FrontEndStatement) -> str:
    chain, name = layout.settings, layout.model.name
    window = ", ".join(f"{k:+d}" for k in layout.window)
    unit = 2 ** (layout.limits.format.fraction + layout.extra_bits)
    lines = [
        f"# {name}: the whole front end",
        "",
        f"`{name}_front_end.v` takes ADC samples, one a clock in which `sample_valid` is high,",
        "and gives a record for each trigger: baseline, trigger, window, the network, energy.",
        "Verilog 2001, nothing vendor-specific. `front_end.json` has the settings and what is",
        "stated below.",
        "",
        "## Ports",
        "",
        f"- `clk`; `rst`, synchronous, high; `sample` ({chain.adc_bits} bits, unsigned) with",
        "  `sample_valid`. An ADC does not wait: there is no ready. Time counts in valid samples.",
        "- `record_valid`, `record_ready`: a record passes in a clock in which both are high.",
        f"- `{name}_front_end_axis.v` has the same under the names of AXI4-Stream: `aclk`,",
        "  `aresetn`, `s_axis_sample` (always ready) and `m_axis_record`, one record a beat. Above",
        "  a field its lane holds the sign, or zeros.",
        f"- `lost`: events since the reset that found no room; {chain.queue_events} are held.",
        "",
        "| field `record_…` | bits | signed | bits of `m_axis_record_tdata` | what |",
        "|---|---|---|---|---|",
        *_fields(layout, unit),
        "",
        "| bit of `record_flags` | name | set where | no decision |",
        "|---|---|---|---|",
        *flag_rows(MEANINGS, chain.undecided, tests=layout.tests is not None),
        "",
        "## What is computed",
        "",
        f"- pulses are {chain.polarity}"
        + ("; negative ones are turned over first" if chain.polarity == "negative" else ""),
        f"- baseline: mean of {chain.baseline_samples} samples, rounded down; the newest lies",
        f"  {chain.gap} samples before; samples of pulses do not count",
        f"- trigger: the first sample {chain.trigger_adc} counts or more above the baseline; armed",
        f"  again at {chain.rearm} or less, {chain.dead} samples later or more; after",
        f"  {chain.timeout_samples} samples the baseline is learned anew",
        f"- the network reads the samples {window} from the trigger on, less the baseline",
        *([] if layout.tests is None else test_rows(layout.tests)),
        f"- energy: {layout.energy_gate} samples from {-chain.samples_before:+d} on, less the",
        "  baseline with its fraction, rounded once, half up",
        *_pile_up(layout),
        "",
        "## Rate and dead time",
        "",
        "| | clocks | at the clock of the board |",
        "|---|---|---|",
        f"| samples | 1 | {statement.clock_mhz:g} MHz |",
        *_clock_rows(statement),
        "",
        *_loss(statement),
        "A digitizer that samples faster than the clock hands its samples over at the clock, as",
        "one with a domino ring does; several samples a clock are not built.",
        "The clock is that of the board that was named, not one that was reached:",
        "`pulsefront export --synthesize` counts the design; placement says what a part reaches.",
        "",
        "## Check",
        "",
        "`sh run_testbench.sh` runs the bench with Icarus Verilog on the golden stream",
        f"(`tb_data`: {statement.samples:,} samples, {statement.records:,} records): one sample",
        "a clock, then with gaps and back-pressure, then with a receiver that stops for long. It",
        "ends with PASS, or with FAIL, the event, the field and both integers. `pulsefront verify`",
        "runs it too, and the emulator on the same stream.",
    ]
    return "\n".join(lines) + "\n"


def _pile_up(layout: TimingLayout) -> list[str]:
    chain = layout.settings
    if chain.pile_up_adc is None:
        return ["- another pulse in the gate is not looked for: `pile_up_adc` is not set"]
    return [
        f"- another pulse: from sample {chain.pile_up_after:+d} on, one is {chain.pile_up_rise}",
        f"  counts or more above that {chain.pile_up_lag} samples before",
    ]


def _fields(layout: TimingLayout, unit: int) -> list[str]:
    chain = layout.settings
    what = {
        "number": "of the trigger, modulo its width: gaps are events lost",
        "sample": "index of the trigger's sample since the reset",
        "time": f"of the event in 1/{unit} ns: {layout.step} for each sample, and the network's "
        "output",
        "energy": "sum above the baseline, counts of the ADC",
        "baseline": f"sum of {chain.baseline_samples} samples",
        "flags": "see below",
    }
    return field_rows(layout.fields, what, layout.limits.format)


def _clock_rows(statement: FrontEndStatement) -> list[str]:
    ns = 1e3 / statement.clock_mhz
    rows = (
        ("dead after a trigger, at least", statement.dead_clocks),
        ("between two events of the network", statement.interval_clocks),
        ("from trigger to record, at most", statement.latency_clocks),
    )
    found = [f"| {what} | {clocks} | {clocks * ns:,.0f} ns |" for what, clocks in rows]
    return [*found, f"| events, at most | | {statement.events_per_second / 1e6:.3g} million/s |"]


def _loss(statement: FrontEndStatement) -> list[str]:
    if statement.loses_none:
        return [
            "The network keeps up with the dead time: no event is lost while the receiver takes",
            "what comes. Of events that come at random, at a rate r, the dead time d leaves",
            "1/(1 + r·d), where the signal is below the height of arming again by then.",
        ]
    return [
        f"The network takes longer than the dead time: beyond {statement.settings.queue_events}",
        "events at once, triggers are lost and counted. Fewer are where it has more multipliers.",
    ]
