"""Charges and waveforms against SimSiPM: mean, variance, saturation, and speed.

SimSiPM's crosstalk parameter is the mean number of direct secondaries.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import time
from typing import Any

import numpy as np
import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.simulate.waveforms import simulate_waveforms

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        importlib.util.find_spec("SiPM") is None,
        reason="SimSiPM is not installed: pip install 'pulsefront[peers]'",
    ),
]

CROSSTALK_MEAN = 0.12
GAIN_SPREAD = 0.06
RECOVERY_NS = 30.0
SAMPLES = 200


def ours(*, dark_hz: float = 0.0, afterpulse: float = 0.0) -> Detector:
    detector = load_detector("lyso_pair_3x3x20")
    sensor = detector.photosensor.model_copy(
        update={
            "dark_count_rate_hz": dark_hz,
            "crosstalk": 1 - math.exp(-CROSSTALK_MEAN),
            "delayed_crosstalk": 0.0,
            "afterpulse": afterpulse,
            "gain_spread": GAIN_SPREAD,
            "recovery_ns": RECOVERY_NS,
        }
    )
    assert detector.digitizer is not None
    digitizer = detector.digitizer.model_copy(
        update={"samples": SAMPLES, "sample_interval_ns": 1.0, "noise_adc": 1.0}
    )
    return detector.model_copy(update={"photosensor": sensor, "digitizer": digitizer})


def theirs(*, dark_hz: float = 0.0, afterpulse: float = 0.0, sampling_ns: float = 1.0) -> Any:
    import SiPM

    properties = SiPM.SiPMProperties()
    properties.setSize(3)
    properties.setPitch(50)
    properties.setPdeType(SiPM.SiPMProperties.PdeType.kNoPde)
    properties.setSampling(sampling_ns)
    properties.setSignalLength(float(SAMPLES))
    properties.setXt(CROSSTALK_MEAN)
    properties.setCcgv(GAIN_SPREAD)
    properties.setRecoveryTime(RECOVERY_NS)
    properties.setRiseTime(1.0)
    properties.setFallTimeFast(8.0)
    properties.setSnr(40)
    # A dark count rate of zero never returns.
    if dark_hz:
        properties.setDcr(dark_hz)
    else:
        properties.setDcrOff()
    if afterpulse:
        properties.setAp(afterpulse)
    else:
        properties.setApOff()
    assert properties.nCells() == 3600
    return SiPM.SiPMSensor(properties)


def their_charges(photons: int, events: int) -> np.ndarray:
    sensor = theirs()
    times = np.full(photons, 10.0)
    charge = np.empty(events)
    for event in range(events):
        sensor.resetState()
        sensor.addPhotons(times)
        sensor.runEvent()
        charge[event] = sum(hit.amplitude() for hit in sensor.hits())
    return charge


def our_charges(photons: int, events: int) -> np.ndarray:
    times = np.full(photons * events, 10.0)
    first = np.arange(events + 1) * photons
    return simulate_waveforms(ours(), times, first, 1, start_ns=0.0)[1]


@pytest.mark.parametrize(("photons", "events"), [(100, 40_000), (1000, 5000), (4000, 1500)])
def test_mean_variance_and_saturation_of_the_charge_agree(
    photons: int, events: int, capsys: pytest.CaptureFixture[str]
) -> None:
    us, them = our_charges(photons, events), their_charges(photons, events)
    # SimSiPM's generator now and then returns no number: such events are left out, and counted.
    lost = int(np.isnan(them).sum())
    assert lost < 0.01 * events
    them = them[np.isfinite(them)]
    mean, variance = us.mean() / them.mean(), us.var() / them.var()
    formula = 3600 * (1 - math.exp(-photons / (1 - CROSSTALK_MEAN) / 3600))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{photons:5d} photons on 3600 cells: mean {us.mean():.1f} (SimSiPM "
            f"{them.mean():.1f}, formula {formula:.1f}), variance {us.var():.1f} "
            f"(SimSiPM {them.var():.1f}; {lost} of its events are NaN)\n"
        )
    assert mean == pytest.approx(1, abs=0.01)
    # One percent beside what two samples of this size scatter by, at three sigma.
    scatter = 3 * math.sqrt(2 * 2 / events)
    assert variance == pytest.approx(1, abs=0.01 + scatter)


@pytest.mark.parametrize(
    ("sampling_ns", "events", "at_least"),
    [
        # Both at 1 GS/s: SimSiPM then rounds photon times to 1 ns, which ours never does.
        (1.0, 200, 2),
        # SimSiPM at 10 ps, as its times have to be taken for timing.
        (0.01, 5, 20),
    ],
)
def test_waveforms_are_made_faster(
    sampling_ns: float, events: int, at_least: float, capsys: pytest.CaptureFixture[str]
) -> None:
    effects = {"dark_hz": 500e3, "afterpulse": 0.02}
    photons, ours_events = 1000, 2000
    rng = np.random.default_rng(1)
    times = 20 + rng.exponential(40, photons * ours_events)
    first = np.arange(ours_events + 1) * photons
    detector = ours(**effects)
    simulate_waveforms(detector, times[:photons], first[:2], 1, start_ns=0.0)
    start = time.thread_time()
    simulate_waveforms(detector, times, first, 1, start_ns=0.0)
    our_seconds = (time.thread_time() - start) / ours_events
    sensor = theirs(sampling_ns=sampling_ns, **effects)
    start = time.thread_time()
    for event in range(events):
        sensor.resetState()
        sensor.addPhotons(times[event * photons : (event + 1) * photons])
        sensor.runEvent()
        sensor.signal()
    their_seconds = (time.thread_time() - start) / events
    with capsys.disabled():
        sys.stdout.write(
            f"\nwaveform of 1000 photoelectrons, 200 ns: {1e6 * our_seconds:.1f} us, SimSiPM with "
            f"samples of {sampling_ns:g} ns {1e6 * their_seconds:.0f} us: "
            f"{their_seconds / our_seconds:.0f} times\n"
        )
    assert their_seconds > at_least * our_seconds
