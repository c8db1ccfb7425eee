"""Whether the light follows the stated positions of a scan, before anything is learned from them.

The centroid of the fourth power of the charges lies near the brightest photosensors, and so moves
with the source by nearly as much as the source does, where the plain centroid of Anger logic moves
by less the wider the light spreads. A linear fit of that centroid over the stated positions so
tells axes that are swapped, mirrored or turned, a stage that is not centred, and a pitch that is
far off; a pitch that is wrong by less than a third it does not tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.position.patterns import check_charges, light_shares
from pulsefront.evaluate.record import Record

__all__ = ["PositionCheck", "check_positions"]

Float = NDArray[np.float64]

LEAST_EVENTS = 5
"""Of a position, to be a point of the fit."""
MOST_EVENTS = 200
"""Of a position that are looked at."""
POWER = 4
LEAST_SCALE, MOST_SCALE = 0.67, 1.5
MOST_TURN_DEGREES = 6.0
OFFSET_PITCHES = 0.2
"""Offset that is told, in pitches of the photosensors; gains that spread by 10 % make 0.03."""
SURE_ERRORS = 4.0
"""Standard errors by which an offset that is told lies beyond zero."""
ODD_PITCHES = 1.5
"""Distance of a position's light from where the others have it that is told."""
LEAST_EXPLAINED = 0.5
DEPTH_CORRELATION = 0.1
NAMED = 3
AXES = "xy"


class PositionCheck(Record):
    """How the light of a scan moves with the stated positions."""

    mm_per_mm: tuple[tuple[float, ...], ...]
    """movement of the light's (x, y) per stated mm along each axis that the scan covers"""
    axes: str
    """the axes that the scan covers"""
    offset_mm: tuple[float, ...]
    """stated position of the middle of the photosensors, along these axes"""
    explained: float
    """share of the light's movement that the fit explains"""
    positions: int
    findings: tuple[str, ...]
    """what is wrong, in words; empty where nothing is"""


def check_positions(
    charges: ArrayLike,
    stage_mm: ArrayLike,
    sensor_mm: ArrayLike,
    depth_mm: ArrayLike | None = None,
    *,
    uncertainty_mm: float = 0.0,
) -> PositionCheck | None:
    """Fit the light's position over the stated one, and say what is wrong with the latter.

    Parameters
    ----------
    charges
        (event, photosensor).
    stage_mm
        (event, 2) stated x, y: one of few positions.
    sensor_mm
        (photosensor, 2) centres, about the middle of the array.
    depth_mm
        (event,) stated depth from the entrance face, which the photosensors are opposite to.
    uncertainty_mm
        Standard uncertainty of a stated position.

    Returns
    -------
    None where the scan covers fewer than three positions along either axis.

    Raises
    ------
    DataError
        Shapes do not fit.
    """
    light = check_charges(charges)
    stage = np.asarray(stage_mm, np.float64)
    sensors = np.asarray(sensor_mm, np.float64)
    if stage.shape != (len(light), 2) or sensors.shape != (light.shape[1], 2):
        raise DataError(
            "needs a stated x, y per event and a centre per photosensor",
            field="stage_position_mm",
            value=(light.shape, stage.shape, sensors.shape),
        )
    place, seen, error = _seen_positions(light, stage, sensors)
    wide = np.ptp(sensors, axis=0) > 0
    axes = [a for a in (0, 1) if wide[a] and len(np.unique(place[:, a])) >= 3]
    if not axes:
        return None
    pitch = _pitch_mm(sensors[:, axes])
    used = _away_from_edges(seen, sensors, axes)
    matrix, middle, odd = _fit_without_odd(place[:, axes], seen, used, ODD_PITCHES * pitch)
    rest = (seen - _line(place[:, axes], matrix, middle))[used & ~odd]
    spread = seen[used & ~odd] - seen[used & ~odd].mean(axis=0)
    explained = 1.0 - float((rest**2).sum() / max((spread**2).sum(), 1e-12))
    offset = np.asarray(np.linalg.lstsq(matrix.T, -middle, rcond=None)[0], np.float64)
    findings: tuple[str, ...]
    if explained < LEAST_EXPLAINED:
        text = (
            f"the light does not follow the stated positions (they explain {explained:.0%} of "
            "its movement): photosensors in another order, or files at other positions"
        )
        findings = (text,)
    else:
        sure = SURE_ERRORS * error
        least = max(OFFSET_PITCHES * pitch, sure, SURE_ERRORS * uncertainty_mm)
        findings = (
            *_turned(matrix, axes),
            *_shifted(offset, axes, least),
            *_odd_positions(place[odd], seen[odd], matrix, middle, axes),
        )
    return PositionCheck(
        mm_per_mm=tuple(tuple(row) for row in matrix.tolist()),
        axes="".join(AXES[a] for a in axes),
        offset_mm=tuple(offset.tolist()),
        explained=explained,
        positions=len(place),
        findings=(*findings, *_depth_finding(light, depth_mm)),
    )


