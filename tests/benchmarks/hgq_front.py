"""HGQ2's way to a front: widths of every weight and activation, one run, a price that rises.

As its documentation has it (https://github.com/calad0i/HGQ2): a width for every weight and
activation, ranges of activations traced, EBOPs in the loss times a β that rises by equal factors,
the learning rate going down to zero before each network is taken (cosine with restarts), JAX. It
starts from the float network, which saves it the longest part. Weights are kif with WRAP, whose
integer bits follow from the weight itself, in the place of kbi with SAT_SYM, whose range is
learned.

Its inputs are the raw counts minus a whole number and shifted, its outputs the target's unit
shifted: neither costs gates, and both let it train in numbers near one. What it learns becomes a
`FixedPointModel` through `pulsefront.imports`, compared with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hgq_training import HgqTrainer, Rates, loss_like
from numpy.typing import NDArray
from shipped_task import Point, ShippedTask

from pulsefront.fixed_point import Assignment, Dense, FixedPointFormat, FixedPointModel, Input
from pulsefront.imports import from_keras
from pulsefront.networks import Candidate, Scaling
from pulsefront.networks.batches import minibatches

__all__ = ["Shifts", "hgq_front", "hgq_model", "imported_network", "without_unread"]

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Weights (n_in, n_out) and biases."""

POINTS = 10
BATCH = 2048
RATES = Rates(weights=2e-3, widths=3e-3)
"""Chosen on events of repetition 9640, beside 1e-3 for both."""
FIRST_SHARE = 1.0
"""Length of the run before the first network, in those of the others."""
PRICES = (0.05, 1.5)
"""First and last β, in units of the float network's loss for all EBOPs of the start."""
WEIGHT_BITS = 8
BIAS_BITS = 12
ACTIVATION_BITS = 10
TRACED_EVENTS = 32_768
FLOAT32_ERROR = 1e-4
"""Of the outputs' size, root mean square: a rounding of an activation that hangs on the last bit of
a sum is rare, and is one step of it."""


