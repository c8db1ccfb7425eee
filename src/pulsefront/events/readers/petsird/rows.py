"""Events of a binary PETSIRD file: the lists that a walk found, decoded into columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.events.readers.petsird.blocks import (
    COUNT,
    DELAYED,
    FIRST,
    KIND,
    OFFSET,
    SECOND,
    SINGLE,
    START,
    STOP,
)
from pulsefront.events.readers.petsird.bytes import Bytes, number

__all__ = ["Meaning", "Rows", "decode", "room_for_rows"]

Ints = NDArray[np.int64]


class Meaning(NamedTuple):
    """What the bins of a scanner stand for.

    Attributes
    ----------
    bins, energy_bins
        (type,) detection bins of a type of modules, and energy bins of an element.
    first_element, first_energy
        (type,) number of its first element, and where its energies begin.
    tof_bins, first_tof
        (type, type) bins of time of flight, and where their times begin.
    energy_kev, difference_ps
        Centres of the bins of energy and of time of flight, type after type.
    """

    bins: Ints
    energy_bins: Ints
    first_element: Ints
    first_energy: Ints
    tof_bins: Ints
    first_tof: Ints
    energy_kev: NDArray[np.float32]
    difference_ps: NDArray[np.float64]


class Rows(NamedTuple):
    """Events, with the side as second axis; ``bad`` says impossible.

    Of single hits the second side is empty, and ``tof`` the time in ps from the start of the block.
    """

    bins: NDArray[np.uint32]
    types: NDArray[np.uint8]
    element: NDArray[np.int32]
    energy_kev: NDArray[np.float32]
    tof: NDArray[np.uint32]
    difference_ps: NDArray[np.float64]
    start_ms: NDArray[np.uint32]
    stop_ms: NDArray[np.uint32]
    delayed: NDArray[np.bool_]
    bad: NDArray[np.bool_]


def room_for_rows(count: int) -> Rows:
    """Return room for *count* events."""
    return Rows(
        np.zeros((count, 2), np.uint32),
        np.zeros((count, 2), np.uint8),
        np.zeros((count, 2), np.int32),
        np.full((count, 2), np.nan, np.float32),
        np.zeros(count, np.uint32),
        np.full(count, np.nan),
        np.zeros(count, np.uint32),
        np.zeros(count, np.uint32),
        np.zeros(count, np.bool_),
        np.zeros(count, np.bool_),
    )


@njit(nogil=True, cache=True)
def _tell(row: int, side: int, kind: int, bin_: int, meaning: Meaning, rows: Rows) -> None:
    """Write down the element and the energy that a bin of a type of modules stands for."""
    element = bin_ // meaning.energy_bins[kind]
    energy = bin_ - element * meaning.energy_bins[kind]
    rows.element[row, side] = meaning.first_element[kind] + element
    rows.energy_kev[row, side] = meaning.energy_kev[meaning.first_energy[kind] + energy]


@njit(nogil=True, cache=True)
def decode(data: Bytes, lists: Ints, which: int, meaning: Meaning, rows: Rows) -> tuple[int, int]:
    """Fill *rows* with events from list *which* on; return the list to go on with, and how many.

    A list that is left in the middle becomes what is left of it. A bin that the scanner does not
    have is bad, and so is a pair of one type of modules whose smaller bin stands first.
    """
    count, room = 0, len(rows.tof)
    while which < len(lists) and count < room:
        at, kind = lists[which, OFFSET], lists[which, KIND]
        first, second = lists[which, FIRST], lists[which, SECOND]
        taken = min(lists[which, COUNT], room - count)
        for _ in range(taken):
            one, at = number(data, at, 5)
            other, tof = 0, 0
            bad = one >= meaning.bins[first]
            if kind == SINGLE:
                tof, at = number(data, at, 5)
            else:
                other, at = number(data, at, 5)
                tof, at = number(data, at, 5)
                bad |= other >= meaning.bins[second] or tof >= meaning.tof_bins[first, second]
                bad |= first == second and one < other
            rows.bins[count, 0], rows.bins[count, 1] = one, other
            rows.types[count, 0], rows.types[count, 1] = first, second
            rows.tof[count], rows.bad[count] = tof, bad
            rows.start_ms[count], rows.stop_ms[count] = lists[which, START], lists[which, STOP]
            rows.delayed[count] = kind == DELAYED
            if not bad:
                _tell(count, 0, first, one, meaning, rows)
                if kind != SINGLE:
                    _tell(count, 1, second, other, meaning, rows)
                    begin = meaning.first_tof[first, second]
                    rows.difference_ps[count] = meaning.difference_ps[begin + tof]
            count += 1
        lists[which, OFFSET] = at
        lists[which, COUNT] -= taken
        if lists[which, COUNT] == 0:
            which += 1
    return which, count
