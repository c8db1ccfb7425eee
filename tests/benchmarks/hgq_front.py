"""HGQ2's way to a front: widths of every weight and activation, one run, a price that rises.

As its documentation has it (https://github.com/calad0i/HGQ2): weights kbi with SAT_SYM,
activations kif with WRAP and traced ranges, EBOPs in the loss times a β that rises by equal
factors, the learning rate going down to zero before each network is taken (cosine with restarts).
It starts from the float network, which saves it the longest part.

Its inputs are the raw counts minus a whole number and shifted, its outputs the target's unit
shifted: neither costs gates, and both let it train in numbers near one. What it learns becomes a
`FixedPointModel` through `pulsefront.imports`, compared with it.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from shipped_task import Point, ShippedTask

from pulsefront.fixed_point import Assignment, Dense, FixedPointModel, Input
from pulsefront.imports import from_keras
from pulsefront.networks import Candidate, Scaling
from pulsefront.networks.batches import minibatches
from pulsefront.networks.losses import loss_of

__all__ = ["Shifts", "hgq_front", "hgq_model", "imported_network", "without_unread"]

os.environ.setdefault("KERAS_BACKEND", "torch")  # read when Keras is first imported

POINTS = 10
BATCH = 2048
LEARNING_RATE = 3e-3
FIRST_SHARE = 1.0
"""Length of the run before the first network, in those of the others."""
PRICES = (0.05, 1.5)
"""First and last β, in units of the float network's loss for all EBOPs of the start."""
WEIGHT_BITS = 8
BIAS_BITS = 12
INPUT_FRACTION = 8
ACTIVATION_FRACTION = 7
WIDTH_REACH = 20.0
"""Bits by which a width may change over the run; Adam's rate for the weights alone would move it
by less than one in a run of minutes."""
TRACED_EVENTS = 32_768
FLOAT32_ERROR = 1e-4
"""Of the outputs' size, root mean square: a rounding of an activation that hangs on the last bit of
a sum is rare, and is one step of it."""