@dataclass(frozen=True)
class Shifts:
    """How raw counts become HGQ2's inputs and its outputs the target's unit, at no cost.

    Input = (count − pedestal) · 2^−input_bits, target = output · 2^output_bits, each channel with
    its own; ``step`` is what one count is worth in the unit of the scaling.
    """

    pedestal: NDArray[np.int64]
    input_bits: NDArray[np.int64]
    output_bits: NDArray[np.int64]
    step: float

    @classmethod
    def of(cls, scaling: Scaling, counts: FixedPointFormat) -> Shifts:
        """Return those that come nearest to the standardization of *scaling*."""
        step = counts.step
        return cls(
            np.rint(scaling.input_mean / step).astype(np.int64),
            np.rint(np.log2(scaling.input_scale / step)).astype(np.int64),
            np.rint(np.log2(scaling.output_scale)).astype(np.int64),
            step,
        )

    def inputs(self, raw: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return HGQ2's inputs for raw counts (…, n_in)."""
        return np.ldexp((raw - self.pedestal).astype(np.float32), -self.input_bits)

    def folded(self, network: Candidate, scaling: Scaling) -> list[Layer]:
        """Return weights and biases of a float network between these inputs and outputs."""
        layers = [
            (np.asarray(w, np.float64), np.asarray(b, np.float64))
            for w, b in zip(network.weights, network.biases, strict=True)
        ]
        weight, bias = layers[0]
        offset = (self.pedestal * self.step - scaling.input_mean) / scaling.input_scale
        factor = np.ldexp(self.step / scaling.input_scale, self.input_bits)
        layers[0] = (weight * factor[:, None], bias + offset @ weight)
        weight, bias = layers[-1]
        scale = np.ldexp(scaling.output_scale, -self.output_bits)
        mean = np.ldexp(scaling.output_mean, -self.output_bits)
        layers[-1] = (weight * scale, bias * scale + mean)
        return layers


def hgq_model(
    layers: Sequence[Layer], input_bits: NDArray[np.int64], seen: NDArray[np.floating]
) -> Any:
    """Return an HGQ2 model that starts from these weights (n_in, n_out) and biases.

    Every number starts with the bits that it needs: the largest weight of an output has
    `WEIGHT_BITS` and the others its step, an activation has `ACTIVATION_BITS` of its range on the
    inputs *seen*, an input its *input_bits* fraction bits, which are all it has. With one format
    for a layer a single large weight would round most others to zero.
    """
    import keras
    from hgq.config import LayerConfigScope, QuantizerConfig
    from hgq.layers import QDense

    source = keras.Input((layers[0][0].shape[0],))
    value, found = source, np.asarray(seen, np.float64)
    with LayerConfigScope(enable_ebops=True, beta0=0.0):
        for number, (weight, bias) in enumerate(layers):
            made = QDense(
                weight.shape[1],
                activation="relu" if number < len(layers) - 1 else None,
                kq_conf=QuantizerConfig("kif", "weight", overflow_mode="WRAP"),
                bq_conf=QuantizerConfig("kbi", "bias", b0=BIAS_BITS, i0=_integer_bits(bias).max()),
                iq_conf=QuantizerConfig("kif", "datalane"),
            )
            value = made(value)
            made.kernel.assign(weight.astype(np.float32))
            made.bias.assign(bias.astype(np.float32))
            kernel, entering = made.kq.quantizer, made.iq.quantizer
            kernel._i.assign(_integer_bits(weight))
            step_bits = WEIGHT_BITS - _integer_bits(weight).max(axis=0)
            kernel._f.assign(np.broadcast_to(step_bits, weight.shape))
            if number:
                input_bits = ACTIVATION_BITS - _integer_bits(found).max(axis=0)
            entering._f.assign(np.broadcast_to(input_bits, entering._f.shape))
            found = np.maximum(found @ weight + bias, 0.0)
    return keras.Model(source, value)


def _integer_bits(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ceil(np.log2(np.abs(values) + 1e-6))


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
    """Return a front of HGQ2 from the float network *start* in *seconds* of processor time.

    Building and compiling the model, and reading and judging its networks, are not charged: the
    steps of this package are compiled beforehand.
    """
    import keras

    keras.utils.set_random_seed(seed)
    task, scaling = given.task, given.data.scaling
    shifts = Shifts.of(scaling, task.input_format)
    inputs = shifts.inputs(task.inputs[task.train])
    flat = inputs.reshape(-1, inputs.shape[-1])
    seen = flat[:: max(1, len(flat) // TRACED_EVENTS)]
    model = hgq_model(shifts.folded(start, scaling), shifts.input_bits, seen)
    rows = minibatches(len(inputs), BATCH, 10**9, seed)
    loss = _loss_in_units(given, shifts)
    trainer = HgqTrainer(model, inputs, given.data.targets.numpy(), loss, rows)
    base, ebops = trainer.figures(min(len(inputs), TRACED_EVENTS))
    trainer.compile()
    states, begin = [], time.process_time()
    for share, price in zip(_shares(), np.geomspace(*PRICES, POINTS), strict=True):
        trainer.set_price(price * base / ebops)
        trainer.train_until(begin + share * seconds, RATES)
        states.append(trainer.state)
    points = []
    for state in states:
        trainer.store(state)
        points.append(given.judged(*imported_network(model, shifts, seen)))
    pace = 1e3 * trainer.spent / trainer.steps
    print(f"HGQ2 took {trainer.steps:,} steps of {pace:.1f} ms")  # noqa: T201
    return points


def _loss_in_units(given: ShippedTask, shifts: Shifts) -> Callable[[Any, Any], Any]:
    """Return the study's loss of HGQ2's outputs against standardized targets."""
    task, scaling = given.task, given.data.scaling
    unit = np.ldexp(1.0 / scaling.output_scale, shifts.output_bits).astype(np.float32)
    middle = (scaling.output_mean / scaling.output_scale).astype(np.float32)
    if task.loss.kind == "coincidence":
        middle = middle * 0  # a constant that both detectors share
    own = loss_like(task.loss)
    return lambda outputs, targets: own(outputs * unit - middle, targets)


def _shares() -> Iterator[float]:
    """Yield the share of the time at which each network is taken."""
    for number in range(POINTS):
        yield (FIRST_SHARE + number) / (FIRST_SHARE + POINTS - 1)
