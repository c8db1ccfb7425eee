"""Which form a PETsys file has: single hits, groups of hits, or coincidences of two groups.

Nothing in the file says it, and ranges alone do not tell: in a file of groups of ten, nine of ten
neighbours lie within a coincidence window. So every record that is looked at is held against all
that its form implies. The hits of a group are numbered from 0 up, with one count and within a
microsecond. The hits of a coincidence start at 0 on both sides or go on from the record before, and
lie closer than the coincidences do. A file begins with a first hit, or within a group of which all
further hits follow, and one of coincidences with the first hits of both sides. Of the forms that
hold, the one that more records follow from wins, and among equals the one that implies most.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import UnsupportedFormat

__all__ = ["FORMATS", "FormChoice", "choose_form", "missing_hits", "sane"]

HIT: list[tuple[str, str]] = [("time", "<i8"), ("energy", "<f4"), ("channel", "<i4")]
GROUP_HIT: list[tuple[str, str]] = [("hits", "u1"), ("hit", "u1"), *HIT]
FORMATS = {
    "petsys-single": np.dtype([("hit", HIT, (1,))]),
    "petsys-group": np.dtype([("hit", GROUP_HIT, (1,))]),
    "petsys-coincidence": np.dtype([("hit", GROUP_HIT, (2,))]),
}
BLOCK_RECORDS = 4096
BLOCKS = 6
LEAST_RECORDS = 8
HOLDS = 0.9
"""Share of the records that must be possible, and follow from those before."""
MOST_CHANNELS = 1 << 22
WINDOW_PS = 1_000_000  # hits of one coincidence or group lie this close
LONGEST_STEP_PS = 1e16
CLEARLY_MORE = 0.05
"""Share of the records by which groups win at once; less may be half-broken pairs."""
CLEARLY_APART = 5.0
"""Ratio from which the steps between coincidences are longer than those within them."""


@dataclass(frozen=True)
class FormChoice:
    """A form and why it was chosen, in one line."""

    form: str
    reason: str


def choose_form(path: Path, told: str | None = None) -> FormChoice | None:
    """Return the form of a file; None where it has none.

    *told* is a form that the user named: it is the answer, and the reason says what the records
    show.

    Raises
    ------
    UnsupportedFormat
        Groups and coincidences both fit, and nothing tells which it is.
    """
    size = path.stat().st_size
    shares = {name: _share(path, size, name) for name in FORMATS}
    shown = ", ".join(f"{name.removeprefix('petsys-')} {shares[name]:.0%}" for name in FORMATS)
    reason = f"records that follow from their form: {shown}"
    if told is not None:
        return FormChoice(told, reason)
    fitting = [name for name in FORMATS if shares[name] >= HOLDS]
    if not fitting:
        return None
    ahead = shares["petsys-group"] - shares["petsys-coincidence"]
    if {"petsys-group", "petsys-coincidence"} <= set(fitting) and ahead < CLEARLY_MORE:
        apart = _steps_ratio(path, size)
        if apart < CLEARLY_APART:
            raise UnsupportedFormat(
                "its records read as petsys-group or as petsys-coincidence look alike",
                file=path,
                remedy="name the right one with --format",
            )
        return FormChoice(
            "petsys-coincidence", f"{reason}; pairs lie {apart:.0f} times closer than their records"
        )
    if "petsys-group" in fitting and ahead >= CLEARLY_MORE:
        fitting = ["petsys-group"]
    best = max(fitting, key=lambda name: (FORMATS[name].itemsize, shares[name]))
    return FormChoice(best, reason)


def sane(records: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of some records are possible, each by itself."""
    hits = records["hit"]
    with np.errstate(invalid="ignore"):
        good = (
            (hits["time"] >= 0)
            & np.isfinite(hits["energy"])
            & (np.abs(hits["energy"]) < 1e7)
            & (hits["channel"] >= 0)
            & (hits["channel"] < MOST_CHANNELS)
        )
        if "hits" in (hits.dtype.names or ()):
            good &= (hits["hits"] >= 1) & (hits["hit"] < hits["hits"])
        # Over one or two hits, a reduction costs more than the conditions do.
        good = good[:, 0] & good[:, -1]
        if hits.shape[1] == 2:
            apart = hits["time"][:, 0].astype(np.float64) - hits["time"][:, 1]
            good &= np.abs(apart) < WINDOW_PS
    return np.asarray(good)


