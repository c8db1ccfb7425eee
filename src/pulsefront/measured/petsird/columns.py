"""What PETSIRD wants of a pair, from the columns that pairs have here.

Pairs come from `pulsefront coincidences`, from simulated coincidences, or from a file of them. A
time difference is looked for in what was measured best; what only a simulation knows comes last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.settings import PICKOFFS
from pulsefront.events.channels import channel_index
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile

__all__ = [
    "PairColumns",
    "Sides",
    "check_sides",
    "elements_of",
    "find_columns",
    "only_first_hits",
    "simulated_with",
]

ENERGIES = ("energy_kev", "energy_deposited_kev")
DIFFERENCES = (
    *(f"{name}_difference_ns" for name in PICKOFFS),
    "time_difference_ps",
    "time_difference_ns",
    *(f"{name}_ns" for name in PICKOFFS),
    "true_arrival_ns",
)
TICKS_PER_MS = {
    "time_ps": 1e9,
    "time_ns": 1e6,
    "trigger_time_s": 1e-3,
    "block_start_ms": 1.0,
}
"""Columns that hold the time since the start of the acquisition."""

PS = {"ps": 1.0, "ns": 1e3}

Sides = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class PairColumns:
    """Names of the columns that are written.

    Attributes
    ----------
    energy
        None where there is one energy bin, and no energies.
    difference
        Time difference of each pair, or the times of both sides.
    time
        When a pair was; None where no column says it.
    """

    energy: str | None
    difference: str
    time: str | None

    def energies_kev(self, table: EventTable) -> NDArray[np.float64] | None:
        """Return (event, 2)."""
        if self.energy is None:
            return None
        return self._of_sides(table, self.energy)

    def difference_ps(self, table: EventTable) -> NDArray[np.float64]:
        """Return (event,): the time of side 0 minus that of side 1."""
        unit = self.difference.rsplit("_", 1)[1]
        values = table[self.difference]
        if self.difference.endswith(f"_difference_{unit}"):
            return np.asarray(values * PS[unit], np.float64)
        both = self._of_sides(table, self.difference)
        return np.asarray((both[:, 0] - both[:, 1]) * PS[unit])

    def time_ms(self, table: EventTable) -> NDArray[np.int64] | None:
        """Return (event,): whole milliseconds before the earlier hit; None without times."""
        if self.time is None:
            return None
        times = table[self.time]
        values = times.min(axis=tuple(range(1, times.ndim)))
        ticks = TICKS_PER_MS[self.time]
        if values.dtype.kind in "iu" and ticks >= 1:
            # The picoseconds of a long run are more than a float holds.
            return np.asarray(values.astype(np.int64) // int(ticks))
        return np.asarray(np.floor(values / ticks)).astype(np.int64)

    def _of_sides(self, table: EventTable, name: str) -> NDArray[np.float64]:
        values = table[name]
        if values.ndim != 2 or values.shape[1] != 2:
            raise DataError(
                "must be (event, 2), one for each side",
                field=name,
                value=values.shape,
                remedy="pair hits with pulsefront coincidences first",
            )
        return np.asarray(values, np.float64)


def find_columns(
    source: EventFile, *, energy: str | None, difference: str | None, energy_bins: int
) -> PairColumns:
    """Return the columns to write, those named among them.

    Raises
    ------
    DataError
        A column that was named is not there, or none holds energies in keV or time differences.
    """
    held = source.quantities
    for name in (energy, difference):
        if name is not None and name not in held:
            raise DataError(
                "no such quantity",
                file=source.path,
                field=name,
                remedy=f"it holds {', '.join(held)}",
            )
    energy = energy or next((name for name in ENERGIES if name in held), None)
    if energy is None and energy_bins > 1:
        raise DataError(
            "holds no energies in keV",
            file=source.path,
            field="energy_kev",
            remedy="use pulsefront calibrate --apply, name the column that holds keV with "
            "--energy-column, or say --energy-bins 1",
        )
    difference = difference or next((name for name in DIFFERENCES if name in held), None)
    if difference is None or difference.rsplit("_", 1)[1] not in PS:
        raise DataError(
            "holds no time differences of pairs in ps or ns",
            file=source.path,
            field=difference or "time_difference_ps",
            remedy="pair hits with pulsefront coincidences, or measure waveforms with pulsefront "
            "pickoff --table h5, first",
        )
    return PairColumns(
        energy, difference, next((name for name in TICKS_PER_MS if name in held), None)
    )


def elements_of(
    table: EventTable, sides: Sides | None, counts: Sequence[int], source: EventFile
) -> NDArray[np.int64]:
    """Return (event, 2) which element of the detector of each side was hit; −1 for none of them.

    Where a detector has a single element, that is it, whatever the channel. Elsewhere *sides*
    lists the channels of each side in the order of the elements.

    Raises
    ------
    DataError
        The pairs do not say which element it was.
    """
    found = np.zeros((len(table), 2), np.int64)
    numbers = table.columns.get("channel")
    for side, count in enumerate(counts):
        if count == 1 and sides is None:
            continue
        if numbers is None or numbers.shape != (len(table), 2):
            raise DataError(
                f"does not say which of {count} elements of side {side} was hit",
                file=source.path,
                field="channel",
                remedy="pair single hits, whose channel is known, with pulsefront coincidences",
            )
        if sides is None:
            raise ConfigError(
                f"the detector of side {side} has {count} elements",
                field="--channels",
                remedy="name the channels of both sides in the order of their elements, e.g. "
                f"0-{count - 1} {count}-{2 * count - 1}",
            )
        found[:, side] = channel_index(numbers[:, side], sides[side])
    return found


def check_sides(sides: Sides | None, counts: Sequence[int]) -> None:
    """Raise `ConfigError` where there are not as many channels as elements."""
    for side, (channels, count) in enumerate(zip(sides or (), counts, strict=False)):
        if len(channels) != count:
            raise ConfigError(
                f"names {len(channels)} channels for side {side}, whose detector has {count} "
                "elements",
                field="--channels",
            )


def only_first_hits(table: EventTable) -> NDArray[np.bool_]:
    """Return which records of a PETsys file are the first hits of both groups.

    Its further records pair the other hits of the same two groups.
    """
    number = table.columns.get("hit")
    if number is None or number.shape != (len(table), 2):
        return np.ones(len(table), np.bool_)
    return np.asarray((number == 0).all(axis=1))


def simulated_with(provenance: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the settings with which pairs were simulated; None where they were not."""
    settings = provenance.get("settings")
    made = str(provenance.get("made_by", ""))
    if "simulate_coincidences" not in made or not isinstance(settings, dict):
        return None
    return settings
