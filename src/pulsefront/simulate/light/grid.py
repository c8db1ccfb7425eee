"""The grid of a light map: its settings and its positions."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pulsefront.config import FrozenModel

__all__ = ["LightMapSettings", "depth_nodes", "lateral_nodes"]

_INSET_MM = 1e-3
Table = NDArray[np.float64]


class LightMapSettings(FrozenModel):
    """How finely a light map is traced.

    ``pitch_mm`` is the largest distance of grid positions along x and y, ``depth_pitch_mm`` along
    z; within ``fine_depth_mm`` of the photosensors the depth pitch is halved. ``photons`` are
    traced from each position. ``transit_times`` keeps the distribution of transit times, and
    all light in the grid; without it ``direct_light`` takes the light that no face but a mirror
    reflected from an integral.
    """

    pitch_mm: Annotated[float, Field(gt=0)] = 2.0
    """largest distance of grid positions along x and y"""
    depth_pitch_mm: Annotated[float, Field(gt=0)] = 2.0
    """largest distance along z"""
    fine_depth_mm: Annotated[float, Field(ge=0)] = 4.0
    """within this of the photosensors the depth pitch is halved"""
    photons: Annotated[int, Field(ge=100)] = 40_000
    """traced from each position"""
    transit_times: bool = False
    """keep the distribution of transit times, and all light in the grid"""
    direct_light: bool = True
    """without transit times: take the light that no face but a mirror reflected from an integral"""
    seed: Annotated[int, Field(ge=0)] = 1
    """of the tracing"""


def lateral_nodes(starts_mm: Table, width_mm: float, pitch_mm: float, wall_nodes: int = 0) -> Table:
    """Return positions along one axis, each element's from wall to wall, at most a pitch apart.

    At the walls of one undivided piece, *wall_nodes* more, each half as far from the wall.
    """
    intervals = max(1, math.ceil(width_mm / pitch_mm - 1e-9))
    inside = np.linspace(_INSET_MM, width_mm - _INSET_MM, intervals + 1)
    if wall_nodes and len(starts_mm) == 1:
        near = (inside[1] - inside[0]) / 2.0 ** np.arange(1, wall_nodes + 1)
        inside = np.unique(np.concatenate([inside, inside[0] + near, inside[-1] - near]))
    return np.asarray((starts_mm[:, None] + inside[None, :]).ravel())


def depth_nodes(thickness: float, settings: LightMapSettings) -> Table:
    """Return the depths, closer together near the photosensors."""
    fine = min(settings.fine_depth_mm, thickness)
    coarse = thickness - fine
    upper = np.linspace(0, coarse, max(1, math.ceil(coarse / settings.depth_pitch_mm - 1e-9)) + 1)[
        :-1
    ]
    lower = np.linspace(
        coarse, thickness, max(1, math.ceil(2 * fine / settings.depth_pitch_mm - 1e-9)) + 1
    )
    # Light that leaves at once grows steeply in the last tenths of a millimetre.
    last = (lower[-1] - lower[-2]) / 2.0 ** np.arange(1, 4)
    nodes = np.concatenate(
        [upper if coarse > 0 else upper[:0], lower[:-1], thickness - last, lower[-1:]]
    )
    return np.asarray(np.clip(nodes, _INSET_MM, thickness - _INSET_MM))
