"""One trainable network as plain arrays: what is stacked for training, stored, ablated, lowered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.networks.precision import Precision, with_channels, with_inputs
from pulsefront.networks.settings import Convolution, MlpSettings

__all__ = [
    "Candidate",
    "Scaling",
    "initial_candidate",
    "keep_nodes",
    "split_inputs",
    "without_dead",
]


@dataclass(frozen=True)
class Scaling:
    """Standardization fitted on training events; folded into the first and last layer.

    ``input_mean`` and ``input_scale`` (n_in,) are in the input's unit (ADC counts);
    ``output_mean`` and ``output_scale`` (n_out,) in the target's.
    """

    input_mean: NDArray[np.float64]
    input_scale: NDArray[np.float64]
    output_mean: NDArray[np.float64]
    output_scale: NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A network in training units: standardized inputs in, standardized outputs out.

    Attributes
    ----------
    kept_inputs
        (n_kept,) ascending indices into the task's inputs.
    weights, biases
        Per dense layer (n_in, n_out) and (n_out,) float32, unquantized ("latent"). With a
        convolution the first are its filters (kernel, channel), and the second layer reads
        (position · channel), the channel running fastest.
    precision
        Formats of the quantized network; None while it is a float network.
    seed
        Of the initialization.
    """

    kept_inputs: NDArray[np.intp]
    weights: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]
    precision: Precision | None
    seed: int
    convolution: Convolution | None = None

    @property
    def positions(self) -> int:
        """Places of the convolution's kernel; 1 without one."""
        return self.convolution.positions(len(self.kept_inputs)) if self.convolution else 1

    @property
    def hidden(self) -> tuple[int, ...]:
        """Nodes per hidden layer."""
        return tuple(weight.shape[1] for weight in self.weights[:-1])

    @property
    def finite(self) -> bool:
        """Whether training stayed sane: no NaN, nothing beyond a million in training units."""
        # A comparison with NaN is false.
        return all(bool((np.abs(a) < 1e6).all()) for a in (*self.weights, *self.biases))

    def with_bits(
        self,
        *,
        weight_bits: Sequence[int],
        bias_bits: Sequence[int],
        activation_bits: Sequence[int],
        per_channel: bool = False,
    ) -> Candidate:
        """Return the network with these widths; the binary points are still to be calibrated."""
        layers = len(self.weights)
        return replace(
            self,
            precision=Precision(
                tuple(weight_bits),
                tuple((0,) * (w.shape[1] if per_channel else 1) for w in self.weights),
                tuple(bias_bits),
                tuple(activation_bits),
                (0,) * (layers - 1),
                per_channel,
            ),
        )


def initial_candidate(settings: MlpSettings, n_in: int, n_out: int, seed: int) -> Candidate:
    """Return a network with He-normal weights (He 2015, Eq. 10) and small random biases.

    Raises
    ------
    UnsupportedLayer
        The settings ask for a layer outside the allow-list.
    ConfigError
        A convolution's kernel is longer than the inputs.
    """
    settings.check()
    random = np.random.default_rng(np.random.SeedSequence([0x6E6574, seed]))
    shapes = list(pairwise((n_in, *settings.hidden, n_out)))
    filters = settings.convolution
    if filters is not None:
        if filters.kernel > n_in:
            raise ConfigError(
                f"the kernel does not fit {n_in} samples",
                field="convolution.kernel",
                value=filters.kernel,
            )
        flat = filters.positions(n_in) * filters.channels
        shapes = [(filters.kernel, filters.channels), (flat, shapes[0][1]), *shapes[1:]]
    weights = []
    biases = []
    for layer, (fan_in, fan_out) in enumerate(shapes):
        gain = 1.0 if layer == len(shapes) - 1 else 2.0
        weights.append(
            (random.standard_normal((fan_in, fan_out)) * np.sqrt(gain / fan_in)).astype(np.float32)
        )
        # Spread-out thresholds: with zero biases all nodes would bend at the mean input.
        spread = 0.0 if layer == len(shapes) - 1 else 0.5
        biases.append((random.standard_normal(fan_out) * spread).astype(np.float32))
    return Candidate(np.arange(n_in), tuple(weights), tuple(biases), None, seed, filters)


