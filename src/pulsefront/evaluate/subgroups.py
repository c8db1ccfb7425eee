"""One metric, with its interval, in each subgroup of the events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import Interval, Statistic, bootstrap

__all__ = ["Subgroup", "bins", "regions", "subgroup_table"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Subgroup:
    """A row: the metric's interval, or None with the reason in ``note``."""

    name: str
    events: int
    interval: Interval | None
    note: str = ""


def subgroup_table(
    values: ArrayLike,
    masks: Mapping[str, Mask],
    statistic: Callable[[NDArray[np.float64]], Statistic],
    *,
    least_events: int = 50,
    groups: ArrayLike | None = None,
    replicates: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Subgroup, ...]:
    """Return the metric of each subgroup.

    Parameters
    ----------
    values
        (event,) or (event, k): what the metric is made of, such as residuals.
    masks
        Name → (event,) boolean. Subgroups may overlap; each event outside all is simply absent.
    statistic
        Makes a `Statistic` from the values of a subgroup, such as
        `intervals.fwhm_statistic`.
    least_events
        Smaller subgroups get no interval but a note.

    Raises
    ------
    DataError
        A mask has another length than the values.
    """
    data = np.asarray(values, dtype=np.float64)
    labels = None if groups is None else np.asarray(groups)
    rows = []
    for name, mask in masks.items():
        if len(mask) != len(data):
            raise DataError("mask and values differ in length", field=name, value=len(mask))
        inside = data[mask]
        if len(inside) < least_events:
            rows.append(Subgroup(name, len(inside), None, f"fewer than {least_events} events"))
            continue
        try:
            interval = bootstrap(
                statistic(inside),
                len(inside),
                groups=None if labels is None else labels[mask],
                replicates=replicates,
                confidence=confidence,
                seed=seed,
                method="expanded",
            )
        except DataError as error:
            rows.append(Subgroup(name, len(inside), None, error.problem))
        else:
            rows.append(Subgroup(name, len(inside), interval))
    return tuple(rows)


def regions(position_mm: ArrayLike, half_width_mm: float, edge_mm: float) -> dict[str, Mask]:
    """Return masks of the centre, edges and corners of a square block centred at zero.

    An event within *edge_mm* of one pair of side faces is at an edge, of both pairs in a corner.

    Parameters
    ----------
    position_mm
        (event, 2) or (event, 3).
    """
    near = np.abs(np.asarray(position_mm, dtype=np.float64)[:, :2]) > half_width_mm - edge_mm
    faces = near.sum(axis=1)
    return {"centre": faces == 0, "edge": faces == 1, "corner": faces == 2}


def bins(values: ArrayLike, edges: Sequence[float], label: str, unit: str) -> dict[str, Mask]:
    """Return masks of the half-open bins between *edges*; the last bin holds its upper edge.

    Names read ``"depth 0 to 4 mm"``.

    Raises
    ------
    DataError
        Fewer than two edges, or edges that do not rise.
    """
    limits = np.asarray(edges, dtype=np.float64)
    if limits.size < 2 or not (np.diff(limits) > 0).all():
        raise DataError("bin edges must rise", field="edges", value=list(edges))
    data = np.asarray(values, dtype=np.float64)
    masks = {}
    for low, high in pairwise(limits.tolist()):
        upper = data <= high if high == limits[-1] else data < high
        masks[f"{label} {low:g} to {high:g} {unit}"] = (data >= low) & upper
    return masks
