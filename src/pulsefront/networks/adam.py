"""AdamW on one flat tensor: a handful of operations per step, however many candidates."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

__all__ = ["FlatAdamW"]


class FlatAdamW:
    """AdamW (Loshchilov and Hutter 2019, Algorithm 2) for one flat parameter tensor.

    Every operation is per element: candidates that share the tensor do not affect each other.
    """

    def __init__(
        self,
        parameters: torch.Tensor,
        *,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self.parameters = parameters
        self._mean = torch.zeros_like(parameters)
        self._square = torch.zeros_like(parameters)
        self._weight_decay = weight_decay
        self._betas = betas
        self._epsilon = epsilon
        self._step = 0

    def step(self, gradient: torch.Tensor, learning_rate: float) -> None:
        """Move the parameters against *gradient*."""
        first, second = self._betas
        self._step += 1
        if self._weight_decay:
            self.parameters.mul_(1.0 - learning_rate * self._weight_decay)
        self._mean.lerp_(gradient, 1.0 - first)
        self._square.mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
        correction = math.sqrt(1.0 - second**self._step)
        size = self._square.sqrt().add_(self._epsilon * correction)
        rate = learning_rate * correction / (1.0 - first**self._step)
        self.parameters.addcdiv_(self._mean, size, value=-rate)

    def keep(
        self,
        part: Callable[[torch.Tensor], torch.Tensor],
        indices: torch.Tensor,  # noqa: ARG002 - every optimizer is asked by the same call
    ) -> None:
        """Forget all candidates but those at *indices*, which *part* takes out of a flat tensor.

        Set ``parameters`` to that part before the next step.
        """
        self._mean, self._square = part(self._mean), part(self._square)
