"""Avalanches in time against the formulas of their parts (fixed seeds)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pulsefront.detector import Detector, load_detector
from pulsefront.simulate.coincidences.light import add_photons
from pulsefront.simulate.light.scintillation import decay_parts
from pulsefront.simulate.run.random import new_state
from pulsefront.simulate.sensor.avalanche_model import avalanche_model, gain_table
from pulsefront.simulate.sensor.avalanches import (
    Scratch,
    add_avalanches,
    add_dark_counts,
    neighbour,
    scratch,
)
from pulsefront.simulate.sensor.charges import crosstalk_mean

QUIET = {
    "crosstalk": 0.0,
    "delayed_crosstalk": 0.0,
    "afterpulse": 0.0,
    "gain_spread": 0.0,
    "dark_count_rate_hz": 0.0,
}
MOST = 400_000


def sipm(**change: float) -> Detector:
    detector = load_detector("lyso_pair_3x3x20")
    sensor = detector.photosensor.model_copy(update={**QUIET, **change})
    return detector.model_copy(update={"photosensor": sensor})


def avalanches(
    detector: Detector, times: np.ndarray, seed: int = 1
) -> tuple[np.ndarray, np.ndarray, Scratch]:
    """Return time and charge of all avalanches, and where they fell."""
    model = avalanche_model(detector)
    time_ns, amplitude = np.zeros(MOST), np.zeros(MOST)
    time_ns[: len(times)] = times
    room = scratch(MOST, model.cells)
    state = new_state(np.random.SeedSequence(seed))
    count = add_avalanches(state, model, time_ns, amplitude, len(times), room)
    return time_ns[:count], amplitude[:count], room


def recovered(time_ns: np.ndarray, cell: np.ndarray, tau_ns: float) -> np.ndarray:
    """Return the charges by walking through all avalanches in order of time."""
    charge, last = np.ones(len(time_ns)), {}
    for n in sorted(range(len(time_ns)), key=lambda n: (time_ns[n], n)):
        if cell[n] in last:
            charge[n] = 1 - math.exp(-(time_ns[n] - last[cell[n]]) / tau_ns)
        last[cell[n]] = time_ns[n]
    return charge


@given(
    times=st.lists(st.floats(0.0, 200.0), min_size=1, max_size=60),
    cells=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=100, deadline=None)
def test_cells_recover_as_if_their_avalanches_were_walked_through_in_time(
    times: list[float], cells: int, seed: int
) -> None:
    detector = sipm(cells=cells)
    time_ns, charge, room = avalanches(detector, np.array(times), seed)
    expected = recovered(time_ns, room.cell[: len(times)], 30.0)
    np.testing.assert_allclose(charge, expected, atol=3e-9)


def test_events_do_not_see_each_others_cells() -> None:
    detector = sipm(cells=10)
    model = avalanche_model(detector)
    room = scratch(100, 10)
    state = new_state(np.random.SeedSequence(1))
    room.tag[0] = 2**31 - 45
    for _ in range(10):
        # The count of the cells starts again somewhere on the way.
        time_ns, amplitude = np.linspace(0, 100, 100), np.zeros(100)
        add_avalanches(state, model, time_ns, amplitude, 20, room)
        expected = recovered(time_ns[:20], room.cell[:20], 30.0)
        np.testing.assert_allclose(amplitude[:20], expected, atol=3e-9)


def test_a_flash_saturates_as_the_occupancy_formula_says() -> None:
    """N (1 − (1 − 1/N)^n) cells fire at once: N (1 − e^(−n/N)) for large N."""
    detector, cells = sipm(), 3600
    for photons in (1000, 4000, 20_000):
        fired = [avalanches(detector, np.zeros(photons), seed)[1].sum() for seed in range(40)]
        expected = cells * (1 - (1 - 1 / cells) ** photons)
        assert expected == pytest.approx(cells * -math.expm1(-photons / cells), rel=1e-3)
        error = np.std(fired) / math.sqrt(len(fired))
        assert abs(np.mean(fired) - expected) < 4 * error + 1e-6 * cells


def test_prompt_crosstalk_branches_with_the_borel_distribution() -> None:
    """Total progeny of one avalanche: Borel; P(n) = e^(−λn) (λn)^(n−1) / n!."""
    detector = sipm(crosstalk=0.2)
    lam = crosstalk_mean(0.2)
    trees = 30_000
    time_ns, _, _ = avalanches(detector, np.arange(trees, dtype=float))
    # A secondary has the time of its parent, and so that of the root.
    size = np.bincount(time_ns.astype(int))
    k = np.arange(1, 7)
    factorial = np.array([math.factorial(n) for n in k], float)
    borel = np.exp(-lam * k) * (lam * k) ** (k - 1) / factorial
    observed = np.array([(size == n).sum() for n in k])
    chi2 = ((observed - borel * trees) ** 2 / (borel * trees)).sum()
    assert stats.chi2.sf(chi2, len(k) - 1) > 0.001


@pytest.mark.parametrize("kind", ["delayed_crosstalk", "afterpulse"])
def test_late_secondaries_have_their_number_and_their_delay(kind: str) -> None:
    share, delay_ns = 0.02, 12.0
    detector = sipm(**{kind: share, f"{kind}_ns": delay_ns})
    roots = 100_000
    start = 1000.0 * np.arange(roots)
    time_ns, _, room = avalanches(detector, start)
    late = time_ns[roots:]
    expected = roots * share / (1 - share)
    assert abs(len(late) - expected) < 4 * math.sqrt(expected)
    # Of the first generation alone the delay is a single exponential.
    once = np.bincount((time_ns // 1000).astype(int), minlength=roots) == 2
    root = (late // 1000).astype(int)
    child = once[root]
    delay = late[child] % 1000
    assert stats.kstest(delay, stats.expon(scale=delay_ns).cdf).pvalue > 0.001
    same = (room.cell[root] == room.cell[roots : len(time_ns)])[child]
    assert same.all() if kind == "afterpulse" else not same.any()


def test_an_afterpulse_is_as_large_as_its_cell_has_recovered() -> None:
    """The mean of 1 − e^(−Δt/τr) over delays of τa is τa / (τa + τr)."""
    detector = sipm(afterpulse=0.02, afterpulse_ns=15.0, recovery_ns=30.0, cells=1_000_000)
    roots = 50_000
    _, charge, _ = avalanches(detector, 1e4 * np.arange(roots))
    assert (charge[:roots] > 0.999).mean() > 0.999
    after = charge[roots:]
    expected = 15.0 / 45.0
    assert abs(after.mean() - expected) < 4 * after.std() / math.sqrt(len(after)) + 0.002


def test_crosstalk_goes_to_each_of_the_eight_neighbours_alike() -> None:
    state = new_state(np.random.SeedSequence(1))
    words = np.random.default_rng(1).integers(0, 2**63, 16_000).astype(np.uint64)
    inside = [neighbour(state, word, 5 * 60 + 7, 3600, 60) for word in words]
    around = {(5 + dy) * 60 + 7 + dx for dx in (-1, 0, 1) for dy in (-1, 0, 1)} - {5 * 60 + 7}
    cells, counts = np.unique(inside, return_counts=True)
    assert set(cells.tolist()) == around
    assert stats.chisquare(counts).pvalue > 0.001
    corner = {neighbour(state, word, 3599, 3600, 60) for word in words[:200]}
    assert corner == {3598, 3539, 3538}
    assert neighbour(state, words[0], 0, 1, 1) == 0


def test_cells_are_drawn_evenly_and_apart_from_charges_and_secondaries() -> None:
    """One random word serves all three."""
    detector = sipm(cells=100, gain_spread=0.1, recovery_ns=1e-6, crosstalk=0.1)
    roots = 100_000
    time_ns, charge, room = avalanches(detector, 1000.0 * np.arange(roots))
    cell = room.cell[:roots]
    assert stats.chisquare(np.bincount(cell, minlength=100)).pvalue > 0.001
    parent = np.bincount((time_ns / 1000).astype(int), minlength=roots) > 1
    first = charge[:roots]
    for one, other in ((cell, first), (cell, parent), (first, parent)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / math.sqrt(roots)
    assert stats.kstest((first - 1) / 0.1, "norm").pvalue > 0.001


@pytest.mark.parametrize(
    ("name", "kind"), [("lyso_pair_3x3x20", "sipm"), ("nai_camera_pmt", "pmt")]
)
def test_charges_of_an_avalanche_have_mean_one_and_the_sensors_spread(name: str, kind: str) -> None:
    sensor = load_detector(name).photosensor
    table = gain_table(sensor)
    assert sensor.kind == kind
    assert len(table) == 4096
    assert table.mean() == pytest.approx(1.0, abs=1e-3)
    assert table.std() == pytest.approx(sensor.gain_spread, rel=5e-3)
    assert (table >= 0).all()


def test_a_photomultiplier_has_no_cells_and_no_secondaries() -> None:
    detector = load_detector("nai_camera_pmt")
    time_ns, charge, _ = avalanches(detector, np.zeros(50_000))
    assert len(time_ns) == 50_000
    assert charge.mean() == pytest.approx(1.0, abs=4 * 0.6 / math.sqrt(50_000))
    assert charge.std() == pytest.approx(0.6, rel=0.02)


@pytest.mark.parametrize(
    ("name", "sigma_ns"), [("lyso_pair_3x3x20", 0.085), ("nai_camera_pmt", 2.9)]
)
def test_time_jitter_is_sptr_or_transit_time_spread(name: str, sigma_ns: float) -> None:
    detector = load_detector(name)
    state, jitter = new_state(np.random.SeedSequence(2)), np.zeros(20_000)
    # Prompt light without a way to go.
    sigma, no_way = avalanche_model(detector).jitter_ns, np.zeros(2, np.float32)
    decay = decay_parts(detector.material)
    assert add_photons(state, 0, 20_000, 0.0, 1.0, decay, sigma, no_way, jitter, 0) == 20_000
    assert stats.kstest(jitter / sigma_ns, "norm").pvalue > 0.001


def test_dark_counts_are_a_poisson_number_at_any_time() -> None:
    rate = avalanche_model(sipm(dark_count_rate_hz=5e6)).dark_per_ns
    state, times = new_state(np.random.SeedSequence(3)), np.zeros(100)
    counts, when = [], []
    for _ in range(5000):
        counts.append(add_dark_counts(state, rate, -100.0, 300.0, times, 0))
        when.extend(times[: counts[-1]])
    assert np.mean(counts) == pytest.approx(2.0, abs=4 * math.sqrt(2.0 / 5000))
    assert np.var(counts) == pytest.approx(2.0, rel=0.1)
    assert stats.kstest(when, stats.uniform(-100, 400).cdf).pvalue > 0.001
