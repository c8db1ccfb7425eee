"""Batch normalization while a float network trains; afterwards there is none of it left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from pulsefront.errors import ConfigError
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.stack import CPU, Stack

__all__ = ["BatchNormStack"]

EPSILON = 1e-5


class BatchNormStack(Stack):
    """A stack whose hidden layers are normalized over the minibatch (Ioffe and Szegedy 2015).

    The result of a hidden layer before its ReLU is γ · (v − mean) / √(variance + ε) + bias, v its
    sums of products. `calibrate` sets γ and bias so that the network starts as the function that
    its candidates are. `unstack` gives ordinary networks: mean and variance are measured on the
    events given to `calibrate`, layer after layer, and folded into weights and biases.

    Raises
    ------
    ConfigError
        The candidates have formats.
    """

    calibration_events = 8192

    def __init__(
        self, candidates: Sequence[Candidate], scaling: Scaling, device: torch.device = CPU
    ) -> None:
        if candidates[0].precision is not None:
            raise ConfigError(
                "networks with formats have no batch normalization left",
                field="batch_norm",
                remedy="train the float network with it, then quantize",
            )
        super().__init__(candidates, scaling, device)
        self._reference = torch.empty(0, device=device)

    def _more_shapes(self, count: int, widths: Sequence[int]) -> list[tuple[int, ...]]:
        return [(count, nodes) for nodes in widths[1:-1]]

    def _allocate(self) -> None:
        super()._allocate()
        self.gains = self.views(self.latent)[2 * self.layers :]
        self._gain_gradients = self.views(self.gradient)[2 * self.layers :]
        self._normal: list[torch.Tensor] = [torch.empty(0)] * (self.layers - 1)
        self._spread: list[torch.Tensor] = [torch.empty(0)] * (self.layers - 1)

    @torch.no_grad()
    def calibrate(self, inputs: torch.Tensor) -> None:
        """Let the normalized network start as its candidates are, and keep *inputs* for the end."""
        self._reference = inputs
        value = self._columns(inputs)
        for layer in range(self.layers - 1):
            sums = self._sums(layer, value)
            spread, mean = _moments(sums)
            self.gains[layer].copy_(spread)
            # A node that never varies stays constant: its bias must not learn the mean away.
            self.biases[layer].add_(mean)
            value = self._activate(layer, sums.add_((self.biases[layer] - mean)[:, :, None]))

    def _dense(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        if layer == self.layers - 1:
            return super()._dense(layer, value)
        sums = self._sums(layer, value)
        spread, mean = _moments(sums)
        normal = sums.sub_(mean[:, :, None]).div_(spread[:, :, None])
        self._normal[layer], self._spread[layer] = normal, spread
        # The ReLU that follows works in place; `backward` needs the normalized sums.
        return normal * self.gains[layer][:, :, None] + self.biases[layer][:, :, None]

    def _before_bias(self, layer: int, slope: torch.Tensor) -> torch.Tensor:
        if layer == self.layers - 1:
            return slope
        normal = self._normal[layer]
        torch.sum(slope * normal, 2, out=self._gain_gradients[layer])
        events = slope.shape[2]
        along = (self._gain_gradients[layer] / events)[:, :, None]
        centred = slope - slope.mean(2, keepdim=True) - normal * along
        return centred.mul_((self.gains[layer] / self._spread[layer])[:, :, None])

    @torch.no_grad()
    def unstack(self) -> list[Candidate]:
        """Return ordinary float networks, the normalization folded in."""
        value = self._columns(self._reference)
        factors, means = [], []
        for layer in range(self.layers - 1):
            spread, mean = _moments(self._sums(layer, value))
            factors.append(self.gains[layer] / spread)
            means.append(mean)
            value = self._activate(layer, self._dense(layer, value))
        return [self._folded(n, Stack.candidate(self, n), factors, means) for n in range(len(self))]

    def candidate(self, n: int) -> Candidate:
        """Return candidate *n* as `unstack` gives it."""
        return self.unstack()[n]

    def _folded(
        self,
        n: int,
        latent: Candidate,
        factors: Sequence[torch.Tensor],
        means: Sequence[torch.Tensor],
    ) -> Candidate:
        weights, biases = list(latent.weights), list(latent.biases)
        for layer, (factor, mean) in enumerate(zip(factors, means, strict=True)):
            nodes = len(biases[layer])
            own = factor[n, :nodes].cpu().numpy()
            weights[layer] = weights[layer] * own
            biases[layer] = biases[layer] - mean[n, :nodes].cpu().numpy() * own
        return replace(latent, weights=tuple(weights), biases=tuple(biases))


def _moments(sums: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return √(variance + ε) and mean, (C, node), of (C, node, event)."""
    variance, mean = torch.var_mean(sums, 2, correction=0)
    return (variance + EPSILON).sqrt(), mean
