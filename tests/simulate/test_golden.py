"""The same seed gives the same codes as ever, bit by bit, on every machine.

Only integers are compared: ADC codes, photosensors, numbers of photons, elements and kinds.
Processors and mathematical libraries differ in the last bit of a logarithm; it would take a value
within 1e-12 of a whole number, or of a probability drawn, to make a difference here. Where a
change of the physics is meant, or a new release of NumPy, SciPy or xraydb changes its numbers, run
this file with PULSEFRONT_GOLDEN=1 to have the new values printed.
"""

from __future__ import annotations

import hashlib
import os
import sys

import numpy as np
import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.events.container import EventTable
from pulsefront.simulate import (
    CoincidenceSettings,
    LightMapSettings,
    ScanSettings,
    simulate_coincidences,
    simulate_scan,
    simulate_waveforms,
    trace_light_map,
)
from pulsefront.simulate.light.optics import optical_world, trace_photons
from pulsefront.simulate.perturb import NAMED, perturbed
from pulsefront.simulate.run.random import new_state

BLOCK, PIXELS = "lyso_monolithic_50x50x16", "lyso_pixels_8x8"
LYSO_PAIR, BGO_PAIR = "lyso_pair_3x3x20", "bgo_pair_3x3x15"
COARSE = LightMapSettings(pitch_mm=25.0, depth_pitch_mm=8.0, photons=400)
TIMED = LightMapSettings(pitch_mm=1.5, depth_pitch_mm=10.0, photons=400, transit_times=True)
SCAN = ScanSettings(
    pitch_mm=4.0, half_extent_mm=8.0, events_even_even=20, events_odd_odd=5, light_map=COARSE
)
PAIR = CoincidenceSettings(
    offsets_mm=(-30.0, 45.0), events_per_offset=40, trigger_kev=250.0, light_map=TIMED
)


def digest(*arrays: np.ndarray) -> str:
    """Return the start of a hash of whole numbers."""
    content = hashlib.sha256()
    for array in arrays:
        assert array.dtype.kind in "iub"
        content.update(np.ascontiguousarray(array, np.int64).tobytes())
    return content.hexdigest()[:16]


def of_table(table: EventTable) -> str:
    """Return the hash of all columns of whole numbers, in the order of their names."""
    whole = [name for name in sorted(table.columns) if table[name].dtype.kind in "iub"]
    assert {"charge_adc", "waveform_adc"} & set(whole)
    return digest(*(table[name] for name in whole), table.status)


def scan(name: str, **change: object) -> str:
    detector = load_detector(name)
    return of_table(simulate_scan(detector, SCAN.model_copy(update=change), 11))


def multiplexed() -> str:
    detector = load_detector(BLOCK)
    assert detector.charge is not None
    charge = detector.charge.model_copy(update={"multiplexing": "row_column"})
    return of_table(simulate_scan(detector.model_copy(update={"charge": charge}), SCAN, 12))


def pair(name: str, **change: object) -> str:
    return of_table(simulate_coincidences(load_detector(name), PAIR.model_copy(update=change), 21))


def block_pair(readout: object) -> str:
    digitizer = load_detector(LYSO_PAIR).digitizer
    assert digitizer is not None
    wide = digitizer.model_copy(update={"counts_per_photoelectron": 2.0, "adc_bits": 16})
    detector = load_detector(BLOCK).model_copy(update={"digitizer": wide})
    settings = PAIR.model_copy(
        update={
            "readout": readout,
            "events_per_offset": 4,
            "light_map": COARSE.model_copy(update={"transit_times": True}),
        }
    )
    return of_table(simulate_coincidences(detector, settings, 22))


def light_map(detector: Detector, settings: LightMapSettings = COARSE) -> str:
    traced = trace_light_map(detector, settings)
    # Mirrors average over what lies on an axis: eighths of photons at most.
    return digest(np.rint(traced.probability * np.float64(8 * settings.photons)).astype(np.int64))


def photons(name: str, count: int) -> str:
    detector = load_detector(name)
    rng = np.random.default_rng(3)
    size = np.array(detector.crystal.size_mm)
    at = (rng.random((count, 3)) - [0.5, 0.5, 0.0]) * size
    sensor, _ = trace_photons(optical_world(detector), at, new_state(np.random.SeedSequence(7)))
    return digest(sensor)


