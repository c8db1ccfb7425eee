"""How a search starts: the full network in floating point, then through its quantizers."""

from __future__ import annotations

from collections.abc import Sequence

from pulsefront.errors import PulsefrontError
from pulsefront.networks.candidate import Candidate, initial_candidate
from pulsefront.search.task import Task
from pulsefront.search.trainer import Trainer

__all__ = ["train_full", "with_starting_bits"]


def train_full(task: Task, trainer: Trainer) -> list[Candidate]:
    """Return the full float network, trained from every initialization.

    Raises
    ------
    PulsefrontError
        It diverged from one of them.
    """
    settings = trainer.settings
    start = [
        initial_candidate(settings.network, task.n_start, task.n_out, seed=settings.seed * 1000 + k)
        for k in range(settings.initializations)
    ]
    full = trainer.train(start, settings.float_training, stage=0)
    diverged = sum(not candidate.finite for candidate in full)
    if diverged:
        raise PulsefrontError(
            f"the full network diverged in {diverged} of {len(full)} initializations",
            field="float_training.learning_rate",
            value=settings.float_training.learning_rate,
            remedy="lower the learning rate",
        )
    return full


def with_starting_bits(full: Sequence[Candidate], trainer: Trainer) -> list[Candidate]:
    """Return the full network with the widths that the search starts from, untrained."""
    network = trainer.settings.network
    layers = network.layers
    return [
        candidate.with_bits(
            weight_bits=network.bits_of_layers,
            bias_bits=(network.bias_bits,) * layers,
            activation_bits=(network.activation_bits,) * (layers - 1),
            per_channel=network.per_channel,
        )
        for candidate in full
    ]
