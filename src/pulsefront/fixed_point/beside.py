"""A second network beside a first: more outputs of one model that reads some of the same tensors.

Dense layers side by side are one dense layer, so what comes out is a chain again, which every
writer of firmware knows. The outputs of the first model keep their integers: their columns get
zeros where the second network's nodes come in.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import FixedPointFormat, by_channel, container
from pulsefront.fixed_point.layers import Dense, Layer, Relu
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["dense_layers", "up_to", "with_beside"]


def dense_layers(model: FixedPointModel) -> list[Dense]:
    """Return the dense layers of a chain with a bias, in order: those of the network itself.

    Sums of inputs before it, which have no bias, are none of them.
    """
    return [one for one in model.layers if isinstance(one, Dense) and one.bias is not None]


def up_to(model: FixedPointModel, name: str) -> FixedPointModel:
    """Return the part of a chain that ends with layer *name*."""
    names = [layer.name for layer in model.layers]
    return replace(model, layers=model.layers[: names.index(name) + 1], outputs=(name,))


def with_beside(model: FixedPointModel, other: FixedPointModel) -> FixedPointModel:
    """Return *model* with the outputs of *other* after its own.

    Both are chains of dense layers and ReLUs at their ends. *other* reads what the dense layer of
    *model* reads that has as many dense layers from there on as *other*. Its results behind ReLUs
    have as many bits as those of *model*, its output the same assignment.

    Raises
    ------
    PrecisionError
        The models do not fit together in this way.
    """
    added = dense_layers(other)
    own = dense_layers(model)[-len(added) :]
    if len(own) < len(added):
        raise PrecisionError(
            f"{len(added)} dense layers do not fit beside the {len(own)} of model {model.name!r}",
            remedy="give the network beside it fewer layers",
        )
    first = own[0].weights.shape[0]
    if added[0].weights.shape[0] != first:
        raise PrecisionError(
            f"the network beside model {model.name!r} reads {added[0].weights.shape[0]} numbers, "
            f"and {first} are there",
        )
    relus = [layer for layer in other.layers if isinstance(layer, Relu)]
    layers: list[Layer] = []
    done, leaving = 0, 0
    for layer in model.layers:
        if done < len(own) and layer is own[done]:
            entering, leaving = leaving, 0
            if done < len(relus):
                leaving = _shift(_relu_after(model, layer), relus[done])
            layers.append(_joined(own[done], added[done], entering, leaving, shared=done == 0))
            done += 1
        else:
            layers.append(layer)
    return replace(model, layers=tuple(layers))


def _relu_after(model: FixedPointModel, layer: Layer) -> Relu:
    for one in model.layers:
        if isinstance(one, Relu) and one.inputs == (layer.name,):
            return one
    raise PrecisionError(f"no ReLU follows layer {layer.name!r} of model {model.name!r}")


def _shift(own: Relu, added: Relu) -> int:
    """Return by how many bits the values of *added* grow where its integers are read as *own*'s."""
    one, other = own.to, added.to
    if one is None or other is None:
        raise PrecisionError("networks beside each other are assigned to a format by their ReLUs")
    formats = [replace(to.container, integer=0) for to in (one, other)]
    modes = [(to.per_channel, to.rounding, to.overflow) for to in (one, other)]
    if formats[0] != formats[1] or modes[0] != modes[1] or one.per_channel:
        raise PrecisionError(
            f"layers {own.name!r} and {added.name!r} beside it are assigned differently",
            value=f"{one}, {other}",
            remedy="give both as many bits",
        )
    return other.container.fraction - one.container.fraction


def _joined(own: Dense, added: Dense, entering: int, leaving: int, *, shared: bool) -> Dense:
    """Return both layers as one.

    What *added* reads has grown by *entering* bits, what it gives has to grow by *leaving*: its
    integers stay, only binary points move.
    """
    if own.to != added.to:
        raise PrecisionError(
            f"layers {own.name!r} and {added.name!r} are assigned differently",
            value=f"{own.to}, {added.to}",
        )
    (rows, columns), (more, further) = own.weights.shape, added.weights.shape
    above = 0 if shared else rows
    weights = np.zeros((above + more, columns + further), np.int64)
    weights[:rows, :columns] = own.weights
    weights[above:, columns:] = added.weights
    formats = (
        *by_channel(own.weight_format, columns),
        *(_moved(one, leaving - entering) for one in by_channel(added.weight_format, further)),
    )
    own_bias, added_bias = _bias_format(own), _bias_format(added)
    moved = _moved(added_bias, leaving)
    whole = container((own_bias, moved))
    bias = np.concatenate(
        [
            own.bias_at(own_bias.fraction) << (whole.fraction - own_bias.fraction),
            added.bias_at(added_bias.fraction) << (whole.fraction - moved.fraction),
        ]
    )
    return replace(
        own,
        weights=weights,
        weight_format=formats[0] if len(set(formats)) == 1 else formats,
        bias=bias,
        bias_format=whole,
    )


def _bias_format(layer: Dense) -> FixedPointFormat:
    assert layer.bias_format is not None  # `dense_layers` takes no others
    return container(layer.bias_format)


def _moved(one: FixedPointFormat, bits: int) -> FixedPointFormat:
    """Return the format in which the same integers stand for 2^bits times as much."""
    return FixedPointFormat(one.width, one.integer + bits, one.signed)