def split_inputs(candidate: Candidate, groups: Sequence[Sequence[int]]) -> Candidate:
    """Return *candidate* in branches: each group of inputs has nodes of its own.

    *groups* are indices among the candidate's inputs, such as row sums and column sums. Every
    hidden layer is divided among them in their order, as evenly as it goes; only the output reads
    all branches. The weights between branches are exactly zero, and training leaves them there.

    Raises
    ------
    ConfigError
        An input is in no group or in two, a hidden layer has fewer nodes than there are groups,
        or the network is a convolution, or has no hidden layer.
    """
    n_in = len(candidate.kept_inputs)
    if sorted(index for group in groups for index in group) != list(range(n_in)):
        raise ConfigError(f"groups hold each of {n_in} inputs once", field="groups", value=groups)
    if candidate.convolution is not None or not candidate.hidden:
        raise ConfigError("branches need a hidden layer and no convolution", field="groups")
    if min(candidate.hidden) < len(groups):
        raise ConfigError(
            f"{len(groups)} branches need as many nodes in every hidden layer",
            field="hidden",
            value=candidate.hidden,
        )
    source = np.zeros(n_in, dtype=int)
    for number, group in enumerate(groups):
        source[list(group)] = number
    weights = list(candidate.weights)
    for layer, nodes in enumerate(candidate.hidden):
        own = np.arange(nodes) * len(groups) // nodes
        weights[layer] = weights[layer] * (source[:, None] == own)
        source = own
    return replace(candidate, weights=tuple(weights))


def without_dead(candidate: Candidate) -> Candidate:
    """Return *candidate* without inputs and nodes that change no output, to the same integers.

    An input goes where all of its weights are exactly zero; a node where all of its outgoing
    weights are, or where its incoming ones are and its bias keeps its ReLU at zero. One of each
    layer stays. Convolutions keep their samples and filters.
    """
    first = 1 if candidate.convolution is not None else 0
    while True:
        smaller = candidate
        if first == 0:
            smaller = _keep_inputs(smaller, (smaller.weights[0] != 0).any(1))
        for layer in range(first, len(smaller.weights) - 1):
            speaks = (smaller.weights[layer + 1] != 0).any(1)
            hears = (smaller.weights[layer] != 0).any(0) | (smaller.biases[layer] > 0)
            smaller = keep_nodes(smaller, layer, _places(speaks & hears))
        if smaller is candidate:
            return candidate
        candidate = smaller


def _places(alive: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.flatnonzero(alive) if alive.any() else np.arange(1)


def _keep_inputs(candidate: Candidate, alive: NDArray[np.bool_]) -> Candidate:
    keep = _places(alive)
    if len(keep) == len(alive):
        return candidate
    return replace(
        candidate,
        kept_inputs=candidate.kept_inputs[keep],
        weights=(candidate.weights[0][keep], *candidate.weights[1:]),
        precision=with_inputs(candidate.precision, keep),
    )


def keep_nodes(candidate: Candidate, layer: int, keep: NDArray[np.intp]) -> Candidate:
    """Return *candidate* with the nodes *keep* of hidden *layer* alone, nothing else changed.

    Not for the filters of a convolution, whose results the next layer reads position by position.
    """
    if len(keep) == candidate.hidden[layer]:
        return candidate
    weights, biases = list(candidate.weights), list(candidate.biases)
    weights[layer], weights[layer + 1] = weights[layer][:, keep], weights[layer + 1][keep]
    biases[layer] = biases[layer][keep]
    precision = with_channels(candidate.precision, layer, keep)
    return replace(candidate, weights=tuple(weights), biases=tuple(biases), precision=precision)