def _seen_positions(
    light: NDArray[np.float32], stage: Float, sensors: Float
) -> tuple[Float, Float, float]:
    """Return stated positions, where their light is, each (position, 2), and a typical error."""
    places, of_event = np.unique(stage, axis=0, return_inverse=True)
    order = np.argsort(of_event.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(of_event.reshape(-1), minlength=len(places)))
    stated, seen, errors = [], [], []
    for place, events in zip(places, np.split(order, ends[:-1]), strict=True):
        # Evenly from the whole measurement, whose gain may drift.
        few = events[:: max(1, len(events) // MOST_EVENTS)]
        if len(few) < LEAST_EVENTS:
            continue
        share = light_shares(np.maximum(light[few], 0)).astype(np.float64) ** POWER
        centroid = (share @ sensors) / share.sum(axis=1, keepdims=True)
        stated.append(place)
        seen.append(np.median(centroid, axis=0))
        errors.append(1.25 * float(centroid.std(axis=0).max()) / math.sqrt(len(few)))
    if not stated:
        return np.zeros((0, 2)), np.zeros((0, 2)), 0.0
    error = float(np.mean(errors)) / math.sqrt(len(errors))
    return np.array(stated), np.array(seen), error


def _pitch_mm(sensors: Float) -> float:
    """Return the smallest distance of rows or columns of photosensors along the given axes."""
    gaps = [np.diff(np.unique(np.round(column, 6))) for column in sensors.T]
    return float(min(gap.min() for gap in gaps if len(gap)))


def _away_from_edges(seen: Float, sensors: Float, axes: Sequence[int]) -> NDArray[np.bool_]:
    """Return which positions have their light within the array: at its edge it stands still."""
    reach = 0.85 * np.abs(sensors).max(axis=0)
    inside = (np.abs(seen[:, axes]) <= reach[list(axes)]).all(axis=1)
    return inside if inside.sum() >= max(6, len(seen) / 4) else np.ones(len(seen), np.bool_)


def _line(place: Float, matrix: Float, middle: Float) -> Float:
    return np.asarray(place @ matrix + middle)


def _fit_without_odd(
    place: Float, seen: Float, used: NDArray[np.bool_], far_mm: float
) -> tuple[Float, Float, NDArray[np.bool_]]:
    """Return (axis, 2) movement per mm, the light at position 0, and which positions are odd.

    Absolute deviations decide which are odd, so that a quarter of wrong positions moves nothing.
    """
    odd = np.zeros(len(place), np.bool_)
    design = np.column_stack([place, np.ones(len(place))])
    solution = _least_absolute(design[used], seen[used])
    distance = np.linalg.norm(seen - design @ solution, axis=1)
    far = used & (distance > max(far_mm, 6 * float(np.median(distance[used]))))
    if 0 < far.sum() <= used.sum() / 4:
        odd = far
    kept = used & ~odd
    final = np.asarray(np.linalg.lstsq(design[kept], seen[kept], rcond=None)[0], np.float64)
    return final[:-1], final[-1], odd


def _least_absolute(design: Float, values: Float) -> Float:
    """Return the coefficients of least absolute distance, by reweighted least squares."""
    weight = np.ones(len(design))
    solution: Float = np.zeros((design.shape[1], values.shape[1]))
    for _ in range(25):
        root = np.sqrt(weight)[:, None]
        found = np.linalg.lstsq(root * design, root * values, rcond=None)[0]
        solution = np.asarray(found, np.float64)
        weight = 1 / np.maximum(np.linalg.norm(values - design @ solution, axis=1), 1e-3)
    return solution


def _turned(matrix: Float, axes: Sequence[int]) -> tuple[str, ...]:
    """Return what is wrong with the axes and their scale."""
    own = [abs(matrix[row, axis]) for row, axis in enumerate(axes)]
    other = [abs(matrix[row, 1 - axis]) for row, axis in enumerate(axes)]
    swapped = sum(other) > sum(own)
    scales = [matrix[row, 1 - axis if swapped else axis] for row, axis in enumerate(axes)]
    mirrored = [axis for axis, scale in zip(axes, scales, strict=True) if scale < 0]
    found = []
    if swapped or mirrored:
        found.append(_axes_in_words(swapped=swapped, mirrored=mirrored))
    elif len(axes) == 2:
        turn = math.degrees(math.atan2(matrix[0, 1] - matrix[1, 0], matrix[0, 0] + matrix[1, 1]))
        if abs(turn) > MOST_TURN_DEGREES:
            found.append(f"the stage is turned against the photosensors by {turn:.0f} degrees")
    found += [
        f"wrong pitch: along {AXES[axis]} the light moves by {abs(scale):.2f} mm per stated mm"
        for axis, scale in zip(axes, scales, strict=True)
        if not LEAST_SCALE <= abs(scale) <= MOST_SCALE
    ]
    return tuple(found)


def _axes_in_words(*, swapped: bool, mirrored: Sequence[int]) -> str:
    names = " and ".join(AXES[a] for a in mirrored)
    if not swapped:
        turn = " (turned by 180 degrees)" if len(mirrored) == 2 else ""
        return f"{names} mirrored: the light moves the other way{turn}"
    turn = " (turned by 90 degrees)" if len(mirrored) == 1 else ""
    also = f", {names} mirrored" if mirrored else ""
    return f"x and y swapped{also}{turn}"


def _shifted(offset: Float, axes: Sequence[int], least_mm: float) -> tuple[str, ...]:
    if np.abs(offset).max() <= least_mm:
        return ()
    words = ", ".join(f"{AXES[a]} = {o:.2f} mm" for a, o in zip(axes, offset, strict=True))
    return (f"stage offset: the middle of the photosensors is stated as {words}",)


def _odd_positions(
    place: Float, seen: Float, matrix: Float, middle: Float, axes: Sequence[int]
) -> tuple[str, ...]:
    """Return where the light of single positions is, in stated mm."""
    found = []
    for stated, light in zip(place[:NAMED], seen[:NAMED], strict=True):
        at = np.linalg.lstsq(matrix.T, light - middle, rcond=None)[0]
        words = ", ".join(f"{AXES[a]} = {v:.1f}" for a, v in zip(axes, at, strict=True))
        found.append(
            f"the light of the position stated as ({stated[0]:g}, {stated[1]:g}) mm is that of "
            f"{words} mm"
        )
    if len(place) > NAMED:
        found.append(f"and so for {len(place) - NAMED} more positions")
    return tuple(found)


def _depth_finding(light: NDArray[np.float32], depth_mm: ArrayLike | None) -> tuple[str, ...]:
    """Return whether the light spreads where it should gather: nearer the photosensors."""
    if depth_mm is None:
        return ()
    from scipy.stats import spearmanr

    depth = np.asarray(depth_mm, np.float64)
    few = np.arange(0, len(depth), max(1, len(depth) // 20_000))
    if len(np.unique(depth[few])) < 2:
        return ()
    brightest = light_shares(np.maximum(light[few], 0)).max(axis=1)
    correlation = float(spearmanr(depth[few], brightest).statistic)
    if correlation > -DEPTH_CORRELATION:
        return ()
    text = (
        "depth mirrored: the light gathers where the stated depth is small "
        f"(rank correlation {correlation:.2f}); depth counts from the entrance face"
    )
    return (text,)
