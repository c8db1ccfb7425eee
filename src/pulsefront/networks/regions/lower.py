"""From the trained networks of all regions to the one specification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Formats,
    Integers,
    Overflow,
    Rounding,
)
from pulsefront.fixed_point.layers import ChosenDense, Layer, Relu
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.deploy import Deployed
from pulsefront.networks.lower import lower_deployed
from pulsefront.networks.regions.coarse import CoarseStage

__all__ = ["lower_regions"]


def lower_regions(
    networks: Sequence[Deployed], stage: CoarseStage | None, *, name: str
) -> FixedPointModel:
    """Return one integer model of the *networks* of all regions, behind the coarse *stage*.

    It takes the raw counts of all inputs. Weights and activations have the same formats in all
    networks (see `training.in_common_formats`); biases get the format that holds all of them. A
    single network has no stage.
    """
    if stage is None:
        (alone,) = networks
        return lower_deployed(alone, name=name)
    first = networks[0]
    layers: list[Layer] = list(stage.layers)
    source, last = "counts", len(first.weights) - 1
    for index, weight_format in enumerate(first.weight_formats):
        bias, bias_format = _biases(networks, index)
        dense = ChosenDense(
            f"dense_{index + 1}",
            (source, "region"),
            np.stack([one.weights[index] for one in networks]),
            weight_format,
            bias,
            bias_format,
            to=_rounded(first.output_format) if index == last else None,
        )
        layers.append(dense)
        source = dense.name
        if index < last:
            to = _rounded(first.activation_formats[index])
            layers.append(Relu(f"relu_{index + 1}", (source,), to=to))
            source = layers[-1].name
    return FixedPointModel(name, stage.inputs, tuple(layers), (source,))


def _biases(networks: Sequence[Deployed], index: int) -> tuple[Integers, FixedPointFormat]:
    """Return the biases (network, n_out) of a layer in the smallest format that holds all."""
    formats = [one.bias_formats[index] for one in networks]
    fraction = max(one.fraction for one in formats)
    integer = max(one.integer for one in formats)
    whole = [
        one.biases[index] << (fraction - form.fraction)
        for one, form in zip(networks, formats, strict=True)
    ]
    return np.stack(whole), FixedPointFormat(integer + fraction, integer)


def _rounded(target: Formats) -> Assignment:
    return Assignment(target, Rounding.RND, Overflow.SAT)
