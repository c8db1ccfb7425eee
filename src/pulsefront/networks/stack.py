"""Many candidates as one batch: every dense layer is one batched matrix product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate, Precision, Scaling
from pulsefront.networks.quantize import (
    activation_fraction,
    quantized_relu,
    weight_fraction,
)

__all__ = ["Stack"]


class Stack:
    """Candidates of one depth, padded to common layer widths.

    A padded node has zero weights and a zero bias. It stays at zero, and so do its gradients:
    padding changes no candidate's result. A weight that is exactly zero has been pruned: it stays
    zero too, once `hold_pruned` has cleared its gradient.

    The latent weights and biases of all layers are views of one flat tensor, ``latent``. What the
    forward pass uses is derived from it by `refresh` (quantized, or the same numbers) and kept in
    leaf tensors whose gradients are views of ``gradient``: with straight-through quantizers that
    is the latent gradient, and autograd never sees the quantizers.
    """

    def __init__(self, candidates: Sequence[Candidate], scaling: Scaling) -> None:
        first = candidates[0]
        self._candidates = list(candidates)
        self.layers = len(first.weights)
        self.quantized = first.precision is not None
        self.inputs = np.unique(np.concatenate([c.kept_inputs for c in candidates]))
        self._rows = [np.searchsorted(self.inputs, c.kept_inputs) for c in candidates]
        widths = [len(self.inputs)] + [
            max(c.weights[layer].shape[1] for c in candidates) for layer in range(self.layers)
        ]
        count = len(candidates)
        self._filters = first.convolution
        self._positions = first.positions
        shapes = [(count, n_in, n_out) for n_in, n_out in pairwise(widths)]
        if self._filters is not None:
            shapes[0] = (count, self._filters.kernel, widths[1])
            shapes[1] = (count, self._positions * widths[1], widths[2])
        shapes_all: list[tuple[int, ...]] = [*shapes, *((count, n) for n in widths[1:])]
        total = sum(math.prod(shape) for shape in shapes_all)
        self.latent = torch.zeros(total)
        self.gradient = torch.zeros(total)
        self.weights, self.biases = self._views(self.latent, shapes_all)
        used = torch.zeros(total)
        self._used_weights, self._used_biases = self._views(used, shapes_all)
        weight_gradients, bias_gradients = self._views(self.gradient, shapes_all)
        for leaf, slot in zip(
            (*self._used_weights, *self._used_biases),
            (*weight_gradients, *bias_gradients),
            strict=True,
        ):
            leaf.requires_grad_()
            leaf.grad = slot
        self._load(candidates)
        self._trained = self._trained_mask()
        # A convolution's samples share one scaling: any of them stands for its kernel.
        entering = self.inputs[: self._filters.kernel] if self._filters else self.inputs
        self._input_scale = _column(scaling.input_scale[entering])
        self._input_ratio = _column(scaling.input_mean[entering] / scaling.input_scale[entering])
        self._output_scale = torch.tensor(scaling.output_scale, dtype=torch.float32)
        self._output_ratio = torch.tensor(
            scaling.output_mean / scaling.output_scale, dtype=torch.float32
        )
        self._load_precision()
        self.refresh()

    def _views(
        self, flat: torch.Tensor, shapes: Sequence[tuple[int, ...]]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return the weights and the biases of all layers as views of *flat*."""
        parts = torch.split(flat, [math.prod(shape) for shape in shapes])
        # detach: a view of a leaf could not become a leaf itself
        views = [part.view(shape).detach() for part, shape in zip(parts, shapes, strict=True)]
        return views[: self.layers], views[self.layers :]

    def _load(self, candidates: Sequence[Candidate]) -> None:
        for layer in range(self.layers):
            for n, candidate in enumerate(candidates):
                part = torch.from_numpy(candidate.weights[layer])
                rows = torch.from_numpy(self._rows_of(n, layer))
                self.weights[layer][n, rows, : part.shape[1]] = part
                self.biases[layer][n, : part.shape[1]] = torch.from_numpy(candidate.biases[layer])

    def _rows_of(self, n: int, layer: int) -> NDArray[np.intp]:
        """Return where the rows of candidate *n* lie among the padded rows of *layer*."""
        own = self._candidates[n].weights[layer].shape[0]
        if self._filters is None:
            return self._rows[n] if layer == 0 else np.arange(own)
        if layer == 1:
            channels = np.arange(own // self._positions)
            padded = self.weights[0].shape[2]
            return (np.arange(self._positions)[:, None] * padded + channels).reshape(-1)
        return np.arange(own)

    def _trained_mask(self) -> torch.Tensor | None:
        """Return 1 where a number is trained and 0 where a weight stays zero; None if all are."""
        padded = any(len(rows) < len(self.inputs) for rows in self._rows)
        pruned = any(bool((weight == 0).any()) for c in self._candidates for weight in c.weights)
        if not padded and not pruned:
            return None
        mask = torch.ones_like(self.latent)
        weights = sum(weight.numel() for weight in self.weights)
        mask[:weights] = (self.latent[:weights] != 0).float()
        return mask

    def hold_pruned(self) -> None:
        """Clear the gradients of weights that are pruned, or of inputs a candidate lacks."""
        if self._trained is not None:
            self.gradient.mul_(self._trained)

    def _load_precision(self) -> None:
        if not self.quantized:
            return
        formats = [c.precision for c in self._candidates]

        def rows(name: str, count: int) -> list[torch.Tensor]:
            return [
                torch.tensor([getattr(p, name)[layer] for p in formats], dtype=torch.float32)
                for layer in range(count)
            ]

        self._weight_bits = rows("weight_bits", self.layers)
        self._per_channel = formats[0] is not None and formats[0].per_channel
        self._weight_fraction = [
            torch.zeros(len(formats), width if self._per_channel else 1)
            for width in (weight.shape[2] for weight in self.weights)
        ]
        for n, own in enumerate(formats):
            for layer, fractions in enumerate(own.weight_fraction if own else ()):
                self._weight_fraction[layer][n, : len(fractions)] = torch.tensor(fractions)
        self._bias_bits = rows("bias_bits", self.layers)
        self._activation_bits = rows("activation_bits", self.layers - 1)
        self._activation_fraction = rows("activation_fraction", self.layers - 1)
        self._derive()

    def _derive(self) -> None:
        """Compute what the quantizers need at every step from widths and binary points."""
        self._weight_scale = [
            self._deployed_factor(layer) * torch.exp2(self._weight_fraction[layer])[:, None, :]
            for layer in range(self.layers)
        ]
        self._weight_half = [torch.exp2(bits - 1)[:, None, None] for bits in self._weight_bits]
        self._bias_half = [torch.exp2(bits - 1)[:, None] for bits in self._bias_bits]
        self._activation_scale = [
            torch.exp2(fraction)[:, None, None] for fraction in self._activation_fraction
        ]
        self._activation_top = [torch.exp2(b)[:, None, None] - 1 for b in self._activation_bits]

    def __len__(self) -> int:
        return len(self._candidates)

    def _deployed_factor(self, layer: int) -> torch.Tensor:
        """Return what a latent weight is multiplied by in the network that takes raw counts."""
        factor = torch.ones(1, 1)
        if layer == 0:
            factor = factor / self._input_scale
        if layer == self.layers - 1:
            factor = factor * self._output_scale
        return factor

    @torch.no_grad()
    def refresh(self) -> None:
        """Derive what the forward pass uses from the latent numbers."""
        for layer in range(self.layers):
            self._refresh_layer(layer)

    def _refresh_layer(self, layer: int) -> None:
        weight, bias = self._used_weights[layer].data, self._used_biases[layer].data
        weight.copy_(self.weights[layer])
        bias.copy_(self.biases[layer])
        if not self.quantized:
            return
        scale, half = self._weight_scale[layer], self._weight_half[layer]
        weight.mul_(scale).add_(0.5).floor_()
        torch.clamp(weight, -half, half - 1, out=weight)
        weight.div_(scale)
        bias.add_(self._bias_rounding(layer, weight, bias))

    def _bias_rounding(self, layer: int, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Return the error that storing the deployed bias adds, in training units.

        The mean of the inputs is folded with the *quantized* weights, so that rounding a weight
        acts on the deviation from the mean alone.
        """
        deployed = bias
        last = layer == self.layers - 1
        if layer == 0:
            deployed = deployed - (weight * self._input_ratio).sum(1)
        if last:
            deployed = (deployed + self._output_ratio) * self._output_scale
        peak = deployed.abs().amax(1, keepdim=True).clamp_min_(1e-30)
        step = torch.exp2(-torch.floor(torch.log2((self._bias_half[layer] - 0.5) / peak)))
        error = torch.floor(deployed / step + 0.5).mul_(step).sub_(deployed)
        return error.div_(self._output_scale) if last else error

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return standardized outputs (C, event, n_out).

        ``inputs`` is (event, len(self.inputs)) float32, standardized. Call `refresh` after the
        latent numbers have changed.
        """
        value = inputs.expand(len(self), -1, -1)
        for layer in range(self.layers):
            value = self._dense(layer, value)
            if layer < self.layers - 1:
                value = self._activate(layer, value)
        return value

    def _dense(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        """Return the result of *layer* before its ReLU; the convolution's is still by position."""
        if layer == 0 and self._filters is not None:
            windows = value[0].unfold(1, self._filters.kernel, self._filters.stride)
            rows = windows.reshape(-1, self._filters.kernel)
            value = rows.expand(len(self), -1, -1)
        return torch.baddbmm(self._used_biases[layer][:, None, :], value, self._used_weights[layer])

    def _activate(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        if self.quantized:
            scale, top = self._activation_scale[layer], self._activation_top[layer]
            value = quantized_relu(value, scale, top)
        else:
            value = torch.relu(value)
        if layer == 0 and self._filters is not None:
            value = value.reshape(len(self), -1, self._positions * value.shape[2])
        return value

    def activations(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return what every hidden layer gives, each (C, event, node)."""
        value = inputs.expand(len(self), -1, -1)
        result = []
        for layer in range(self.layers - 1):
            value = self._activate(layer, self._dense(layer, value))
            result.append(value)
        return result

    @torch.no_grad()
    def calibrate(self, inputs: torch.Tensor) -> None:
        """Choose the binary points of weights and activations on *inputs* (event, input)."""
        if not self.quantized:
            return
        value = inputs.expand(len(self), -1, -1)
        for layer in range(self.layers):
            self._weight_fraction[layer] = weight_fraction(
                self.weights[layer] * self._deployed_factor(layer),
                self._weight_bits[layer],
                per_channel=self._per_channel,
            )
            self._derive()
            self._refresh_layer(layer)
            value = self._dense(layer, value)
            if layer < self.layers - 1:
                self._activation_fraction[layer] = activation_fraction(
                    value, self._activation_bits[layer]
                )
                self._derive()
                value = self._activate(layer, value)

    def used_weights(self, n: int) -> list[NDArray[np.float32]]:
        """Return the weights of candidate *n* as its forward pass uses them, padding removed."""
        return [
            used.detach().numpy()[n, self._rows_of(n, layer), : own.shape[1]].copy()
            for layer, (used, own) in enumerate(
                zip(self._used_weights, self._candidates[n].weights, strict=True)
            )
        ]

    def unstack(self) -> list[Candidate]:
        """Return the candidates with their present weights and formats, padding removed."""
        result = []
        for n, candidate in enumerate(self._candidates):
            weights = []
            biases = []
            for layer in range(self.layers):
                shape = candidate.weights[layer].shape
                rows = self._rows_of(n, layer)
                weights.append(self.weights[layer].numpy()[n, rows, : shape[1]].copy())
                biases.append(self.biases[layer].numpy()[n, : shape[1]].copy())
            result.append(
                replace(
                    candidate,
                    weights=tuple(weights),
                    biases=tuple(biases),
                    precision=self._precision(n, candidate.precision),
                )
            )
        return result

    def _precision(self, n: int, precision: Precision | None) -> Precision | None:
        if precision is None:
            return None
        return replace(
            precision,
            weight_fraction=tuple(
                _integers(fraction[n, : len(own)])
                for fraction, own in zip(
                    self._weight_fraction, precision.weight_fraction, strict=True
                )
            ),
            activation_fraction=tuple(
                _integers(fraction[n : n + 1])[0] for fraction in self._activation_fraction
            ),
        )


def _integers(fractions: torch.Tensor) -> tuple[int, ...]:
    # A candidate that diverged has NaN here; its weights say so already.
    return tuple(int(fraction) for fraction in torch.nan_to_num(fractions))


def _column(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]
