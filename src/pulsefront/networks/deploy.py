"""From a trained candidate to the integers that the hardware holds, and its exact forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import FixedPointFormat, Formats, by_channel, container
from pulsefront.fixed_point.real_values import round_half_up
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.settings import Convolution

if TYPE_CHECKING:
    import torch

__all__ = ["Deployed", "deploy", "predict", "run_float64"]

SPARE_BIAS_BITS = 2

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Deployed:
    """Raw integers and formats of a network that takes raw counts of its kept inputs.

    Attributes
    ----------
    kept_inputs
        (n_kept,) indices into the task's inputs.
    weights, biases
        Per layer (n_in, n_out) and (n_out,) int64; value = integer · 2^−fraction.
    weight_formats, bias_formats
        Per layer, signed; weights may have one format per output.
    activation_formats
        Per hidden layer, unsigned; assigned with RND and SAT after the ReLU. One for the layer or
        one per node.
    input_cuts
        (n_kept,) formats that the inputs are cut to (TRN, SAT) before the first layer reads them;
        None where it reads them as they are.
    input_format, output_format
        Of the network's ends; the output is assigned with RND and SAT.
    """

    kept_inputs: NDArray[np.intp]
    convolution: Convolution | None
    weights: tuple[Integers, ...]
    biases: tuple[Integers, ...]
    weight_formats: tuple[Formats, ...]
    bias_formats: tuple[FixedPointFormat, ...]
    activation_formats: tuple[Formats, ...]
    input_format: FixedPointFormat
    output_format: FixedPointFormat
    input_cuts: tuple[FixedPointFormat, ...] | None = None


def real_parameters(
    candidate: Candidate, scaling: Scaling, layer: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the float64 weights and biases of *layer* with output scaling folded, input not."""
    weight = candidate.weights[layer].astype(np.float64)
    bias = candidate.biases[layer].astype(np.float64)
    if layer == 0:
        weight = weight / _entering(candidate, scaling.input_scale)[:, None]
    if layer == len(candidate.weights) - 1:
        weight = weight * scaling.output_scale
        bias = bias * scaling.output_scale + scaling.output_mean
    return weight, bias


