"""Early stopping in a batch: every candidate stops by its own loss on selection events."""

from __future__ import annotations

import math

import torch

from pulsefront.networks.candidate import Candidate
from pulsefront.networks.stack import Stack

__all__ = ["Patience"]


class Patience:
    """Keeps every candidate at its best, and tells which of them still get better.

    Parameters
    ----------
    stack
        All candidates, before their first step.
    looks
        How many looks in a row a candidate may stay above its least loss.
    """

    def __init__(self, stack: Stack, looks: int) -> None:
        self._looks = looks
        self._running = list(range(len(stack)))
        self._best = stack.unstack()
        self._least = [float("inf")] * len(stack)
        self._waited = [0] * len(stack)

    def look(self, stack: Stack, losses: torch.Tensor) -> torch.Tensor:
        """Return the indices in *stack* of the candidates that go on, ascending.

        *stack* holds those that went on after the last look, *losses* (C,) theirs on the
        selection events. A loss that is not a number ends its candidate.
        """
        going = []
        present = stack.unstack() if self._any_news(losses) else []
        for index, (number, loss) in enumerate(zip(self._running, losses.tolist(), strict=True)):
            if loss < self._least[number]:
                self._least[number] = loss
                self._waited[number] = 0
                self._best[number] = present[index]
            else:
                self._waited[number] += 1
            if math.isnan(loss):
                self._best[number] = present[index]
            elif self._waited[number] < self._looks:
                going.append(index)
        self._running = [self._running[index] for index in going]
        return torch.tensor(going, dtype=torch.int64, device=stack.device)

    def _any_news(self, losses: torch.Tensor) -> bool:
        least = [self._least[number] for number in self._running]
        # A loss that is not a number is news, too.
        return any(not loss >= known for loss, known in zip(losses.tolist(), least, strict=True))

    def best(self) -> list[Candidate]:
        """Return every candidate as it was at its least loss, in the order of the first stack."""
        return self._best
