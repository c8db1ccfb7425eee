"""What a detector description amounts to: derived numbers, and a drawing to scale."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from pulsefront.detector import Detector, SiPM, load_detector
from pulsefront.simulate.constants import FWHM_PER_SIGMA
from pulsefront.simulate.drawing import draw_detector
from pulsefront.simulate.gamma.interactions import gamma_table
from pulsefront.simulate.light.optics import collection
from pulsefront.simulate.light.scintillation import (
    gate_fraction,
    light_yield,
    mean_detection_efficiency,
    mean_photons,
)
from pulsefront.simulate.sensor.charges import crosstalk_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["derived_numbers", "describe_detector", "draw_detector"]

_ENERGY_KEV = 511.0


def describe_detector(name_or_path: str | Path) -> tuple[list[tuple[str, str, str]], Figure]:
    """Return derived numbers and a drawing of a detector.

    Returns
    -------
    rows, figure
        Rows of (quantity, value, unit), all as text; a matplotlib figure.

    Raises
    ------
    ConfigError
        The file names what does not fit.
    """
    detector = load_detector(name_or_path)
    return derived_numbers(detector), draw_detector(detector)


def derived_numbers(detector: Detector) -> list[tuple[str, str, str]]:
    """Return (quantity, value, unit) rows: what follows from the description at 511 keV.

    The light collection comes from tracing 20,000 photons from the middle of the crystal (of its
    central element); the resolution adds the statistics of the detected photons, the excess noise
    of crosstalk and gain, and the material's intrinsic spread in quadrature.
    """
    material, sensor = detector.material, detector.photosensor
    gammas = gamma_table(material.formula, material.density_g_cm3)
    photo, compton = gammas.at(_ENERGY_KEV)
    mu = photo + compton + gammas.coherent_per_mm
    thickness = detector.thickness_mm
    collected = collection(detector)
    efficiency = mean_detection_efficiency(material, sensor)
    gate = gate_fraction(material, detector.charge.gate_ns) if detector.charge else 1.0
    photons = mean_photons(_ENERGY_KEV, light_yield(material, 1.0))
    detected = photons * collected * efficiency * gate
    lam = crosstalk_mean(sensor.crosstalk) if isinstance(sensor, SiPM) else 0.0
    # Borel-distributed crosstalk: F = 1/(1 − λ); single-avalanche gain spread adds its square.
    excess = 1 / (1 - lam) + sensor.gain_spread**2
    statistics = FWHM_PER_SIGMA * math.sqrt(excess / detected) if detected > 0 else math.inf
    resolution = math.hypot(statistics, material.intrinsic_resolution_fwhm)
    rows = [
        ("crystal", material.name, ""),
        ("size", " × ".join(f"{s:g}" for s in detector.crystal.size_mm), "mm"),
        ("elements", " × ".join(str(n) for n in detector.crystal.elements), ""),
        ("photosensors", f"{detector.sensors.count} × {sensor.model}", ""),
        ("attenuation at 511 keV, coherent scattering included", f"{10 * mu:.3f}", "1/cm"),
        ("photofraction at 511 keV", f"{photo / mu:.3f}", ""),
        (
            "interacting at 511 keV",
            f"{100 * (1 - math.exp(-(photo + compton) * thickness)):.1f}",
            "%",
        ),
        ("scintillation photons at 511 keV", f"{photons:,.0f}", ""),
        ("light collection", f"{100 * collected:.1f}", "%"),
        ("detection efficiency over the emission", f"{100 * efficiency:.1f}", "%"),
        ("emitted within the gate", f"{100 * gate:.1f}", "%"),
        ("detected photons at 511 keV", f"{detected:,.0f}", ""),
        ("excess noise factor", f"{excess:.3f}", ""),
        ("energy resolution at 511 keV, FWHM", f"{100 * resolution:.1f}", "%"),
    ]
    activity = material.background_becquerel_per_cm3 * math.prod(detector.crystal.size_mm) / 1000
    if activity > 0:
        rows.append(("activity of the crystal", f"{activity:.3g}", "Bq"))
    return rows
