"""Charges of a detector as those of others like it: every event of one that differs in its own way.

A perturbation of `pulsefront.simulate.perturb` is one detector. Training on many of them, each
event drawn from stated ranges, makes networks that a detector of the same type does not surprise.
What light, temperature, gains, noise and dead channels do to charges that were recorded already
follows from the description of the detector; where photosensors lie does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.detector import ChargeReadout, Detector, SiPM
from pulsefront.simulate.light.scintillation import mean_detection_efficiency
from pulsefront.simulate.perturb import Perturbation, perturbed
from pulsefront.simulate.sensor.charges import crosstalk_mean

__all__ = [
    "AugmentSettings",
    "ChargeAugmentation",
    "DetectorRanges",
    "augmentation_of",
    "with_dead_channels",
]

Table = NDArray[np.float64]
Integer = TypeVar("Integer", bound="np.integer[Any]")

NODES = 33
"""Temperatures at which a detector's factors are worked out; they are smooth in between."""

LEAST_GAIN = 0.1
"""Of a channel, as `pulsefront.simulate.sensor.charges.channel_gain` draws it."""


class DetectorRanges(FrozenModel):
    """Ranges around a detector as it is described, from which others of its type are drawn.

    Each draws its own, evenly from every range, the gain of each channel from a normal
    distribution. Left out, nothing of that kind changes.
    """

    gain_spread: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """standard deviation of the gain of each channel, relative to what it is"""
    light: tuple[float, float] = (1.0, 1.0)
    """range of the share of the light that is detected"""
    temperature_shift_k: tuple[float, float] = (0.0, 0.0)
    """range of temperatures, relative to that of the detector: light yield, and of silicon
    photomultipliers efficiency, gain, crosstalk and dark counts at an unchanged bias voltage"""
    noise_scale: tuple[float, float] = (1.0, 1.0)
    """range of the electronic noise, relative to that of the detector"""

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        limits = {
            "light": (0.1, 2.0),
            "temperature_shift_k": (-40.0, 40.0),
            "noise_scale": (1.0, 100.0),
        }
        for name, (lowest, highest) in limits.items():
            low, high = getattr(self, name)
            if not lowest <= low <= high <= highest:
                raise ValueError(f"{name} must ascend between {lowest:g} and {highest:g}")
        if self.changes_nothing:
            raise ValueError("changes nothing: give a range, or leave [augment] out")
        return self

    @property
    def changes_nothing(self) -> bool:
        """Whether every detector is the same."""
        return not (
            self.gain_spread
            or self.light != (1.0, 1.0)
            or self.temperature_shift_k != (0.0, 0.0)
            or self.noise_scale != (1.0, 1.0)
        )


class AugmentSettings(DetectorRanges):
    """Detectors that training events are drawn from; selection and test stay as they are.

    Each event draws its own, evenly from every range, the gain of each channel from a normal
    distribution. Left out, nothing of that kind changes.
    """

    misalignment_mm: Annotated[float, Field(ge=0, le=10)] = 0.0
    """largest shift of the photosensors in x and in y; of streamed scans alone, for light has to be
    simulated anew"""
    alignments: Annotated[int, Field(ge=1, le=100)] = 8
    """shifts that are drawn, once for a study: each has a light map of its own"""
    dead_channels: Annotated[int, Field(ge=0, le=16)] = 0
    """most channels without a charge; every number from 0 on is as likely"""
    symmetries: bool = False
    """mirror images and turns of an event, as far as crystal and array have the symmetry"""

    @model_validator(mode="after")
    def _alignments(self) -> Self:
        if "alignments" in self.model_fields_set and not self.misalignment_mm:
            raise ValueError(
                "alignments: nothing is shifted; give misalignment_mm, or leave it out"
            )
        return self

    @property
    def changes_nothing(self) -> bool:
        """Whether every detector is the same."""
        moved = self.misalignment_mm or self.dead_channels or self.symmetries
        return not moved and super().changes_nothing


