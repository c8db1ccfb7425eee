"""The timing chain in Verilog: equal to its emulator, and a bench that finds what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ExportError
from pulsefront.firmware.front_end.golden import made_stream, stream_of_records
from pulsefront.firmware.front_end.record.fields import Records
from pulsefront.firmware.front_end.simulate import FrontEndRun
from pulsefront.firmware.front_end.timing.chain import TimingChain
from pulsefront.firmware.front_end.write import write_chain
from toys_front_end import small_chain, window_net
from toys_rtl import needs_simulator

BENCH = "pulse_front_end_tb"


def written(folder: Path, *, pulses: int = 25, bits: int = 13, outputs: int = 1, **changed):
    """Return a chain, its golden stream and records, after its Verilog was written."""
    chosen = small_chain(**changed)
    size = chosen.samples_before + chosen.samples_after
    if chosen.window_samples is not None:
        size = len(chosen.window_samples)
    chain = TimingChain(window_net(size, bits=bits, outputs=outputs), chosen)
    samples = chain.with_flat_end(made_stream(chosen, pulses=pulses))
    records = chain.run(samples)
    write_chain(chain, folder, samples, records)
    return chain, samples, records


CASES = {
    "plain": {},
    "negative": {"polarity": "negative", "sample_interval_ns": 0.2},
    "one sample of baseline": {"baseline_samples": 1, "baseline_gap": 4},
    "shortest gap": {"samples_before": 0, "baseline_gap": 2},
    "one step between": {"samples_before": 1, "baseline_gap": 3, "baseline_samples": 2},
    "narrow input saturates": {"bits": 6},
    "several outputs": {"outputs": 3},
    "an output and its error": {"outputs": 2, "error_output": True, "largest_error": 1.5},
    "all doubts": {
        "window_samples": (-3, 0, 3), "energy_range": (100, 2000), "output_range": ((-2.0, 3.0),),
        "baseline_range_adc": (50, 60), "rearm_adc": -2,
        "undecided": ("pile_up", "tail", "saturated", "baseline", "energy", "output"),
    },
}  # fmt: skip


@needs_simulator
@pytest.mark.parametrize("changed", CASES.values(), ids=CASES)
def test_every_record_is_the_emulator_s(changed, tmp_path: Path) -> None:
    written(tmp_path, **changed)
    with FrontEndRun(tmp_path, BENCH) as run:
        log = run.check()
    assert ", 0 lost" in log.splitlines()[0]


@needs_simulator
def test_a_slow_network_loses_events_and_counts_them(tmp_path: Path) -> None:
    chain, _, records = written(
        tmp_path, pulses=40, multipliers=1, queue_events=2, energy_samples=4, samples_after=4,
        pile_up_after=3,
    )  # fmt: skip
    assert chain.layout.design.interval_cycles > chain.layout.settings.dead
    with FrontEndRun(tmp_path, BENCH) as run:
        log = run.check()
    line = log.splitlines()[0]
    assert ", 0 lost" not in line
    assert f", {len(records)} records" not in line


@needs_simulator
@pytest.mark.filterwarnings("ignore::pulsefront.events.readers.base.DataWarning")
def test_measured_records_give_the_emulator_s(shared_data, tmp_path: Path) -> None:
    from pulsefront.events.readers.open import open_events

    file = shared_data("toward_bgo_sipm") / "sipm_2006272158_wave0.dat"
    waveforms = open_events(file).read()["waveform_adc"][:30]
    chosen = small_chain(
        trigger_adc=60, energy_samples=100, baseline_samples=32, timeout_samples=500
    )
    chain = TimingChain(window_net(7), chosen)
    samples = chain.with_flat_end(stream_of_records(waveforms, chosen))
    records = chain.run(samples)
    assert len(records) > 10
    write_chain(chain, tmp_path, samples, records)
    with FrontEndRun(tmp_path, BENCH) as run:
        run.check()


WRONG = {
    "a threshold": ("pulse_front_end.v", ".THRESHOLD(20)", ".THRESHOLD(21)"),
    "the trigger's own height": ("pf_trigger.v", "level >= THRESHOLD", "level > THRESHOLD"),
    "the height of re-arming": ("pf_trigger.v", "level <= REARM", "level < REARM"),
    "the last dead sample": ("pf_trigger.v", "since_next >= DEAD", "since_next > DEAD"),
    "the rounding of the energy": ("pf_capture.v", "total + HALF", "total"),
    "a sample of the window": ("pulse_front_end.v", "7'h7f", "7'h7e"),
    "a bit of a record": ("tb_data/records.hex", None, None),
    "a record too few": ("tb_data/stream.hex", None, None),
}


@needs_simulator
@pytest.mark.parametrize(("file", "old", "new"), WRONG.values(), ids=WRONG)
def test_the_bench_fails_on(file, old, new, tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / file
    text = path.read_text()
    if file.endswith("records.hex"):
        lines = text.split()
        lines[3] = f"{int(lines[3], 16) ^ 1 << 80:x}"
        changed = "\n".join(lines)
    elif old is None:
        changed = "\n".join([text.split()[0]] * len(text.split()))
    else:
        changed = text.replace(old, new)
    assert changed != text
    path.write_text(changed)
    with FrontEndRun(tmp_path, BENCH) as run, pytest.raises(ExportError, match="FAIL"):
        run.check()


@needs_simulator
def test_records_of_another_stream_come_back(tmp_path: Path) -> None:
    chain, _, _ = written(tmp_path)
    other = chain.with_flat_end(made_stream(chain.layout.settings, pulses=8, seed=7))
    with FrontEndRun(tmp_path, BENCH) as run:
        found = run.run(other, 10, chain.layout.fields)
    expected = chain.run(other)
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_words_are_records_and_back(tmp_path: Path) -> None:
    _, _, records = written(tmp_path)
    found = Records.of_words(records.fields, records.words())
    for name, values in records.columns.items():
        np.testing.assert_array_equal(found[name], values)
