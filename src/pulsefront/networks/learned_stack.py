"""A stack whose binary points are trained: one for each layer or output, and each activation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.charges import BitOperations, Charge, LayerBits, LayerSlopes
from pulsefront.networks.quantize import round_half_up
from pulsefront.networks.stack import CPU, Stack
from pulsefront.networks.stack_formats import whole_numbers

__all__ = ["LN2", "LearnedStack"]

LN2 = math.log(2.0)


class LearnedStack(Stack):
    """A quantized stack whose binary points are real numbers that are trained, too.

    ``points`` is flat: those of the weights of all layers, (C, 1) or (C, n_out), then those of
    the activations, (C, 1). ``charges`` are what a price is put on.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        scaling: Scaling,
        input_bits: int,
        device: torch.device = CPU,
    ) -> None:
        super().__init__(candidates, scaling, device)
        self.points = torch.empty(0)
        self.charges: tuple[Charge, ...] = (BitOperations(),)
        self._charged: list[list[LayerSlopes]] = []
        self._finest = [bits.clone() for bits in self.formats.weight_bits]
        self._rests = [torch.empty(0)] * (self.layers - 1)
        self._activation_slopes = [torch.empty(0)] * (self.layers - 1)
        self._input_bits = torch.full((len(self), 1), float(input_bits), device=device)

    def calibrate(self, inputs: torch.Tensor) -> None:
        """Start from the best formats of the given widths on *inputs* (event, input)."""
        super().calibrate(inputs)
        formats = self.formats
        starts = (*self._starts(), *formats.activation_fraction)
        self._point_shapes = [one.shape for one in starts]
        self.points = torch.cat([one.reshape(-1) for one in starts])
        self._integer = [
            bits - fraction
            for bits, fraction in zip(
                formats.activation_bits, formats.activation_fraction, strict=True
            )
        ]
        # Just below the next rounding up: widths do not grow beyond those of the start.
        self._highest = [one + 0.49 for one in starts]

    def _starts(self) -> list[torch.Tensor]:
        """Return where the points of the weights start, layer by layer."""
        return self.formats.weight_fraction

    def _point_views(self, flat: torch.Tensor) -> list[torch.Tensor]:
        parts = torch.split(flat, [math.prod(shape) for shape in self._point_shapes])
        return [part.view(shape) for part, shape in zip(parts, self._point_shapes, strict=True)]

    def limit_points(self) -> None:
        """Keep widths between one bit and those that the stack started from."""
        views = self._point_views(self.points)
        for point, highest in zip(views, self._highest, strict=True):
            torch.minimum(point, highest, out=point)
        for point, integer in zip(
            views[self.layers : 2 * self.layers - 1], self._integer, strict=True
        ):
            torch.maximum(point, 1.0 - integer, out=point)

    def align_points(self, share: float) -> None:
        """Draw the points of weights that read an input together; those here are one an output."""

    def round_points(self) -> None:
        """Set the formats to the whole numbers nearest to the points."""
        formats = self.formats
        views = [round_half_up(view) for view in self._point_views(self.points)]
        formats.weight_fraction = views[: self.layers]
        formats.activation_fraction = views[self.layers : 2 * self.layers - 1]
        formats.activation_bits = [
            (integer + fraction).clamp_min(1.0)
            for integer, fraction in zip(self._integer, formats.activation_fraction, strict=True)
        ]
        self._widen()
        formats.derive()

    def _widen(self) -> None:
        """Give the weights of each group the bits that the largest of them needs."""
        formats = self.formats
        for layer, fraction in enumerate(formats.weight_fraction):
            bits = 1.0 + self._magnitude_bits(layer, fraction)
            formats.weight_bits[layer] = torch.minimum(bits, self._finest[layer])

    def _magnitude_bits(self, layer: int, fraction: torch.Tensor) -> torch.Tensor:
        """Return the bits, without sign, of the largest weight of each group, at least one."""
        size = (self.weights[layer] * self.formats.factor[layer]).abs().amax(2)
        if fraction.shape[1] == 1:
            size = size.amax(1, keepdim=True)
        largest = round_half_up(size * torch.exp2(fraction))
        return torch.floor(torch.log2(largest.clamp_min(1.0))) + 1.0

    def _stored_bits(self, layer: int) -> torch.Tensor:
        """Return the bits (C, n_out, n_in) of every weight's magnitude, 0 where it is zero."""
        kept = (self._used_weights[layer] != 0).float()
        return kept * self._magnitude_bits(layer, self.formats.weight_fraction[layer])[:, :, None]

    def _points_of_weights(self, layer: int) -> torch.Tensor:
        """Return the points of the weights of *layer*, (C, n_out, n_in) or fewer."""
        return self.formats.weight_fraction[layer][:, :, None]

    def _error_slope(self, layer: int) -> torch.Tensor:
        """Return what the loss says of the points of *layer*, through the rounding errors."""
        error = self.weights[layer] - self._used_weights[layer]
        return LN2 * (self._weight_gradients[layer] * error).sum(2)

    def _entering(self, layer: int) -> torch.Tensor:
        """Return the bits (C, 1) of what *layer* reads.

        Where every input and node has bits of its own they are (C, n_in).
        """
        return self.formats.activation_bits[layer - 1] if layer else self._input_bits

    def bits(self) -> list[LayerBits]:
        """Return the bits of all layers at the present formats."""
        return [
            LayerBits(
                self._stored_bits(layer),
                self._points_of_weights(layer),
                self._entering(layer),
                self._positions if layer == 0 and self._filters is not None else 1,
            )
            for layer in range(self.layers)
        ]

    def costs(self) -> torch.Tensor:
        """Return what is charged for, (charge, C), at the present formats."""
        bits = self.bits()
        return torch.stack([one.cost(bits) for one in self.charges])

    def ebops(self) -> torch.Tensor:
        """Return the effective bit operations (C,) of the present formats, an upper estimate."""
        return BitOperations().cost(self.bits())

    def refresh(self) -> None:
        """Bring what is used to the present weights and formats."""
        super().refresh()
        self._charged = []

    def _priced(self, price: torch.Tensor) -> list[tuple[torch.Tensor, list[LayerSlopes]]]:
        """Return each charge's *price* (C,) and what one bit more adds to it, layer by layer."""
        if not self._charged:
            bits = self.bits()
            self._charged = [one.slopes(bits) for one in self.charges]
        return list(zip(price.reshape(len(self.charges), -1), self._charged, strict=True))

    def slope_of_points(self, price: torch.Tensor) -> torch.Tensor:
        """Return the derivative of loss + *price* · costs by ``points``, flat.

        *price* is (charge, C), or (C,) where there is one charge.
        """
        slope = torch.zeros_like(self.points)
        views = self._point_views(slope)
        for layer in range(self.layers):
            own = self._error_slope(layer)
            for each, of in self._priced(price):
                one = self._of_points(of[layer].points)
                own = own + each.view(-1, *(1,) * (own.ndim - 1)) * one
            shared = views[layer].shape != own.shape
            views[layer].copy_(own.sum(1, keepdim=True) if shared else own)
            if layer:
                views[self.layers + layer - 1].copy_(
                    LN2 * self._activation_slopes[layer - 1] + self._of_inputs(layer, price)
                )
        return slope

    def _of_points(self, value: torch.Tensor) -> torch.Tensor:
        """Return the sums of *value* (C, n_out, n_in) over the weights of an output."""
        return value.sum(2)

    def _of_inputs(self, layer: int, price: torch.Tensor) -> torch.Tensor:
        """Return what *price* says of the bits that enter *layer*, one or one per input."""
        total = torch.zeros(1, device=self.device)
        for each, of in self._priced(price):
            one = of[layer].inputs
            if self._entering(layer).shape[1] == 1:
                one = one.sum(1, keepdim=True)
            total = total + each[:, None] * one
        return total

    def press(self, price: torch.Tensor) -> None:
        """Add to the gradients of the weights what *price* · costs says of them.

        Nothing here: the bits of a group are those of its largest weight alone.
        """

    def _activate(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        # Raw results carry the ½ of RND: what floor takes away is the rounding error plus ½.
        self._rests[layer] = value - torch.floor(value) - 0.5
        return super()._activate(layer, value)

    def _through(self, layer: int, slope: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        slope = super()._through(layer, slope, value)
        self._activation_slopes[layer] = self._of_widths(slope * self._rests[layer])
        return slope

    def _of_widths(self, value: torch.Tensor) -> torch.Tensor:
        """Return the sums of *value* (C, node, column) over what shares a width, (C, 1)."""
        return value.sum((1, 2))[:, None]

    def candidate(self, n: int) -> Candidate:
        """Return candidate *n* in its present formats; what rounds to zero is zero."""
        before = super().candidate(n)
        assert before.precision is not None  # train_with_ebops takes no others
        formats = self.formats
        bits = tuple(
            whole_numbers(formats.weight_bits[k][n, : len(own)])
            for k, own in enumerate(before.precision.weight_fraction)
        )
        precision = replace(
            before.precision,
            weight_bits=tuple(max(layer) for layer in bits),
            channel_bits=bits if before.precision.per_channel else None,
            activation_bits=tuple(max(whole_numbers(one[n])) for one in formats.activation_bits),
        )
        used = self.used_weights(n)
        weights = tuple(
            np.where(one != 0, weight, np.float32(0.0))
            for one, weight in zip(used, before.weights, strict=True)
        )
        return replace(before, weights=weights, precision=precision)
