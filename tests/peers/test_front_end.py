"""Ten thousand windows through the Verilog of a front end, and what the chain costs in physics.

The network of the physics is a least-squares one, rounded: it needs no training, and both ways of
cutting the samples hand it the same integers where they agree.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.estimators.energy.photopeak import find_photopeak
from pulsefront.estimators.pulses.windows import leading_edge_windows
from pulsefront.evaluate.metrics import central_width
from pulsefront.firmware.front_end.golden import made_stream, stream_of_records
from pulsefront.firmware.front_end.settings import TimingChainSettings, load_chain
from pulsefront.firmware.front_end.simulate import FrontEndRun
from pulsefront.firmware.front_end.timing.chain import TimingChain
from pulsefront.firmware.front_end.write import write_chain
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
)
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings, simulate_coincidences
from toys_front_end import small_chain, window_net
from toys_rtl import INSTALLED

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("verilator" not in INSTALLED, reason="verilator is not installed"),
]

LEAD = 32
"""Samples of its own baseline before each record."""


@pytest.mark.parametrize("polarity", ["positive", "negative"])
def test_ten_thousand_windows(polarity: str, tmp_path: Path) -> None:
    chosen = small_chain(polarity=polarity, undecided=("pile_up", "tail", "saturated", "output"))
    chain = TimingChain(window_net(7), chosen)
    samples = chain.with_flat_end(made_stream(chosen, pulses=12_000, seed=11))
    records = chain.run(samples)
    assert len(records) >= 10_000
    write_chain(chain, tmp_path, samples, records)
    with FrontEndRun(tmp_path, "pulse_front_end_tb", "verilator") as run:
        log = run.check()
    sys.stdout.write(f"\n{log}")


@pytest.mark.filterwarnings("ignore::pulsefront.events.readers.base.DataWarning")
@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("drs4_pydrs4/test.dat", {"adc_bits": 16, "polarity": "negative", "trigger_adc": 500}),
        ("toward_bgo_sipm/sipm_2006272158_wave0.dat", {"adc_bits": 10, "trigger_adc": 60}),
        ("legend_compass/compass_test_data.BIN", {"adc_bits": 12, "trigger_adc": 100}),
    ],
)
def test_measured_records(shared_data, file: str, changed, tmp_path: Path) -> None:
    from pulsefront.events.readers.open import open_events

    folder, _, name = file.partition("/")
    waveforms = open_events(shared_data(folder) / name).read()["waveform_adc"]
    chosen = small_chain(**changed, energy_samples=60, timeout_samples=500)
    chain = TimingChain(window_net(7, bits=chosen.adc_bits + 1), chosen)
    records = waveforms.reshape(-1, waveforms.shape[-1])
    samples = chain.with_flat_end(stream_of_records(records, chosen))
    expected = chain.run(samples)
    write_chain(chain, tmp_path, samples, expected)
    with FrontEndRun(tmp_path, "pulse_front_end_tb", "verilator") as run:
        run.check()
    sys.stdout.write(f"\n{file}: {len(samples):,} samples, {len(expected):,} records, equal\n")


@dataclass(frozen=True)
class Measured:
    """Of each event of one detector: time within its record, energy, flags."""

    time_ns: NDArray[np.float64]
    energy: NDArray[np.float64]
    flags: NDArray[np.int64]


def with_lead(waveforms: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return records behind *LEAD* samples of their own baseline, mirrored."""
    first = waveforms[:, :16]
    lead = np.concatenate([first, first[:, ::-1]], axis=1)[:, -LEAD:]
    return np.concatenate([lead, waveforms], axis=1).astype(np.int64)


