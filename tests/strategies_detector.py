"""Hypothesis strategies, and small detectors that trace in a moment."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pulsefront.detector import Detector, OpticalLayer, Surface, load_detector

BARE = Surface()
FOIL = Surface(reflector="specular", reflectivity=0.98)
GROUND_WITH_TEFLON = Surface(
    sigma_alpha_deg=12.0,
    specular_spike=0.0,
    specular_lobe=1.0,
    reflector="diffuse",
    reflectivity=0.98,
)

cosines = st.floats(0.001, 1.0)
refractive_indices = st.floats(1.0, 2.5)


def clear_block(
    *,
    entrance: Surface = BARE,
    sides: Surface = BARE,
    absorption_mm: float = 1e12,
    size_mm: tuple[float, float, float] = (50.0, 50.0, 16.0),
    window_index: float = 1.52,
) -> Detector:
    """Return a block without scattering on a face that detects all that enters it."""
    detector = load_detector("lyso_monolithic_50x50x16")
    material = detector.material.model_copy(
        update={"absorption_length_mm": absorption_mm, "scatter_length_mm": None}
    )
    window = OpticalLayer(
        name="window",
        size_mm=(size_mm[0], size_mm[1], 1e-3),
        refractive_index=window_index,
        absorption_length_mm=1e12,
    )
    pitch = (size_mm[0] / 8, size_mm[1] / 8)
    sensors = detector.sensors.model_copy(
        update={"active_mm": pitch[0], "pitch_mm": pitch, "gap_reflectivity": 0.0}
    )
    crystal = detector.crystal.model_copy(
        update={"entrance": entrance, "sides": sides, "size_mm": size_mm}
    )
    return with_parts(
        detector, crystal=crystal, sensors=sensors, layers=(window,), material=material
    )


def with_parts(detector: Detector, **parts: Any) -> Detector:
    """Return *detector* with whole sections replaced."""
    return detector.model_copy(update=parts)
