"""One container for events: a column per quantity, with unit, meaning and a status per event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError

__all__ = ["EventTable", "Quantity", "Status", "mark"]


class Status(IntFlag):
    """What is wrong with an event; 0 means that nothing is. Flags add up."""

    OK = 0
    TRUNCATED = 1
    SATURATED = 2
    PILE_UP = 4
    NO_PULSE = 8
    NO_CROSSING = 16
    BAD_BASELINE = 32
    NOT_FINITE = 64
    MISSING_CHANNEL = 128
    BAD_HEADER = 256
    OUTSIDE_WINDOW = 512


def mark(status: NDArray[np.uint16], events: NDArray[Any] | slice, flag: Status) -> None:
    """Add *flag* to the *events* (mask, indices or slice) of *status*, in place."""
    status[events] |= np.uint16(flag)


@dataclass(frozen=True)
class Quantity:
    """Unit (``"1"`` for a pure number) and meaning of a column, in one line."""

    unit: str
    description: str


@dataclass(frozen=True)
class EventTable:
    """Columns of equal length over the event axis.

    Attributes
    ----------
    columns
        Name → array whose first axis is the event. Names end in their unit where they have one
        (``time_ns``); ADC counts end in ``_adc``.
    quantities
        Name → `Quantity`, one for every column: the data dictionary.
    status
        (event,) uint16 of `Status` flags; all zero where not given.
    provenance
        Where the events come from: plain JSON values (detector, seed, source file and hash,
        versions).

    Raises
    ------
    DataError
        Columns differ in length, or a column has no entry in the data dictionary.
    """

    columns: Mapping[str, NDArray[Any]]
    quantities: Mapping[str, Quantity]
    status: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError("columns differ in length", field="columns", value=lengths)
        missing = sorted(set(self.columns) ^ set(self.quantities))
        if missing:
            raise DataError(
                "columns and data dictionary differ",
                field=", ".join(missing),
                remedy="give every column exactly one unit and description",
            )
        count = next(iter(lengths.values()), len(self.status))
        if len(self.status) == 0 and count:
            object.__setattr__(self, "status", np.zeros(count, np.uint16))
        if len(self.status) != count:
            raise DataError("status and columns differ in length", value=len(self.status))

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column.

        Raises
        ------
        DataError
            There is no such column.
        """
        try:
            return self.columns[name]
        except KeyError:
            raise DataError(
                "no such quantity", field=name, remedy=f"there are: {', '.join(self.columns)}"
            ) from None

    def select(self, events: NDArray[Any] | slice) -> EventTable:
        """Return the events that a boolean mask, an index array or a slice picks."""
        return EventTable(
            {name: column[events] for name, column in self.columns.items()},
            self.quantities,
            self.status[events],
            self.provenance,
        )

    def with_columns(
        self, columns: Mapping[str, NDArray[Any]], quantities: Mapping[str, Quantity]
    ) -> EventTable:
        """Return the table with *columns* added or replaced."""
        return EventTable(
            {**self.columns, **columns},
            {**self.quantities, **quantities},
            self.status,
            self.provenance,
        )

    def without(self, *names: str) -> EventTable:
        """Return the table without the columns of these names, where it has them."""
        kept = [name for name in self.columns if name not in names]
        return EventTable(
            {name: self.columns[name] for name in kept},
            {name: self.quantities[name] for name in kept},
            self.status,
            self.provenance,
        )

    def with_provenance(self, provenance: Mapping[str, Any]) -> EventTable:
        """Return the same events with another history."""
        return EventTable(self.columns, self.quantities, self.status, provenance)

    @staticmethod
    def concatenate(tables: Sequence[EventTable]) -> EventTable:
        """Return the events of all *tables*, which must have the same columns, in their order."""
        if not tables:
            raise DataError("no tables to join")
        first = tables[0]
        for table in tables[1:]:
            if set(table.columns) != set(first.columns):
                raise DataError(
                    "tables have different columns",
                    field=", ".join(sorted(set(table.columns) ^ set(first.columns))),
                )
        return EventTable(
            {name: np.concatenate([t.columns[name] for t in tables]) for name in first.columns},
            first.quantities,
            np.concatenate([t.status for t in tables]),
            first.provenance,
        )
