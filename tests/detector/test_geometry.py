"""Where elements and photosensors have their centres, held against centres worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.detector import Crystal, SensorPlane, Surface, load_detector
from pulsefront.simulate.light.world import element_at, optical_world, sensor_at

BARE = Surface()


def crystal(size_mm: tuple[float, float, float], elements: tuple[int, int], gap: float) -> Crystal:
    return Crystal(
        material="lyso", size_mm=size_mm, elements=elements, gap_mm=gap, entrance=BARE, sides=BARE
    )


def test_centres_of_pixels_leave_out_the_gaps_between_them() -> None:
    # 26.6 mm hold 8 pixels and 7 gaps of 0.25 mm: a pixel has 24.85 / 8 = 3.10625 mm, and the
    # next begins 3.35625 mm further on. The first centre lies 1.553125 mm from the edge.
    array = load_detector("lyso_pixels_8x8").crystal
    centres = array.element_centres_mm
    assert centres.shape == (array.element_count, 2) == (64, 2)
    np.testing.assert_allclose(centres[0], [-11.746875, -11.746875], rtol=1e-14)
    np.testing.assert_allclose(centres[1], [-8.390625, -11.746875], rtol=1e-14)
    np.testing.assert_allclose(centres[8], [-11.746875, -8.390625], rtol=1e-14)
    np.testing.assert_allclose(centres[63], [11.746875, 11.746875], rtol=1e-14)
    np.testing.assert_allclose(array.element_size_mm, [3.10625, 3.10625, 20.0])
    # Of eight none is in the middle: the fifth, half a pitch behind it.
    np.testing.assert_allclose(array.central_element_mm, [1.678125, 1.678125])


def test_slabs_are_cut_along_one_axis() -> None:
    # 3 slabs in 10 mm with gaps of 0.5 mm: 3 mm each, centres at −3.5, 0 and 3.5 mm.
    slabs = crystal((10.0, 30.0, 12.0), (3, 1), 0.5)
    np.testing.assert_allclose(slabs.element_centres_mm, [[-3.5, 0], [0, 0], [3.5, 0]], atol=1e-12)
    np.testing.assert_allclose(slabs.element_size_mm, [3.0, 30.0, 12.0])
    assert slabs.central_element_mm == (0.0, 0.0)


def test_a_block_is_its_own_central_element() -> None:
    block = crystal((50.0, 40.0, 16.0), (1, 1), 0.0)
    np.testing.assert_array_equal(block.element_centres_mm, [[0.0, 0.0]])
    assert block.element_size_mm == block.size_mm


@given(
    st.tuples(st.floats(5, 80), st.floats(5, 80), st.floats(1, 30)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.floats(0.01, 0.3),
)
def test_elements_fill_the_crystal_from_edge_to_edge(
    size: tuple[float, float, float], elements: tuple[int, int], gap: float
) -> None:
    array = crystal(size, elements, gap)
    centres, piece = array.element_centres_mm, array.element_size_mm
    for axis in (0, 1):
        reached = np.abs(centres[:, axis]).max() + piece[axis] / 2
        assert reached == pytest.approx(size[axis] / 2)
        filled = elements[axis] * piece[axis] + (elements[axis] - 1) * gap
        assert filled == pytest.approx(size[axis])


def test_photosensors_stand_where_pitch_and_offset_put_them() -> None:
    plane = SensorPlane(grid=(3, 2), pitch_mm=(4.0, 5.0), active_mm=3.0, offset_mm=(0.3, -0.1))
    expected = [[-3.7, -2.6], [0.3, -2.6], [4.3, -2.6], [-3.7, 2.4], [0.3, 2.4], [4.3, 2.4]]
    np.testing.assert_allclose(plane.centres_mm, expected, atol=1e-12)


def test_shipped_photosensors_lie_symmetrically_behind_the_block() -> None:
    centres = load_detector("lyso_monolithic_50x50x16").sensors.centres_mm
    assert centres.shape == (64, 2)
    np.testing.assert_allclose(centres, -centres[::-1], atol=1e-12)


def test_elements_begin_at_the_edge_and_a_pitch_further_on() -> None:
    # 26.6 mm hold 8 pixels of 3.10625 mm, 3.35625 mm apart; slabs of 3 mm begin 3.5 mm apart.
    x, y = load_detector("lyso_pixels_8x8").crystal.element_starts_mm
    np.testing.assert_allclose(x[[0, 1, 7]], [-13.3, -9.94375, 10.19375], rtol=1e-14)
    np.testing.assert_array_equal(x, y)
    x, y = crystal((10.0, 30.0, 12.0), (3, 1), 0.5).element_starts_mm
    np.testing.assert_allclose(x, [-5.0, -1.5, 2.0])
    np.testing.assert_array_equal(y, [-15.0])


def test_columns_and_rows_of_photosensors_are_shifted_as_a_plane() -> None:
    plane = SensorPlane(grid=(3, 2), pitch_mm=(4.0, 5.0), active_mm=3.0, offset_mm=(0.3, -0.1))
    columns, rows = plane.axes_mm
    np.testing.assert_allclose(columns, [-3.7, 0.3, 4.3])
    np.testing.assert_allclose(rows, [-2.6, 2.4])
    # Two pitches of 4 mm and one of 5 mm, and half a photosensor on either side.
    assert plane.extent_mm == (11.0, 8.0)


def test_slabs_lie_on_each_other_from_the_entrance_to_the_photosensors() -> None:
    # 20 mm of crystal, 0.1 mm of grease and 0.4 mm of resin.
    detector = load_detector("lyso_pixels_8x8")
    thickness = [layer.size_mm[2] for layer in detector.layers]
    expected = [0.0, 20.0]
    for each in thickness:
        expected.append(expected[-1] + each)
    np.testing.assert_allclose(detector.boundaries_mm, expected)
    block = load_detector("lyso_monolithic_50x50x16")
    np.testing.assert_allclose(block.boundaries_mm, [0.0, 16.0, 16.4])


@pytest.mark.parametrize(
    "name", ["lyso_pixels_8x8", "lyso_slabs_1x8", "lyso_monolithic_50x50x16", "nai_camera_pmt"]
)
def test_kernels_find_every_element_and_photosensor_at_its_centre(name: str) -> None:
    detector = load_detector(name)
    plane = detector.sensors.model_copy(update={"offset_mm": (0.3, -0.2)})
    world = optical_world(detector.model_copy(update={"sensors": plane}))
    slab = world.slabs[0]
    for number, (x, y) in enumerate(detector.crystal.element_centres_mm):
        column = element_at(x, slab.half_x_mm, slab.pitch_x_mm, slab.width_x_mm, slab.columns)
        row = element_at(y, slab.half_y_mm, slab.pitch_y_mm, slab.width_y_mm, slab.rows)
        assert row * slab.columns + column == number
    found = [sensor_at(x, y, world.plane) for x, y in plane.centres_mm]
    assert found == list(range(plane.count))
