"""Many candidates as one batch: every dense layer is one batched matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate, Precision, Scaling
from pulsefront.networks.quantize import (
    activation_fraction,
    quantize_weights,
    quantized_relu,
    weight_fraction,
)

__all__ = ["Stack"]


class Stack:
    """Candidates of one depth, padded to common layer widths.

    A padded node has zero weights and a zero bias. It stays at zero, and so do its gradients:
    padding changes no candidate's result.
    """

    def __init__(self, candidates: Sequence[Candidate], scaling: Scaling) -> None:
        first = candidates[0]
        self._candidates = list(candidates)
        self.layers = len(first.weights)
        self.quantized = first.precision is not None
        self.inputs = np.unique(np.concatenate([c.kept_inputs for c in candidates]))
        place = {int(i): n for n, i in enumerate(self.inputs)}
        self._rows = [np.array([place[int(i)] for i in c.kept_inputs]) for c in candidates]
        widths = [len(self.inputs)] + [
            max(c.weights[layer].shape[1] for c in candidates) for layer in range(self.layers)
        ]
        self.weights: list[torch.Tensor] = []
        self.biases: list[torch.Tensor] = []
        for layer in range(self.layers):
            weight = np.zeros((len(candidates), widths[layer], widths[layer + 1]), np.float32)
            bias = np.zeros((len(candidates), widths[layer + 1]), np.float32)
            for n, candidate in enumerate(candidates):
                part = candidate.weights[layer]
                rows = self._rows[n] if layer == 0 else np.arange(part.shape[0])
                weight[n, rows, : part.shape[1]] = part
                bias[n, : part.shape[1]] = candidate.biases[layer]
            self.weights.append(torch.from_numpy(weight).requires_grad_())
            self.biases.append(torch.from_numpy(bias).requires_grad_())
        mask = torch.zeros(len(candidates), widths[0], 1)
        for n, kept in enumerate(self._rows):
            mask[n, kept] = 1.0
        self._input_mask = mask if bool((mask == 0).any()) else None
        self._input_scale = _column(scaling.input_scale[self.inputs])
        self._input_ratio = _column(
            scaling.input_mean[self.inputs] / scaling.input_scale[self.inputs]
        )
        self._output_scale = torch.tensor(scaling.output_scale, dtype=torch.float32)
        self._output_ratio = torch.tensor(
            scaling.output_mean / scaling.output_scale, dtype=torch.float32
        )
        self._load_precision()

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
        self._weight_fraction = rows("weight_fraction", self.layers)
        self._bias_bits = rows("bias_bits", self.layers)
        self._activation_bits = rows("activation_bits", self.layers - 1)
        self._activation_fraction = rows("activation_fraction", self.layers - 1)

    def __len__(self) -> int:
        return len(self._candidates)

    @property
    def parameters(self) -> list[torch.Tensor]:
        """The trainable tensors."""
        return [*self.weights, *self.biases]

    def _deployed_factor(self, layer: int) -> torch.Tensor:
        """Return what a latent weight is multiplied by in the network that takes raw counts."""
        factor = torch.ones(1, 1)
        if layer == 0:
            factor = factor / self._input_scale
        if layer == self.layers - 1:
            factor = factor * self._output_scale
        return factor

    def _layer(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weights and biases that the forward pass of *layer* uses."""
        weight, bias = self.weights[layer], self.biases[layer]
        if layer == 0 and self._input_mask is not None:
            weight = weight * self._input_mask
        if not self.quantized:
            return weight, bias
        factor = self._deployed_factor(layer)
        weight = (
            quantize_weights(
                weight * factor,
                self._weight_bits[layer][:, None, None],
                self._weight_fraction[layer][:, None, None],
            )
            / factor
        )
        return weight, bias + self._bias_rounding(layer, weight.detach(), bias.detach())

    def _bias_rounding(self, layer: int, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Return the error that storing the deployed bias adds, in training units.

        The mean of the inputs is folded with the *quantized* weights, so that rounding a weight
        acts on the deviation from the mean alone.
        """
        shift = (weight * self._input_ratio).sum(1) if layer == 0 else 0.0
        scale = self._output_scale if layer == self.layers - 1 else 1.0
        ratio = self._output_ratio if layer == self.layers - 1 else 0.0
        deployed = (bias - shift + ratio) * scale
        peak = deployed.abs().amax(1, keepdim=True).clamp_min(1e-30)
        half = torch.exp2(self._bias_bits[layer][:, None] - 1)
        step = torch.exp2(-torch.floor(torch.log2((half - 0.5) / peak)))
        return (torch.floor(deployed / step + 0.5) * step - deployed) / scale

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return standardized outputs (C, event, n_out).

        ``inputs`` is (event, len(self.inputs)) float32, standardized.
        """
        value = inputs.expand(len(self), -1, -1)
        for layer in range(self.layers):
            weight, bias = self._layer(layer)
            value = torch.baddbmm(bias[:, None, :], value, weight)
            if layer < self.layers - 1:
                value = self._activate(layer, value)
        return value

    def _activate(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        if not self.quantized:
            return torch.relu(value)
        return quantized_relu(
            value,
            self._activation_bits[layer][:, None, None],
            self._activation_fraction[layer][:, None, None],
        )

    def activations(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return what every hidden layer gives, each (C, event, node)."""
        value = inputs.expand(len(self), -1, -1)
        result = []
        for layer in range(self.layers - 1):
            weight, bias = self._layer(layer)
            value = self._activate(layer, torch.baddbmm(bias[:, None, :], value, weight))
            result.append(value)
        return result

    @torch.no_grad()
    def calibrate(self, inputs: torch.Tensor) -> None:
        """Choose the binary points of weights and activations on *inputs* (event, input)."""
        if not self.quantized:
            return
        value = inputs.expand(len(self), -1, -1)
        for layer in range(self.layers):
            latent = self.weights[layer]
            if layer == 0 and self._input_mask is not None:
                latent = latent * self._input_mask
            self._weight_fraction[layer] = weight_fraction(
                latent * self._deployed_factor(layer), self._weight_bits[layer]
            )
            weight, bias = self._layer(layer)
            value = torch.baddbmm(bias[:, None, :], value, weight)
            if layer < self.layers - 1:
                self._activation_fraction[layer] = activation_fraction(
                    value, self._activation_bits[layer]
                )
                value = self._activate(layer, value)

    def unstack(self) -> list[Candidate]:
        """Return the candidates with their present weights and formats, padding removed."""
        result = []
        for n, candidate in enumerate(self._candidates):
            weights = []
            biases = []
            for layer in range(self.layers):
                shape = candidate.weights[layer].shape
                rows = self._rows[n] if layer == 0 else np.arange(shape[0])
                weights.append(self.weights[layer].detach().numpy()[n, rows, : shape[1]].copy())
                biases.append(self.biases[layer].detach().numpy()[n, : shape[1]].copy())
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
            weight_fraction=_integers(self._weight_fraction, n),
            activation_fraction=_integers(self._activation_fraction, n),
        )


def _integers(fractions: Sequence[torch.Tensor], n: int) -> tuple[int, ...]:
    # A candidate that diverged has NaN here; its weights say so already.
    return tuple(int(torch.nan_to_num(fraction[n])) for fraction in fractions)


def _column(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]
