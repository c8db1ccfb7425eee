"""Coincidence by coincidence: the same scan without any moment, as lines of response.

It shares with the moments only the description of phantom, ring and movement. The acceptance is
what the geometry says of each line.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.simulate.attenuation import chord_mm
from pulsefront.motion.traces.sums import add_place

__all__ = ["draw_lines"]

Floats = NDArray[np.float64]


@njit(nogil=True, cache=True)
def draw_lines(
    random: np.random.Generator, place: Floats, first: NDArray[np.int64], breathing: Floats,
    voxel_mm: float,
    activity: Floats, turns: Floats, shifts: Floats, breath: Floats,
    emissions: Floats, random_counts: Floats, delayed_counts: Floats,
    radius: float, length: float, largest_sine: float, blur_mm: float, tof_mm: float,
    field: float, per_mm: float, outline: Floats, begin_s: Floats, duration_s: float,
    sectors: int, rings: int,
    dead: NDArray[np.bool_],
    lines: Floats, sums: Floats, views: Floats,
) -> int:  # fmt: skip
    """Draw the coincidences of sub-intervals; return how many there were.

    Parameters
    ----------
    activity, turns, shifts, breath
        Of each sub-interval, over the first axis.
    emissions
        (sub,) expected annihilations whose line lies within ``largest_sine``.
    random_counts, delayed_counts
        (sub,) expected random coincidences among the prompts, and in the delayed window.
    per_mm, outline
        Attenuation, and what it goes through: see `pulsefront.motion.simulate.attenuation`.
    dead
        (sub, sector × ring) parts of the ring that record nothing.
    lines
        (event, 9) filled with time, both ends and the distance along the line from its middle, and
        1 for a delayed; as many as there is room for.
    sums
        (sub, 14) added to: see `pulsefront.motion.traces.sums`.
    views
        (sub, sector × ring) added to: ends of prompts per part of the ring.
    """
    written = 0
    half = length / 2
    regions = len(first) - 1
    point, end, other, at = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
    along_him = np.zeros(3)
    for s in range(len(emissions)):
        cumulative = np.zeros(regions)
        total = 0.0
        for region in range(regions):
            total += activity[s, region] * (first[region + 1] - first[region])
            cumulative[region] = total
        for kind in range(3):
            wanted = (emissions[s], random_counts[s], delayed_counts[s])[kind]
            for _ in range(random.poisson(wanted)):
                if kind == 0:
                    drawn = random.random() * total
                    region = 0
                    while cumulative[region] < drawn:
                        region += 1
                    v = first[region] + int(random.random() * (first[region + 1] - first[region]))
                    for a in range(3):
                        value = shifts[s, a] + breathing[region] * breath[s, a]
                        for b in range(3):
                            value += turns[s, a, b] * place[v, b]
                        # The edges of a voxel stay parallel to the axes: as in the moments.
                        point[a] = value + (random.random() - 0.5) * voxel_mm
                    angle = random.random() * 2 * np.pi
                    sine = (2 * random.random() - 1) * largest_sine
                    cosine = np.sqrt(1 - sine * sine)
                    ux, uy = np.cos(angle), np.sin(angle)
                    along = point[0] * ux + point[1] * uy
                    inside = along**2 + radius**2 - point[0] ** 2 - point[1] ** 2
                    if inside <= 0:
                        continue
                    root = np.sqrt(inside)
                    forth, back = root - along, root + along
                    slope = sine / cosine
                    end[2], other[2] = point[2] + forth * slope, point[2] - back * slope
                    if abs(end[2]) > half or abs(other[2]) > half:
                        continue
                    if per_mm > 0:
                        for a in range(3):  # back into the frame of the patient
                            along_him[a] = (
                                turns[s, 0, a] * ux * cosine + turns[s, 1, a] * uy * cosine
                                + turns[s, 2, a] * sine
                            )  # fmt: skip
                        chord = chord_mm(place[v, 0], place[v, 1], place[v, 2], along_him, outline)
                        if random.random() > np.exp(-per_mm * chord):
                            continue
                    end[0], end[1] = point[0] + forth * ux, point[1] + forth * uy
                    other[0], other[1] = point[0] - back * ux, point[1] - back * uy
                    where = (back - forth) / (2 * cosine) + tof_mm * random.standard_normal()
                else:
                    one = random.random() * 2 * np.pi
                    two = random.random() * 2 * np.pi
                    end[0], end[1] = radius * np.cos(one), radius * np.sin(one)
                    other[0], other[1] = radius * np.cos(two), radius * np.sin(two)
                    end[2] = (2 * random.random() - 1) * half
                    other[2] = (2 * random.random() - 1) * half
                    span = np.sqrt(
                        (end[0] - other[0]) ** 2 + (end[1] - other[1]) ** 2
                        + (end[2] - other[2]) ** 2
                    )  # fmt: skip
                    where = (random.random() - 0.5) * span
                first_view = _view(end, half, sectors, rings)
                second_view = _view(other, half, sectors, rings)
                if dead[s, first_view] or dead[s, second_view]:
                    continue
                span = 0.0
                for a in range(3):
                    span += (end[a] - other[a]) ** 2
                span = np.sqrt(span)
                for a in range(3):
                    middle = (end[a] + other[a]) / 2
                    at[a] = middle + where * (end[a] - other[a]) / span
                    if kind == 0:
                        at[a] += blur_mm * random.standard_normal()
                if at[0] ** 2 + at[1] ** 2 > field**2:
                    continue
                if kind < 2:
                    views[s, first_view] += 1
                    views[s, second_view] += 1
                add_place(sums[s], at, kind == 2)
                if written < len(lines):
                    row = lines[written]
                    row[0] = begin_s[s] + random.random() * duration_s
                    for a in range(3):
                        row[1 + a], row[4 + a] = end[a], other[a]
                    row[7], row[8] = where, 1.0 if kind == 2 else 0.0
                    written += 1
    return written


@njit(nogil=True, cache=True)
def _view(end: Floats, half: float, sectors: int, rings: int) -> int:
    """Return the part of the ring in which a line ends."""
    sector = int((np.arctan2(end[1], end[0]) / (2 * np.pi) + 0.5) * sectors)
    ring = int((end[2] / half + 1) / 2 * rings)
    return min(sector, sectors - 1) * rings + min(ring, rings - 1)