def by_the_chain(chain: TimingChain, waveforms: NDArray[np.uint16]) -> Measured:
    """Return what the chain says of the first trigger in each record."""
    rows = with_lead(waveforms)
    length = rows.shape[1]
    records = chain.run(chain.with_flat_end(rows.reshape(-1)))
    event, first = np.unique(records["sample"] // length, return_index=True)
    first, event = first[event < len(rows)], event[event < len(rows)]
    times, energies = (np.full(len(rows), np.nan) for _ in range(2))
    flags = np.zeros(len(rows), np.int64)
    bits = chain.layout.limits.format.fraction + chain.layout.extra_bits
    times[event] = np.ldexp(records["time"][first].astype(float), -bits) - (event * length + LEAD)
    energies[event] = records["energy"][first]
    flags[event] = records["flags"][first]
    return Measured(times, energies, flags)


def least_squares_net(events, chain: TimingChainSettings) -> FixedPointModel:
    """Return one dense layer that corrects the trigger's time, from the known differences."""
    cuts = [cut(events["waveform_adc"][:, side], chain) for side in (0, 1)]
    usable = cuts[0].usable & cuts[1].usable
    left, right = (one.samples[usable].astype(float) for one in cuts)
    coarse = (cuts[0].trigger_sample - cuts[1].trigger_sample)[usable]
    target = events["known_difference_ns"][usable] - coarse
    slopes = np.column_stack([left - right, np.ones(usable.sum())])
    found = np.linalg.lstsq(
        slopes.T @ slopes + 1e3 * np.eye(slopes.shape[1]), slopes.T @ target, rcond=None
    )[0]
    weights = np.round(np.ldexp(found[:-1], 20)).astype(np.int64)
    dense = Dense(
        "shift", ("counts",), weights[:, None], FixedPointFormat(16, -4),
        to=Assignment(FixedPointFormat(16, 6), "RND", "SAT"),
    )  # fmt: skip
    port = Input("counts", (len(weights),), FixedPointFormat(13, 13))
    return FixedPointModel("linear", (port,), (dense,), ("shift",))


def cut(waveforms: NDArray[np.uint16], chain: TimingChainSettings):
    return leading_edge_windows(
        waveforms, baseline_samples=chain.baseline_samples, threshold_adc=chain.trigger_adc,
        before=chain.samples_before, after=chain.samples_after,
    )  # fmt: skip


def test_time_and_energy_of_simulated_coincidences(tmp_path: Path) -> None:
    """The chain loses nothing that a test of this size sees: 3 % of either width."""
    chosen = load_chain("timing_lyso_pair")
    source = CoincidenceSettings(offsets_mm=(-30.0, 0.0, 30.0), events_per_offset=1_200)
    events = simulate_coincidences(load_detector("lyso_pair_3x3x20"), source, 77)
    events = events.select(events.status == 0)
    half = len(events) // 2
    order = np.random.default_rng(0).permutation(len(events))
    model = least_squares_net(events.select(order[:half]), chosen)
    chain = TimingChain(model, chosen)
    test = events.select(order[half:])
    waves = test["waveform_adc"]
    chained = [by_the_chain(chain, waves[:, side]) for side in (0, 1)]
    cuts = [cut(waves[:, side], chosen) for side in (0, 1)]
    study = [
        one.trigger_sample + np.ldexp(model.run(one.samples)[:, 0].astype(float), -10)
        for one in cuts
    ]
    known = test["known_difference_ns"]
    found = chained[0].time_ns - chained[1].time_ns - known
    software = study[0] - study[1] - known
    usable = np.isfinite(found) & cuts[0].usable & cuts[1].usable
    sums = [
        (w - w[:, : chosen.baseline_samples].mean(axis=1, keepdims=True)).sum(axis=1)
        for w in (waves[:, 0].astype(float), waves[:, 1].astype(float))
    ]
    peaks = [
        (find_photopeak(a.energy[usable]), find_photopeak(b[usable]))
        for a, b in zip(chained, sums, strict=True)
    ]
    inside = usable & np.all(
        [p.contains(a.energy, 2.0) for a, (p, _) in zip(chained, peaks, strict=True)], axis=0
    )
    widths = [1e3 * central_width(one[inside]) for one in (found, software)]
    sys.stdout.write(
        f"\n{inside.sum()} coincidences; width of time, chain and study: {widths} ps\n"
    )
    for ours, whole in peaks:
        sys.stdout.write(f"photopeak FWHM: {ours.fwhm_fraction:.4f}, {whole.fwhm_fraction:.4f}\n")
        assert ours.fwhm_fraction < 1.03 * whole.fwhm_fraction
    piled = np.mean([(one.flags[inside] & 1).mean() for one in chained])
    sys.stdout.write(f"flagged as pile-up, of single pulses: {piled:.4f}\n")
    assert inside.sum() > 500
    assert widths[0] < 1.03 * widths[1]
    assert piled < 0.005
    # A hundred records of each detector go through the Verilog too.
    samples = chain.with_flat_end(with_lead(waves[:100].reshape(-1, waves.shape[-1])).reshape(-1))
    write_chain(chain, tmp_path, samples, chain.run(samples))
    with FrontEndRun(tmp_path, "linear_front_end_tb", "verilator") as run:
        run.check()
