"""Integer sums before the network: fewer inputs, no multiplications, no rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.format import FixedPointFormat

__all__ = ["FrontEnd", "row_column_sums", "window_sums"]


@dataclass(frozen=True)
class FrontEnd:
    """Sums of raw inputs that a network reads in their place.

    Attributes
    ----------
    matrix
        (n_raw, n_sums) int8, 1 where a raw input belongs to a sum and 0 elsewhere.
    names
        Of the sums.

    Raises
    ------
    ConfigError
        A sum has no input, or an entry is neither 0 nor 1.
    """

    matrix: NDArray[np.int8]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix)
        if matrix.ndim != 2 or not np.isin(matrix, (0, 1)).all():
            raise ConfigError("sums are given by a matrix (raw input, sum) of 0 and 1")
        if not matrix.any(0).all() or len(self.names) != matrix.shape[1]:
            raise ConfigError(
                "every sum needs an input and a name", value=(matrix.shape, len(self.names))
            )
        object.__setattr__(self, "matrix", matrix.astype(np.int8))

    @property
    def n_raw(self) -> int:
        """Raw inputs."""
        return int(self.matrix.shape[0])

    @property
    def n_sums(self) -> int:
        """Sums, the network's inputs."""
        return int(self.matrix.shape[1])

    def apply(self, integers: NDArray[np.integer]) -> NDArray[np.int32]:
        """Return the sums (…, n_sums) of raw integers (…, n_raw)."""
        # float32 products of up to 24-bit integers are exact and far faster than integer ones
        sums = np.asarray(integers, np.float32) @ self.matrix.astype(np.float32)
        return sums.astype(np.int32)

    def sum_format(self, raw: FixedPointFormat) -> FixedPointFormat:
        """Return the format that holds every sum of raw inputs of format *raw*.

        Raises
        ------
        ConfigError
            A sum would need more than 24 bits.
        """
        largest = int(self.matrix.sum(0, dtype=np.int64).max())
        more = (largest - 1).bit_length()
        if raw.width + more > 24:
            raise ConfigError(
                f"a sum of {largest} inputs of {raw.width} bits needs more than 24",
                remedy="sum fewer inputs",
            )
        return FixedPointFormat(raw.width + more, raw.integer + more, raw.signed)

    def raw_inputs(self, kept_sums: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the raw inputs, ascending, that the sums *kept_sums* need."""
        return np.flatnonzero(self.matrix[:, kept_sums].any(1))


def window_sums(samples: int, size: int, stride: int | None = None) -> FrontEnd:
    """Return sums over windows of *size* samples, *stride* (default: *size*) apart.

    Raises
    ------
    ConfigError
        No window fits.
    """
    stride = size if stride is None else stride
    if not 1 <= size <= samples or stride < 1:
        raise ConfigError(
            f"no window of {size} samples, {stride} apart, fits {samples} samples", field="size"
        )
    starts = range(0, samples - size + 1, stride)
    groups = [range(start, start + size) for start in starts]
    return _sums(samples, groups, [f"samples_{g.start}_to_{g.stop - 1}" for g in groups])


def row_column_sums(rows: int, columns: int) -> FrontEnd:
    """Return the *rows* + *columns* sums of a photosensor array, channels row by row.

    Multiplexed readout of an array gives just these: 8×8 photosensors become 16 channels.
    """
    sensors = np.arange(rows * columns).reshape(rows, columns)
    groups = [*sensors, *sensors.T]
    names = [f"row_{r}" for r in range(rows)] + [f"column_{c}" for c in range(columns)]
    return _sums(rows * columns, groups, names)


def _sums(n_raw: int, groups: Sequence[Sequence[int]], names: Sequence[str]) -> FrontEnd:
    matrix = np.zeros((n_raw, len(groups)), np.int8)
    for column, group in enumerate(groups):
        matrix[list(group), column] = 1
    return FrontEnd(matrix, tuple(names))
