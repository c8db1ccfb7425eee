"""Learned bit widths: every layer or output finds its own, against a price on bit operations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from pulsefront.errors import ConfigError, PrecisionError
from pulsefront.evaluate.spread import spread_over
from pulsefront.networks.adam import FlatAdamW
from pulsefront.networks.candidate import Candidate, Scaling, without_dead
from pulsefront.networks.data import TrainingData
from pulsefront.networks.device import one_thread, require_device
from pulsefront.networks.losses import slope_of
from pulsefront.networks.quantize import round_half_up
from pulsefront.networks.settings import TrainingSettings, WidthSettings
from pulsefront.networks.stack import CPU, Stack
from pulsefront.networks.training import chosen_inputs, minibatches, one_by_one, one_cycle
from pulsefront.progress import Report, silent

__all__ = ["LearnedStack", "train_with_ebops"]

LN2 = math.log(2.0)


def train_with_ebops(
    candidates: Sequence[Candidate],
    data: TrainingData,
    settings: TrainingSettings,
    strengths: Sequence[float],
    *,
    seed: int,
    input_bits: int = 12,
    widths: WidthSettings | None = None,
    report: Report = silent,
    device: str = "cpu",
) -> list[Candidate]:
    """Train quantized *candidates* together with their bit widths and return them in their order.

    Minimized is the loss plus strength · EBOPs / (EBOPs at the start), with EBOPs after Sun et
    al. 2024 ("HGQ", equation 5): the products of the widths of weights and activations, summed
    over weights that are not zero. A binary point is a real number that the forward pass rounds;
    the loss acts on it through the rounding errors δ, which halve with each bit (∂δ/∂f = −ln 2 ·
    δ, as there). Ranges follow from the weights as they are; those of activations stay as
    calibrated. In the last ``widths.frozen_share`` of the steps the formats rest. What comes back
    are usual candidates with whole widths, at most those they started from, which `lower` takes
    as they are. A weight that rounds to zero in the end is exactly zero.

    Parameters
    ----------
    strengths
        One per candidate, in units of the loss; copies of one network with rising strengths give
        a whole front in one run.
    input_bits
        Width of the network's inputs, which EBOPs of the first layer are charged for.

    Raises
    ------
    PrecisionError
        A candidate has no formats to start from.
    ConfigError
        The strengths are not one per candidate, or one is negative, or there is no such device.
    """
    chosen = widths or WidthSettings()
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
        stack = LearnedStack(candidates, data.scaling, input_bits, where)
        few = torch.from_numpy(spread_over(len(data), stack.calibration_events))
        stack.calibrate(one_by_one(chosen_inputs(stack, data.inputs[few])))
        _run(stack, data, settings, chosen, torch.tensor(strengths).to(where), seed, report)
        return [without_dead(one) for one in stack.unstack()]


def _run(
    stack: LearnedStack,
    data: TrainingData,
    settings: TrainingSettings,
    widths: WidthSettings,
    strengths: torch.Tensor,
    seed: int,
    report: Report,
) -> None:
    inputs = chosen_inputs(stack, data.inputs)
    steps = max(1, round(settings.epochs * len(data) / settings.batch))
    learning = round(steps * (1.0 - widths.frozen_share))
    price = strengths / stack.ebops().clamp_min(1.0)
    optimizer = FlatAdamW(stack.latent, weight_decay=settings.weight_decay)
    points = FlatAdamW(stack.points)
    for step, rows in enumerate(minibatches(len(data), settings.batch, steps, seed)):
        there = rows.to(stack.device)
        if step < learning:
            stack.round_points()
        stack.refresh()
        outputs = stack.outputs(one_by_one(inputs.index_select(0, there)))
        targets = data.targets.index_select(0, there)
        stack.backward(slope_of(outputs, targets, data.loss))
        if step < learning:
            points.step(stack.slope_of_points(price), widths.reach / learning)
            stack.limit_points()
        stack.hold_pruned()
        rate = settings.learning_rate * one_cycle(step / steps, settings.warm_up)
        optimizer.step(stack.gradient, rate)
        report(step + 1, steps)


class LearnedStack(Stack):
    """A quantized stack whose binary points are real numbers that are trained, too.

    ``points`` is flat: those of the weights of all layers, (C, 1) or (C, n_out), then those of
    the activations, (C,).
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        scaling: Scaling,
        input_bits: int,
        device: torch.device = CPU,
    ) -> None:
        super().__init__(candidates, scaling, device)
        formats = self.formats
        self._point_shapes = [
            *(one.shape for one in formats.weight_fraction),
            *(one.shape for one in formats.activation_fraction),
        ]
        self.points = torch.empty(0)
        self._finest = [bits.clone() for bits in formats.weight_bits]
        self._rests = [torch.empty(0)] * (self.layers - 1)
        self._activation_slopes = [torch.zeros(len(self), device=device)] * (self.layers - 1)
        self._input_bits = torch.full((len(self),), float(input_bits), device=device)

    def calibrate(self, inputs: torch.Tensor) -> None:
        """Start from the best formats of the given widths on *inputs* (event, input)."""
        super().calibrate(inputs)
        formats = self.formats
        starts = (*formats.weight_fraction, *formats.activation_fraction)
        self.points = torch.cat([one.reshape(-1) for one in starts])
        self._integer = [
            bits - fraction
            for bits, fraction in zip(
                formats.activation_bits, formats.activation_fraction, strict=True
            )
        ]
        # Just below the next rounding up: widths do not grow beyond those of the start.
        self._highest = [one + 0.49 for one in starts]

    def _point_views(self, flat: torch.Tensor) -> list[torch.Tensor]:
        parts = torch.split(flat, [math.prod(shape) for shape in self._point_shapes])
        return [part.view(shape) for part, shape in zip(parts, self._point_shapes, strict=True)]

    def limit_points(self) -> None:
        """Keep widths between one bit and those that the stack started from."""
        views = self._point_views(self.points)
        for point, highest in zip(views, self._highest, strict=True):
            torch.minimum(point, highest, out=point)
        for point, integer in zip(views[self.layers :], self._integer, strict=True):
            torch.maximum(point, 1.0 - integer, out=point)

    def round_points(self) -> None:
        """Set the formats to the whole numbers nearest to the points."""
        formats = self.formats
        views = [round_half_up(view) for view in self._point_views(self.points)]
        formats.weight_fraction = views[: self.layers]
        formats.activation_fraction = views[self.layers :]
        formats.activation_bits = [
            (integer + fraction).clamp_min(1.0)
            for integer, fraction in zip(self._integer, formats.activation_fraction, strict=True)
        ]
        for layer, fraction in enumerate(formats.weight_fraction):
            bits = 1.0 + self._magnitude_bits(layer, fraction)
            formats.weight_bits[layer] = torch.minimum(bits, self._finest[layer])
        formats.derive()

    def _magnitude_bits(self, layer: int, fraction: torch.Tensor) -> torch.Tensor:
        """Return the bits, without sign, of the largest weight of each group, at least one."""
        size = (self.weights[layer] * self.formats.factor[layer]).abs().amax(2)
        if fraction.shape[1] == 1:
            size = size.amax(1, keepdim=True)
        largest = round_half_up(size * torch.exp2(fraction))
        return torch.floor(torch.log2(largest.clamp_min(1.0))) + 1.0

    def _widths(self, layer: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return weights that are not zero (C, n_out), their bits, and the bits (C,) they read."""
        count = (self._used_weights[layer] != 0).sum(2).float()
        if layer == 0 and self._filters is not None:
            count = count * self._positions
        bits = self._magnitude_bits(layer, self.formats.weight_fraction[layer])
        entering = self.formats.activation_bits[layer - 1] if layer else self._input_bits
        return count, bits.expand(-1, count.shape[1]), entering

    def ebops(self) -> torch.Tensor:
        """Return the effective bit operations (C,) of the present formats, an upper estimate."""
        total = torch.zeros(len(self), device=self.device)
        for layer in range(self.layers):
            count, bits, entering = self._widths(layer)
            total += (count * bits).sum(1) * entering
        return total

    def slope_of_points(self, price: torch.Tensor) -> torch.Tensor:
        """Return the derivative of loss + *price* (C,) · EBOPs by ``points``, flat."""
        slope = torch.zeros_like(self.points)
        views = self._point_views(slope)
        for layer in range(self.layers):
            error = self.weights[layer] - self._used_weights[layer]
            own = LN2 * (self._weight_gradients[layer] * error).sum(2)
            count, bits, entering = self._widths(layer)
            own = own + price[:, None] * count * entering[:, None]
            views[layer].copy_(own if views[layer].shape[1] > 1 else own.sum(1, keepdim=True))
            if layer:
                views[self.layers + layer - 1].copy_(
                    LN2 * self._activation_slopes[layer - 1] + price * (count * bits).sum(1)
                )
        return slope

    def _activate(self, layer: int, value: torch.Tensor) -> torch.Tensor:
        # Raw results carry the ½ of RND: what floor takes away is the rounding error plus ½.
        self._rests[layer] = value - torch.floor(value) - 0.5
        return super()._activate(layer, value)

    def _through(self, layer: int, slope: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        slope = super()._through(layer, slope, value)
        self._activation_slopes[layer] = (slope * self._rests[layer]).sum((1, 2))
        return slope

    def candidate(self, n: int) -> Candidate:
        """Return candidate *n* in its present formats; what rounds to zero is zero."""
        before = super().candidate(n)
        assert before.precision is not None  # train_with_ebops takes no others
        formats = self.formats
        bits = tuple(
            tuple(int(b) for b in formats.weight_bits[k][n, : len(own)].tolist())
            for k, own in enumerate(before.precision.weight_fraction)
        )
        precision = replace(
            before.precision,
            weight_bits=tuple(max(layer) for layer in bits),
            channel_bits=bits if before.precision.per_channel else None,
            activation_bits=tuple(int(one[n]) for one in formats.activation_bits),
        )
        used = self.used_weights(n)
        weights = tuple(
            np.where(one != 0, weight, np.float32(0.0))
            for one, weight in zip(used, before.weights, strict=True)
        )
        return replace(before, weights=weights, precision=precision)
