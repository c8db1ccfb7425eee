"""From a trained network to the one specification, `fixed_point.FixedPointModel`."""

from __future__ import annotations

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Formats,
    Overflow,
    Rounding,
)
from pulsefront.fixed_point.layers import Conv1d, Dense, Flatten, Input, Layer, Quantize, Relu
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.deploy import Deployed, deploy
from pulsefront.networks.front_end import FrontEnd

__all__ = ["lower", "lower_deployed"]


def lower(
    candidate: Candidate,
    scaling: Scaling,
    input_format: FixedPointFormat,
    output_format: FixedPointFormat,
    *,
    name: str,
    front_end: FrontEnd | None = None,
) -> FixedPointModel:
    """Return the integer model of a quantized candidate.

    It takes the raw counts of ``candidate.kept_inputs`` (event, n_kept), standardization and
    output scaling are folded into its first and last layer, accumulators are exact, and
    ``model.run`` gives the same integers as `networks.run_float64`.

    With a *front_end* the candidate's inputs are sums: the model forms them itself from the raw
    counts of ``front_end.raw_inputs(candidate.kept_inputs)``, and *input_format* is that of the
    raw counts. Sums of one input each are these inputs themselves and cost nothing. With a
    convolution the model's input has the shape (sample, 1).

    Raises
    ------
    PrecisionError
        The candidate is a float network, or its weights are not finite.
    """
    network_format = front_end.sum_format(input_format) if front_end else input_format
    network = deploy(candidate, scaling, network_format, output_format)
    return lower_deployed(network, name=name, front_end=front_end, raw_format=input_format)


def lower_deployed(
    network: Deployed,
    *,
    name: str,
    front_end: FrontEnd | None = None,
    raw_format: FixedPointFormat | None = None,
) -> FixedPointModel:
    """Return the integer model of a deployed network, behind a front end where given.

    Raises
    ------
    UnsupportedLayer
        A convolution behind a front end.
    """
    layers: list[Layer] = []
    source = "counts"
    kept = network.kept_inputs
    width = len(kept)
    if front_end is not None:
        raw = front_end.raw_inputs(kept)
        sums = front_end.matrix[np.ix_(raw, kept)].astype(np.int64)
        if not np.array_equal(sums, np.eye(width)):
            if network.convolution is not None:
                raise UnsupportedLayer(
                    "conv_1",
                    problem="a convolution reads samples, not sums of a front end",
                    remedy="leave out the front end or the convolution",
                )
            layers.append(
                Dense(
                    "sums",
                    (source,),
                    weights=sums,
                    weight_format=FixedPointFormat(1, 1, signed=False),
                )
            )
            source, width = "sums", len(raw)
    if network.input_cuts is not None:
        cut = Assignment(network.input_cuts, Rounding.TRN, Overflow.SAT)
        layers.append(Quantize("cut", (source,), to=cut))
        source = "cut"
    last = len(network.weights) - 1
    for index, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        is_last = index == last
        if index == 0 and network.convolution is not None:
            layers += _convolution(network, source)
            source = layers[-1].name
            continue
        dense = Dense(
            f"dense_{index + 1}",
            (source,),
            weights=weight,
            weight_format=network.weight_formats[index],
            bias=bias,
            bias_format=network.bias_formats[index],
            to=_rounded(network.output_format) if is_last else None,
        )
        layers.append(dense)
        source = dense.name
        if not is_last:
            relu = Relu(
                f"relu_{index + 1}",
                (source,),
                to=_rounded(network.activation_formats[index]),
            )
            layers.append(relu)
            source = relu.name
    shape = (width, 1) if network.convolution is not None else (width,)
    inputs = (Input("counts", shape, raw_format or network.input_format),)
    return FixedPointModel(name=name, inputs=inputs, layers=tuple(layers), outputs=(source,))


def _convolution(network: Deployed, source: str) -> list[Layer]:
    """Return convolution, ReLU and flattening; the model's input is (sample, 1)."""
    filters = network.convolution
    assert filters is not None
    return [
        Conv1d(
            "conv_1",
            (source,),
            weights=network.weights[0][:, None, :],
            weight_format=network.weight_formats[0],
            bias=network.biases[0],
            bias_format=network.bias_formats[0],
            stride=filters.stride,
        ),
        Relu("relu_1", ("conv_1",), to=_rounded(network.activation_formats[0])),
        Flatten("flat", ("relu_1",)),
    ]


def _rounded(target: Formats) -> Assignment:
    return Assignment(target, Rounding.RND, Overflow.SAT)
