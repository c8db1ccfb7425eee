"""Formats of the candidates of a stack, as tensors: what its quantizers need at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.channel_inputs import ChannelInputs
from pulsefront.networks.precision import Precision
from pulsefront.networks.quantize import round_half_up

__all__ = ["StackFormats", "whole_numbers"]

SMALLEST_BIAS = 1e-30


class StackFormats:
    """Widths and binary points of C candidates, and the scales that follow from them.

    Attributes
    ----------
    weight_bits, weight_fraction
        Per layer (C, 1), or (C, n_out) with a format per output; float32 whole numbers. While
        widths per weight are learned, the points are (C, n_out, n_in).
    bias_bits
        Per layer (C,).
    activation_bits, activation_fraction
        Per hidden layer (C, 1), or (C, node) with a format per node.
    inputs
        How the inputs are cut to formats of their own; None where they are not.
    factor
        Per layer what its latent weights (C, n_out, n_in) are multiplied by in the network that
        takes raw counts and gives the target's unit.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        widths: Sequence[int],
        scaling: Scaling,
        entering: NDArray[np.intp],
        rows_of_inputs: Sequence[NDArray[np.intp]],
        device: torch.device,
    ) -> None:
        formats = [c.precision for c in candidates if c.precision is not None]
        self.layers = len(widths) - 1
        self.per_channel = formats[0].per_channel

        def rows(name: str, count: int) -> list[torch.Tensor]:
            return [
                torch.tensor(
                    [getattr(p, name)[layer] for p in formats], dtype=torch.float32, device=device
                )
                for layer in range(count)
            ]

        outputs = [width if self.per_channel else 1 for width in widths[1:]]
        self.weight_bits = [torch.ones(len(formats), n, device=device) for n in outputs]
        self.weight_fraction = [torch.zeros(len(formats), n, device=device) for n in outputs]
        for n, own in enumerate(formats):
            for layer in range(self.layers):
                fractions = own.weight_fraction[layer]
                bits = own.bits_of_weights(layer)
                self.weight_fraction[layer][n, : len(fractions)] = torch.tensor(fractions).to(
                    device
                )
                self.weight_bits[layer][n, : len(bits)] = torch.tensor(bits).to(device)
        self.bias_bits = rows("bias_bits", self.layers)
        self.inputs = ChannelInputs.of(formats, rows_of_inputs, scaling, entering, device)
        nodes = [1] * (self.layers - 1) if self.inputs is None else widths[1:-1]
        self.activation_bits = [torch.ones(len(formats), n, device=device) for n in nodes]
        self.activation_fraction = [torch.zeros(len(formats), n, device=device) for n in nodes]
        for n, own in enumerate(formats):
            for layer in range(self.layers - 1):
                bits, points = own.bits_of_nodes(layer), own.points_of_nodes(layer)
                self.activation_bits[layer][n, : len(bits)] = torch.tensor(bits).to(device)
                self.activation_fraction[layer][n, : len(bits)] = torch.tensor(points).to(device)

        def tensor(values: NDArray[np.float64]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        self._input_ratio = tensor(scaling.input_mean[entering] / scaling.input_scale[entering])
        self._output_scale = tensor(scaling.output_scale)
        self._output_ratio = tensor(scaling.output_mean / scaling.output_scale)
        self.factor = [torch.ones(1, 1, 1, device=device) for _ in range(self.layers)]
        self.factor[0] = self.factor[0] / tensor(scaling.input_scale[entering])
        self.factor[-1] = self.factor[-1] * self._output_scale[:, None]
        self.derive()

    def keep(self, indices: torch.Tensor) -> None:
        """Forget all candidates but those at *indices*."""
        for held in (
            self.weight_bits,
            self.weight_fraction,
            self.bias_bits,
            self.activation_bits,
            self.activation_fraction,
        ):
            held[:] = [tensor[indices] for tensor in held]
        if self.inputs is not None:
            self.inputs.keep(indices)
        self.derive()

    def derive(self) -> None:
        """Compute scales and limits anew; call it when widths or binary points have changed."""
        self.weight_scale = [
            factor * torch.exp2(fraction if fraction.ndim == 3 else fraction[:, :, None])
            for factor, fraction in zip(self.factor, self.weight_fraction, strict=True)
        ]
        self.weight_half = [torch.exp2(bits - 1)[:, :, None] for bits in self.weight_bits]
        self._bias_half = [torch.exp2(bits - 1)[:, None] for bits in self.bias_bits]
        # Raw integers pass from layer to layer: a product with these factors makes them.
        ones = torch.ones_like(self.bias_bits[0])
        self.raw_scale = [torch.exp2(f)[:, :, None] for f in self.activation_fraction]
        self.raw_scale.append(ones[:, None, None])
        first = ones[:, None, None]
        if self.inputs is not None:
            self.inputs.derive()
            first = self.inputs.unit
        entering = [first, *(scale.transpose(1, 2) for scale in self.raw_scale[:-1])]
        self.gemm_scale = [out / into for out, into in zip(self.raw_scale, entering, strict=True)]
        self.limits = [
            torch.exp2(bits)[:, :, None] - 1 if bits.shape[1] > 1 else _runs(bits[:, 0])
            for bits in self.activation_bits
        ]

    def round_layer(self, layer: int, weight: torch.Tensor, bias: torch.Tensor) -> None:
        """Round latent weights (C, n_out, n_in) and biases (C, n_out) in place.

        The mean of the inputs is folded with the *quantized* weights, so that rounding a weight
        acts on the deviation from the mean alone; the bias as it is stored is what gets rounded.
        """
        scale, half = self.weight_scale[layer], self.weight_half[layer]
        weight.mul_(scale).add_(0.5).floor_()
        torch.clamp(weight, -half, half - 1, out=weight)
        weight.div_(scale)
        last = layer == self.layers - 1
        deployed = bias
        if layer == 0 and self.inputs is not None:
            deployed = deployed - (weight * self.inputs.mean).sum(2)
        elif layer == 0:
            deployed = deployed - weight @ self._input_ratio
        if last:
            deployed = (deployed + self._output_ratio) * self._output_scale
        peak = deployed.abs().amax(1, keepdim=True).clamp_min_(SMALLEST_BIAS)
        step = torch.exp2(-torch.floor(torch.log2((self._bias_half[layer] - 0.5) / peak)))
        error = round_half_up(deployed / step).mul_(step).sub_(deployed)
        bias.add_(error.div_(self._output_scale) if last else error)

    def limit(self, layer: int, value: torch.Tensor) -> None:
        """Limit raw results (C, node, column) of hidden *layer* to their formats, in place."""
        limits = self.limits[layer]
        if isinstance(limits, torch.Tensor):
            torch.clamp(value, torch.zeros_like(limits), limits, out=value)
            return
        for candidates, top in limits:
            value[candidates].clamp_(0.0, top)

    def hold_limited(self, layer: int, slope: torch.Tensor, value: torch.Tensor) -> None:
        """Clear *slope* where *value*, limited results of hidden *layer*, lies at an end.

        That is the clipped ramp, with the half step at each end that rounding adds.
        """
        limits = self.limits[layer]
        if isinstance(limits, torch.Tensor):
            # Few results lie beyond limits that each node has of its own: their slopes pass.
            torch.ops.aten.threshold_backward.grad_input(slope, value, 0.0, grad_input=slope)
            return
        for candidates, top in limits:
            part = slope[candidates]
            torch.ops.aten.hardtanh_backward.grad_input(
                part, value[candidates], 0.0, top, grad_input=part
            )

    def precision(self, n: int, before: Precision) -> Precision:
        """Return the present formats of candidate *n*, which had those of *before*.

        Widths are those of *before*, but for binary points.
        """
        own = before.channels
        if own is not None:
            own = replace(
                own,
                node_fraction=tuple(
                    whole_numbers(fraction[n, : len(old)])
                    for fraction, old in zip(
                        self.activation_fraction, own.node_fraction, strict=True
                    )
                ),
            )
        return replace(
            before,
            weight_fraction=tuple(
                whole_numbers(fraction[n, : len(own)])
                for fraction, own in zip(self.weight_fraction, before.weight_fraction, strict=True)
            ),
            activation_fraction=tuple(
                max(whole_numbers(fraction[n])) for fraction in self.activation_fraction
            ),
            channels=own,
        )


def _runs(bits: torch.Tensor) -> list[tuple[slice, float]]:
    """Return stretches of candidates with equal widths and their largest raw integer."""
    values = bits.tolist()
    starts = [n for n, one in enumerate(values) if n == 0 or one != values[n - 1]]
    ends = [*starts[1:], len(values)]
    return [(slice(a, b), 2.0 ** values[a] - 1) for a, b in zip(starts, ends, strict=True)]


def whole_numbers(values: torch.Tensor) -> tuple[int, ...]:
    """Return *values* (n,) as integers; zero for NaN, which a candidate that diverged has."""
    return tuple(int(one) for one in torch.nan_to_num(values))
