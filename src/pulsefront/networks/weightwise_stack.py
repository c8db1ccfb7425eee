"""A stack in which every weight has a binary point of its own, as in HGQ (Sun et al. 2024)."""

from __future__ import annotations

import torch

from pulsefront.networks.candidate import Candidate
from pulsefront.networks.learned_stack import LN2, LearnedStack
from pulsefront.networks.quantize import round_half_up

__all__ = ["WeightwiseStack"]

UNLIMITED_BITS = 31.0
"""Weights are not clipped on the way: their range is what they are."""


class WeightwiseStack(LearnedStack):
    """A `LearnedStack` whose points of the weights are (C, n_out, n_in).

    A weight that rounds to zero has no bits and costs nothing, so no price holds it down: it comes
    back once the loss asks for it.
    """

    def _starts(self) -> list[torch.Tensor]:
        return [
            fraction[:, :, None].expand(weight.shape).clone()
            for fraction, weight in zip(self.formats.weight_fraction, self.weights, strict=True)
        ]

    def align_points(self, share: float) -> None:
        """Draw the points of each layer's weights by a *share* to a sum of two parts.

        One part belongs to the input, the other to the output: their least-squares fit. Products
        then come at the same steps in all sums that read an input, which widens fewer sums, and an
        output's weights have points that differ less, which stores them narrower.
        """
        for point in self._point_views(self.points)[: self.layers]:
            whole = point.mean((1, 2), keepdim=True)
            fit = point.mean(1, keepdim=True) + point.mean(2, keepdim=True) - whole
            point.lerp_(fit, share)

    def _widen(self) -> None:
        for bits in self.formats.weight_bits:
            bits.fill_(UNLIMITED_BITS)

    def _raw(self, layer: int) -> torch.Tensor:
        """Return the integers (C, n_out, n_in) of the weights at their own points."""
        return round_half_up(self._used_weights[layer] * self.formats.weight_scale[layer])

    def _stored_bits(self, layer: int) -> torch.Tensor:
        """Return the bits (C, n_out, n_in) of every weight's magnitude, 0 where it is zero."""
        size = self._raw(layer).abs()
        return torch.floor(torch.log2(size.clamp_min(0.5))) + 1.0

    def _points_of_weights(self, layer: int) -> torch.Tensor:
        points = self.formats.weight_fraction[layer]
        return points if points.ndim == 3 else points[:, :, None]  # before the first rounding

    def _of_points(self, value: torch.Tensor) -> torch.Tensor:
        return value

    def _error_slope(self, layer: int) -> torch.Tensor:
        error = self.weights[layer] - self._used_weights[layer]
        return LN2 * self._weight_gradients[layer] * error

    def press(self, price: torch.Tensor) -> None:
        """Add to the gradients of the weights what *price* (charge, C) · costs says of them.

        A weight w at a binary point f takes log₂ |w| + f + 1 bits, all but for the rounding: its
        slope, 1 / (|w| ln 2), presses small weights harder than large ones, and so to zero. One
        that has come there pays nothing.
        """
        for layer in range(self.layers):
            used = self._used_weights[layer]
            size = LN2 * torch.where(used != 0, used, 1.0)
            for each, of in self._priced(price):
                # sign / |w| is 1 / w; where nothing is kept, used is zero, and so is its part.
                slope = of[layer].sizes / size
                self._weight_gradients[layer].add_(slope * each[:, None, None])

    def unstack(self) -> list[Candidate]:
        """Return the candidates, the weights of each output in the format that holds them all."""
        formats = self.formats
        for layer in range(self.layers):
            raw = self._raw(layer).long()
            trailing = torch.log2((raw & -raw).clamp_min(1).float())
            finest = torch.where(raw == 0, -torch.inf, formats.weight_fraction[layer] - trailing)
            fraction = finest.amax(2)
            formats.weight_fraction[layer] = torch.where(fraction.isinf(), 0.0, fraction)
            self.weights[layer].copy_(self._used_weights[layer])
            bits = 1.0 + self._magnitude_bits(layer, formats.weight_fraction[layer])
            formats.weight_bits[layer] = bits
        formats.derive()
        self.refresh()
        return super().unstack()
