"""Cut inputs, nodes, weights or a layer out of a candidate; what is left takes over what it can."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate
from pulsefront.networks.precision import Precision, joined_layers, with_channels, with_inputs
from pulsefront.search.moments import Moments

__all__ = [
    "Bridge",
    "drop_inputs",
    "drop_layer",
    "drop_nodes",
    "drop_weights",
    "narrow_outputs",
    "narrow_weights",
]


@dataclass(frozen=True)
class Bridge:
    """Least-squares estimate of a layer's activations from what enters it.

    activations ≈ signals @ slope + offset; slope (n_in, nodes), offset (nodes,).
    """

    slope: NDArray[np.float64]
    offset: NDArray[np.float64]

    @staticmethod
    def of(signals: NDArray[np.float64], activations: NDArray[np.float64]) -> Bridge:
        """Fit *activations* (event, nodes) by *signals* (event, n_in)."""
        entering = signals.shape[1]
        both = Moments.of(np.hstack([signals, activations]))
        indices = np.arange(entering + activations.shape[1])
        return Bridge(*both.stand_in(indices[:entering], indices[entering:]))


def drop_inputs(
    candidate: Candidate, keep: NDArray[np.intp], moments: Moments | None = None
) -> Candidate:
    """Return *candidate* with the inputs at *keep* (indices among its kept ones) alone.

    With the *moments* of its inputs, the kept inputs take over what they can tell of the dropped
    ones. Without, a dropped input is replaced by its mean, which is zero once standardized.
    """
    first = candidate.weights[0]
    weight = first[keep]
    bias = candidate.biases[0]
    if moments is not None:
        gone = np.setdiff1d(np.arange(len(first)), keep)
        slope, offset = moments.stand_in(keep, gone)
        weight = _keeping_zeros(weight, slope @ first[gone])
        bias = (bias + offset @ first[gone]).astype(np.float32)
    return replace(
        candidate,
        kept_inputs=candidate.kept_inputs[keep],
        weights=(weight, *candidate.weights[1:]),
        biases=(bias, *candidate.biases[1:]),
        precision=with_inputs(candidate.precision, keep),
    )


def drop_nodes(
    candidate: Candidate, layer: int, keep: NDArray[np.intp], moments: Moments
) -> Candidate:
    """Return *candidate* with the nodes *keep* of hidden *layer* alone.

    *moments* are those of the layer's activations: the kept nodes and the next layer's biases
    take over what they can tell of the dropped ones.
    """
    weights = list(candidate.weights)
    biases = list(candidate.biases)
    after = weights[layer + 1]
    gone = np.setdiff1d(np.arange(weights[layer].shape[1]), keep)
    indices = candidate.positions if layer == 0 else 1
    rows = np.arange(len(after)).reshape(indices, -1)
    left, lost = rows[:, keep].reshape(-1), rows[:, gone].reshape(-1)
    slope, offset = moments.stand_in(left, lost)
    weights[layer + 1] = _keeping_zeros(after[left], slope @ after[lost])
    biases[layer + 1] = (biases[layer + 1] + offset @ after[lost]).astype(np.float32)
    weights[layer] = weights[layer][:, keep]
    biases[layer] = biases[layer][keep]
    precision = with_channels(candidate.precision, layer, keep)
    return replace(candidate, weights=tuple(weights), biases=tuple(biases), precision=precision)


def drop_weights(candidate: Candidate, layer: int, gone: NDArray[np.bool_]) -> Candidate:
    """Return *candidate* with the weights *gone* (n_in, n_out) of *layer* at zero, for good."""
    weights = list(candidate.weights)
    weights[layer] = np.where(gone, np.float32(0.0), weights[layer])
    return replace(candidate, weights=tuple(weights))


def drop_layer(candidate: Candidate, layer: int, bridge: Bridge) -> Candidate:
    """Return *candidate* without hidden *layer*: the next one reads what this one read.

    The *bridge* estimates the layer's activations from there. The next layer keeps its node
    count, and the wider of the two layers' formats; binary points are still to be calibrated.
    """
    after = candidate.weights[layer + 1].astype(np.float64)
    weights = list(candidate.weights)
    biases = list(candidate.biases)
    weights[layer : layer + 2] = [(bridge.slope @ after).astype(np.float32)]
    biases[layer : layer + 2] = [
        (biases[layer + 1] + bridge.offset @ after).astype(np.float32),
    ]
    precision = candidate.precision
    return replace(
        candidate,
        weights=tuple(weights),
        biases=tuple(biases),
        precision=joined_layers(precision, layer) if precision is not None else None,
    )


def narrow_weights(precision: Precision, layer: int, bits: int) -> Precision:
    """Return *precision* with at most *bits* for the weights of *layer*."""
    layers = precision.weight_bits
    channels = precision.channel_bits
    if channels is not None:
        own = tuple(min(one, bits) for one in channels[layer])
        channels = (*channels[:layer], own, *channels[layer + 1 :])
    return replace(
        precision,
        weight_bits=(*layers[:layer], bits, *layers[layer + 1 :]),
        channel_bits=channels,
    )


def narrow_outputs(precision: Precision, layer: int, outputs: NDArray[np.intp]) -> Precision:
    """Return *precision* with one bit less for the weights of some *outputs* of *layer*."""
    count = len(precision.weight_fraction)
    channels = [list(precision.bits_of_weights(one)) for one in range(count)]
    for output in outputs:
        channels[layer][output] -= 1
    widest = list(precision.weight_bits)
    widest[layer] = max(channels[layer])
    return replace(precision, weight_bits=tuple(widest), channel_bits=tuple(map(tuple, channels)))


def _keeping_zeros(weight: NDArray[np.float32], more: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the sum; pruned weights stay zero."""
    return np.where(weight == 0, np.float32(0.0), weight + more).astype(np.float32)
