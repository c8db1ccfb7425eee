"""The optimizer that a training asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from pulsefront.networks.adam import FlatAdamW
from pulsefront.networks.settings import TrainingSettings
from pulsefront.networks.soap import FlatSoap
from pulsefront.networks.stack import Stack

__all__ = ["Optimizer", "optimizer_for"]


class Optimizer(Protocol):
    """Moves the flat parameters of a stack; candidates do not affect each other."""

    parameters: torch.Tensor

    def step(self, gradient: torch.Tensor, learning_rate: float) -> None:
        """Move the parameters against *gradient*."""

    def keep(self, part: Callable[[torch.Tensor], torch.Tensor], indices: torch.Tensor) -> None:
        """Forget all candidates but those at *indices*."""


def optimizer_for(stack: Stack, settings: TrainingSettings) -> Optimizer:
    """Return the optimizer of *settings* for the latent numbers of *stack*."""
    decay = settings.weight_decay
    if settings.optimizer == "adamw":
        return FlatAdamW(stack.latent, weight_decay=decay)
    return FlatSoap(stack.latent, stack.views, trained=stack.movable(), weight_decay=decay)
