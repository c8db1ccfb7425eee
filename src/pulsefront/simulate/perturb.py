"""Differences between simulation and measurement, made on purpose and by name.

A study trains on the nominal detector and tests on a perturbed one, and so learns what a network
does when the real detector is not the simulated one.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.detector import Detector, Efficiencies, SiPM

__all__ = ["NAMED", "Perturbation", "perturbed"]

# Per kelvin. LYSO's light yield: typical of the published −0.2 to −0.4 %/K. SiPM: Hamamatsu
# S13360 data sheet, breakdown voltage +54 mV/K at 3 V overvoltage; dark counts double in about
# 10 K (typical value).
_YIELD_PER_K = -0.003
_OVERVOLTAGE_V = 3.0
_OVERVOLTAGE_PER_K = -0.054 / _OVERVOLTAGE_V
_DARK_DOUBLING_K = 10.0


class Perturbation(FrozenModel):
    """How a detector differs from its description; the defaults change nothing.

    Attributes
    ----------
    gain_mismatch
        Added in quadrature to the spread of the channels' gains; the map of gains follows from
        the seed of the simulation.
    pde_scale
        Factor on the photon detection efficiency.
    coupling_loss
        Share of the light lost between crystal and photosensor.
    sigma_alpha_deg
        Added in quadrature to the roughness of all faces of the crystal.
    reflectivity_scale
        Factor on the reflectivity of all reflectors.
    noise_scale
        Factor on the electronic noise.
    baseline_wander_scale
        Factor on how far the baseline of a waveform lies from its mean, from record to record.
    temperature_shift_k
        Warmer crystal and photosensors at an unchanged bias voltage: less light, less overvoltage
        (gain, efficiency and crosstalk follow in proportion), more dark counts.
    overvoltage_shift_v
        Added to the overvoltage of a silicon photomultiplier, 3 V nominally: efficiency, gain,
        crosstalk, afterpulses and dark counts follow in proportion, which holds for small shifts.
    misalignment_mm
        Shift of the photosensors against the crystal in x and y.
    """

    gain_mismatch: Annotated[float, Field(ge=0, le=1)] = 0.0
    pde_scale: Annotated[float, Field(gt=0, le=2)] = 1.0
    coupling_loss: Annotated[float, Field(ge=0, lt=1)] = 0.0
    sigma_alpha_deg: Annotated[float, Field(ge=0, le=30)] = 0.0
    reflectivity_scale: Annotated[float, Field(gt=0, le=1)] = 1.0
    noise_scale: Annotated[float, Field(ge=0, le=100)] = 1.0
    baseline_wander_scale: Annotated[float, Field(ge=0, le=100)] = 1.0
    temperature_shift_k: Annotated[float, Field(ge=-40, le=40)] = 0.0
    overvoltage_shift_v: Annotated[float, Field(ge=-1.5, le=1.5)] = 0.0
    misalignment_mm: tuple[float, float] = (0.0, 0.0)


NAMED = {
    "gain_map": Perturbation(gain_mismatch=0.05),
    "pde": Perturbation(pde_scale=0.9),
    "coupling_loss": Perturbation(coupling_loss=0.15),
    "surface_finish": Perturbation(sigma_alpha_deg=6.0, reflectivity_scale=0.95),
    "noise": Perturbation(noise_scale=2.0),
    "temperature_shift": Perturbation(temperature_shift_k=10.0),
    "overvoltage": Perturbation(overvoltage_shift_v=-0.3),
    "misalignment": Perturbation(misalignment_mm=(0.3, -0.2)),
}


def perturbed(detector: Detector, change: Perturbation) -> Detector:
    """Return *detector* as *change* makes it; its name says that it is perturbed."""
    warm = change.temperature_shift_k
    shift = change.overvoltage_shift_v / _OVERVOLTAGE_V
    overvoltage = max(0.1, 1.0 + _OVERVOLTAGE_PER_K * warm + shift)
    efficiency = change.pde_scale * (1.0 - change.coupling_loss)
    sensor = detector.photosensor
    gain = 1.0
    new = {
        "gain_mismatch": math.hypot(sensor.gain_mismatch, change.gain_mismatch),
        "dark_count_rate_hz": sensor.dark_count_rate_hz * 2.0 ** (warm / _DARK_DOUBLING_K),
    }
    if isinstance(sensor, SiPM):
        gain = overvoltage
        efficiency *= overvoltage
        new["crosstalk"] = min(0.59, sensor.crosstalk * overvoltage)
        new["delayed_crosstalk"] = min(0.49, sensor.delayed_crosstalk * (1.0 + shift))
        new["afterpulse"] = min(0.49, sensor.afterpulse * (1.0 + shift))
        new["dark_count_rate_hz"] *= 1.0 + shift
    pde = Efficiencies(
        wavelength_nm=sensor.pde.wavelength_nm,
        value=tuple(min(1.0, value * efficiency) for value in sensor.pde.value),
    )
    material = detector.material.model_copy(
        update={
            "light_yield_per_mev": detector.material.light_yield_per_mev
            * (1.0 + _YIELD_PER_K * warm)
        }
    )
    parts = {
        "name": f"{detector.name}, perturbed",
        "temperature_c": detector.temperature_c + warm,
        "photosensor": sensor.model_copy(update={**new, "pde": pde}),
        "material": material,
        "crystal": _rougher(detector, change),
        "sensors": detector.sensors.model_copy(
            update={
                "offset_mm": tuple(
                    old + shift
                    for old, shift in zip(
                        detector.sensors.offset_mm, change.misalignment_mm, strict=True
                    )
                )
            }
        ),
    }
    for key in ("charge", "digitizer"):
        section = getattr(detector, key)
        if section is not None:
            update = {
                "noise_adc": section.noise_adc * change.noise_scale,
                "counts_per_photoelectron": section.counts_per_photoelectron * gain,
            }
            if key == "digitizer":
                wander = section.baseline_wander_adc * change.baseline_wander_scale
                update["baseline_wander_adc"] = wander
            parts[key] = section.model_copy(update=update)
    return detector.model_copy(update=parts)


def _rougher(detector: Detector, change: Perturbation) -> object:
    """Return the crystal with rougher faces and duller reflectors."""
    faces = {}
    for key in ("entrance", "sides"):
        face = getattr(detector.crystal, key)
        update = {"reflectivity": face.reflectivity * change.reflectivity_scale}
        if change.sigma_alpha_deg > 0:
            # What was mirrored by a polished face is mirrored by the facets of a rough one.
            update["sigma_alpha_deg"] = math.hypot(face.sigma_alpha_deg, change.sigma_alpha_deg)
            update["specular_lobe"] = face.specular_lobe + face.specular_spike
            update["specular_spike"] = 0.0
        faces[key] = face.model_copy(update=update)
    return detector.crystal.model_copy(update=faces)
