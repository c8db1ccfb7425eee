"""Learned bit widths: a layer, an output or a weight finds its own, against a price on bits."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pulsefront.errors import ConfigError, PrecisionError
from pulsefront.evaluate.spread import spread_over
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.adam import FlatAdamW
from pulsefront.networks.batches import batches, chosen_inputs, one_by_one
from pulsefront.networks.candidate import Candidate, without_dead
from pulsefront.networks.channelwise_stack import ChannelwiseStack, with_channel_formats
from pulsefront.networks.charges import BitOperations, Charge
from pulsefront.networks.data import TrainingData
from pulsefront.networks.device import one_thread, require_device
from pulsefront.networks.learned_stack import LearnedStack
from pulsefront.networks.losses import slope_of
from pulsefront.networks.optimizer import optimizer_for
from pulsefront.networks.settings import TrainingSettings, WidthSettings
from pulsefront.networks.training import one_cycle
from pulsefront.networks.weightwise_stack import WeightwiseStack
from pulsefront.progress import Report, silent

__all__ = ["train_with_ebops"]


def train_with_ebops(
    candidates: Sequence[Candidate],
    data: TrainingData,
    settings: TrainingSettings,
    strengths: Sequence[float],
    *,
    seed: int,
    input_format: FixedPointFormat,
    widths: WidthSettings | None = None,
    charges: Sequence[Charge] = (BitOperations(),),
    reference: Sequence[Candidate] = (),
    report: Report = silent,
    device: str = "cpu",
) -> list[Candidate]:
    """Train quantized *candidates* together with their bit widths and return them in their order.

    Minimized is the loss plus strength · EBOPs / (EBOPs at the start), with EBOPs after Sun et
    al. 2024 ("HGQ", equation 5): the products of the widths of weights and activations, summed
    over weights that are not zero. A binary point is a real number that the forward pass rounds;
    the loss acts on it through the rounding errors δ, which halve with each bit (∂δ/∂f = −ln 2 ·
    δ, as there). Ranges follow from the weights as they are; those of activations stay as
    calibrated, or, where nodes have widths of their own, follow their largest results. In the last
    ``widths.frozen_share`` of the steps the formats rest. What comes back are usual candidates with
    whole widths, at most those they started from, which `lower` takes as they are. A weight that
    rounds to zero in the end is exactly zero; on the way it may come back.

    With ``widths.per_weight``, which is off where *widths* is left out, every weight has a binary
    point of its own, and the price acts on the weights, too: a smaller one needs fewer bits, which
    presses to zero what the loss hardly holds. Firmware stores an output's weights in one format,
    in which the low bits of most weights are then zero: constants that cost no gates. The weights
    that come back are exactly these; training them any further would fill their low bits again.

    With ``widths.per_node``, on where weights have widths of their own unless it says otherwise,
    every input and every node has a binary point, too. Inputs are cut to the range of the training
    events, and their low bits dropped; a convolution's stay as they are.

    Parameters
    ----------
    strengths
        One per candidate, in units of the loss; copies of one network with rising strengths give
        a whole front in one run.
    input_format
        Of the network's inputs, for whose widths EBOPs of the first layer are charged.
    charges
        What the price is put on, in equal shares, in the place of EBOPs.
    reference
        Networks whose mean costs at the start the strengths are units of; where there are none,
        every candidate's own are.

    Raises
    ------
    PrecisionError
        A candidate has no formats to start from.
    ConfigError
        The strengths are not one per candidate, or one is negative, or there is no such device;
        or weights have widths of their own where outputs have none, or nodes where weights have
        none.
    """
    chosen = widths or WidthSettings(per_weight=False)
    per_channel = all(c.precision and c.precision.per_channel for c in candidates)
    weightwise = chosen.weightwise(per_channel=per_channel)
    if weightwise and not per_channel:
        raise ConfigError(
            "a width per weight needs a format per output",
            field="per_channel",
            remedy="set per_channel = true",
        )
    nodewise = chosen.nodewise(weightwise=weightwise) and candidates[0].convolution is None
    if nodewise and not weightwise:
        raise ConfigError(
            "a width per node needs a width per weight",
            field="per_node",
            remedy="set per_weight = true",
        )
    if any(c.precision is None for c in candidates):
        raise PrecisionError(
            "a float network has no widths to start from", remedy="give it widths with_bits()"
        )
    if len(strengths) != len(candidates) or not min(strengths) >= 0:
        raise ConfigError(
            f"{len(candidates)} candidates need as many strengths, none negative",
            field="strengths",
            value=tuple(strengths),
        )
    where = require_device(device)
    with one_thread(), torch.no_grad():
        data = data.to(where)
        kind: type[LearnedStack] = WeightwiseStack if weightwise else LearnedStack
        kind = ChannelwiseStack if nodewise else kind

        def stacked(chosen: Sequence[Candidate]) -> LearnedStack:
            if nodewise:
                chosen = with_channel_formats(chosen, data, input_format)
            stack = kind(chosen, data.scaling, input_format.width, where)
            few = torch.from_numpy(spread_over(len(data), stack.calibration_events))
            stack.calibrate(one_by_one(chosen_inputs(stack, data.inputs[few])))
            stack.charges = tuple(charges)
            return stack

        stack = stacked(candidates)
        costs = stacked(reference).costs().mean(1, keepdim=True) if reference else stack.costs()
        price = torch.tensor(strengths).to(where) / costs.clamp_min(1.0) / len(charges)
        _run(stack, data, settings, chosen, price, seed, report)
        return [without_dead(one) for one in stack.unstack()]


def _run(
    stack: LearnedStack,
    data: TrainingData,
    settings: TrainingSettings,
    widths: WidthSettings,
    price: torch.Tensor,
    seed: int,
    report: Report,
) -> None:
    steps = settings.steps(len(data))
    learning = round(steps * (1.0 - widths.frozen_share))
    optimizer = optimizer_for(stack, settings)
    points = FlatAdamW(stack.points)
    chosen = batches(stack, data, settings.batch, steps, seed)
    for step, (inputs, targets) in enumerate(chosen):
        if step < learning:
            stack.round_points()
        stack.refresh()
        outputs = stack.outputs(inputs)
        stack.backward(slope_of(outputs, targets, data.loss))
        if step < learning:
            size = widths.reach / learning
            if widths.pace == "with_rate":
                size *= 2.0 * one_cycle(step / steps, settings.warm_up)  # whose mean is a half
            points.step(stack.slope_of_points(price), size)
            stack.align_points(min(1.0, widths.alignment / learning))
            stack.limit_points()
            stack.press(price)
        stack.hold_pruned()
        rate = settings.learning_rate * one_cycle(step / steps, settings.warm_up)
        optimizer.step(stack.gradient, rate)
        report(step + 1, steps)
