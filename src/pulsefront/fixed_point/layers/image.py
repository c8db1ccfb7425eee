"""Windows of an image, one after the other: what makes layers over positions layers over images.

An image is a tensor (position, channel) whose positions run along its rows. `ImageWindows` lays its
windows end to end, so that a `Conv1d` or a pool over as many positions as a window has, taken that
many positions at a time, is the convolution or pool in two dimensions. `convolution_2d` and
`pool_2d` give both layers. Nothing is computed here: in firmware windows are wires, or addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.layers.base import (
    Array,
    Bounds,
    Layer,
    LayerStep,
    Operation,
    register_layer,
)
from pulsefront.fixed_point.layers.checks import check_positive
from pulsefront.fixed_point.layers.conv1d import Conv1d
from pulsefront.fixed_point.layers.pooling import AveragePool, MaxPool, WindowLayer, WindowSum
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["ImageWindows", "convolution_2d", "pool_2d"]


@register_layer
@dataclass(frozen=True, eq=False)
class ImageWindows(Layer):
    """The windows of an image, one after the other: (position, channel) to the same.

    Parameters
    ----------
    image
        Rows and columns of the image; their product is the number of positions.
    size, stride
        Of a window, and between two, along rows and columns: (vertical, horizontal).
    padding
        Zeros (above, below, left, right).
    """

    image: tuple[int, int]
    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, ...] = (0, 0, 0, 0)
    kind: ClassVar[str] = "image_windows"

    def __post_init__(self) -> None:
        super().__post_init__()
        for field, count in (("image", 2), ("size", 2), ("stride", 2), ("padding", 4)):
            numbers = tuple(int(one) for one in getattr(self, field))
            object.__setattr__(self, field, numbers)
            if len(numbers) != count:
                raise PrecisionError(
                    f"layer {self.name!r}: {field} are {count} numbers", value=numbers
                )
            for one in numbers:
                check_positive(self.name, field, one + (field == "padding"))
        if min(self.windows) < 1:
            raise PrecisionError(
                f"layer {self.name!r}: a window {self.size} does not fit the image {self.image} "
                f"with the padding {self.padding}"
            )

    @property
    def windows(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        above, below, left, right = self.padding
        sides = self.image[0] + above + below, self.image[1] + left + right
        down, across = (
            (side - size) // stride + 1
            for side, size, stride in zip(sides, self.size, self.stride, strict=True)
        )
        return down, across

    def places(self) -> Integers:
        """Return the position of every element of every window, −1 for padding, one axis."""
        (rows, columns), (above, below, left, right) = self.image, self.padding
        positions = np.arange(rows * columns).reshape(rows, columns)
        padded = np.pad(positions, ((above, below), (left, right)), constant_values=-1)
        found = np.lib.stride_tricks.sliding_window_view(padded, self.size)
        return found[:: self.stride[0], :: self.stride[1]].reshape(-1)

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the intervals of what is moved; those of padding are zero.

        Raises
        ------
        PrecisionError
            The source has other positions than the image.
        """
        (source,) = sources
        rows, columns = self.image
        if len(source.shape) != 2 or source.shape[0] != rows * columns:
            raise PrecisionError(
                f"layer {self.name!r} needs the shape (position, channel) with {rows} x {columns} "
                f"positions; {source.name!r} has {source.shape}"
            )
        low, high = (_moved(end[None], self.places())[0] for end in (source.low, source.high))
        return Bounds(low, high, source.format.fraction, source.magnitude)

    def operation(self, step: LayerStep) -> Operation:  # noqa: ARG002
        """Return the elements moved to their windows."""
        places = self.places()
        return lambda source: _moved(source, places)


def _moved(source: Array, places: Integers) -> Array:
    """Return elements (event, position, channel) at *places*, zeros where these are −1."""
    found: Array = source[:, places]
    if places.min() < 0:
        found[:, places < 0] = 0
    return found


def convolution_2d(
    name: str,
    source: str,
    weights: Integers,
    *,
    image: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, ...] = (0, 0, 0, 0),
    **options: Any,
) -> tuple[ImageWindows, Conv1d]:
    """Return the two layers of a convolution of an image.

    Parameters
    ----------
    name
        Of the result; the windows are called ``NAME_windows``.
    source
        The tensor (position, channel) that it reads.
    weights
        Raw integers, shape (vertical, horizontal, channel_in, channel_out).
    image, stride, padding
        See `ImageWindows`.
    options
        Further fields of `Conv1d`, such as ``weight_format``, ``bias`` and ``to``.

    Raises
    ------
    PrecisionError
        See `Conv1d` and `ImageWindows`.
    """
    array = np.asarray(weights)
    if array.ndim != 4:
        raise PrecisionError(
            f"layer {name!r}: weights have the shape (vertical, horizontal, channel_in, "
            "channel_out)",
            value=array.shape,
        )
    down, across, *channels = array.shape
    before = ImageWindows(f"{name}_windows", (source,), image, (down, across), stride, padding)
    flat = array.reshape(down * across, *channels)
    return before, Conv1d(name, (before.name,), flat, stride=down * across, **options)


def pool_2d(
    kind: type[MaxPool | AveragePool | WindowSum],
    name: str,
    source: str,
    *,
    image: tuple[int, int],
    size: tuple[int, int],
    stride: tuple[int, int] | None = None,
    **options: Any,
) -> tuple[ImageWindows, WindowLayer]:
    """Return the two layers of a pool over windows of an image; *stride* None: side by side.

    See `convolution_2d`; *kind* is the pool, of which *options* are further fields.
    """
    before = ImageWindows(f"{name}_windows", (source,), image, size, stride or size)
    whole = size[0] * size[1]
    return before, kind(name, (before.name,), whole, whole, **options)
