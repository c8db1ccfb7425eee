"""Light over stated positions: what is wrong with a scan is named, what is right passes."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.position.stated_positions import PositionCheck, check_positions
from toys_estimators import PITCH_MM, THICKNESS_MM, light_scan, sensor_grid, stage_grid

CHARGES, POSITION = light_scan(4_000, stage_grid(6.0, 18.0), seed=2)
STAGE, DEPTH = POSITION[:, :2], POSITION[:, 2]
Float = NDArray[np.float64]


def checked(
    stage: Float = STAGE, charges: NDArray[np.uint16] = CHARGES, depth: Float | None = DEPTH
) -> PositionCheck:
    found = check_positions(charges, stage, sensor_grid(), depth)
    assert found is not None
    return found


def test_a_sound_scan_passes() -> None:
    found = checked()
    assert found.findings == ()
    assert found.axes == "xy"
    assert found.positions == 49
    assert found.explained > 0.98
    np.testing.assert_allclose(found.offset_mm, 0.0, atol=0.3)


def test_channels_of_different_gain_pass() -> None:
    for seed in range(5):
        gains = np.random.default_rng(seed).normal(1.0, 0.1, 64)
        found = checked(charges=np.rint(CHARGES * gains))
        assert found.findings == ()
        np.testing.assert_allclose(found.offset_mm, 0.0, atol=0.03 * PITCH_MM)


MISTAKES: dict[str, tuple[Callable[[Float], Float], str]] = {
    "swapped": (lambda s: s[:, ::-1], "x and y swapped"),
    "mirrored in x": (lambda s: s * [-1, 1], "x mirrored"),
    "mirrored in y": (lambda s: s * [1, -1], "y mirrored"),
    "turned by 180": (lambda s: -s, "x and y mirrored.*180 degrees"),
    "turned by 90": (lambda s: s[:, ::-1] * [1, -1], "x and y swapped, y mirrored.*90 degrees"),
    "turned the other way": (lambda s: s[:, ::-1] * [-1, 1], "swapped, x mirrored.*90 degrees"),
    "turned by 12": (
        lambda s: s @ [[np.cos(0.21), -np.sin(0.21)], [np.sin(0.21), np.cos(0.21)]],
        "turned against the photosensors by -?12 degrees",
    ),
    "offset in x": (lambda s: s + np.array([3.0, 0.0]), "stage offset: .* x = (2\\.9|3\\.)"),
    "counted from a corner": (lambda s: s + 18.0, "stage offset: .* x = 1[78]"),
    "pitch halved": (lambda s: s / 2, "wrong pitch: along x the light moves by (1.9|2)"),
    "pitch doubled": (lambda s: s * 2, "wrong pitch: along x the light moves by (0.4|0.5)"),
    "pitch of y in cm": (lambda s: s * [1, 0.1], "wrong pitch: along y the light moves by (9|10)"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_scan_is_named(name: str) -> None:
    change, words = MISTAKES[name]
    text = "; ".join(checked(np.asarray(change(STAGE))).findings)
    assert re.search(words, text), text


def test_two_exchanged_files_are_named_with_where_their_light_is() -> None:
    stage = STAGE.copy()
    one, other = (STAGE == [-12, 6]).all(axis=1), (STAGE == [12, 0]).all(axis=1)
    stage[one], stage[other] = [12, 0], [-12, 6]
    found = checked(stage)
    assert len(found.findings) == 2
    assert "stated as (-12, 6) mm is that of x = 1" in "".join(found.findings)
    np.testing.assert_allclose(np.diag(found.mm_per_mm), 1.0, atol=0.15)


def test_photosensors_in_another_order_are_told() -> None:
    order = np.random.default_rng(0).permutation(64)
    assert "photosensors in another order" in checked(charges=CHARGES[:, order]).findings[0]


def test_depth_from_the_wrong_face_is_told() -> None:
    (text,) = checked(depth=THICKNESS_MM - DEPTH).findings
    assert text.startswith("depth mirrored")


def test_a_scan_along_one_line_is_checked_along_it() -> None:
    line = np.column_stack([np.linspace(-18, 18, 13), np.zeros(13)])
    charges, position = light_scan(1_500, line, seed=5)
    assert checked(position[:, :2], charges, None).axes == "x"
    assert checked(position[:, :2], charges, None).findings == ()
    mirrored = position[:, :2] * [-1, 1]
    assert "x mirrored" in checked(mirrored, charges, None).findings[0]
    swapped = position[:, 1::-1]
    assert "swapped" in checked(swapped, charges, None).findings[0]


@settings(max_examples=25, deadline=None)
@example(swap=False, signs=(1, 1), shift=(0.8, -0.8))
@example(swap=False, signs=(1, 1), shift=(1.3, 0.0))
@given(
    swap=st.booleans(),
    signs=st.tuples(st.sampled_from([-1, 1]), st.sampled_from([-1, 1])),
    shift=st.tuples(st.floats(-30, 30), st.floats(-30, 30)),
)
def test_axes_are_named_wherever_the_stage_has_its_zero(
    swap: bool, signs: tuple[int, int], shift: tuple[float, float]
) -> None:
    stage = (STAGE[:, ::-1] if swap else STAGE) * signs + shift
    found = checked(stage, depth=None)
    text = "; ".join(found.findings)
    assert ("swapped" in text) == swap
    assert ("mirrored" in text) == (signs != (1, 1))
    farthest = max(map(abs, shift))
    if not 0.8 < farthest < 1.3:
        assert ("stage offset" in text) == (farthest >= 1.3)
    np.testing.assert_allclose(found.offset_mm, shift, atol=0.4)


def test_too_few_positions_tell_nothing() -> None:
    here = (STAGE == [0, 0]).all(axis=1)
    assert check_positions(CHARGES[here], STAGE[here], sensor_grid()) is None


def test_shapes_that_do_not_fit_raise() -> None:
    with pytest.raises(DataError, match="a stated x, y per event"):
        check_positions(CHARGES, STAGE[:-1], sensor_grid())
    with pytest.raises(DataError, match="a centre per photosensor"):
        check_positions(CHARGES, STAGE, sensor_grid()[:-1])
