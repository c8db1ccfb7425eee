"""The dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.layers.base import register_layer
from pulsefront.fixed_point.layers.matrix import MatrixLayer, Rows
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["Dense"]


@register_layer
@dataclass(frozen=True, eq=False)
class Dense(MatrixLayer):
    """y = x · weights + bias of a vector x; *weights* have the shape (n_in, n_out)."""

    kind: ClassVar[str] = "dense"

    def check_shape(self, weights: Integers) -> None:
        """Refuse weights that are no matrix."""
        if weights.ndim != 2 or not weights.size:
            raise PrecisionError(
                f"layer {self.name!r}: weights have the shape (n_in, n_out)", value=weights.shape
            )

    def rows(self, source: Tensor) -> Rows:
        """Return the source as it is: one row per event."""
        if source.shape != self.weights.shape[:1]:
            raise PrecisionError(
                f"layer {self.name!r}: its weights take {self.weights.shape[0]} inputs and "
                f"{source.name!r} has the shape {source.shape}",
                remedy="put a Flatten before it" if len(source.shape) == 2 else "check the shapes",
            )
        return lambda events: events

    def result_shape(self, rows: int) -> tuple[int, ...]:  # noqa: ARG002
        """Return (n_out,)."""
        return (self.n_out,)
