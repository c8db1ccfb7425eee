"""The one-dimensional convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.layers.base import Array, register_layer
from pulsefront.fixed_point.layers.checks import check_positive
from pulsefront.fixed_point.layers.matrix import MatrixLayer, Rows
from pulsefront.fixed_point.layers.windows import check_windows, windows
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["Conv1d"]


@register_layer
@dataclass(frozen=True, eq=False)
class Conv1d(MatrixLayer):
    """One-dimensional convolution (correlation) over (position, channel).

    *weights* have the shape (kernel, channel_in, channel_out); *padding* is the number of zeros
    before the first and after the last position.
    """

    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    kind: ClassVar[str] = "conv1d"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self.name, "stride", self.stride)
        padding = tuple(int(zeros) for zeros in self.padding)
        object.__setattr__(self, "padding", padding)
        if len(padding) != 2 or min(padding) < 0:
            raise PrecisionError(
                f"layer {self.name!r}: padding is (before, after), none negative", value=padding
            )

    def check_shape(self, weights: Integers) -> None:
        """Refuse weights that are no (kernel, channel_in, channel_out)."""
        if weights.ndim != 3 or not weights.size:
            raise PrecisionError(
                f"layer {self.name!r}: weights have the shape (kernel, channel_in, channel_out)",
                value=weights.shape,
            )

    def window_positions(self, source: Tensor) -> Integers:
        """Return the positions of each window in the padded source, shape (window, kernel)."""
        kernel, channels, _ = self.weights.shape
        check_windows(self.name, source, kernel, sum(self.padding), channels)
        return windows(source.shape[0] + sum(self.padding), kernel, self.stride)

    def rows(self, source: Tensor) -> Rows:
        """Return the windows, one row each."""
        index, padding = self.window_positions(source), self.padding
        kernel, channels, _ = self.weights.shape
        side_by_side = self.stride == kernel and not any(padding) and index.size == source.shape[0]

        def rows(events: Array) -> Array:
            if side_by_side:
                return events.reshape(-1, kernel * channels)
            padded = np.pad(events, ((0, 0), padding, (0, 0))) if any(padding) else events
            return padded[:, index].reshape(-1, kernel * channels)

        return rows

    def result_shape(self, rows: int) -> tuple[int, ...]:
        """Return (position, channel_out)."""
        return (rows, self.n_out)
