"""Other pairs of detectors: what is drawn for them, and that their pulses follow it."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from pulsefront.detector import load_detector
from pulsefront.simulate import CoincidenceSettings
from pulsefront.simulate.coincidences.varied import (
    PairAugmentSettings,
    draw_pairs,
    varied_coincidences,
)
from studies_small import COARSE

DETECTOR = load_detector("lyso_pair_3x3x20")
RANGES = {
    "gain_spread": 0.05,
    "light": (0.6, 1.0),
    "temperature_shift_k": (-5.0, 15.0),
    "noise_scale": (1.0, 2.0),
    "baseline_wander_scale": (1.0, 3.0),
}


def test_a_pair_is_as_warm_and_its_detectors_differ_otherwise() -> None:
    settings = PairAugmentSettings(**RANGES, detectors=200)
    pairs = draw_pairs(DETECTOR, settings, 7)
    assert pairs == draw_pairs(DETECTOR, settings, 7)
    assert len({pair.seed for pair in pairs}) == 200
    for name, key in (
        ("light", "pde_scale"),
        ("temperature_shift_k", "temperature_shift_k"),
        ("noise_scale", "noise_scale"),
        ("baseline_wander_scale", "baseline_wander_scale"),
    ):
        both = np.array([[getattr(one, key) for one in pair.changes] for pair in pairs])
        low, high = RANGES[name]
        assert low <= both.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < both.max() <= high
        alike = (both[:, 0] == both[:, 1]).all()
        assert alike == (name == "temperature_shift_k")
    first = pairs[0]
    wander = DETECTOR.digitizer.baseline_wander_adc * first.changes[1].baseline_wander_scale
    assert first.second.digitizer.baseline_wander_adc == pytest.approx(wander)
    assert first.first.photosensor.gain_mismatch == 0.05
    assert draw_pairs(DETECTOR, settings, 8)[0].changes != first.changes


def test_pulses_follow_light_and_baselines_their_wander(tmp_path) -> None:
    settings = PairAugmentSettings(light=(0.5, 1.0), baseline_wander_scale=(1.0, 9.0), detectors=6)
    pairs = draw_pairs(DETECTOR, settings, 3)
    chosen = CoincidenceSettings(offsets_mm=(0.0,), events_per_offset=900, light_map=COARSE)
    tables = list(varied_coincidences(pairs, chosen, settings, cache=tmp_path))
    assert [len(one) for one in tables] == [150] * 6
    light, found, wander, spread = [], [], [], []
    for pair, table in zip(pairs, tables, strict=True):
        waves = table["waveform_adc"].astype(float)
        levels = waves[:, :, :16].mean(axis=2)
        charge = (waves - levels[..., None]).sum(axis=2)
        light += [one.pde_scale for one in pair.changes]
        found += list(np.quantile(charge, 0.6, axis=0))
        wander += [one.baseline_wander_scale for one in pair.changes]
        spread += list(levels.std(axis=0))
    assert np.corrcoef(light, found)[0, 1] > 0.99
    assert np.corrcoef(wander, spread)[0, 1] > 0.97


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "changes nothing"),
        ({"light": (1.0, 0.5)}, "light must ascend"),
        ({"baseline_wander_scale": (0.5, 2.0)}, "baseline_wander_scale must ascend between 1 and"),
        ({"gain_spread": 0.1, "dead_channels": 1}, "dead_channels"),
        ({"gain_spread": 0.1, "detectors": 0}, "greater than or equal to 1"),
    ],
)
def test_ranges_that_cannot_be_are_refused(changed, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PairAugmentSettings(**changed)
