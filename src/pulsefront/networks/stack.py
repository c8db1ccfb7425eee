"""Many candidates as one batch: every dense layer is one batched matrix product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.quantize import activation_fraction, weight_fraction
from pulsefront.networks.stack_formats import StackFormats

__all__ = ["Stack"]

CPU = torch.device("cpu")


class Stack:
    """Candidates of one depth, padded to common layer widths.

    A padded node has zero weights and a zero bias. It stays at zero, and so do its gradients:
    padding changes no candidate's result. A weight that is exactly zero has been pruned: it stays
    zero too, once `hold_pruned` has cleared its gradient.

    The latent weights (C, n_out, n_in) and biases (C, n_out) of all layers are views of one flat
    tensor, ``latent``, and their gradients views of ``gradient``. What the forward pass uses is
    derived from them by `refresh`. With straight-through quantizers the gradient of what is used
    is the latent gradient, so `backward` is that of a plain network with clipped ramps; it is
    written out here, since layers are few and autograd's bookkeeping would cost as much as the
    arithmetic.

    Inside, activations have the events last, (C, node, event): the first layer of all candidates
    is then one matrix product, and a quantized stack passes raw integers from layer to layer.
    """

    calibration_events = 1024
    """Training events that are enough for `calibrate`."""

    def __init__(
        self, candidates: Sequence[Candidate], scaling: Scaling, device: torch.device = CPU
    ) -> None:
        first = candidates[0]
        self._candidates = list(candidates)
        self.device = device
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
        shapes = [(count, n_out, n_in) for n_in, n_out in pairwise(widths)]
        if self._filters is not None:
            shapes[0] = (count, widths[1], self._filters.kernel)
            shapes[1] = (count, widths[2], self._positions * widths[1])
        self._shapes: list[tuple[int, ...]] = [*shapes, *((count, n) for n in widths[1:])]
        self._shapes += self._more_shapes(count, widths)
        total = sum(math.prod(shape) for shape in self._shapes)
        self.latent = torch.zeros(total, device=device)
        self._allocate()
        self._load(candidates)
        self._trained = self._trained_mask()
        if self.quantized:
            # A convolution's samples share one scaling: any of them stands for its kernel.
            entering = self.inputs[: self._filters.kernel] if self._filters else self.inputs
            self.formats = StackFormats(candidates, widths, scaling, entering, self._rows, device)
        self.refresh()

    def __len__(self) -> int:
        return len(self._candidates)

    # --- parameters -----------------------------------------------------------------------------

    def _more_shapes(self, count: int, widths: Sequence[int]) -> list[tuple[int, ...]]:  # noqa: ARG002
        """Return the shapes of what is trained beside weights and biases."""
        return []

    def views(self, flat: torch.Tensor) -> list[torch.Tensor]:
        """Return the weights of all layers, their biases, and what is beside, in *flat*."""
        parts = torch.split(flat, [math.prod(shape) for shape in self._shapes])
        return [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def _pairs(self, flat: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return the weights and the biases of all layers in *flat*."""
        views = self.views(flat)
        return views[: self.layers], views[self.layers : 2 * self.layers]

    def part(self, flat: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Return the numbers in *flat* (like ``latent``) of the candidates at *indices*, flat."""
        return torch.cat([view[indices].reshape(-1) for view in self.views(flat)])

    def keep(self, indices: torch.Tensor) -> None:
        """Forget all candidates but those at *indices*, ascending; ``latent`` is a new tensor."""
        self.latent = self.part(self.latent, indices)
        if self._trained is not None:
            self._trained = self.part(self._trained, indices)
        self._candidates = [self._candidates[n] for n in indices.tolist()]
        self._rows = [self._rows[n] for n in indices.tolist()]
        self._shapes = [(len(indices), *shape[1:]) for shape in self._shapes]
        if self.quantized:
            self.formats.keep(indices)
        self._allocate()
        self.refresh()

    def _allocate(self) -> None:
        """Make the tensors beside ``latent``, and the views of all."""
        self.gradient = torch.zeros_like(self.latent)
        self.weights, self.biases = self._pairs(self.latent)
        self._weight_gradients, self._bias_gradients = self._pairs(self.gradient)
        self._used_weights, self._used_biases = self.weights, self.biases
        self._gemm_weights, self._gemm_biases = self.weights, self.biases
        if self.quantized:
            self._used_weights, self._used_biases = self._pairs(torch.zeros_like(self.latent))
            self._gemm_weights, self._gemm_biases = self._pairs(torch.zeros_like(self.latent))
        self._buffers: dict[str, torch.Tensor] = {}
        self._saved: list[torch.Tensor] = []

    def _load(self, candidates: Sequence[Candidate]) -> None:
        for layer in range(self.layers):
            weights = torch.zeros(self._shapes[layer])
            biases = torch.zeros(self._shapes[self.layers + layer])
            for n, candidate in enumerate(candidates):
                own = torch.from_numpy(candidate.weights[layer].T)
                rows = torch.from_numpy(self._rows_of(n, layer))
                weights[n, : len(own), rows] = own
                biases[n, : len(own)] = torch.from_numpy(candidate.biases[layer])
            self.weights[layer].copy_(weights)
            self.biases[layer].copy_(biases)

    def _rows_of(self, n: int, layer: int) -> NDArray[np.intp]:
        """Return where the inputs of candidate *n* lie among the padded inputs of *layer*."""
        own = self._candidates[n].weights[layer].shape[0]
        if self._filters is None:
            return self._rows[n] if layer == 0 else np.arange(own)
        if layer == 1:
            channels = np.arange(own // self._positions)
            padded = self.weights[0].shape[1]
            return (np.arange(self._positions)[:, None] * padded + channels).reshape(-1)
        return np.arange(own)

    def movable(self) -> torch.Tensor | None:
        """Return 1 where a number may move and 0 where a weight stays zero; None if all may.

        Unlike gradients, which are zero there by themselves, this knows of padded nodes, too.
        """
        weights = sum(weight.numel() for weight in self.weights)
        mask = torch.ones_like(self.latent)
        mask[:weights] = (self.latent[:weights] != 0).float()
        return mask if bool((mask == 0).any()) else None

    def _trained_mask(self) -> torch.Tensor | None:
        """Return 1 where a number is trained and 0 where a weight stays zero; None if all are."""
        padded = any(len(rows) < len(self.inputs) for rows in self._rows)
        pruned = any(bool((weight == 0).any()) for c in self._candidates for weight in c.weights)
        if not padded and not pruned:
            return None
        return self.movable()

    def hold_pruned(self) -> None:
        """Clear the gradients of weights that are pruned, or of inputs a candidate lacks."""
        if self._trained is not None:
            self.gradient.mul_(self._trained)

    @torch.no_grad()
    def refresh(self) -> None:
        """Derive what the forward pass uses from the latent numbers."""
        if self.quantized:
            for layer in range(self.layers):
                self._refresh_layer(layer)

    def _refresh_layer(self, layer: int) -> None:
        weight, bias = self._used_weights[layer], self._used_biases[layer]
        weight.copy_(self.weights[layer])
        bias.copy_(self.biases[layer])
        self.formats.round_layer(layer, weight, bias)
        torch.mul(weight, self.formats.gemm_scale[layer], out=self._gemm_weights[layer])
        torch.mul(bias, self.formats.raw_scale[layer][:, :, 0], out=self._gemm_biases[layer])
        if layer < self.layers - 1:
            self._gemm_biases[layer].add_(0.5)  # RND is floor(x + ½)
        if layer == 0 and self.formats.inputs is not None:
            self._gemm_biases[0].add_(
                self.formats.inputs.offsets(weight, self.formats.raw_scale[0])
            )

    def used_weights(self, n: int) -> list[NDArray[np.float32]]:
        """Return the weights of candidate *n* as its forward pass uses them, padding removed."""
        return [self._own(n, layer, used[n]) for layer, used in enumerate(self._used_weights)]

    def _own(self, n: int, layer: int, weight: torch.Tensor) -> NDArray[np.float32]:
        """Return (n_in, n_out) without padding from the padded weights (n_out, n_in) of one."""
        outputs = self._candidates[n].weights[layer].shape[1]
        values: NDArray[np.float32] = weight.cpu().numpy()[:outputs, self._rows_of(n, layer)]
        return np.ascontiguousarray(values.T)

    def unstack(self) -> list[Candidate]:
        """Return the candidates with their present weights and formats, padding removed."""
        return [self.candidate(n) for n in range(len(self))]

    def candidate(self, n: int) -> Candidate:
        """Return candidate *n* with its present weights and formats, padding removed."""
        before = self._candidates[n]
        return replace(
            before,
            weights=tuple(self._own(n, k, weight[n]) for k, weight in enumerate(self.weights)),
            biases=tuple(
                bias[n, : own.shape[1]].cpu().numpy().copy()
                for bias, own in zip(self.biases, before.weights, strict=True)
            ),
            precision=before.precision and self.formats.precision(n, before.precision),
        )

    # --- passes ---------------------------------------------------------------------------------

    @torch.no_grad()
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return standardized outputs (C, event, n_out).

        ``inputs`` is (event, len(self.inputs)) float32, standardized. Call `refresh` after the
        latent numbers have changed.
        """
        return self.outputs(inputs).transpose(1, 2)

    @torch.no_grad()
    def outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return standardized outputs (C, n_out, event), and keep what `backward` needs.

        The result and what is kept lie in buffers that the next call overwrites.
        """
        value = self._columns(inputs)
        self._saved = [value]
        for layer in range(self.layers):
            value = self._dense(layer, value)
            if layer < self.layers - 1:
                value = self._activate(layer, value)
                self._saved.append(value)
        return value

    @torch.no_grad()
    def backward(self, slope: torch.Tensor) -> None:
        """Write into ``gradient`` what follows from *slope* (C, n_out, event).

        *slope* is the derivative of the loss by the outputs that `outputs` has just returned.
        """
        for layer in reversed(range(self.layers)):
            into = self._saved[layer]
            weights, biases = self._weight_gradients[layer], self._bias_gradients[layer]
            torch.sum(slope, 2, out=biases)
            slope = self._before_bias(layer, slope)
            if layer == 0 and into.ndim == 3:
                self._into_inputs(slope, into)
            elif layer == 0:
                slope = slope.reshape(-1, slope.shape[-1])
                torch.mm(slope, into.T, out=weights.view(-1, len(into)))
                slope = slope.view(len(self), -1, slope.shape[-1])
            else:
                torch.bmm(slope, into.transpose(1, 2), out=weights)
            if self.quantized:
                weights.mul_(self.formats.gemm_scale[layer])
                biases.mul_(self.formats.raw_scale[layer][:, :, 0])
            if layer == 0 and self.quantized and self.formats.inputs is not None:
                weights.add_(self.formats.inputs.slope_of_offsets(biases))
            if layer > 0:
                before = torch.bmm(
                    self._gemm_weights[layer].transpose(1, 2),
                    slope,
                    out=self._buffer(f"slope_{layer}", into.shape),
                )
                slope = self._through(layer - 1, before, into)

    def _before_bias(self, layer: int, slope: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Return *slope* by the result of *layer* as one by its sums of products."""
        return slope

    def _into_inputs(self, slope: torch.Tensor, into: torch.Tensor) -> None:
        """Write the gradients of the first layer, whose inputs have formats of their own."""
        torch.bmm(slope, into.transpose(1, 2), out=self._weight_gradients[0])

    def _columns(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what the first layer reads: (n_in, column), of a convolution at all positions.

        Inputs that are cut to formats of their own are raw integers (C, n_in, event).
        """
        if self.quantized and self.formats.inputs is not None:
            shape = (len(self), inputs.shape[1], len(inputs))
            return self.formats.inputs.cut(inputs.T, self._buffer("inputs", shape))
        if self._filters is None:
            return inputs.T
        windows = inputs.unfold(1, self._filters.kernel, self._filters.stride)
        # (event, position, kernel) to (kernel, position · event), events running fastest
        return windows.permute(2, 1, 0).reshape(self._filters.kernel, -1)

    def _dense(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        """Return the result of *layer* before its ReLU, (C, node, column), in raw units."""
        return self._sums(layer, value).add_(self._gemm_biases[layer][:, :, None])

    def _sums(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        """Return the sums of products of *layer*, without its bias."""
        weight = self._gemm_weights[layer]
        count, nodes = weight.shape[:2]
        result = self._buffer(f"value_{layer}", (count, nodes, value.shape[-1]))
        if layer == 0 and value.ndim == 2:
            wide = result.view(count * nodes, -1)
            torch.mm(weight.view(count * nodes, -1), value, out=wide)
        else:
            torch.bmm(weight, value, out=result)
        return result

    def _activate(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        """Return the ReLU of *value*, rounded and limited where the stack is quantized."""
        if self.quantized:
            value.floor_()
            self.formats.limit(layer, value)
        else:
            value.clamp_min_(0.0)
        if layer > 0 or self._filters is None:
            return value
        count, channels, _ = value.shape
        spread = value.view(count, channels, self._positions, -1).transpose(1, 2)
        return spread.reshape(count, channels * self._positions, -1)

    def _through(self, layer: int, slope: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Return *slope* by the result of the ReLU of *layer* as one by what entered it."""
        if self.quantized:
            self.formats.hold_limited(layer, slope, value)
        else:
            torch.ops.aten.threshold_backward.grad_input(slope, value, 0.0, grad_input=slope)
        if layer > 0 or self._filters is None:
            return slope
        count, channels = self.biases[0].shape
        spread = slope.view(count, self._positions, channels, -1).transpose(1, 2)
        return spread.reshape(count, channels, -1)

    def _buffer(self, name: str, shape: Sequence[int]) -> torch.Tensor:
        """Return a tensor that is used again at every step of the same size."""
        found = self._buffers.get(name)
        if found is None or found.shape != torch.Size(shape):
            found = self._buffers[name] = torch.empty(tuple(shape), device=self.device)
        return found

    @torch.no_grad()
    def activations(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return what every hidden layer gives, each (C, event, node), in training units."""
        self.outputs(inputs)
        result = [value.transpose(1, 2).clone() for value in self._saved[1:]]
        if self.quantized:
            for value, scale in zip(result, self.formats.raw_scale, strict=False):
                value.div_(scale.transpose(1, 2))
        return result

    @torch.no_grad()
    def calibrate(self, inputs: torch.Tensor) -> None:
        """Choose the binary points of weights and activations on *inputs* (event, input)."""
        if not self.quantized:
            return
        formats = self.formats
        value = self._columns(inputs)
        for layer in range(self.layers):
            formats.weight_fraction[layer] = weight_fraction(
                (self.weights[layer] * formats.factor[layer]).transpose(1, 2),
                formats.weight_bits[layer],
                per_channel=formats.per_channel,
            )
            if layer < self.layers - 1:
                # Without a binary point the result is in training units, but for the ½ of RND.
                formats.activation_fraction[layer].zero_()
                formats.derive()
                self._refresh_layer(layer)
                result = self._dense(layer, value).sub_(0.5)
                formats.activation_fraction[layer] = activation_fraction(
                    result, formats.activation_bits[layer]
                )
            formats.derive()
            self._refresh_layer(layer)
            value = self._dense(layer, value)
            if layer < self.layers - 1:
                value = self._activate(layer, value)
