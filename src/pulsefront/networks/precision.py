"""Formats of a quantized network: widths and binary points of all that it holds and passes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point.format import FixedPointFormat

__all__ = ["ChannelFormats", "Precision", "joined_layers", "with_channels", "with_inputs"]

Widths = tuple[int, ...]


@dataclass(frozen=True)
class ChannelFormats:
    """A width and a binary point for every input and every hidden node.

    An input comes in the format ``source`` and is cut to its own: low bits are dropped (TRN),
    which takes no gate, and what lies beyond is limited (SAT). Results of nodes are unsigned, as
    those of a layer are. ``input_bits`` and ``input_fraction`` have one entry per kept input,
    ``node_bits`` and ``node_fraction`` one per node of every hidden layer.
    """

    source: FixedPointFormat
    input_bits: Widths
    input_fraction: Widths
    node_bits: tuple[Widths, ...]
    node_fraction: tuple[Widths, ...]

    @property
    def inputs(self) -> tuple[FixedPointFormat, ...]:
        """The formats that the inputs are cut to."""
        return tuple(
            FixedPointFormat(bits, bits - fraction, self.source.signed)
            for bits, fraction in zip(self.input_bits, self.input_fraction, strict=True)
        )

    @property
    def middles(self) -> NDArray[np.float64]:
        """What (n_kept,) stands for what is cut off an input: the mean of the integers there."""
        steps = np.ldexp(1.0, -np.array(self.input_fraction))
        return np.asarray((steps - self.source.step) / 2)

    @classmethod
    def stored(cls, values: dict[str, Any]) -> ChannelFormats:
        """Return formats from the lists that JSON makes of them."""
        return cls(
            FixedPointFormat(**values["source"]),
            tuple(values["input_bits"]),
            tuple(values["input_fraction"]),
            tuple(map(tuple, values["node_bits"])),
            tuple(map(tuple, values["node_fraction"])),
        )


@dataclass(frozen=True)
class Precision:
    """Bit widths and binary points of a network with L dense layers.

    ``weight_bits``, ``weight_fraction`` and ``bias_bits`` have L entries, ``activation_bits``
    and ``activation_fraction`` L − 1 (one per ReLU, unsigned). A stored integer n stands for
    n · 2^−fraction. ``weight_fraction[layer]`` has one entry for the layer, or one per output
    where ``per_channel``. The binary point of the biases follows from their largest value.
    ``channel_bits`` gives every output a width of its own, at most ``weight_bits`` of its layer;
    None where all outputs have that. ``channels`` gives every input and every node a format of
    its own, and then ``activation_bits`` are the widest of each layer; None where inputs are as
    they come and nodes as their layer.
    """

    weight_bits: Widths
    weight_fraction: tuple[Widths, ...]
    bias_bits: Widths
    activation_bits: Widths
    activation_fraction: Widths
    per_channel: bool = False
    channel_bits: tuple[Widths, ...] | None = None
    channels: ChannelFormats | None = None

    def bits_of_weights(self, layer: int) -> Widths:
        """Return the widths of the weights of *layer*, as many as it has binary points."""
        if self.channel_bits is not None:
            return self.channel_bits[layer]
        return (self.weight_bits[layer],) * len(self.weight_fraction[layer])

    def bits_of_nodes(self, layer: int) -> Widths:
        """Return the widths of the results of hidden *layer*: one, or one per node."""
        if self.channels is not None:
            return self.channels.node_bits[layer]
        return (self.activation_bits[layer],)

    def points_of_nodes(self, layer: int) -> Widths:
        """Return the binary points of the results of hidden *layer*: one, or one per node."""
        if self.channels is not None:
            return self.channels.node_fraction[layer]
        return (self.activation_fraction[layer],)


def with_channels(
    precision: Precision | None, layer: int, keep: NDArray[np.intp]
) -> Precision | None:
    """Return the formats that are left when the outputs *keep* of hidden *layer* are."""
    if precision is None:
        return None

    def left(values: tuple[Widths, ...]) -> tuple[Widths, ...]:
        return (*values[:layer], _chosen(values[layer], keep), *values[layer + 1 :])

    own = precision.channels
    if own is not None:
        own = replace(own, node_bits=left(own.node_bits), node_fraction=left(own.node_fraction))
        precision = replace(precision, channels=own)
    if not precision.per_channel:
        return precision
    bits = precision.channel_bits
    return replace(
        precision,
        weight_fraction=left(precision.weight_fraction),
        channel_bits=None if bits is None else left(bits),
    )


def with_inputs(precision: Precision | None, keep: NDArray[np.intp]) -> Precision | None:
    """Return the formats that are left when the kept inputs at *keep* are."""
    if precision is None or precision.channels is None:
        return precision
    own = precision.channels
    left = replace(
        own,
        input_bits=_chosen(own.input_bits, keep),
        input_fraction=_chosen(own.input_fraction, keep),
    )
    return replace(precision, channels=left)


def joined_layers(precision: Precision, layer: int) -> Precision:
    """Return the formats of a network whose layers *layer* and the next have become one."""

    def widest(bits: Widths) -> Widths:
        return (*bits[:layer], max(bits[layer : layer + 2]), *bits[layer + 2 :])

    def without(values: Sequence[Any]) -> tuple[Any, ...]:
        return (*values[:layer], *values[layer + 1 :])

    bits, own = precision.channel_bits, precision.channels
    if own is not None:
        own = replace(
            own, node_bits=without(own.node_bits), node_fraction=without(own.node_fraction)
        )
    return replace(
        precision,
        weight_bits=widest(precision.weight_bits),
        bias_bits=widest(precision.bias_bits),
        weight_fraction=without(precision.weight_fraction),
        activation_bits=without(precision.activation_bits),
        activation_fraction=without(precision.activation_fraction),
        channel_bits=None if bits is None else without(bits),
        channels=own,
    )


def _chosen(values: Widths, keep: NDArray[np.intp]) -> Widths:
    return tuple(values[n] for n in keep)
