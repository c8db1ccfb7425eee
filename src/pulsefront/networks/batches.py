"""The minibatches of a training: of events in memory, or of a stream."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pulsefront.networks.data import TrainingData, standardized
from pulsefront.networks.stack import Stack
from pulsefront.networks.stream import InputStream

__all__ = ["batches", "chosen_inputs", "minibatches", "one_by_one"]

Batch = tuple[torch.Tensor, torch.Tensor]


def batches(stack: Stack, data: TrainingData, batch: int, steps: int, seed: int) -> Iterator[Batch]:
    """Yield inputs and targets of *steps* minibatches, where *stack* is, one by one.

    From a stream every event comes once; from memory, once in an epoch, each of which has its own
    order.
    """
    if data.stream is not None:
        for inputs, targets in _streamed(data.stream, data, min(batch, len(data)), steps, seed):
            there = chosen_inputs(stack, inputs.to(stack.device))
            yield one_by_one(there), targets.to(stack.device)
        return
    inputs = chosen_inputs(stack, data.inputs)
    for rows in minibatches(len(data), batch, steps, seed):
        there = rows.to(stack.device)
        yield one_by_one(inputs.index_select(0, there)), data.targets.index_select(0, there)


def _streamed(
    stream: InputStream, data: TrainingData, batch: int, steps: int, seed: int
) -> Iterator[Batch]:
    blocks = stream.blocks(seed)
    inputs, targets = data.inputs[:0].cpu(), data.targets[:0].cpu()
    try:
        for _ in range(steps):
            parts = [(inputs, targets)]
            while sum(len(part[1]) for part in parts) < batch:
                parts.append(standardized(next(blocks), data, stream.input_format))
            inputs, targets = (torch.cat(part) for part in zip(*parts, strict=True))
            yield inputs[:batch], targets[:batch]
            inputs, targets = inputs[batch:], targets[batch:]
    finally:
        blocks.close()


def minibatches(events: int, batch: int, steps: int, seed: int) -> Iterator[torch.Tensor]:
    """Yield the event indices of *steps* minibatches; every epoch has its own order."""
    random = torch.Generator().manual_seed(seed)
    batch = min(batch, events)
    order = torch.empty(0, dtype=torch.int64)
    start = 0
    for _ in range(steps):
        if start + batch > len(order):
            order = torch.randperm(events, generator=random)
            start = 0
        yield order[start : start + batch]
        start += batch


def chosen_inputs(stack: Stack, inputs: torch.Tensor) -> torch.Tensor:
    """Return the inputs that the stack reads."""
    if len(stack.inputs) == inputs.shape[-1]:
        return inputs
    return inputs[..., torch.from_numpy(stack.inputs).to(inputs.device)].contiguous()


def one_by_one(inputs: torch.Tensor) -> torch.Tensor:
    """Return (event, n_in); of coincidences the first detectors, then the second."""
    return torch.cat((inputs[:, 0], inputs[:, 1])) if inputs.ndim == 3 else inputs