def _entering(candidate: Candidate, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scaling *values* of the rows of the first layer."""
    kept = candidate.kept_inputs
    if candidate.convolution is not None:
        kept = kept[: candidate.convolution.kernel]
    return values[kept]


def _windows(value: torch.Tensor, filters: Convolution) -> torch.Tensor:
    """Return (event · position, kernel) of samples (event, sample)."""
    return value.unfold(1, filters.kernel, filters.stride).reshape(-1, filters.kernel)


def deploy(
    candidate: Candidate,
    scaling: Scaling,
    input_format: FixedPointFormat,
    output_format: FixedPointFormat,
) -> Deployed:
    """Round a candidate once; what comes out is the network, there is nothing left to round.

    Raises
    ------
    PrecisionError
        The candidate has no formats yet, or its weights are not finite.
    """
    precision = candidate.precision
    if precision is None:
        raise PrecisionError("a float network has no integers", remedy="train it quantized first")
    if not candidate.finite:
        raise PrecisionError("the weights are not finite", remedy="train again: it diverged")
    channels = precision.channels
    hidden_formats = tuple(
        _formats(precision.bits_of_nodes(layer), precision.points_of_nodes(layer), signed=False)
        for layer in range(len(precision.activation_bits))
    )
    cuts = None if channels is None else channels.inputs
    sources = (cuts or input_format, *hidden_formats)
    targets = (*hidden_formats, output_format)
    weights = []
    biases = []
    bias_formats = []
    for layer in range(len(candidate.weights)):
        weight, bias = real_parameters(candidate, scaling, layer)
        bits = np.array(precision.bits_of_weights(layer))
        fraction = np.array(precision.weight_fraction[layer])
        raw = _round_to(weight, fraction, bits)
        weights.append(raw)
        if layer == 0:
            mean = _entering(candidate, scaling.input_mean)
            if channels is not None:
                mean = mean - channels.middles
            bias = bias - mean @ np.ldexp(raw.astype(np.float64), -fraction)
        bias_bits = precision.bias_bits[layer]
        # Finer than every other tensor of the layer, a bias would only widen the accumulator.
        finest = SPARE_BIAS_BITS + max(
            int(fraction.max()) + container(sources[layer]).fraction,
            container(targets[layer]).fraction,
        )
        bias_fraction = min(_largest_fraction(bias, bias_bits), finest)
        biases.append(_round_to(bias, bias_fraction, bias_bits))
        bias_formats.append(FixedPointFormat(bias_bits, bias_bits - bias_fraction))
    return Deployed(
        kept_inputs=candidate.kept_inputs,
        convolution=candidate.convolution,
        weights=tuple(weights),
        biases=tuple(biases),
        weight_formats=tuple(
            _formats(precision.bits_of_weights(layer), fractions)
            for layer, fractions in enumerate(precision.weight_fraction)
        ),
        bias_formats=tuple(bias_formats),
        activation_formats=hidden_formats,
        input_format=input_format,
        output_format=output_format,
        input_cuts=cuts,
    )


def _formats(bits: tuple[int, ...], fractions: tuple[int, ...], *, signed: bool = True) -> Formats:
    formats = tuple(
        FixedPointFormat(width, width - fraction, signed)
        for width, fraction in zip(bits, fractions, strict=True)
    )
    return formats[0] if len(set(formats)) == 1 else formats


def _values(raw: Integers, formats: Formats) -> NDArray[np.float64]:
    """Return the real values of raw integers (n_in, n_out)."""
    if isinstance(formats, FixedPointFormat):
        return formats.values(raw)
    fractions = np.array([one.fraction for one in formats])
    return np.asarray(np.ldexp(raw.astype(np.float64), -fractions))


def _round_to(
    values: NDArray[np.float64],
    fraction: int | NDArray[np.integer],
    bits: int | NDArray[np.integer],
) -> Integers:
    half = 2 ** (np.asarray(bits, np.int64) - 1)
    return np.clip(round_half_up(np.ldexp(values, fraction)), -half, half - 1).astype(np.int64)


def _largest_fraction(values: NDArray[np.float64], bits: int) -> int:
    peak = max(float(np.abs(values).max(initial=0.0)), 1e-30)
    return int(np.floor(np.log2((2.0 ** (bits - 1) - 0.5) / peak)))


def run_float64(network: Deployed, integers: NDArray[np.integer]) -> Integers:
    """Return raw output integers (event, n_out) by float64 arithmetic.

    Every sum is an integer multiple of a power of two below 2^53, so float64 is exact and the
    result equals the integer emulator's on every vector.

    ``integers`` is (event, n_in) with *all* inputs of the task; the kept ones are picked here.
    """
    import torch

    value = torch.from_numpy(
        np.ldexp(
            np.asarray(integers)[:, network.kept_inputs].astype(np.float64),
            -network.input_format.fraction,
        )
    )
    last = len(network.weights) - 1
    events = len(value)
    if network.input_cuts is not None:
        value = _assigned(value, network.input_cuts, half=0.0)
    if network.convolution is not None:
        value = _windows(value, network.convolution)
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        real_weight = _values(weight, network.weight_formats[layer])
        real_bias = network.bias_formats[layer].values(bias)
        value = torch.addmm(torch.from_numpy(real_bias), value, torch.from_numpy(real_weight))
        target = network.output_format if layer == last else network.activation_formats[layer]
        # An unsigned format starts at zero: saturating to it is the ReLU.
        value = _assigned(value, target, half=0.5)
        # Positions of a convolution are rows until here; from now on an event is a row.
        value = value.reshape(events, -1)
    value.mul_(2.0**network.output_format.fraction)
    result: Integers = value.numpy().astype(np.int64)
    return result


def _assigned(value: torch.Tensor, target: Formats, *, half: float) -> torch.Tensor:
    """Return *value* (row, channel), changed in place, in *target*: RND, without *half* TRN."""
    import torch

    formats = by_channel(target, value.shape[1])
    scale, low, high = (
        torch.tensor(ends, dtype=torch.float64)
        for ends in zip(
            *((2.0**one.fraction, one.minimum, one.maximum) for one in formats), strict=True
        )
    )
    value.mul_(scale).add_(half).floor_()
    return torch.clamp(value, low, high, out=value).div_(scale)


def predict(
    candidate: Candidate,
    scaling: Scaling,
    integers: NDArray[np.integer],
    input_format: FixedPointFormat,
    output_format: FixedPointFormat,
) -> NDArray[np.float64]:
    """Return outputs (event, n_out) in the target's unit, exact for a quantized candidate."""
    if candidate.precision is not None:
        network = deploy(candidate, scaling, input_format, output_format)
        return output_format.values(run_float64(network, integers))
    return _predict_float(candidate, scaling, integers, input_format)


def _predict_float(
    candidate: Candidate,
    scaling: Scaling,
    integers: NDArray[np.integer],
    input_format: FixedPointFormat,
) -> NDArray[np.float64]:
    import torch

    kept = candidate.kept_inputs
    value = torch.from_numpy(
        np.ldexp(np.asarray(integers)[:, kept].astype(np.float64), -input_format.fraction)
        - scaling.input_mean[kept]
    )
    last = len(candidate.weights) - 1
    events = len(value)
    if candidate.convolution is not None:
        value = _windows(value, candidate.convolution)
    for layer in range(last + 1):
        weight, bias = real_parameters(candidate, scaling, layer)
        value = torch.addmm(torch.from_numpy(bias), value, torch.from_numpy(weight))
        if layer < last:
            value.clamp_min_(0.0)
        value = value.reshape(events, -1)
    result: NDArray[np.float64] = value.numpy()
    return result
