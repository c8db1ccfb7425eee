"""Training of networks of tables: what is inside them by gradients, then whole entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.errors import PulsefrontError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.batches import minibatches, one_by_one
from pulsefront.networks.data import TrainingData
from pulsefront.networks.device import repeatable
from pulsefront.networks.losses import loss_of
from pulsefront.networks.tables.codes import codes_of
from pulsefront.networks.tables.lower import lower_tables, output_step
from pulsefront.networks.tables.network import TableNetwork
from pulsefront.networks.tables.settings import TableNetworkSettings
from pulsefront.networks.training import one_cycle
from pulsefront.progress import Report, silent

__all__ = ["TableData", "train_tables"]

WARM_UP = 0.1
CHECKED = 200
"""Steps after which the loss is looked at."""


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
    given: TableData,
    settings: TableNetworkSettings,
    nodes: int,
    seeds: Sequence[int],
    *,
    name: str,
    report: Report = silent,
) -> list[FixedPointModel]:
    """Return a network of tables with so many *nodes* for each seed, as integers.

    They read all inputs in their order.

    Raises
    ------
    PulsefrontError
        A training diverged.
    """
    flat = given.inputs.reshape(-1, given.inputs.shape[-1])
    codes = codes_of(flat, settings.sample_bits, given.input_format)
    whole = codes.apply(flat, given.input_format.fraction)
    every = torch.from_numpy(whole.reshape(given.inputs.shape)).float()
    scaling = given.data.scaling
    mean, scale = np.asarray(scaling.output_mean), np.asarray(scaling.output_scale)
    step = output_step(scale, settings.output_bits)
    found = []
    with repeatable():
        for number, seed in enumerate(seeds):
            network = TableNetwork(settings, codes, nodes, len(scale), seed)
            _train(network, every, given.data, settings, scale / step, seed)
            found.append(
                lower_tables(
                    network, codes, mean, step, given.input_format, given.output_format, name=name
                )
            )
            report(number + 1, len(seeds))
    return found


def _train(
    network: TableNetwork,
    codes: torch.Tensor,
    data: TrainingData,
    settings: TableNetworkSettings,
    steps_of_scale: NDArray[np.float64],
    seed: int,
) -> None:
    training = settings.training
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    steps = training.steps(len(data))
    per_step = torch.from_numpy(1.0 / steps_of_scale).float()
    for step, rows in enumerate(minibatches(len(data), training.batch, steps, seed)):
        inputs = one_by_one(codes.index_select(0, rows))
        outputs = network(inputs, whole=step >= training.whole_from * steps) * per_step
        loss = loss_of(outputs.T[None], data.targets.index_select(0, rows), data.loss).sum()
        if (step % CHECKED == 0 or step + 1 == steps) and not torch.isfinite(loss):
            raise PulsefrontError(
                "the training of the tables diverged",
                field="tables.training.learning_rate",
                value=training.learning_rate,
                remedy="lower the learning rate",
            )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * one_cycle(step / steps, WARM_UP)
        optimizer.step()
