"""QONNX graphs under construction: real values, and the order of axes in which each lies.

A model has channels last; convolutions and pools of ONNX have them first, and those of images two
axes of positions. A tensor is turned where a layer asks for it, once, and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.fixed_point.layers import ImageWindows
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["QONNX_DOMAIN", "Placed", "PlacedGraph"]

QONNX_DOMAIN = "qonnx.custom_op.general"


@dataclass(frozen=True)
class Placed:
    """A *value* of the file and how its axes lie.

    *first*: (channel, position) in place of (position, channel); *image*: (channel, row, column),
    with so many rows and columns.
    """

    value: str
    first: bool = False
    image: tuple[int, int] | None = None

    def by_channel(self, numbers: Sequence[float]) -> np.ndarray:
        """Return a constant for each channel, with axes so that it meets this tensor."""
        behind = 2 if self.image else int(self.first)
        return np.asarray(numbers, np.float32).reshape(-1, *[1] * behind)


class PlacedGraph(GraphBuilder):
    """Nodes on real values, and where each tensor of the model lies."""

    def __init__(self) -> None:
        super().__init__(np.float32, {QONNX_DOMAIN: 1})
        self._placed: dict[str, Placed] = {}
        self._turned: dict[tuple[str, bool, tuple[int, int] | None], Placed] = {}
        self._windows: dict[str, tuple[ImageWindows, Tensor]] = {}

    def place(self, tensor: str, placed: Placed) -> None:
        """Remember where a tensor of the model lies."""
        self._placed[tensor] = placed

    def place_windows(self, layer: ImageWindows, image: Tensor) -> None:
        """Remember windows of *image*, which the layers that read them take as their own."""
        self._windows[layer.name] = layer, image

    def windows_of(self, tensor: str) -> ImageWindows | None:
        """Return the windows of an image that a tensor is; None where it is none."""
        return self._windows[tensor][0] if tensor in self._windows else None

    def image_before(self, windows: ImageWindows) -> str:
        """Return the image before its windows, (channel, row, column)."""
        return self.as_image(self._windows[windows.name][1], windows.image).value

    def at(self, tensor: str) -> Placed:
        """Return a tensor as it lies.

        Raises
        ------
        UnsupportedLayer
            It is the windows of an image, which a file has within a convolution or pool alone.
        """
        if tensor in self._windows:
            raise UnsupportedLayer(
                tensor,
                problem="windows of an image have no QONNX counterpart but in a convolution or "
                "pool over them one by one",
                remedy="use convolution_2d or pool_2d, or leave this target out",
            )
        return self._placed[tensor]

    def last(self, tensor: Tensor) -> str:
        """Return a tensor with channels last, as the model has it."""
        placed = self.at(tensor.name)
        if not placed.first and placed.image is None:
            return placed.value
        return self._once(placed, Placed("", first=False), tensor).value

    def first(self, tensor: Tensor) -> Placed:
        """Return a tensor (position, channel) with channels first."""
        placed = self.at(tensor.name)
        if placed.first and placed.image is None:
            return placed
        return self._once(placed, Placed("", first=True), tensor)

    def as_image(self, tensor: Tensor, image: tuple[int, int]) -> Placed:
        """Return a tensor (position, channel) as (channel, row, column)."""
        placed = self.at(tensor.name)
        if placed.image == image:
            return placed
        return self._once(placed, Placed("", first=True, image=image), tensor)

    def _once(self, placed: Placed, wanted: Placed, tensor: Tensor) -> Placed:
        """Return a tensor with its axes as those of *wanted*, turned once for all readers."""
        key = placed.value, wanted.first, wanted.image
        if key not in self._turned:
            value = self._turn(placed, wanted, tensor)
            self._turned[key] = Placed(value, wanted.first, wanted.image)
        return self._turned[key]

    def _turn(self, placed: Placed, wanted: Placed, tensor: Tensor) -> str:
        """Turn the axes of a tensor, by way of channels last."""
        positions, channels = tensor.shape
        value = placed.value
        if placed.image:
            value = self.node("Transpose", [value], perm=[0, 2, 3, 1])
            value = self.node("Reshape", [value, self.shape([0, positions, channels])])
        elif placed.first:
            value = self.node("Transpose", [value], perm=[0, 2, 1])
        if wanted.image:
            value = self.node("Reshape", [value, self.shape([0, *wanted.image, channels])])
            return self.node("Transpose", [value], perm=[0, 3, 1, 2])
        return self.node("Transpose", [value], perm=[0, 2, 1]) if wanted.first else value
