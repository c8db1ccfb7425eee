"""Splits of measured point-source sets that share no run, neighbourhood or detector as asked.

`pulsefront.evaluate.splits` splits by position. Measured sets have more that can leak: the same
run on both sides shares temperature and gain, the same detector shares its flaws. Runs and
detectors are given to one part as a whole; the events whose position belongs to another part are
left out, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pulsefront.errors import ConfigError, DataError
from pulsefront.evaluate.record import INLINE, Record
from pulsefront.evaluate.splits import LeakReport, Split, check_leaks, split_grid, split_offsets
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile
from pulsefront.progress import Report, silent

__all__ = ["Apart", "SplitReport", "connected_groups", "load_labels", "split_scan_set"]

Apart = Literal["run", "detector", "source"]
PARTS = ("train", "selection", "test")
TRAIN, LEFT_OUT = 0, -1
LABELS = (
    "grid_index",
    "stage_position_mm",
    "offset_index",
    "source_offset_mm",
    "run",
    "detector",
    "source",
    "scan",
)


class SplitReport(Record):
    """How a set was split, and what its parts share."""

    file: str
    """name of the set's file"""
    seed: int
    """of the draw of selection positions"""
    apart: tuple[Apart, ...]
    """what no two parts may share, beside positions"""
    required_distance_mm: float
    """least distance asked for from selection and test positions to training positions"""
    excluded: dict[str, int]
    """events that belong to no part, by rule"""
    leaks: Annotated[dict[str, bool | int | float], INLINE]
    """events and positions of each part, what two parts share (all zero), and the distance"""


def load_labels(source: EventFile, *, report: Report = silent) -> EventTable:
    """Return the labels of a point-source set, which is all that a split takes, without its data.

    Raises
    ------
    DataError
        There are no source positions.
    """
    if not {"grid_index", "offset_index"} & set(source.quantities):
        raise DataError(
            "holds no source positions",
            file=source.path,
            field="grid_index, offset_index",
            remedy="write a manifest that says where the source stood",
        )
    if source.format == "store":
        with store.open_store(source.path) as stored:
            there = {name: stored.column(name) for name in LABELS if name in stored.quantities}
            told = {name: stored.quantities[name] for name in there}
            return EventTable(there, told, stored.column("status"), source.provenance)
    parts: list[EventTable] = []
    for table in source.reported(report):
        there = {name: table[name] for name in LABELS if name in table.columns}
        told = {name: table.quantities[name] for name in there}
        parts.append(EventTable(there, told, table.status, {}))
    labels = EventTable.concatenate(parts)
    return EventTable(labels.columns, labels.quantities, labels.status, source.provenance)


def split_scan_set(
    table: EventTable,
    *,
    seed: int,
    apart: Sequence[Apart] = ("run",),
    least_distance_mm: float = 0.0,
    selection_fraction: float = 0.3,
) -> tuple[Split, LeakReport]:
    """Split a labelled point-source set into training, selection and test, and prove it.

    Positions are split as simulated sets are (even ones train, selection and test lie between).
    Then each group of runs, detectors or sources that cannot be parted goes to the part in which
    it has most events, as long as every part gets one.

    Parameters
    ----------
    table
        Events from `pulsefront.events.scans.open_scan_set`.
    seed
        Of the draw of selection positions.
    apart
        What training, selection and test may not share, beside positions.
    least_distance_mm
        Selection and test positions nearer than this to a training position are left out.
    selection_fraction
        Share of the positions between that go to selection.

    Returns
    -------
    split, report
        ``split.excluded`` counts what was left out by rule; the report has passed.

    Raises
    ------
    ConfigError
        An unknown label in *apart*.
    DataError
        The set is too small: too few positions, or fewer groups than parts.
    """
    _check_apart(table, apart)
    if "grid_index" in table.columns:
        position_mm = np.asarray(table["stage_position_mm"], np.float64)
        grid = table["grid_index"].astype(np.int64)
        split = split_grid(grid, seed=seed, selection_fraction=selection_fraction)
    else:
        position_mm = np.asarray(table["source_offset_mm"], np.float64)[:, None]
        offset = table["offset_index"].astype(np.int64)
        split = split_offsets(offset, seed=seed, selection_fraction=selection_fraction)
    part = np.full(len(table), LEFT_OUT, np.int64)
    for number, events in enumerate(split.parts().values()):
        part[events] = number
    excluded = dict(split.excluded)
    if apart:
        groups = connected_groups([table[name] for name in apart])
        of_group = _parts_of_groups(groups, part, ", ".join(apart))
        wrong = (part != LEFT_OUT) & (of_group[groups] != part)
        excluded[f"{' or '.join(apart)} belongs to another part"] = int(wrong.sum())
        part[wrong] = LEFT_OUT
    if least_distance_mm > 0 and (part == TRAIN).any():
        near = _near_training(position_mm, part, least_distance_mm)
        excluded[f"nearer than {least_distance_mm:g} mm to a training position"] = int(near.sum())
        part[near] = LEFT_OUT
    train, selection, test = (np.flatnonzero(part == number) for number in range(len(PARTS)))
    result = Split(train, selection, test, excluded)
    report = check_leaks(
        result,
        positions_mm=position_mm,
        groups={name: table[name] for name in apart},
        required_distance_mm=least_distance_mm,
    )
    report.raise_on_leak()
    return result, report


