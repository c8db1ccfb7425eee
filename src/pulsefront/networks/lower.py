"""From a trained network to the one specification, `fixed_point.FixedPointModel`."""

from __future__ import annotations

from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Overflow, Rounding
from pulsefront.fixed_point.layers import Dense, Input, Layer, Relu
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.deploy import Deployed, deploy

__all__ = ["lower", "lower_deployed"]


def lower(
    candidate: Candidate,
    scaling: Scaling,
    input_format: FixedPointFormat,
    output_format: FixedPointFormat,
    *,
    name: str,
) -> FixedPointModel:
    """Return the integer model of a quantized candidate.

    It takes the raw counts of ``candidate.kept_inputs`` (event, n_kept), standardization and
    output scaling are folded into its first and last layer, accumulators are exact, and
    ``model.run`` gives the same integers as `networks.run_float64`.

    Raises
    ------
    PrecisionError
        The candidate is a float network, or its weights are not finite.
    """
    return lower_deployed(deploy(candidate, scaling, input_format, output_format), name=name)


def lower_deployed(network: Deployed, *, name: str) -> FixedPointModel:
    """Return the integer model of a deployed network."""
    layers: list[Layer] = []
    source = "counts"
    last = len(network.weights) - 1
    for index, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        is_last = index == last
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
    inputs = (Input("counts", (len(network.kept_inputs),), network.input_format),)
    return FixedPointModel(name=name, inputs=inputs, layers=tuple(layers), outputs=(source,))


def _rounded(target: FixedPointFormat) -> Assignment:
    return Assignment(target, Rounding.RND, Overflow.SAT)