def waveforms() -> str:
    rng = np.random.default_rng(2)
    event, time_ns = np.repeat(np.arange(20), 300), rng.exponential(40, 6000)
    return of_table(simulate_waveforms(load_detector(BGO_PAIR), event, time_ns, 3))


CASES = {
    "photons in the block": lambda: photons(BLOCK, 20_000),
    "photons in pixels": lambda: photons(PIXELS, 5000),
    "light map of the block": lambda: light_map(load_detector(BLOCK)),
    "light map of a pair": lambda: light_map(load_detector(LYSO_PAIR), TIMED),
    "light map of rough faces": lambda: light_map(
        perturbed(load_detector(BLOCK), NAMED["surface_finish"])
    ),
    "light map of shifted photosensors": lambda: light_map(
        perturbed(load_detector(BLOCK), NAMED["misalignment"])
    ),
    "scan": lambda: scan(BLOCK, keep_deposits=3),
    "scan with a slit": lambda: scan(BLOCK, geometry="fan"),
    "scan from the side, sodium-22": lambda: scan(
        BLOCK, geometry="side", source="na22", half_extent_mm=6.0
    ),
    "scan by rows and columns": multiplexed,
    "scan of pixels, fully traced": lambda: scan(
        PIXELS, geometry="flood", full_tracing=True, events_even_even=3
    ),
    "scan of tubes, fully traced": lambda: scan(
        "nai_camera_pmt", geometry="flood", full_tracing=True, events_even_even=3
    ),
    "decays of the crystal": lambda: scan(
        BLOCK, geometry="internal", trigger_kev=150.0, events_even_even=200
    ),
    "coincidences": lambda: pair(LYSO_PAIR),
    "coincidences of every kind": lambda: pair(
        LYSO_PAIR, source="na22", random_fraction=0.2, scatter_fraction=0.2, background_fraction=0.3
    ),
    "coincidences with Cherenkov light": lambda: pair(BGO_PAIR),
    "coincidences fully traced": lambda: pair(LYSO_PAIR, full_tracing=True, events_per_offset=3),
    "coincidences by pixels": lambda: block_pair("pixels"),
    "coincidences by charge division": lambda: block_pair("charge_division"),
    "coincidences on chosen pixels": lambda: block_pair((27, 3)),
    "waveforms of given photons": waveforms,
}
EXPECTED = {
    "photons in the block": "d49b41b85a646605",
    "photons in pixels": "92491e4608f1dd7c",
    "light map of the block": "bcdedeba1fc6b4d4",
    "light map of a pair": "ea9eadc8bd305fcb",
    "light map of rough faces": "d579e5026011e3de",
    "light map of shifted photosensors": "9fd40921fabdbfd9",
    "scan": "fcce6ed7dccf3330",
    "scan with a slit": "d49d48e7272c7ad3",
    "scan from the side, sodium-22": "947646096807a8e7",
    "scan by rows and columns": "8726282710c6cd83",
    "scan of pixels, fully traced": "15208271be1154c3",
    "scan of tubes, fully traced": "179774ad67aaa55b",
    "decays of the crystal": "a8cefe1da0bdd740",
    "coincidences": "96987d8f00a99971",
    "coincidences of every kind": "d0376d9f33ad6335",
    "coincidences with Cherenkov light": "ddd9376a83787821",
    "coincidences fully traced": "295cfe5b7d947f12",
    "coincidences by pixels": "309add39e93c502b",
    "coincidences by charge division": "20cc7fd28c8e0351",
    "coincidences on chosen pixels": "b1d79f61f99ce12b",
    "waveforms of given photons": "deadd19972c6123c",
}


@pytest.mark.parametrize("name", CASES)
def test_a_seed_gives_the_same_codes_as_ever(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = CASES[name]()
    if "PULSEFRONT_GOLDEN" in os.environ:
        with capsys.disabled():
            sys.stdout.write(f'\n    "{name}": "{found}",')
    else:
        assert found == EXPECTED[name]