@dataclass(frozen=True)
class Shifts:
    """How raw counts become HGQ2's inputs and its outputs the target's unit, at no cost.

    Input = (count − pedestal) · 2^−input_bits, target = output · 2^output_bits.
    """

    pedestal: NDArray[np.int64]
    input_bits: int
    output_bits: int

    @classmethod
    def of(cls, scaling: Scaling) -> Shifts:
        """Return those that come nearest to the standardization of *scaling*."""
        return cls(
            np.rint(scaling.input_mean).astype(np.int64),
            round(math.log2(float(np.median(scaling.input_scale)))),
            round(math.log2(float(np.median(scaling.output_scale)))),
        )

    def inputs(self, raw: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return HGQ2's inputs for raw counts (…, n_in)."""
        return np.ldexp((raw - self.pedestal).astype(np.float32), -self.input_bits)

    def folded(
        self, network: Candidate, scaling: Scaling
    ) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return weights and biases of a float network between these inputs and outputs."""
        layers = [
            (np.asarray(w, np.float64), np.asarray(b, np.float64))
            for w, b in zip(network.weights, network.biases, strict=True)
        ]
        weight, bias = layers[0]
        offset = (self.pedestal - scaling.input_mean) / scaling.input_scale
        factor = 2.0**self.input_bits / scaling.input_scale
        layers[0] = (weight * factor[:, None], bias + offset @ weight)
        weight, bias = layers[-1]
        scale = scaling.output_scale * 2.0**-self.output_bits
        layers[-1] = (weight * scale, bias * scale + scaling.output_mean * 2.0**-self.output_bits)
        return layers


def hgq_model(layers: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Any:
    """Return an HGQ2 model that starts from these weights (n_in, n_out) and biases."""
    import keras
    from hgq.config import LayerConfigScope, QuantizerConfig
    from hgq.layers import QDense

    source = keras.Input((layers[0][0].shape[0],))
    value = source
    with LayerConfigScope(enable_ebops=True, beta0=0.0):
        for number, (weight, bias) in enumerate(layers):
            fraction = ACTIVATION_FRACTION if number else INPUT_FRACTION
            made = QDense(
                weight.shape[1],
                activation="relu" if number < len(layers) - 1 else None,
                kq_conf=QuantizerConfig("kbi", "weight", b0=WEIGHT_BITS, i0=_integer_bits(weight)),
                bq_conf=QuantizerConfig("kbi", "bias", b0=BIAS_BITS, i0=_integer_bits(bias)),
                iq_conf=QuantizerConfig("kif", "datalane", i0=3, f0=fraction),
            )
            value = made(value)
            made.kernel.assign(weight.astype(np.float32))
            made.bias.assign(bias.astype(np.float32))
    return keras.Model(source, value)


def _integer_bits(values: NDArray[np.float64]) -> int:
    return math.ceil(math.log2(float(np.abs(values).max()) + 1e-6))


def imported_network(
    model: Any, shifts: Shifts, seen: NDArray[np.float32]
) -> tuple[FixedPointModel, Callable[[NDArray[np.integer]], NDArray[np.float64]]]:
    """Return an HGQ2 model as integers, without what nothing reads, and what predicts with it.

    *seen* are inputs that its ranges are traced on, and that model and origin are compared on. The
    origin adds in float32, whose last bits a sum of more than 24 bits loses: the integers are what
    is judged, and must be the origin's numbers but for that.
    """
    from hgq.utils import trace_minmax

    trace_minmax(model, seen, batch_size=16_384)
    imported = from_keras(model)
    (found,) = imported.compare(imported.integers(seen[:: max(1, len(seen) // 2000)]))
    assert found.relative_rms < FLOAT32_ERROR, str(found)
    smaller, kept = without_unread(imported.model)
    (source,), (output,) = imported.model.inputs, smaller.output_formats.values()

    def predict(raw: NDArray[np.integer]) -> NDArray[np.float64]:
        integers = imported.integers(shifts.inputs(raw))[source.name]
        found = np.asarray(output.values(smaller.run(integers[:, kept])), np.float64)
        return np.ldexp(found, shifts.output_bits)

    return smaller, predict


def without_unread(model: FixedPointModel) -> tuple[FixedPointModel, NDArray[np.intp]]:
    """Return a chain of casts, dense layers and ReLUs without the channels that nothing reads.

    With it the inputs that are left. A channel that all later weights multiply by zero costs no
    gates, but bytes where weights are stored.
    """
    layers, keep = list(model.layers), None
    for number in range(len(layers) - 1, -1, -1):
        layer = layers[number]
        if isinstance(layer, Dense):
            weights = layer.weights if keep is None else layer.weights[:, keep]
            rows = np.flatnonzero(weights.any(axis=1))
            rows = rows if len(rows) else np.arange(1)
            some = {} if keep is None else _outputs(layer, keep)
            layers[number] = replace(layer, weights=weights[rows], **some)
            keep = rows
        elif keep is not None:
            assert layer.kind in ("relu", "quantize"), layer.kind
            layers[number] = replace(layer, to=_channels(layer.to, keep))
    (source,) = model.inputs
    kept = np.arange(source.shape[0]) if keep is None else keep
    inputs = (Input(source.name, (len(kept),), source.format),)
    return FixedPointModel(model.name, inputs, tuple(layers), model.outputs), kept


def _outputs(layer: Dense, keep: NDArray[np.intp]) -> dict[str, Any]:
    forms, biases = layer.weight_format, layer.bias_format
    return {
        "weight_format": tuple(forms[k] for k in keep) if isinstance(forms, tuple) else forms,
        "bias": None if layer.bias is None else layer.bias[keep],
        "bias_format": tuple(biases[k] for k in keep) if isinstance(biases, tuple) else biases,
        "to": _channels(layer.to, keep),
    }


def _channels(to: Assignment | None, keep: NDArray[np.intp]) -> Assignment | None:
    if to is None or not to.per_channel:
        return to
    return replace(to, format=tuple(to.formats[k] for k in keep))


def hgq_front(given: ShippedTask, start: Candidate, seed: int, seconds: float) -> list[Point]:
    """Return a front of HGQ2 from the float network *start* in *seconds* of processor time."""
    begin = time.process_time()
    torch.set_num_threads(1)
    import keras

    keras.utils.set_random_seed(seed)
    task, scaling = given.task, given.data.scaling
    shifts = Shifts.of(scaling)
    model = hgq_model(shifts.folded(start, scaling))
    raw = task.inputs[task.train]
    inputs = torch.from_numpy(shifts.inputs(raw))
    flat = inputs.reshape(-1, inputs.shape[-1])
    seen = flat[:: max(1, len(flat) // TRACED_EVENTS)].numpy()
    unit = torch.tensor(2.0**shifts.output_bits / scaling.output_scale, dtype=torch.float32)
    middle = torch.tensor(scaling.output_mean / scaling.output_scale, dtype=torch.float32)
    if task.loss.kind == "coincidence":
        middle = middle * 0  # a constant that both detectors share
    targets = given.data.targets
    rows = minibatches(len(targets), BATCH, 10**9, seed)
    optimizer = torch.optim.Adam(_groups(model), fused=True)

    def loss_on(chosen: torch.Tensor) -> torch.Tensor:
        some = inputs[chosen]
        some = torch.cat((some[:, 0], some[:, 1])) if some.ndim == 3 else some
        outputs = model(some, training=True) * unit - middle
        return loss_of(outputs.T[None], targets[chosen], task.loss)[0]

    with torch.no_grad():
        base = float(loss_on(next(rows)))
    ebops = float(sum(layer.ebops for layer in model.layers if hasattr(layer, "ebops")))
    points = []
    pace = _Pace(seconds)
    for share, price in zip(_shares(), np.geomspace(*PRICES, POINTS), strict=True):
        _set_price(model, price * base / ebops)
        until = begin + share * seconds
        _train(model, optimizer, loss_on, rows, until, pace)
        points.append(given.judged(*imported_network(model, shifts, seen)))
    return points


def _shares() -> Iterator[float]:
    """Yield the share of the time at which each network is taken."""
    for number in range(POINTS):
        yield (FIRST_SHARE + number) / (FIRST_SHARE + POINTS - 1)


def _set_price(model: Any, beta: float) -> None:
    for layer in model.layers:
        if getattr(layer, "_beta", None) is not None:
            layer._beta.assign(beta)


def _groups(model: Any) -> list[dict[str, Any]]:
    """Return weights and biases, then widths, as an optimizer takes them."""
    widths, weights = [], []
    for one in model.trainable_variables:
        (widths if "quantizer" in one.path else weights).append(one.value)
    return [{"params": weights}, {"params": widths}]


@dataclass
class _Pace:
    """How fast widths must move to go as far as they may in a run of *seconds*."""

    seconds: float
    steps: int = 0
    spent: float = 0.0

    def width_rate(self) -> float:
        """Return bits a step, never below the rate of the weights: Adam's steps are about that."""
        step = self.spent / max(self.steps, 1)
        return max(LEARNING_RATE, WIDTH_REACH * step / self.seconds)


def _train(
    model: Any,
    optimizer: torch.optim.Optimizer,
    loss_on: Callable[[torch.Tensor], torch.Tensor],
    rows: Iterator[torch.Tensor],
    until: float,
    pace: _Pace,
) -> None:
    """Train until that much processor time is gone, the rates falling to zero as a cosine."""
    begin = time.process_time()
    held = [one for one in model.trainable_variables if one.constraint is not None]
    while (now := time.process_time()) < until:
        progress = (now - begin) / (until - begin)
        rates = LEARNING_RATE, pace.width_rate()
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * 0.5 * (1.0 + math.cos(math.pi * progress))
        loss = loss_on(next(rows))
        loss = loss + sum(model.losses)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for one in held:
                one.value.copy_(one.constraint(one.value))
        pace.steps += 1
        pace.spent += time.process_time() - now
