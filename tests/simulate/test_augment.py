"""Charges as other detectors see them: their means and variances, and what a simulation says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pydantic import ValidationError

from pulsefront.detector import load_detector, turns_of
from pulsefront.simulate.augment import AugmentSettings, augmentation_of, with_dead_channels
from pulsefront.simulate.light.table import no_light_map
from pulsefront.simulate.perturb import Perturbation, perturbed
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.simulate.scan.setup import scan_chain

BLOCK = load_detector("lyso_monolithic_50x50x16")
CHARGES = np.full((20_000, 64), 400, np.uint16)


def apply(charges: np.ndarray = CHARGES, **changed) -> np.ndarray:
    made = augmentation_of(BLOCK, AugmentSettings(**changed))
    return made.apply(charges, np.random.default_rng(1)).astype(float)


def test_light_is_lost_photon_by_photon() -> None:
    made = augmentation_of(BLOCK, AugmentSettings(light=(0.6, 0.6)))
    found = apply(light=(0.6, 0.6))
    # 400 counts are n photons of k counts and mean square k²·F: n·k²·F·t(1 − t) is lost at random.
    noise = BLOCK.charge_readout.noise_adc
    lost = 400 * made.counts_per_photon * made.excess * 0.6 * 0.4
    variance = lost + noise**2 * (1 - 0.6**2) + 1 / 12
    assert_allclose(found.mean(), 240, atol=0.1)
    assert_allclose(found.var(), variance, rtol=0.01)


def test_noise_comes_to_its_new_level() -> None:
    found = apply(noise_scale=(3.0, 3.0))
    noise = BLOCK.charge_readout.noise_adc
    assert_allclose(found.std(), np.sqrt(8 * noise**2 + 1 / 12), rtol=0.01)
    assert_allclose(found.mean(), 400, atol=0.1)


def test_every_channel_of_every_event_has_a_gain_of_its_own() -> None:
    found = apply(gain_spread=0.05)
    assert_allclose(found.std(axis=0).mean(), 20, rtol=0.02)
    assert_allclose(found.std(axis=1).mean(), 20, rtol=0.02)
    assert abs(np.corrcoef(found[:, 0], found[:, 1])[0, 1]) < 0.03


def test_a_warmer_detector_has_the_charge_of_the_simulated_one() -> None:
    """Factors of the charges against those of the scan's own chain, over the range."""
    scan = ScanSettings(full_tracing=True)
    made = augmentation_of(BLOCK, AugmentSettings(temperature_shift_k=(-20.0, 20.0)))
    plain = scan_chain(BLOCK, scan, BLOCK.charge_readout, no_light_map(BLOCK))
    for shift in (-20.0, -7.3, 0.0, 10.0, 20.0):
        warm = perturbed(BLOCK, Perturbation(temperature_shift_k=shift))
        other = scan_chain(warm, scan, warm.charge_readout, no_light_map(warm))
        # What triggers at a given energy is the charge of that energy: light, PDE, gain, crosstalk.
        wanted = other.beam.trigger_adc / plain.beam.trigger_adc
        light = np.interp(shift, made.temperatures_k, made.light_at)
        counts = np.interp(shift, made.temperatures_k, made.counts_at)
        assert_allclose(light * counts, wanted, rtol=2e-3)


def test_codes_stay_within_the_converter() -> None:
    ends = np.array([[0, 1, 4095] + [0] * 61] * 500, np.uint16)
    found = apply(ends, light=(0.5, 2.0), noise_scale=(1.0, 50.0), gain_spread=0.3)
    assert found.min() == 0
    assert found.max() == 4095


def test_none_to_most_channels_are_dead() -> None:
    found = with_dead_channels(CHARGES, 2, np.random.default_rng(2))
    dead = (found == 0).sum(axis=1)
    shares = np.bincount(dead, minlength=3) / len(dead)
    # One of two that fall on one channel in 64.
    assert_allclose(shares, [1 / 3, 1 / 3 * (1 + 1 / 64), 1 / 3 * 63 / 64], atol=0.015)
    assert_allclose((found == 0).mean(axis=0), 1 / 64, atol=0.004)
    assert CHARGES.min() == 400


def test_a_block_turns_onto_itself_in_eight_ways_and_one_that_is_shifted_in_none() -> None:
    turns = turns_of(BLOCK)
    assert len(turns) == 8
    centres = BLOCK.sensors.centres_mm[:, :2]
    for turn in turns:
        charges = np.arange(64)
        # The charge of the sensor at p is found at the sensor at M p.
        moved = dict(zip(map(tuple, centres @ turn.matrix.T), charges, strict=True))
        assert [moved[tuple(p)] for p in centres] == list(charges[turn.order])
    shifted = perturbed(BLOCK, Perturbation(misalignment_mm=(0.3, 0.0)))
    assert [one.matrix.tolist() for one in turns_of(shifted)] == [
        [[1, 0], [0, 1]],
        [[1, 0], [0, -1]],
    ]
    assert len(turns_of(load_detector("lyso_slabs_1x8"))) == 4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "changes nothing"),
        ({"light": (1.0, 0.5)}, "light must ascend between 0.1 and 2"),
        ({"noise_scale": (0.5, 2.0)}, "noise_scale must ascend between 1 and 100"),
        ({"temperature_shift_k": (0.0, 90.0)}, "temperature_shift_k must ascend"),
        ({"gain_spread": 0.02, "alignments": 4}, "alignments: nothing is shifted"),
        ({"gain_spread": 0.9}, "less than or equal to 0.5"),
    ],
)
def test_ranges_that_cannot_be_are_refused(changed, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AugmentSettings(**changed)
