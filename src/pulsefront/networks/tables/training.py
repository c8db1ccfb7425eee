"""Training of networks of tables: what is inside them by gradients, then whole entries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.batches import minibatches, one_by_one
from pulsefront.networks.data import TrainingData
from pulsefront.networks.losses import loss_of
from pulsefront.networks.tables.codes import codes_of
from pulsefront.networks.tables.lower import lower_tables, output_step
from pulsefront.networks.tables.network import TableNetwork
from pulsefront.networks.tables.settings import TableNetworkSettings
from pulsefront.networks.training import one_cycle

__all__ = ["TableData", "train_tables"]

WARM_UP = 0.1
LOOKS = 200
"""Steps from one look at the loss to the next."""


@dataclass(frozen=True)
class TableData:
    """Training events as raw integers of *input_format*, with what standardizes the outputs.

    *inputs* are (event, input), of coincidences (event, 2, input); *data* has the same events'
    targets and scaling.
    """

    inputs: NDArray[np.integer]
    input_format: FixedPointFormat
    output_format: FixedPointFormat
    data: TrainingData


def train_tables(
    given: TableData, settings: TableNetworkSettings, nodes: int, seed: int, *, name: str
) -> FixedPointModel | None:
    """Return a network of tables with so many *nodes* as integers; None where training diverged.

    It reads all inputs in their order. The same seed gives the same integers; put
    `networks.device.repeatable` around it.
    """
    flat = given.inputs.reshape(-1, given.inputs.shape[-1])
    codes = codes_of(flat, settings.sample_bits, given.input_format)
    whole = codes.apply(flat, given.input_format.fraction)
    every = torch.from_numpy(whole.reshape(given.inputs.shape).astype(np.int16))
    scaling = given.data.scaling
    mean, scale = np.asarray(scaling.output_mean), np.asarray(scaling.output_scale)
    step = output_step(scale, settings.output_bits)
    network = TableNetwork(settings, codes, nodes, scale / step, seed)
    if not _train(network, every, given.data, settings, scale / step, seed):
        return None
    return lower_tables(
        network, codes, mean, step, given.input_format, given.output_format, name=name
    )


def _train(
    network: TableNetwork,
    codes: torch.Tensor,
    data: TrainingData,
    settings: TableNetworkSettings,
    steps_of_scale: NDArray[np.float64],
    seed: int,
) -> bool:
    """Train *network*, and return whether its numbers are finite."""
    training = settings.training
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    steps = training.steps(len(data))
    per_step = torch.from_numpy(1.0 / steps_of_scale).float()
    for step, rows in enumerate(minibatches(len(data), training.batch, steps, seed)):
        inputs = one_by_one(codes.index_select(0, rows))
        outputs = network(inputs, whole=step >= training.whole_from * steps) * per_step
        loss = loss_of(outputs.T[None], data.targets.index_select(0, rows), data.loss).sum()
        if step % LOOKS == 0 and not torch.isfinite(loss):
            return False
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * one_cycle(step / steps, WARM_UP)
        optimizer.step()
    return all(bool(torch.isfinite(one).all()) for one in network.parameters())
