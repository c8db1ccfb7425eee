"""A layer of Keras where it is called, and what its handler may ask and add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pulsefront.imports.graph import Matrix, Node, Reals, Windows

if TYPE_CHECKING:
    from pulsefront.imports.keras_walk import KerasWalk

__all__ = ["KerasCall"]


@dataclass(frozen=True, eq=False)
class KerasCall:
    """A layer where it is called: a shared one is called several times.

    Attributes
    ----------
    walk
        Takes the nodes that are made.
    layer, node
        Keras' layer and its call.
    sources
        What it reads, by the graph's names.
    kept
        Which channels have bits; one number if all have.
    """

    walk: KerasWalk
    layer: Any
    node: Any
    sources: list[str]
    kept: npt.NDArray[np.bool_]

    @property
    def label(self) -> str:
        """What the layer is called in messages."""
        return str(self.layer.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what it reads first, without the events."""
        return tuple(self.node.input_tensors[0].shape[1:])

    def name(self, suffix: str = "") -> str:
        """Return a new name for what it gives."""
        return self.walk.name(self.layer, suffix)

    def keep(self, node: Node) -> str:
        """Add a node; return its name."""
        return self.walk.keep(node)

    def by_channel(self, factor: Reals, bias: Reals | None, source: str | None = None) -> str:
        """Add a factor and a bias for each channel."""
        weights = np.diag(np.broadcast_to(factor, self.shape[-1:]))
        if len(self.shape) > 1:
            weights = weights[None]
        if bias is not None:
            bias = np.broadcast_to(bias, self.shape[-1:])
        reads = (source or self.sources[0],)
        return self.keep(Matrix(self.name(), reads, self.label, weights, bias))

    def windows(
        self,
        size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...] = (0, 0, 0, 0),
    ) -> str:
        """Add the windows of an image (row, column, channel)."""
        sides = (self.shape[0], self.shape[1]), (size[0], size[1]), (stride[0], stride[1])
        made = Windows(self.name("_windows"), (self.sources[0],), self.label, *sides, padding)
        return self.keep(made)
