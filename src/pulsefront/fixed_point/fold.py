"""Mirrors of a block: every event brought into one part of it, and its position brought back.

A block whose photosensors are a grid looks the same in a mirror, and a square one by its diagonal,
too: what a network learns of one octant holds for all eight. So a front end mirrors the charges of
an event until most light lies at positive x and y, and further in x than in y; the network sees
that octant alone, and what it says is mirrored back. In hardware that is an order of reading, two
signs and an exchange: no arithmetic but two sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ConfigError

__all__ = ["Mirrors"]

Turns = npt.NDArray[np.bool_]
"""(event, 3): mirrored in x, mirrored in y, then x and y exchanged."""


@dataclass(frozen=True)
class Mirrors:
    """The mirrors of a grid of channels, row by row, x along a row.

    Attributes
    ----------
    columns, rows
        Of the grid.
    diagonal
        Whether x and y are exchanged, too: then the grid is square, and so is the block.

    Raises
    ------
    ConfigError
        The diagonal of a grid that is not square.
    """

    columns: int
    rows: int
    diagonal: bool = True

    def __post_init__(self) -> None:
        if self.columns < 1 or self.rows < 1:
            raise ConfigError("a grid has columns and rows", value=(self.columns, self.rows))
        if self.diagonal and self.columns != self.rows:
            raise ConfigError(
                f"a grid of {self.columns} × {self.rows} is not the same along its diagonal",
                remedy='use fold = "rectangle"',
            )

    @property
    def channels(self) -> int:
        """Channels of the grid."""
        return self.columns * self.rows

    @property
    def weights(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Twice the distance of each channel from the middle in x and in y, in pitches."""
        x = np.arange(1 - self.columns, self.columns, 2)
        y = np.arange(1 - self.rows, self.rows, 2)
        return np.tile(x, self.rows), np.repeat(y, self.columns)

    def turns(self, charges: npt.NDArray[np.integer]) -> Turns:
        """Return how each event (event, channel) is turned.

        It is mirrored in x where the sum of its charges times `weights` in x is negative, and so in
        y; exchanged where that of y is larger than that of x, both without their signs.
        """
        given = np.asarray(charges, np.int64)
        if given.ndim != 2 or given.shape[1] != self.channels:
            raise ConfigError(
                f"charges are (event, {self.channels})", field="charges", value=given.shape
            )
        along_x, along_y = self.weights
        x, y = given @ along_x, given @ along_y
        exchanged = (np.abs(y) > np.abs(x)) & self.diagonal
        return np.column_stack([x < 0, y < 0, exchanged])

    def folded(self, charges: npt.NDArray[Any], turns: Turns) -> npt.NDArray[Any]:
        """Return the charges (event, channel) as they stand after their *turns*."""
        return np.take_along_axis(charges, self._orders()[self._number(turns)], axis=1)

    def unfolded(self, values: npt.NDArray[Any], turns: Turns) -> npt.NDArray[Any]:
        """Return values (…, event, channel) as they stood before the *turns*."""
        places = np.argsort(self._orders(), axis=1)[self._number(turns)]
        return np.take_along_axis(values, np.broadcast_to(places, values.shape), axis=-1)

    def moved(self, numbers: npt.NDArray[np.integer], turns: Turns) -> npt.NDArray[np.int64]:
        """Return where the channels *numbers* (event,) stand after the turns of their events."""
        places = np.argsort(self._orders(), axis=1)
        return np.asarray(places[self._number(turns), numbers], np.int64)

    def came_from(self, numbers: npt.NDArray[np.integer], turns: Turns) -> npt.NDArray[np.int64]:
        """Return which channels (event,) stand at the places *numbers* after the turns."""
        return np.asarray(self._orders()[self._number(turns), numbers], np.int64)

    def forward(self, points: npt.NDArray[Any], turns: Turns) -> npt.NDArray[Any]:
        """Return *points* (event, x and y and more) as they stand after the *turns*."""
        found = np.array(points)
        for axis in (0, 1):
            found[turns[:, axis], axis] *= -1
        found[turns[:, 2], :2] = found[turns[:, 2], 1::-1]
        return found

    def back(self, points: npt.NDArray[Any], turns: Turns) -> npt.NDArray[Any]:
        """Return *points* (event, x and y and more) as they stood before the *turns*."""
        found = np.array(points)
        found[turns[:, 2], :2] = found[turns[:, 2], 1::-1]
        for axis in (0, 1):
            found[turns[:, axis], axis] *= -1
        return found

    def _orders(self) -> npt.NDArray[np.intp]:
        """Return which channel stands at each place, by the number of the turns."""
        grid = np.arange(self.channels).reshape(self.rows, self.columns)
        mirrored = [grid, grid[:, ::-1], grid[::-1], grid[::-1, ::-1]]
        exchanged = [one.T for one in mirrored] if self.diagonal else mirrored
        return np.stack([one.reshape(-1) for one in (*mirrored, *exchanged)])

    def _number(self, turns: Turns) -> npt.NDArray[np.intp]:
        return np.asarray(turns, np.intp) @ np.array([1, 2, 4], np.intp)
