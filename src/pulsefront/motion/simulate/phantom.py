"""Voxel phantoms of simple solids: a head and a torso, with regions that take up tracer in time.

Sizes are round numbers of the order of an adult's. They are there to give a distribution of the
right extent whose centre wanders as real ones do, not to stand for a person. A patient is the
phantom with his own sizes and kinetics, drawn from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError

__all__ = ["PHANTOMS", "VoxelPhantom", "make_phantom"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Solid:
    """An ellipsoid or a cylinder along z (half axes in mm) that belongs to a region.

    Attributes
    ----------
    uptake
        Final activity per volume, and how fast it comes and goes: see `VoxelPhantom.activity`.
    breathing
        Share of the amplitude of breathing with which it moves.
    """

    region: str
    centre_mm: tuple[float, float, float]
    half_mm: tuple[float, float, float]
    uptake: float
    early: float
    tau_s: float
    breathing: float = 0.0
    cylinder: bool = False


# Later solids take the place of earlier ones. Activities per volume: ``uptake`` in the end,
# ``uptake`` + ``early`` at the start, in between exponentially.
_HEAD = (
    Solid("scalp and face", (0, 10, 0), (78, 98, 115), 0.25, 0.55, 90),
    Solid("grey matter", (0, 5, 20), (68, 84, 72), 1.00, -0.55, 240),
    Solid("white matter", (0, 5, 22), (50, 64, 52), 0.35, -0.15, 420),
    Solid("striatum, left", (-22, 20, 22), (9, 20, 14), 2.2, -1.6, 700),
    Solid("striatum, right", (22, 20, 22), (9, 20, 14), 2.2, -1.6, 700),
    Solid("cerebellum", (0, -45, -42), (48, 32, 26), 0.9, 0.5, 180),
    Solid("nose and sinuses", (0, 90, -30), (22, 24, 34), 0.35, 1.2, 60),
    Solid("neck", (0, -5, -105), (52, 58, 30), 0.3, 0.9, 75, cylinder=True),
)
_TORSO = (
    Solid("body", (0, 0, 0), (175, 115, 130), 0.25, 0.35, 120, breathing=0.15, cylinder=True),
    Solid("lung, right", (-80, 0, 50), (55, 75, 90), 0.12, 0.5, 60, breathing=0.6),
    Solid("lung, left", (80, 0, 50), (50, 75, 90), 0.12, 0.5, 60, breathing=0.6),
    Solid("heart", (30, 40, 40), (45, 40, 48), 1.6, 1.4, 90, breathing=0.7),
    Solid("liver", (-65, 20, -65), (85, 75, 55), 1.1, 0.4, 300, breathing=1.0),
    Solid("spleen", (95, -30, -60), (25, 30, 45), 0.9, 0.8, 200, breathing=0.9),
    Solid("kidney, left", (60, -60, -105), (25, 25, 45), 0.9, 2.2, 150, breathing=0.7),
    Solid("kidney, right", (-60, -60, -110), (25, 25, 45), 0.9, 2.2, 150, breathing=0.7),
    Solid("spine", (0, -75, 0), (22, 22, 130), 0.6, 0.2, 400, cylinder=True),
)
PHANTOMS = {"brain": _HEAD, "torso": _TORSO}


@dataclass(frozen=True)
class VoxelPhantom:
    """Voxels sorted by region.

    Attributes
    ----------
    name, voxel_mm
        Which phantom, and the edge of its voxels.
    place_mm
        (voxel, axis) centres, in the frame of the patient.
    first
        (region + 1,) index of the first voxel of each region, and the end.
    uptake, early, tau_s, breathing
        (region,) see `Solid`.
    regions
        Names.
    outline_mm
        (2, axis) centre and half axes of the first solid; infinite along z where it is a cylinder.
    """

    name: str
    voxel_mm: float
    place_mm: Floats
    first: NDArray[np.int64]
    uptake: Floats
    early: Floats
    tau_s: Floats
    breathing: Floats
    regions: tuple[str, ...]
    outline_mm: Floats

    def activity(self, time_s: Floats, redistribution: float) -> Floats:
        """Return (time, region) activity per voxel, without decay.

        ``uptake`` + ``redistribution``·``early``·exp(−t/``tau_s``), never below 2 % of ``uptake``;
        with ``redistribution`` 0 nothing changes, with 1 as in the phantom.
        """
        change = np.exp(-time_s[:, None] / self.tau_s) * self.early * redistribution
        return np.maximum(self.uptake + change, 0.02 * self.uptake)


def make_phantom(name: str, *, voxel_mm: float = 10.0, seed: int | None = None) -> VoxelPhantom:
    """Return the voxels of a phantom; with a *seed*, of a patient of his own.

    Sizes vary by 6 %, final activities by 20 %, the early part by 30 % and its times by 25 %
    (standard deviations of the logarithm), so that no two patients drift alike.

    Raises
    ------
    ConfigError
        There is no such phantom.
    """
    if name not in PHANTOMS:
        raise ConfigError("no such phantom", field="phantom", value=name,
                          remedy=f"use {', '.join(PHANTOMS)}")  # fmt: skip
    solids = PHANTOMS[name]
    random = np.random.default_rng(seed)
    vary = 0.0 if seed is None else 1.0
    size = np.exp(vary * 0.06 * random.standard_normal(3))
    factors = np.exp(vary * np.array([0.2, 0.3, 0.25]) * random.standard_normal((len(solids), 3)))
    reach = 1.3 * np.max([np.abs(s.centre_mm) + np.array(s.half_mm) for s in solids], axis=0)
    steps = [np.arange(-r, r + voxel_mm, voxel_mm) for r in reach]
    grid = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    owner = np.full(len(grid), -1)
    for number, solid in enumerate(solids):
        scaled = (grid / size - solid.centre_mm) / solid.half_mm
        if solid.cylinder:
            inside = (np.hypot(scaled[:, 0], scaled[:, 1]) <= 1) & (np.abs(scaled[:, 2]) <= 1)
        else:
            inside = (scaled**2).sum(axis=1) <= 1
        owner[inside] = number
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    first = np.searchsorted(owner[order], np.arange(len(solids) + 1)).astype(np.int64)
    return VoxelPhantom(
        name=name,
        voxel_mm=voxel_mm,
        place_mm=np.ascontiguousarray(grid[order]),
        first=first,
        uptake=np.array([s.uptake for s in solids]) * factors[:, 0],
        early=np.array([s.early for s in solids]) * factors[:, 1],
        tau_s=np.array([s.tau_s for s in solids]) * factors[:, 2],
        breathing=np.array([s.breathing for s in solids]),
        regions=tuple(s.region for s in solids),
        outline_mm=_outline(solids[0], size),
    )


def _outline(solid: Solid, size: Floats) -> Floats:
    half = np.array(solid.half_mm) * size
    if solid.cylinder:
        half[2] = np.inf
    return np.stack([np.array(solid.centre_mm) * size, half])
