"""What a price is put on while widths are learned: stand-ins of costs that can be differentiated.

A cost of whole bits has no derivative; what stands in for it is what one bit more would add. Three
kinds of bits cost: one more below the binary point of a weight (``points``), one more above it, as
a weight of twice the size has (``sizes``), and one more of an input or a node (``inputs``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import torch

from pulsefront.fixed_point.circuits import DSP_INPUT_BITS, SHARED, signed_digits

__all__ = ["BitOperations", "Charge", "LayerBits", "LayerSlopes", "PerProduct", "StoredBits"]

MOST_BITS = 32
TREE_BITS = 2
"""Bits by which the adders of a balanced tree are wider than what enters it: 1 for a half of them,
2 for a quarter and so on, which is 2 on average."""
SIMPLE_DIGITS = 2
"""Constants of so many signed digits are shifts and an adder; more make a multiplier."""
EXACT_UNTIL = 12
"""Magnitude bits up to which all constants are counted; beyond, digits grow by a third a bit."""


@dataclass(frozen=True, eq=False)
class LayerBits:
    """The bits of one layer of C networks.

    ``weights`` (C, n_out, n_in) are those of the magnitudes, 0 where a weight is zero; ``points``
    the binary points of the same weights, (C, n_out, n_in) or with one for several; ``entering``
    (C, n_in) or (C, 1) those of what is read, at ``positions`` of a convolution.
    """

    weights: torch.Tensor
    points: torch.Tensor
    entering: torch.Tensor
    positions: int = 1

    @property
    def kept(self) -> torch.Tensor:
        """1 where a weight is not zero, else 0."""
        return (self.weights > 0).float()


@dataclass(frozen=True, eq=False)
class LayerSlopes:
    """What one bit more adds: ``points`` and ``sizes`` as weights are, ``inputs`` (C, n_in)."""

    points: torch.Tensor
    sizes: torch.Tensor
    inputs: torch.Tensor


class Charge(Protocol):
    """A cost of all layers, and what one bit more would add to it."""

    def cost(self, layers: Sequence[LayerBits]) -> torch.Tensor:
        """Return the cost (C,)."""
        ...

    def slopes(self, layers: Sequence[LayerBits]) -> list[LayerSlopes]:
        """Return the slopes of every layer."""
        ...


@dataclass(frozen=True)
class BitOperations:
    """Effective bit operations: the product of both widths, summed over weights that are not zero
    (Sun et al. 2024, equation 5)."""

    def cost(self, layers: Sequence[LayerBits]) -> torch.Tensor:
        """Return the effective bit operations (C,)."""
        parts = [(self._read(one) * one.entering * one.positions).sum(1) for one in layers]
        return torch.stack(parts).sum(0)

    def slopes(self, layers: Sequence[LayerBits]) -> list[LayerSlopes]:
        """Return the slopes of every layer."""
        found = []
        for one in layers:
            each = one.kept * (one.entering * one.positions)[:, None]
            found.append(LayerSlopes(each, each, one.weights.sum(1) * one.positions))
        return found

    def _read(self, layer: LayerBits) -> torch.Tensor:
        bits = layer.weights.sum(1)
        return bits if layer.entering.shape[1] > 1 else bits.sum(1, keepdim=True)


@dataclass(frozen=True, eq=False)
class PerProduct:
    """A cost of every weight that is not zero, by its bits and those of its input.

    ``table[b, a]`` is that of a weight of b magnitude bits at an input of a bits; row 0 is zero.
    """

    table: torch.Tensor

    @classmethod
    def luts(cls, strategy: str) -> PerProduct:
        """Return look-up tables as `fixed_point.resources` counts them on average over constants.

        ``distributed_arithmetic``: a shared adder for each signed digit, as wide as the input and
        its tree. ``Latency``: an adder for each product; beside it another for two digits, and
        partial products for more, where these are not in DSP blocks.
        """
        if strategy == "distributed_arithmetic":
            return cls._of(lambda b, a: SHARED * _digits(b) * (a + TREE_BITS))
        return cls._of(
            lambda b, a: (
                (a + b + TREE_BITS)
                + _share_at(b) * (a + b)
                + (_share_beyond(b) * a * b if a < DSP_INPUT_BITS else 0.0)
            )
        )

    @classmethod
    def dsps(cls) -> PerProduct:
        """Return DSP blocks under the latency strategy, times the bits an input has too many.

        Constants of many digits take a block each at an input of `DSP_INPUT_BITS` or more: every
        bit above has to go before the block does.
        """
        most = DSP_INPUT_BITS - 1
        return cls._of(lambda b, a: _share_beyond(b) * max(0, a - most))

    @classmethod
    def _of(cls, cost: Callable[[int, int], float]) -> PerProduct:
        rows = [
            [cost(b, a) if b else 0.0 for a in range(MOST_BITS + 1)] for b in range(MOST_BITS + 1)
        ]
        return cls(torch.tensor(rows))

    def cost(self, layers: Sequence[LayerBits]) -> torch.Tensor:
        """Return the cost (C,)."""
        parts = [self._at(*self._numbers(one)).sum((1, 2)) for one in layers]
        return torch.stack(parts).sum(0)

    def slopes(self, layers: Sequence[LayerBits]) -> list[LayerSlopes]:
        """Return the slopes of every layer: the last bit of each kind is what counts."""
        found = []
        for one in layers:
            bits, entering = self._numbers(one)
            now = self._at(bits, entering)
            each = now - self._at((bits - 1).clamp_min(0), entering)
            inputs = (now - self._at(bits, (entering - 1).clamp_min(0))).sum(1)
            found.append(LayerSlopes(each, each, inputs))
        return found

    def _numbers(self, layer: LayerBits) -> tuple[torch.Tensor, torch.Tensor]:
        bits = layer.weights.clamp(0, MOST_BITS).long()
        entering = layer.entering.clamp(0, MOST_BITS).long()[:, None]
        return bits, entering.expand_as(bits)

    def _at(self, bits: torch.Tensor, entering: torch.Tensor) -> torch.Tensor:
        table = self.table.to(bits.device).reshape(-1)
        return table[bits * (MOST_BITS + 1) + entering]


@dataclass(frozen=True)
class StoredBits:
    """Bits of weights as the firmware stores them: all of an output at the width of the widest,
    zeros too. Biases, whose widths are not learned, are left out.

    An output is as wide as its finest and its largest weight ask for, so only these feel the price.
    An input or node that no weight reads is not stored at all: what its last weight frees is shared
    by all its bits, and so presses harder the fewer are left.
    """

    def cost(self, layers: Sequence[LayerBits]) -> torch.Tensor:
        """Return the stored bits (C,)."""
        parts = [_rows(one).sum(1) * self._widths(one)[0].sum(1) for one in layers]
        return torch.stack(parts).sum(0)

    def slopes(self, layers: Sequence[LayerBits]) -> list[LayerSlopes]:
        """Return the slopes of every layer."""
        found: list[LayerSlopes] = []
        before: torch.Tensor | None = None
        for one in layers:
            widths, finest, largest = self._widths(one)
            rows = _rows(one)
            count = rows.sum(1)
            freed = widths.sum(1)[:, None].expand_as(rows)
            if before is not None and before.shape == freed.shape:
                freed = freed + before  # a node's own weights go with it; a filter's stay
            each = one.kept * (freed / one.weights.sum(1).clamp_min(1.0))[:, None]
            points, sizes = (
                each + mine * (count[:, None] / mine.sum(2).clamp_min(1.0))[:, :, None]
                for mine in (finest, largest)
            )
            found.append(LayerSlopes(points, sizes, torch.zeros_like(rows)))
            before = count[:, None] * widths
        return found

    def _widths(self, layer: LayerBits) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the width (C, n_out) of every output, and which of its weights make it so."""
        kept = layer.weights > 0
        points = layer.points.expand_as(layer.weights)
        below = torch.where(kept, points, -torch.inf)
        above = torch.where(kept, layer.weights - points, -torch.inf)
        low, high = below.amax(2), above.amax(2)
        widths = torch.where(kept.any(2), 1.0 + low + high, 0.0)
        return (
            widths,
            (kept & (below == low[:, :, None])).float(),
            (kept & (above == high[:, :, None])).float(),
        )


def _rows(layer: LayerBits) -> torch.Tensor:
    """Return (C, n_in) 1 for every input that a weight reads."""
    return (layer.weights > 0).any(1).float()


@cache
def _counts(bits: int) -> tuple[float, float, float]:
    """Return, over all constants of so many *bits*, mean digits and shares of two and of more."""
    known = min(bits, EXACT_UNTIL)
    digits = signed_digits(np.arange(1 << (known - 1), 1 << known))
    more = float(np.mean(digits > SIMPLE_DIGITS))
    mean = float(digits.mean()) + (bits - known) / 3
    return mean, float(np.mean(digits == SIMPLE_DIGITS)), more


def _digits(bits: int) -> float:
    return _counts(bits)[0]


def _share_at(bits: int) -> float:
    return _counts(bits)[1]


def _share_beyond(bits: int) -> float:
    return _counts(bits)[2]