def _check_apart(table: EventTable, apart: Sequence[Apart]) -> None:
    known = get_args(Apart)
    unknown = sorted(set(apart) - set(known))
    if unknown:
        raise ConfigError(
            "cannot be kept apart", field="apart", value=unknown[0], remedy=", ".join(known)
        )
    for name in apart:
        if name not in table.columns:
            raise DataError(
                "the set does not say it", field=name, remedy="ask for less to be kept apart"
            )


def connected_groups(labels: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Return a number per event; events that share any label, directly or by others, share it."""
    first, *others = (np.unique(values, return_inverse=True)[1].reshape(-1) for values in labels)
    if not others:
        return np.asarray(first, np.int64)
    # Nodes are labels, an event ties its own together; those of the first kind give the numbers.
    ends, nodes = [], int(first.max()) + 1
    for other in others:
        ends.append(other + nodes)
        nodes += int(other.max()) + 1
    rows, columns = np.tile(first, len(ends)), np.concatenate(ends)
    ties = coo_array((np.ones(len(rows)), (rows, columns)), shape=(nodes, nodes))
    component = connected_components(ties, directed=False)[1]
    return np.asarray(component[first], np.int64)


def _parts_of_groups(
    groups: NDArray[np.int64], part: NDArray[np.int64], name: str
) -> NDArray[np.int64]:
    """Return the part of each group: where it has most of its events, none left empty."""
    number = int(groups.max()) + 1
    counts = np.zeros((number, 3), np.int64)
    inside = part != LEFT_OUT
    np.add.at(counts, (groups[inside], part[inside]), 1)
    if (counts.sum(axis=1) > 0).sum() < 3:
        raise DataError(
            "too few groups to keep training, selection and test apart",
            field=name,
            value=number,
            remedy="measure in at least three runs that each cover positions of every part, or "
            "ask for less to be kept apart",
        )
    # In shares of each part, or training, the largest part, would take every group.
    share = counts / np.maximum(counts.sum(axis=0), 1)
    chosen = np.argmax(share, axis=1)
    for target in range(3):
        if (chosen == target).any() and counts[chosen == target, target].sum() > 0:
            continue
        sizes = np.bincount(chosen, minlength=3)
        movable = np.flatnonzero((sizes[chosen] > 1) & (counts[:, target] > 0))
        if not len(movable):
            raise DataError(
                f"no group is left for {PARTS[target]}",
                field=name,
                remedy="measure positions of every part in every run",
            )
        chosen[movable[np.argmax(share[movable, target])]] = target
    return np.asarray(chosen, np.int64)


def _near_training(
    position_mm: NDArray[np.float64], part: NDArray[np.int64], distance_mm: float
) -> NDArray[np.bool_]:
    """Return which selection and test events lie nearer than the distance to training."""
    training = np.unique(position_mm[part == TRAIN], axis=0)
    others = part > TRAIN
    distance = np.full(len(position_mm), np.inf)
    distance[others] = cKDTree(training).query(position_mm[others])[0]
    # A distance of exactly the pitch is what was asked for, rounding or not.
    return np.asarray(distance < distance_mm * (1 - 1e-9))
