"""Inputs of a stack that are cut to formats of their own, one for each of a candidate's inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.candidate import Scaling
from pulsefront.networks.precision import Precision

__all__ = ["ChannelInputs"]

UNREAD_BITS = 1.0
"""Of inputs that a candidate does not have: their weights are zero."""


class ChannelInputs:
    """How standardized inputs become the raw integers that each of C candidates reads.

    A raw integer q at the binary point f is worth (q + pedestal + middle) · 2^−f, standardized:
    the pedestal, a whole number, keeps numbers small, and the middle is that of the integers of
    the source which were cut to q.

    Attributes
    ----------
    bits, fraction
        (C, n_in) float32 whole numbers.
    unit
        (C, 1, n_in) by what a weight is divided to be one of raw integers.
    mean
        (C, 1, n_in) the standardized mean, from which the middle is taken away.
    """

    def __init__(
        self,
        bits: torch.Tensor,
        fraction: torch.Tensor,
        source: FixedPointFormat,
        mean: torch.Tensor,
        scale: torch.Tensor,
    ) -> None:
        self.bits, self.fraction, self.source = bits, fraction, source
        self._mean, self._scale = mean, scale
        self.derive()

    @classmethod
    def of(
        cls,
        formats: Sequence[Precision],
        rows: Sequence[NDArray[np.intp]],
        scaling: Scaling,
        inputs: NDArray[np.intp],
        device: torch.device,
    ) -> ChannelInputs | None:
        """Return those of candidates that read the *inputs* at their own *rows*, if they have any.

        None where no candidate has formats of its inputs; either all of a stack have, or none.
        """
        channels = [one.channels for one in formats]
        found = [one for one in channels if one is not None]
        if not found:
            return None
        assert len(found) == len(formats), "candidates with and without formats of their inputs"
        shape = (len(formats), len(inputs))
        bits = torch.full(shape, UNREAD_BITS, device=device)
        fraction = torch.full(shape, float(found[0].source.fraction), device=device)
        for n, own in enumerate(found):
            where = torch.from_numpy(rows[n])
            bits[n, where] = torch.tensor(own.input_bits, dtype=torch.float32, device=device)
            fraction[n, where] = torch.tensor(
                own.input_fraction, dtype=torch.float32, device=device
            )

        def tensor(values: NDArray[np.float64]) -> torch.Tensor:
            return torch.tensor(values[inputs], dtype=torch.float32, device=device)

        return cls(
            bits,
            fraction,
            found[0].source,
            tensor(scaling.input_mean),
            tensor(scaling.input_scale),
        )

    def keep(self, indices: torch.Tensor) -> None:
        """Forget all candidates but those at *indices*."""
        self.bits, self.fraction = self.bits[indices], self.fraction[indices]
        self.derive()

    def derive(self) -> None:
        """Compute anew what follows from widths and binary points."""
        size = torch.exp2(self.fraction)
        middle = 0.5 - 0.5 * size * self.source.step
        pedestal = torch.floor(self._mean * size - middle)
        offset = (pedestal + middle) / size - self._mean
        self.unit = (size * self._scale)[:, None, :]
        self.mean = ((self._mean - middle / size) / self._scale)[:, None, :]
        self._offset = (offset / self._scale)[:, None, :]
        # A quarter of the source's step keeps whole numbers whole in float32.
        nudge = 0.25 * size * self.source.step
        self._factor = (size * self._scale)[:, :, None]
        self._summand = (self._mean * size - pedestal + nudge)[:, :, None]
        self._centre = (nudge + middle)[:, :, None]
        signed = float(self.source.signed)
        top = torch.exp2(self.bits - signed)
        self._lowest = (-signed * top - pedestal)[:, :, None]
        self._highest = (top - 1.0 - pedestal)[:, :, None]

    def cut(self, columns: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Return the raw integers minus pedestal (C, n_in, event) of *columns* (n_in, event)."""
        torch.addcmul(self._summand, self._factor, columns, out=out)
        torch.floor(out, out=out)
        return torch.clamp(out, self._lowest, self._highest, out=out)

    def rests(self, columns: torch.Tensor, raw: torch.Tensor) -> torch.Tensor:
        """Return the rounding errors (C, n_in, event) of *raw*, in its steps.

        Beyond the limits they are no rounding any more, and count as half a step.
        """
        error = torch.addcmul(self._summand, self._factor, columns).sub_(raw)
        return error.sub_(self._centre).clamp_(-0.5, 0.5)

    def offsets(self, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return what pedestal and middle add to the results of the first layer, (C, n_out)."""
        return (weight * self._offset).sum(2) * scale[:, :, 0]

    def slope_of_offsets(self, slope: torch.Tensor) -> torch.Tensor:
        """Return what *slope* (C, n_out) by the biases adds to that by used weights."""
        return slope[:, :, None] * self._offset
