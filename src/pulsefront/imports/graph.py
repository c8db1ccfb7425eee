"""A network in real numbers, as it came from elsewhere, before any of it is an integer.

Every reader makes a `RealNetwork`; `calibrate` gives it formats where it has none; `lower` turns it
into a fixed-point model. Tensors have the shape ``(channel,)`` or ``(position, channel)``,
channels last, whatever the order was where the network came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pulsefront.fixed_point import ImageWindows
from pulsefront.fixed_point.format import Assignment, FixedPointFormat

__all__ = [
    "Cast",
    "Flattening",
    "Function",
    "Join",
    "Limit",
    "Matrix",
    "Node",
    "Pool",
    "RealInput",
    "RealNetwork",
    "Reals",
    "Sum",
    "Windows",
]

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Node:
    """One step: *name* is an identifier of its own, *inputs* name nodes or inputs of the graph.

    *origin* is what it was called where it came from.
    """

    name: str
    inputs: tuple[str, ...]
    origin: str


@dataclass(frozen=True, eq=False)
class Matrix(Node):
    """x · weights + bias; a convolution where *weights* are (kernel, channel_in, channel_out)."""

    weights: Reals
    bias: Reals | None = None
    stride: int = 1
    padding: tuple[int, int] = (0, 0)

    @property
    def n_out(self) -> int:
        """Output channels."""
        return int(self.weights.shape[-1])


@dataclass(frozen=True, eq=False)
class Limit(Node):
    """x limited to *low* … *high*; an infinite end is none. ReLU is 0 … ∞."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Pool(Node):
    """Largest value, mean or sum over windows of *size* positions, *stride* apart."""

    what: Literal["max", "mean", "sum"]
    size: int
    stride: int


@dataclass(frozen=True, eq=False)
class Windows(Node):
    """The windows of an image one after the other; see `fixed_point.ImageWindows`."""

    image: tuple[int, int]
    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, ...] = (0, 0, 0, 0)

    def layer(self, inputs: tuple[str, ...]) -> ImageWindows:
        """Return the layer of a model that does the same."""
        return ImageWindows(self.name, inputs, self.image, self.size, self.stride, self.padding)


@dataclass(frozen=True, eq=False)
class Function(Node):
    """A function of *scale* times each number, by its name in `fixed_point.functions`."""

    what: str
    slope: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Flattening(Node):
    """(position, channel) to one axis, the channel running fastest."""


@dataclass(frozen=True, eq=False)
class Join(Node):
    """Tensors one after the other along the channels."""


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """Tensors of one shape, added element by element."""


@dataclass(frozen=True, eq=False)
class Cast(Node):
    """An assignment to a format."""

    to: Assignment


@dataclass(frozen=True, eq=False)
class RealInput:
    """An input: *shape* without the event axis; *format* None where nothing says it yet."""

    name: str
    shape: tuple[int, ...]
    origin: str
    format: FixedPointFormat | None = None


@dataclass(frozen=True, eq=False)
class RealNetwork:
    """Inputs, nodes in the order in which they are computed, and the names of outputs.

    *changes* says in sentences what differs from where the network came from.
    """

    name: str
    inputs: tuple[RealInput, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    changes: tuple[str, ...] = ()

    def readers(self, name: str) -> tuple[Node, ...]:
        """Return the nodes that read *name*."""
        return tuple(one for one in self.nodes if name in one.inputs)

    def node(self, name: str) -> Node | None:
        """Return the node called *name*; None for an input."""
        return next((one for one in self.nodes if one.name == name), None)
