"""Moments of where coincidences are measured: mean, variance, fourth moment, exactly.

The places of one instant are a mixture over voxels, each weighted by activity and acceptance.
Within a voxel the place is uniform; detectors and time of flight blur it. The raw moments of the
mixture are sums over voxels, and so sums over regions weighted by their activity: they are made
once for every pose that the patient takes.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.simulate.phantom import VoxelPhantom
from pulsefront.motion.simulate.scanner import RingScanner

__all__ = ["mixture_moments", "random_moments"]

Floats = NDArray[np.float64]

BREATH_STEP_MM = 0.1
"""Displacements by breathing are rounded to this before their moments are looked up."""


@njit(nogil=True, cache=True)
def _look_up(table: Floats, row: float, column: float) -> float:
    """Return the bilinear interpolation of *table* at a place within its grid."""
    i = min(int(row), table.shape[0] - 2)
    j = min(int(column), table.shape[1] - 2)
    p, q = row - i, column - j
    return (  # type: ignore[no-any-return]
        (1 - p) * ((1 - q) * table[i, j] + q * table[i, j + 1])
        + p * ((1 - q) * table[i + 1, j] + q * table[i + 1, j + 1])
    )


@njit(nogil=True, cache=True)
def _regions(
    place: Floats, survival: Floats, first: NDArray[np.int64], breathing: Floats,
    voxel_mm: float, turns: Floats, shifts: Floats, breath: Floats,
    seen: Floats, cos2: Floats, sin2: Floats, cos4: Floats, sin4: Floats,
    radius_step: float, z_step: float, z_first: float, blur_mm: float, tof_mm: float,
    raw: Floats, along_z: Floats,
) -> None:  # fmt: skip
    """Fill ``raw`` (pose, region, 1 + 4·3) and ``along_z`` (pose, region, part) with sums.

    Of the powers 0 to 4 of the measured place, weighted by the acceptance.
    """
    uniform2, uniform4 = voxel_mm**2 / 12, voxel_mm**4 / 80
    blur2, tof2 = blur_mm**2, tof_mm**2
    rows, columns, parts = seen.shape[0], seen.shape[1], along_z.shape[2]
    at = np.zeros(3)
    for p in range(len(turns)):
        for region in range(len(first) - 1):
            share = breathing[region]
            for v in range(first[region], first[region + 1]):
                for a in range(3):
                    at[a] = (
                        shifts[p, a] + share * breath[p, a] + turns[p, a, 0] * place[v, 0]
                        + turns[p, a, 1] * place[v, 1] + turns[p, a, 2] * place[v, 2]
                    )  # fmt: skip
                radius = np.sqrt(at[0] ** 2 + at[1] ** 2)
                row, column = radius / radius_step, (at[2] - z_first) / z_step
                if not (0 <= column <= columns - 1 and row <= rows - 1):
                    continue
                weight = survival[v] * _look_up(seen, row, column)
                part = min(int(column / (columns - 1) * parts), parts - 1)
                along_z[p, region, part] += weight
                plane2 = _look_up(cos2, row, column) / 2 * tof2
                axial2 = _look_up(sin2, row, column) * tof2
                # ⟨(u·e)⁴⟩ of directions uniform in the plane is 3/8·cos⁴θ; a Gaussian has ⟨g⁴⟩ = 3.
                plane4 = 3 * _look_up(cos4, row, column) * 3 / 8 * tof2**2
                axial4 = 3 * _look_up(sin4, row, column) * tof2**2
                raw[p, region, 0] += weight
                for a in range(3):
                    line2, line4 = (plane2, plane4) if a < 2 else (axial2, axial4)
                    two = uniform2 + blur2 + line2
                    four = (
                        uniform4 + 3 * blur2**2 + line4
                        + 6 * (uniform2 * blur2 + uniform2 * line2 + blur2 * line2)
                    )  # fmt: skip
                    x, x2 = at[a], at[a] ** 2
                    raw[p, region, 1 + a] += weight * x
                    raw[p, region, 4 + a] += weight * (x2 + two)
                    raw[p, region, 7 + a] += weight * (x2 * x + 3 * x * two)
                    raw[p, region, 10 + a] += weight * (x2 * x2 + 6 * x2 * two + four)


def mixture_moments(
    phantom: VoxelPhantom,
    scanner: RingScanner,
    activity: Floats,
    pose: tuple[Floats, Floats],
    breath_mm: Floats,
    survival: Floats,
) -> tuple[Floats, Floats]:
    """Return what the scanner sees of the phantom at each of many times.

    Parameters
    ----------
    activity
        (time, region) per voxel.
    pose
        (time, 3, 3) rotations and (time, 3) translations.
    breath_mm
        (time, axis) displacement of what moves with the whole amplitude of breathing.
    survival
        (voxel,) share of the annihilations that leave the patient.

    Returns
    -------
    (time, 10): weight (annihilations that are seen), mean, variance and fourth central moment of
    the measured place in x, y, z; and (time, ring) the weight along z.
    """
    table, times = scanner.acceptance, len(activity)
    breath = np.round(breath_mm / BREATH_STEP_MM) * BREATH_STEP_MM
    keys = np.concatenate([pose[0].reshape(times, 9), pose[1], breath], axis=1)
    poses, which = np.unique(keys.round(9), axis=0, return_inverse=True)
    raw = np.zeros((len(poses), len(phantom.regions), 13))
    along_z = np.zeros((len(poses), len(phantom.regions), scanner.rings))
    _regions(
        phantom.place_mm, survival, phantom.first, phantom.breathing, phantom.voxel_mm,
        np.ascontiguousarray(poses[:, :9]).reshape(-1, 3, 3),
        np.ascontiguousarray(poses[:, 9:12]), np.ascontiguousarray(poses[:, 12:]),
        table.seen, table.cos2, table.sin2, table.cos4, table.sin4,
        table.radius_step_mm, table.z_step_mm, table.z_first_mm,
        scanner.blur_mm, scanner.tof_sigma_mm, raw, along_z,
    )  # fmt: skip
    which = which.reshape(-1)
    sums = np.einsum("tr,trk->tk", activity, raw[which])
    parts = np.einsum("tr,trk->tk", activity, along_z[which])
    weight = sums[:, :1]
    one, two, three, four = (
        sums[:, 1 + 3 * k : 4 + 3 * k] / np.maximum(weight, 1e-300) for k in range(4)
    )
    variance = two - one**2
    fourth = four - 4 * one * three + 6 * one**2 * two - 3 * one**4
    return np.concatenate([weight, one, variance, fourth], axis=1), parts


def random_moments(scanner: RingScanner) -> tuple[float, Floats, Floats]:
    """Return which share of random coincidences lies in the field, and (axis,) variance and fourth
    moment of their places there; the mean is 0.

    Both ends are anywhere on the cylinder, independently, and the time difference is anywhere
    between them: the place is (1 − w)·a + w·b with w uniform. In the plane its distance from the
    axis is R·√(1 − 4·w·(1 − w)·sin²(Δ/2)), Δ the angle between the ends; along z, with A = ⟨a²⟩ and
    B = ⟨a⁴⟩ of one end, ⟨p²⟩ = A·((1 − w)² + w²) and ⟨p⁴⟩ = B·((1 − w)⁴ + w⁴) + 6·A²·w²·(1 − w)².
    """
    grid = (np.arange(600) + 0.5) / 600
    w, angle = grid[:, None], 2 * np.pi * grid[None]
    radius2 = scanner.radius_mm**2 * (1 - 4 * w * (1 - w) * np.sin(angle / 2) ** 2)
    inside = radius2 <= scanner.field_radius_mm**2
    share = float(inside.mean())
    second, fourth = (scanner.length_mm / 2) ** 2 / 3, (scanner.length_mm / 2) ** 4 / 5
    axial2 = second * ((1 - w) ** 2 + w**2)
    axial4 = fourth * ((1 - w) ** 4 + w**4) + 6 * second**2 * w**2 * (1 - w) ** 2

    def mean(values: Floats) -> float:
        return float((values * inside).mean()) / share

    plane2, plane4 = mean(radius2) / 2, mean(radius2**2) * 3 / 8
    return (
        share,
        np.array([plane2, plane2, mean(axial2)]),
        np.array([plane4, plane4, mean(axial4)]),
    )
