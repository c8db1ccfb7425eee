"""Charges and waveforms against SimSiPM: mean, variance, saturation, and speed.

SimSiPM's crosstalk parameter is the mean number of direct secondaries.
"""

from __future__ import annotations

import importlib.util
import math
import os
import sys
import time
from typing import Any

import numpy as np
import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.simulate.sensor.waveforms import record_photons

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
SEED = np.random.SeedSequence(1)


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
    return record_photons(ours(), times, first, SEED, 0.0).avalanches


def their_moments(photons: int, events: int) -> tuple[np.ndarray, int]:
    """Return charges of SimSiPM, and how many of its events were no number and left out.

    Its generator takes no seed and now and then returns no number.
    """
    them = their_charges(photons, events)
    kept = np.isfinite(them)
    return them[kept], int((~kept).sum())


def ratio_of_variances(us: np.ndarray, them: np.ndarray) -> tuple[float, float]:
    """Return the ratio of the variances and its standard error.

    The variance of a sample variance s² is (κ − 1 + 2/(n − 1)) s⁴/n with the kurtosis κ, which
    saturation makes differ from the 3 of a normal distribution.
    """
    relative = 0.0
    for sample in (us, them):
        kurtosis = ((sample - sample.mean()) ** 4).mean() / sample.var() ** 2
        relative += (kurtosis - 1.0 + 2.0 / (len(sample) - 1)) / len(sample)
    ratio = us.var() / them.var()
    return float(ratio), float(ratio * math.sqrt(relative))


# As many events as show a difference of 1 % in the variance at three standard errors.
@pytest.mark.parametrize(("photons", "events"), [(100, 200_000), (1000, 200_000), (4000, 100_000)])
def test_mean_variance_and_saturation_of_the_charge_agree(
    photons: int, events: int, capsys: pytest.CaptureFixture[str]
) -> None:
    scale = float(os.environ.get("PULSEFRONT_SIMSIPM_EVENTS", "0.1"))
    events = int(events * scale)
    us = our_charges(photons, 2 * events)
    them, lost = their_moments(photons, events)
    assert lost < 0.01 * events
    mean = us.mean() / them.mean()
    mean_error = math.sqrt(us.var() / len(us) + them.var() / len(them)) / them.mean()
    variance, error = ratio_of_variances(us, them)
    formula = 3600 * (1 - math.exp(-photons / (1 - CROSSTALK_MEAN) / 3600))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{photons:5d} photons on 3600 cells, {len(them):,} events of SimSiPM: mean "
            f"{us.mean():.1f} (SimSiPM {them.mean():.1f}, formula {formula:.1f}), ratio "
            f"{mean:.4f} ± {2 * mean_error:.4f}; variance {us.var():.1f} (SimSiPM "
            f"{them.var():.1f}), ratio {variance:.3f} ± {2 * error:.3f} (95 %)\n"
        )
    assert abs(mean - 1) < 0.01
    # Within 1 %, or not to be told from it with these events.
    assert abs(variance - 1) < 0.01 + 2.5 * error


@pytest.mark.parametrize(
    ("sampling_ns", "events", "at_least"),
    [
        # Both at 1 GS/s: SimSiPM then rounds photon times to 1 ns, which ours never does.
        (1.0, 100, 5),
        # SimSiPM at 10 ps, as its times have to be taken for timing.
        (0.01, 5, 50),
    ],
)
def test_waveforms_are_made_faster(
    sampling_ns: float, events: int, at_least: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compare one thread with one thread, in turns.

    On in both: photons at given times, dark counts, crosstalk with its branching, afterpulses,
    recovery of the cells, gain spread, rise and fall of the pulse, electronic noise. Ours adds a
    slow fall, a bandwidth, noise with its memory, a baseline and the ADC, and takes every time as
    it is. SimSiPM floors times to its samples, so that at 1 ns its waveforms lack an effect that
    ours have: they have it where its samples are as short as the times are to be known.
    """
    effects = {"dark_hz": 500e3, "afterpulse": 0.02}
    photons, ours_events, rounds = 1000, 2000, 5
    rng = np.random.default_rng(1)
    times = 20 + rng.exponential(40, photons * ours_events)
    first = np.arange(ours_events + 1) * photons
    detector, sensor = ours(**effects), theirs(sampling_ns=sampling_ns, **effects)
    record_photons(detector, times[:photons], first[:2], SEED, 0.0)
    us, them = [], []
    for _ in range(rounds):
        start = time.thread_time()
        record_photons(detector, times, first, SEED, 0.0)
        us.append((time.thread_time() - start) / ours_events)
        start = time.thread_time()
        for event in range(events):
            sensor.resetState()
            sensor.addPhotons(times[event * photons : (event + 1) * photons])
            sensor.runEvent()
            sensor.signal()
        them.append((time.thread_time() - start) / events)
    our_seconds, their_seconds = float(np.median(us)), float(np.median(them))
    with capsys.disabled():
        sys.stdout.write(
            f"\nwaveform of 1000 photoelectrons, 200 ns: {1e6 * our_seconds:.1f} us, SimSiPM with "
            f"samples of {sampling_ns:g} ns {1e6 * their_seconds:.0f} us: "
            f"{their_seconds / our_seconds:.0f} times\n"
        )
    assert their_seconds > at_least * our_seconds
