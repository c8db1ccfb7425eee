"""Simulated detectors beside published measurements of detectors like them.

No measured detector is described well enough to be simulated without a guess: surfaces, coupling,
photosensor and electronics differ in ways that papers do not give. Each row says what is known to
differ, and how far from 1 the ratio may be for it; the ratio is printed with its 95 % interval.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.evaluate.metrics import fwhm
from pulsefront.simulate import (
    CoincidenceSettings,
    LightMapSettings,
    ScanSettings,
    simulate_coincidences,
    simulate_scan,
)
from pulsefront.simulate.light.optics import collection

pytestmark = pytest.mark.peer
FINE = LightMapSettings(
    pitch_mm=0.75, depth_pitch_mm=1.25, fine_depth_mm=2.5, photons=10_000, transit_times=True
)
REPLICATES = 200


@dataclass(frozen=True)
class Published:
    """One published value; *within* is the ratio that the named differences may make."""

    quantity: str
    value: float
    error: float
    unit: str
    source: str
    differs: str
    within: tuple[float, float]


LYSO_TIME = Published(
    "CTR of two LYSO 3×3×20 mm",
    186.0,
    3.0,
    "ps FWHM",
    "Yeom, Vinke and Levin 2013, Phys. Med. Biol. 58, 1207",
    "measured with S10362-33-050C, an RF amplifier and an oscilloscope; simulated with S13360 and "
    "the front end of the BGO pair (5 GS/s, 1 GHz) at 20 counts per photoelectron",
    (0.75, 1.35),
)
BGO_TIME = Published(
    "CTR of two BGO 3×3×15 mm",
    297.0,
    8.0,
    "ps FWHM",
    "Gonzalez-Montoro et al. 2022, Front. Phys. 10, 816384",
    "measured with NUV-HD photosensors, walk corrected by the rise time, etched in Teflon; "
    "simulated with S13360, a plain leading edge, polished in foil",
    (0.7, 2.0),
)
LYSO_ENERGY = Published(
    "energy resolution of monolithic LYSO at 511 keV",
    14.0,
    0.5,
    "% FWHM",
    "IFIC Valencia 2018 (conference): 25.8×25.8×15 mm, white, 64 photosensors",
    "measured over the whole crystal, edges included, uncalibrated for position; simulated "
    "50×50×16 mm block, beam on its middle",
    (0.5, 1.1),
)
THIN_ENERGY = Published(
    "energy resolution of LYSO at 511 keV, another simulation",
    9.0,
    0.5,
    "% FWHM",
    "Li and Furenlid 2016, Proc. SPIE 9969: 50.8×50.8×3 mm, edge readout",
    "3 mm thick with photosensors at the edges; simulated 16 mm, photosensors behind",
    (0.8, 1.3),
)
COLLECTED = Published(
    "light of LYSO 3×3×20 mm: fired cells per MeV",
    1550.0,
    80.0,
    "per MeV",
    "Nassalski et al. 2010, IEEE Trans. Nucl. Sci. 57, 1008: LSO 3×3×20 mm, MPPC of 14,400 cells",
    "measured with 25 µm cells of 0.2 to 0.25 efficiency (typical value) instead of 0.39; the "
    "simulated number is scaled by 0.22/0.39",
    (0.8, 2.5),
)


def resolution_percent(charge: np.ndarray) -> float:
    low, high = np.percentile(charge, [15.87, 84.13])
    return float(235.48 * (high - low) / 2 / np.median(charge))


def interval(statistic, sample: np.ndarray) -> tuple[float, float, float]:  # type: ignore[no-untyped-def]
    """Return the statistic and its 95 % bootstrap interval."""
    rng = np.random.default_rng(1)
    again = [statistic(rng.choice(sample, len(sample))) for _ in range(REPLICATES)]
    low, high = np.percentile(again, [2.5, 97.5])
    return float(statistic(sample)), float(low), float(high)


def compare(
    published: Published,
    found: tuple[float, float, float],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ratio = found[0] / published.value
    with capsys.disabled():
        sys.stdout.write(
            f"\n{published.quantity}: {found[0]:.4g} [{found[1]:.4g}, {found[2]:.4g}] "
            f"{published.unit}, published {published.value:g} ± {published.error:g}: ratio "
            f"{ratio:.2f}, difference {100 * (ratio - 1):+.0f} %\n  {published.source}\n"
            f"  {published.differs}\n"
        )
    assert published.within[0] < ratio < published.within[1]


def crossing(wave: np.ndarray, threshold: float) -> np.ndarray:
    """Return where waveforms first cross a threshold, in samples."""
    k = np.maximum(1, (wave >= threshold).argmax(axis=1))
    row = np.arange(len(wave))
    step = wave[row, k] - wave[row, k - 1]
    return k - 1 + (threshold - wave[row, k - 1]) / np.where(step == 0, 1, step)


def differences_ps(
    detector: Detector, thresholds: tuple[float, ...], trigger_kev: float, events: int, cache: Path
) -> np.ndarray:
    """Return errors on t0 − t1 of full absorptions at the threshold with the narrowest peak.

    The source is stepped: with the source in the middle both pulses meet one clock in the same
    phase, and what interpolation between samples adds to the error would cancel.
    """
    offsets = tuple(float(value) for value in np.linspace(-70, 70, 15))
    settings = CoincidenceSettings(
        offsets_mm=offsets,
        events_per_offset=events // len(offsets),
        trigger_kev=trigger_kev,
        light_map=FINE,
        stage_error_mm=0.0,
    )
    table = simulate_coincidences(detector, settings, 4, cache=cache)
    digitizer = detector.digitizer
    assert digitizer is not None
    wave = table["waveform_adc"].astype(float)
    wave -= wave[:, :, : digitizer.pre_trigger_samples // 2].mean(axis=2, keepdims=True)
    order = np.random.default_rng(1).permutation(len(wave))
    order = order[(table["energy_deposited_kev"] > 510.9).all(axis=1)[order]]
    wave, known = wave[order], table["known_difference_ns"][order]
    # The threshold is chosen on one half, as the measurements' was; the other half gives the value.
    half = len(wave) // 2
    found = []
    for threshold in thresholds:
        off = crossing(wave[:, 0], threshold) - crossing(wave[:, 1], threshold)
        found.append(1000.0 * (digitizer.sample_interval_ns * off - known))
    best = min(found, key=lambda off: fwhm(off[:half]))
    return best[half:]


def test_coincidence_resolution_of_lyso(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = load_detector("lyso_pair_3x3x20")
    fast = load_detector("bgo_pair_3x3x15").digitizer
    assert fast is not None
    change = {"counts_per_photoelectron": 20.0, "adc_bits": 16, "trigger_photoelectrons": 20.0}
    change |= {"samples": 320}
    pair = pair.model_copy(update={"digitizer": fast.model_copy(update=change)})
    off = differences_ps(pair, (30.0, 60.0, 100.0, 200.0), 400.0, 3000, tmp_path)
    compare(LYSO_TIME, interval(fwhm, off), capsys)


def test_coincidence_resolution_of_bgo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = load_detector("bgo_pair_3x3x15")
    off = differences_ps(pair, (20.0, 30.0, 45.0, 70.0), 300.0, 6000, tmp_path)
    compare(BGO_TIME, interval(fwhm, off), capsys)


def test_energy_resolution_of_monolithic_lyso(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = ScanSettings(
        half_extent_mm=0.0,
        events_even_even=6000,
        light_map=LightMapSettings(pitch_mm=6.25, depth_pitch_mm=2.0, photons=10_000),
    )
    table = simulate_scan(load_detector("lyso_monolithic_50x50x16"), scan, 1, cache=tmp_path)
    peak = table["energy_deposited_kev"] > 510.9
    found = interval(resolution_percent, table["charge_adc"][peak].sum(axis=1).astype(float))
    for published in (LYSO_ENERGY, THIN_ENERGY):
        compare(published, found, capsys)


def test_light_of_lyso(capsys: pytest.CaptureFixture[str]) -> None:
    detector = load_detector("lyso_pair_3x3x20")
    photons = 20_000
    share = collection(detector, photons)
    error = np.sqrt(share * (1 - share) / photons)
    per_share = detector.material.light_yield_per_mev * 0.22
    found = tuple(per_share * value for value in (share, share - 2 * error, share + 2 * error))
    compare(COLLECTED, found, capsys)
    with capsys.disabled():
        sys.stdout.write(f"  share of light collected: {share:.3f} ± {2 * error:.3f}\n")
