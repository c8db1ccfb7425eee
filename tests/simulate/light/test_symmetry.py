"""What mirrors leave to be traced, of perfect and of misaligned detectors."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.simulate import LightMap, LightMapSettings, trace_light_map
from pulsefront.simulate.light.optics import optical_world, trace_photons
from pulsefront.simulate.light.symmetry import symmetry_of
from pulsefront.simulate.run.random import new_state

SHIFT_MM = (1.3, -0.8)
SHARED = 40_000


def rectangle() -> Detector:
    detector = load_detector("lyso_monolithic_50x50x16")
    plane = detector.sensors.model_copy(update={"grid": (2, 3)})
    return detector.model_copy(update={"sensors": plane})


def shifted(detector: Detector, offset_mm: tuple[float, float]) -> Detector:
    plane = detector.sensors.model_copy(update={"offset_mm": offset_mm})
    return detector.model_copy(update={"sensors": plane})


def test_images_of_a_rectangle_do_not_swap_the_axes() -> None:
    symmetry = symmetry_of(rectangle(), 4, 6)
    (column,) = (one for one in symmetry.columns if (one.i, one.j) == (0, 1))
    assert {(image.i, image.j) for image in column.images} == {(0, 1), (3, 1), (0, 4), (3, 4)}
    for image in column.images:
        assert sorted(image.order) == list(range(6))


def test_a_perfect_detector_needs_one_plane_and_a_misaligned_one_its_mirror_images() -> None:
    square = load_detector("lyso_monolithic_50x50x16")
    perfect = symmetry_of(square, 6, 6)
    np.testing.assert_array_equal(perfect.offsets_mm, [[0.0, 0.0]])
    # Of a column in the corner: four mirrors, and as many with x and y exchanged.
    x, y = SHIFT_MM
    signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    expected = {(a * x, b * y) for a, b in signs} | {(b * y, a * x) for a, b in signs}
    found = symmetry_of(shifted(square, SHIFT_MM), 6, 6)
    assert {tuple(row) for row in found.offsets_mm.tolist()} == expected
    # Nothing more is traced of it.
    assert len(found.columns) == len(perfect.columns) == 6
    # A shift along x alone is its own mirror image in y.
    assert len(symmetry_of(shifted(rectangle(), (1.3, 0.0)), 6, 6).offsets_mm) == 2


@pytest.fixture(scope="module")
def misaligned() -> tuple[Detector, LightMap]:
    detector = shifted(load_detector("lyso_monolithic_50x50x16"), SHIFT_MM)
    settings = LightMapSettings(pitch_mm=12.5, depth_pitch_mm=8.0, photons=SHARED)
    return detector, trace_light_map(detector, settings.model_copy(update={"direct_light": False}))


@pytest.mark.parametrize("quadrant", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("exchanged", [False, True])
def test_the_map_of_a_misaligned_detector_is_its_full_tracing_in_every_octant(
    misaligned: tuple[Detector, LightMap], quadrant: tuple[int, int], exchanged: bool
) -> None:
    detector, light_map = misaligned
    # A grid position off both axes and the diagonal, and its images.
    i, j = len(light_map.x_mm) // 2 + 2, len(light_map.y_mm) // 2 + 1
    (i, j) = (j, i) if exchanged else (i, j)
    x, y = quadrant[0] * light_map.x_mm[i], quadrant[1] * light_map.y_mm[j]
    assert 1.0 < abs(x) != abs(y) > 1.0
    at = np.array([x, y, light_map.z_mm[1]])
    mapped = light_map.probabilities(at[None])[0]
    sensor, _ = trace_photons(
        optical_world(detector), np.tile(at, (SHARED, 1)), new_state(np.random.SeedSequence(5))
    )
    counts = np.bincount(sensor[sensor >= 0], minlength=64)
    # Both have errors of their own, the map smaller ones: its directions are stratified.
    variance = np.maximum(mapped, 1 / SHARED) * SHARED * 2
    assert ((counts - mapped * SHARED) ** 2 / variance).sum() < 64 + 4 * np.sqrt(128)
    # Photosensors shifted to the other side would not do.
    other = light_map.probabilities(-at[None] * [1, 1, -1])[0][::-1]
    assert ((counts - other * SHARED) ** 2 / variance).sum() > 4 * 64


def test_light_directly_on_shifted_photosensors_is_that_of_the_mirrored_detector() -> None:
    """Of pixels, whose direct light is followed by rays."""
    pixels = load_detector("lyso_pixels_8x8")
    crystal = pixels.crystal.model_copy(update={"elements": (2, 2), "size_mm": (6.5, 6.5, 10.0)})
    plane = pixels.sensors.model_copy(update={"grid": (2, 2)})
    layers = tuple(
        layer.model_copy(update={"size_mm": (6.5, 6.5, layer.size_mm[2])})
        for layer in pixels.layers
    )
    small = pixels.model_copy(update={"crystal": crystal, "sensors": plane, "layers": layers})
    settings = LightMapSettings(pitch_mm=4.0, depth_pitch_mm=10.0, photons=100)
    one = trace_light_map(shifted(small, (0.4, -0.2)), settings).direct
    other = trace_light_map(shifted(small, (-0.4, -0.2)), settings).direct
    # Mirrored in x: sensors 0 and 1, 2 and 3 change places.
    mirrored = other.probability[:, ::-1][..., [1, 0, 3, 2]]
    np.testing.assert_allclose(one.probability, mirrored, atol=1e-4)
    assert np.abs(one.probability - other.probability).max() > 0.01
