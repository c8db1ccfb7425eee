"""A stack in which every input and every node has a binary point of its own, as weights have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.channel_inputs import ChannelInputs
from pulsefront.networks.data import TrainingData
from pulsefront.networks.learned_stack import LN2
from pulsefront.networks.precision import ChannelFormats
from pulsefront.networks.quantize import SMALLEST_ACTIVATION, round_half_up
from pulsefront.networks.stack import CPU
from pulsefront.networks.stack_formats import whole_numbers
from pulsefront.networks.weightwise_stack import WeightwiseStack

__all__ = ["ChannelwiseStack", "with_channel_formats"]

SLOPE_EVENTS = 4
"""One event of so many tells what the loss says of the inputs' points: it needs a product more."""
PEAK_SHARE = 0.05
"""Of a minibatch in the running mean of a node's largest result, which its range follows."""


def with_channel_formats(
    candidates: Sequence[Candidate], data: TrainingData, source: FixedPointFormat
) -> list[Candidate]:
    """Return *candidates* with a format for every input and node, in the place of one for all.

    Inputs come in the format *source* and get the bits that the events of *data* need; nodes start
    with the bits of their layer.
    """
    flat = data.inputs.flatten(0, -2)
    ends = torch.stack([flat.amin(0), flat.amax(0)]).cpu().double().numpy()
    values = ends * data.scaling.input_scale + data.scaling.input_mean
    bits = [_bits(low, high, source) for low, high in np.rint(values / source.step).T]
    return [_with_formats(one, np.array(bits)[one.kept_inputs], source) for one in candidates]


def _bits(low: float, high: float, source: FixedPointFormat) -> int:
    """Return the fewest bits of a format like *source*, at its step, from *low* to *high*."""
    sign = int(source.signed)
    needed = max(int(high).bit_length(), (~int(min(low, 0.0))).bit_length(), 1)
    return min(needed + sign, source.width)


def _with_formats(
    candidate: Candidate, bits: NDArray[np.integer], source: FixedPointFormat
) -> Candidate:
    precision = candidate.precision
    assert precision is not None, "train_with_ebops takes no others"
    nodes = candidate.hidden
    channels = ChannelFormats(
        source,
        tuple(map(int, bits)),
        (source.fraction,) * len(bits),
        tuple((own,) * n for own, n in zip(precision.activation_bits, nodes, strict=True)),
        tuple((own,) * n for own, n in zip(precision.activation_fraction, nodes, strict=True)),
    )
    return replace(candidate, precision=replace(precision, channels=channels))


class ChannelwiseStack(WeightwiseStack):
    """A `WeightwiseStack` whose points of the activations are (C, node), with (C, n_in) of inputs.

    The points of the inputs come last. Ranges of inputs are given, those of nodes follow what
    their largest results are on the way.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        scaling: Scaling,
        input_bits: int,
        device: torch.device = CPU,
    ) -> None:
        super().__init__(candidates, scaling, input_bits, device)
        self._peaks: list[torch.Tensor] = []
        assert self.formats.inputs is not None, "candidates without formats of their channels"
        self._cut: ChannelInputs = self.formats.inputs
        self._columns_read = torch.empty(0)
        self._input_slopes = torch.empty(0)

    def calibrate(self, inputs: torch.Tensor) -> None:
        """Start from the best formats of the given widths on *inputs* (event, input)."""
        super().calibrate(inputs)
        start = self._cut.fraction
        self._point_shapes.append(start.shape)
        self.points = torch.cat([self.points, start.reshape(-1)])
        self._highest.append(start.clone())  # there is nothing finer than the source
        self._widest = [bits.clone() for bits in self.formats.activation_bits]
        self._peaks = [torch.exp2(one) for one in self._integer]
        self._input_integer = self._cut.bits - start

    def limit_points(self) -> None:
        """Keep widths between one bit and those that the stack started from."""
        for layer, peak in enumerate(self._peaks):
            self._integer[layer] = torch.ceil(torch.log2(peak.clamp_min(SMALLEST_ACTIVATION)))
            self._highest[self.layers + layer] = self._widest[layer] - self._integer[layer] + 0.49
        super().limit_points()
        signed = float(self._cut.source.signed)
        inputs = self._point_views(self.points)[-1]
        torch.maximum(inputs, 1.0 + signed - self._input_integer, out=inputs)

    def round_points(self) -> None:
        """Set the formats to the whole numbers nearest to the points."""
        self._cut.fraction = round_half_up(self._point_views(self.points)[-1])
        self._cut.bits = self._input_integer + self._cut.fraction
        super().round_points()

    def _entering(self, layer: int) -> torch.Tensor:
        return self.formats.activation_bits[layer - 1] if layer else self._cut.bits

    def slope_of_points(self, price: torch.Tensor) -> torch.Tensor:
        """Return the derivative of loss + *price* · costs by ``points``, flat."""
        slope = super().slope_of_points(price)
        self._point_views(slope)[-1].copy_(LN2 * self._input_slopes + self._of_inputs(0, price))
        return slope

    def _of_widths(self, value: torch.Tensor) -> torch.Tensor:
        return value.sum(2)

    def _activate(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        if self._peaks:
            peak = value.amax(2) / self.formats.raw_scale[layer][:, :, 0]
            self._peaks[layer].lerp_(peak.clamp_min_(0.0), PEAK_SHARE)
        return super()._activate(layer, value)

    def _columns(self, inputs: torch.Tensor) -> torch.Tensor:
        self._columns_read = inputs.T
        return super()._columns(inputs)

    def _into_inputs(self, slope: torch.Tensor, into: torch.Tensor) -> None:
        super()._into_inputs(slope, into)
        some = slice(0, -(-slope.shape[2] // SLOPE_EVENTS))
        by_input = torch.bmm(self._gemm_weights[0].transpose(1, 2), slope[:, :, some])
        rests = self._cut.rests(self._columns_read[:, some], into[:, :, some])
        self._input_slopes = by_input.mul_(rests).sum(2).mul_(SLOPE_EVENTS)

    def candidate(self, n: int) -> Candidate:
        """Return candidate *n* in its present formats; what rounds to zero is zero."""
        found = super().candidate(n)
        precision = found.precision
        assert precision is not None
        assert precision.channels is not None
        own, rows = precision.channels, torch.from_numpy(self._rows[n])
        channels = replace(
            own,
            input_bits=whole_numbers(self._cut.bits[n, rows]),
            input_fraction=whole_numbers(self._cut.fraction[n, rows]),
            node_bits=tuple(
                whole_numbers(bits[n, : len(old)])
                for bits, old in zip(self.formats.activation_bits, own.node_bits, strict=True)
            ),
        )
        return replace(found, precision=replace(precision, channels=channels))