@dataclass(frozen=True)
class ChargeAugmentation:
    """What ranges of a detector do to recorded charges.

    Attributes
    ----------
    temperatures_k, light_at, counts_at
        (node,) shifts of temperature, and at each the detected light and the counts of a detected
        photon, relative to the detector as it is.
    counts_per_photon
        Mean counts of a detected photon, with the avalanches that it sets off.
    excess
        Mean square of the charge of a detected photon over the square of its mean.
    noise_adc, largest_adc
        Electronic noise of a channel, and the code at which it saturates.
    """

    settings: AugmentSettings
    temperatures_k: Table
    light_at: Table
    counts_at: Table
    counts_per_photon: float
    excess: float
    noise_adc: float
    largest_adc: int

    def apply(
        self, charges: NDArray[np.integer], random: np.random.Generator
    ) -> NDArray[np.uint16]:
        """Return *charges* (event, channel) as other detectors would have recorded them.

        Of light a binomial share is kept, drawn as a normal number of its mean and variance; more
        light than was recorded scales it. Electronic noise is brought to its new level.
        """
        chosen, events = self.settings, len(charges)
        shape = (events, 1)
        warm = random.uniform(*chosen.temperature_shift_k, shape)
        light = np.interp(warm, self.temperatures_k, self.light_at)
        light *= random.uniform(*chosen.light, shape)
        counts = np.interp(warm, self.temperatures_k, self.counts_at)
        noise = self.noise_adc * random.uniform(*chosen.noise_scale, shape)
        scale = (light * counts).astype(np.float32)
        found = charges * scale
        kept = np.minimum(light, 1.0)
        # Variances in counts²: photons lost at random, and what the noise lacks after scaling.
        per_count = self.excess * self.counts_per_photon * counts**2 * kept * (1.0 - kept)
        lacking = np.maximum(noise**2 - (scale * self.noise_adc) ** 2, 0.0)
        variance = charges * per_count.astype(np.float32) + lacking.astype(np.float32)
        found += np.sqrt(variance) * random.standard_normal(charges.shape, np.float32)
        if chosen.gain_spread:
            gains = chosen.gain_spread * random.standard_normal(charges.shape, np.float32)
            found *= np.maximum(1.0 + gains, LEAST_GAIN)
        codes = np.clip(found + 0.5, 0, self.largest_adc).astype(np.uint16)
        return with_dead_channels(codes, chosen.dead_channels, random)


def with_dead_channels(
    charges: NDArray[Integer], most: int, random: np.random.Generator
) -> NDArray[Integer]:
    """Return *charges* (event, channel) with none to *most* channels of each event at zero."""
    events, channels = charges.shape
    found = charges.copy()
    number = random.integers(0, most, events, endpoint=True)
    for k in range(most):
        dead = np.flatnonzero(number > k)
        found[dead, random.integers(0, channels, len(dead))] = 0
    return found


def augmentation_of(detector: Detector, settings: AugmentSettings) -> ChargeAugmentation:
    """Return what *settings* do to recorded charges of *detector*; positions stay as they are."""
    readout = detector.charge_readout
    low, high = settings.temperature_shift_k
    temperatures = np.linspace(low, high, NODES) if high > low else np.array([low])
    pairs = [_factors(detector, readout, float(shift)) for shift in temperatures]
    light, counts = np.array(pairs).T
    crosstalk = _crosstalk(detector)
    return ChargeAugmentation(
        settings,
        temperatures,
        light,
        counts,
        readout.counts_per_photoelectron / (1.0 - crosstalk),
        # Avalanches of one photon have the Borel distribution (Vinogradov 2012): 1 / (1 − λ) of
        # excess; the spread of each charge comes on top.
        1.0 / (1.0 - crosstalk) + detector.photosensor.gain_spread**2 * (1.0 - crosstalk),
        readout.noise_adc,
        2**readout.adc_bits - 1,
    )


def _crosstalk(detector: Detector) -> float:
    """Return the mean number of avalanches that one sets off directly."""
    sensor = detector.photosensor
    if not isinstance(sensor, SiPM):
        return 0.0
    return crosstalk_mean(sensor.crosstalk) + sensor.delayed_crosstalk


def _factors(detector: Detector, readout: ChargeReadout, warm: float) -> tuple[float, float]:
    """Return detected light and counts of a photon when *warm* K warmer, relative to now."""
    other = perturbed(detector, Perturbation(temperature_shift_k=warm))
    light = (
        other.material.light_yield_per_mev
        / detector.material.light_yield_per_mev
        * mean_detection_efficiency(other.material, other.photosensor)
        / mean_detection_efficiency(detector.material, detector.photosensor)
    )
    counts = (
        other.charge_readout.counts_per_photoelectron
        / readout.counts_per_photoelectron
        * (1.0 - _crosstalk(detector))
        / (1.0 - _crosstalk(other))
    )
    return light, counts
