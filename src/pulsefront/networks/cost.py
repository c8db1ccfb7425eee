"""What a network asks of the hardware, read off the model that would be deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from pydantic import GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pulsefront.config import without_serializer
from pulsefront.fixed_point.circuits import bit_operations
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.layers import ChosenDense, MatrixLayer
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.resources import ResourceModel, estimate_resources
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.front_end import FrontEnd
from pulsefront.networks.lower import lower

__all__ = ["OF_PART", "NetworkCost", "cost_of", "minimal_cost", "model_cost"]

FLOAT_BITS = 32


@dataclass(frozen=True)
class NetworkCost:
    """Cost of a network; the first five as `fixed_point.cost` defines them.

    ``weight_bytes`` counts weights and biases at their widths, zeros included: that is dense
    storage. ``activation_bytes`` counts inputs and all results, ``macs`` multiply-accumulates per
    event, ``bops`` bit operations, ``ebops`` effective bit operations. ``nonzero_weights`` is the
    number of constants that an unrolled build multiplies by: there, as in ``ebops`` and in
    ``lut``, a pruned weight costs nothing. ``lut``, ``ff``, ``dsp`` and ``latency_cycles`` are
    those of a `fixed_point.ResourceEstimate`, *estimated* unless a tool has synthesized; None for
    a float network, which is not built. ``block_ram_kbit``, ``latency_ns`` and ``part_use`` are
    those of the design that fits a part, and None where none is asked for: ``part_use`` is the
    largest of its shares of the part, and above 1 how many times too much, too slow or too late
    the nearest design is.
    """

    weight_bytes: int
    activation_bytes: int
    macs: int
    bops: float
    ebops: int
    nonzero_weights: int
    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    latency_cycles: int | None = None
    block_ram_kbit: int | None = None
    latency_ns: float | None = None
    part_use: float | None = None

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is known only where a part was asked for."""
        return {
            name: value
            for name, value in handler(self).items()
            if value is not None or name not in OF_PART
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the fields; what is left out has a default."""
        return handler(without_serializer(schema))


OF_PART = ("block_ram_kbit", "latency_ns", "part_use")
"""Costs that only a design for a part has."""


def cost_of(
    candidate: Candidate,
    scaling: Scaling,
    input_format: FixedPointFormat,
    output_format: FixedPointFormat,
    front_end: FrontEnd | None = None,
    resources: ResourceModel = estimate_resources,
) -> NetworkCost:
    """Return the cost of *candidate*: that of its lowered model.

    A float network is counted as if every number had 32 bits.
    """
    if candidate.precision is None:
        raw = len(candidate.kept_inputs)
        if front_end is not None:
            raw = len(front_end.raw_inputs(candidate.kept_inputs))
        return _float_cost(candidate, raw, input_format.width)
    model = lower(
        candidate, scaling, input_format, output_format, name="candidate", front_end=front_end
    )
    return model_cost(model, resources)


def model_cost(
    model: FixedPointModel, resources: ResourceModel = estimate_resources
) -> NetworkCost:
    """Return the cost of a lowered *model*."""
    whole = model.cost()
    built = resources(model)
    return NetworkCost(
        weight_bytes=whole.weight_bytes,
        activation_bytes=whole.activation_bytes,
        macs=whole.macs,
        bops=whole.bops,
        ebops=whole.ebops,
        nonzero_weights=sum(
            int(np.count_nonzero(layer.weights))
            for layer in model.layers
            if isinstance(layer, MatrixLayer | ChosenDense)
        ),
        lut=built.lut,
        ff=built.ff,
        dsp=built.dsp,
        latency_cycles=built.latency_cycles,
        block_ram_kbit=built.block_ram_kbit,
        latency_ns=built.latency_ns,
        part_use=built.part_use,
    )


def _float_cost(candidate: Candidate, raw: int, input_bits: int) -> NetworkCost:
    places = [candidate.positions, *(1 for _ in candidate.weights[1:])]
    shapes = [weight.shape for weight in candidate.weights]
    source_bits = (input_bits, *(FLOAT_BITS for _ in shapes[1:]))
    numbers = sum(weight.size for weight in candidate.weights)
    numbers += sum(bias.size for bias in candidate.biases)
    results = sum(n * shape[1] for n, shape in zip(places, shapes, strict=True))
    macs = [n * shape[0] * shape[1] for n, shape in zip(places, shapes, strict=True)]
    return NetworkCost(
        weight_bytes=numbers * FLOAT_BITS // 8,
        activation_bytes=-(-(raw * input_bits + 2 * FLOAT_BITS * results) // 8),
        macs=sum(macs),
        bops=sum(
            n * float(bit_operations(FLOAT_BITS, x, shape[0]))
            for n, x, shape in zip(macs, source_bits, shapes, strict=True)
        ),
        ebops=sum(n * FLOAT_BITS * x for n, x in zip(macs, source_bits, strict=True)),
        nonzero_weights=sum(int(np.count_nonzero(weight)) for weight in candidate.weights),
    )


def minimal_cost(layers: int, n_out: int, input_bits: int, floor_bits: int) -> NetworkCost:
    """Return a lower bound of what an ablation of *layers* dense layers could end with.

    One input and one node per hidden layer, *floor_bits* everywhere; what depends on the weights
    or on a tool is bounded by zero, the latency too: wires take no cycle.
    """
    bits = (floor_bits,) * layers
    return _from_shape((1,) * layers + (n_out,), bits, bits, (input_bits, *bits[1:]))


def _from_shape(
    sizes: Sequence[int],
    weight_bits: Sequence[int],
    bias_bits: Sequence[int],
    source_bits: Sequence[int],
) -> NetworkCost:
    macs = [a * b for a, b in pairwise(sizes)]
    stored = sum(n * bits for n, bits in zip(macs, weight_bits, strict=True)) + sum(
        n * bits for n, bits in zip(sizes[1:], bias_bits, strict=True)
    )
    bops = sum(
        n * float(bit_operations(w, x, fan_in))
        for n, w, x, fan_in in zip(macs, weight_bits, source_bits, sizes[:-1], strict=True)
    )
    return NetworkCost(
        -(-stored // 8), 0, sum(macs), bops, 0, 0, lut=0, ff=0, dsp=0, latency_cycles=0,
        block_ram_kbit=0, latency_ns=0.0, part_use=0.0,
    )  # fmt: skip