def missing_hits(records: NDArray[Any]) -> int:
    """Return how many hits the first group of a file lacks; 0 where it begins as files do.

    A file that was cut out of another begins within a group, whose other hits must follow one by
    one, and the first of the next group behind them.

    Parameters
    ----------
    records
        The first ones, of ``petsys-group``; 256 tell it of every group.
    """
    if not len(records):
        return 0
    number, count = (records["hit"][name][:, 0].astype(np.int64) for name in ("hit", "hits"))
    rest = int(count[0] - number[0])
    begun = records[:rest]
    if not 0 < number[0] < count[0] or len(records) <= rest or number[rest] != 0:
        return 0
    return int(number[0]) if (sane(begun) & _follows_in_group(begun)).all() else 0


def _blocks(path: Path, size: int, name: str) -> list[NDArray[Any]]:
    """Return the records of the head and of some later blocks."""
    dtype = FORMATS[name]
    count = size // dtype.itemsize
    starts = np.unique(np.linspace(0, max(count - BLOCK_RECORDS, 0), BLOCKS).astype(np.int64))
    blocks = []
    with open(path, "rb") as file:
        for start in starts:
            file.seek(int(start) * dtype.itemsize)
            content = file.read(min(BLOCK_RECORDS, count - int(start)) * dtype.itemsize)
            blocks.append(np.frombuffer(content, dtype))
    return blocks


def _share(path: Path, size: int, name: str) -> float:
    """Return the share of records that are possible and follow from those before them."""
    blocks = _blocks(path, size, name)
    if sum(map(len, blocks)) < LEAST_RECORDS:
        return 0.0
    first = blocks[0]["hit"][0]
    if "hit" in (first.dtype.names or ()) and first["hit"].any():
        missing = missing_hits(blocks[0]) if name == "petsys-group" else 0
        if not missing:
            return 0.0
    good = []
    for records in blocks:
        times = records["hit"]["time"][:, 0]
        energies = records["hit"]["energy"]
        # Records of zeros, or without a single energy, belong to something else.
        if np.ptp(times) == 0 or np.count_nonzero(energies) < len(records) // 2:
            return 0.0
        if not (np.abs(np.diff(times.astype(np.float64))) < LONGEST_STEP_PS).mean() > HOLDS:
            return 0.0
        possible = sane(records)
        good.append(possible & FOLLOWS[name](records))
    return float(np.concatenate(good).mean())


def _follows_alone(records: NDArray[Any]) -> NDArray[np.bool_]:
    return np.ones(len(records), np.bool_)


def _follows_in_group(records: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which hits start a group or are the next one of the group of the hit before."""
    hits = records["hit"][:, 0]
    number, count, time = (hits[name].astype(np.int64) for name in ("hit", "hits", "time"))
    follows = number == 0
    follows[1:] |= (
        (number[1:] == number[:-1] + 1)
        & (count[1:] == count[:-1])
        & (np.abs(time[1:] - time[:-1]) < WINDOW_PS)
    )
    # Nothing before the first record of a block says what it follows from.
    follows[0] = True
    return np.asarray(follows)


def _follows_in_pair(records: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which records start a coincidence or are a further pair of the one before."""
    hits = records["hit"]
    number, count = hits["hit"].astype(np.int64), hits["hits"].astype(np.int64)
    follows = (number == 0).all(axis=1)
    ahead = (number[1:] >= number[:-1]).all(axis=1) & (number[1:] > number[:-1]).any(axis=1)
    turned = (number[1:] > number[:-1]).any(axis=1) & (number[1:] == 0).any(axis=1)
    follows[1:] |= (count[1:] == count[:-1]).all(axis=1) & (ahead | turned)
    follows[0] = True
    return np.asarray(follows)


FOLLOWS = {
    "petsys-single": _follows_alone,
    "petsys-group": _follows_in_group,
    "petsys-coincidence": _follows_in_pair,
}


def _steps_ratio(path: Path, size: int) -> float:
    """Return how much longer the steps between coincidences are than those within, in the middle.

    Read as groups the same records would all be groups of one, whose times come as they like.
    """
    within, between = [], []
    for records in _blocks(path, size, "petsys-coincidence"):
        first = records[(records["hit"]["hit"] == 0).all(axis=1)]
        times = first["hit"]["time"].astype(np.float64)
        within.append(np.abs(times[:, 0] - times[:, 1]))
        between.append(np.abs(np.diff(times[:, 0])))
    return float(np.median(np.concatenate(between)) / max(np.median(np.concatenate(within)), 1.0))
