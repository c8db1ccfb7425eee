"""Random chains of dense layers and their inputs."""

from __future__ import annotations

import itertools

import numpy as np

from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Quantize,
    Relu,
)


def chain_model(seed: int, *, bits: int = 5, sizes: tuple[int, ...] = ()) -> FixedPointModel:
    """Return a random chain: ReLU or quantization after each layer, a linear or exact end."""
    rng = np.random.default_rng(seed)
    sizes = sizes or tuple(int(n) for n in rng.integers(1, 40, rng.integers(2, 5)))
    weight_format = FixedPointFormat(bits, int(rng.integers(0, 3)))
    layers: list = []
    previous = "x"
    for number, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        low, high = weight_format.minimum, weight_format.maximum
        layer = Dense(
            f"d{number}",
            (previous,),
            rng.integers(low, high, (n_in, n_out), endpoint=True),
            weight_format,
            rng.integers(-100, 100, n_out) if rng.random() < 0.8 else None,
            FixedPointFormat(8, 3),
        )
        layers.append(layer)
        previous = layer.name
        if number < len(sizes) - 2 or rng.random() < 0.5:
            to = Assignment(
                FixedPointFormat(8, int(rng.integers(2, 14)), bool(rng.integers(2))),
                rng.choice(["TRN", "RND"]),
                rng.choice(["SAT", "SAT_SYM"]),
            )
            kind = Relu if rng.random() < 0.7 else Quantize
            layers.append(kind(f"a{number}", (previous,), to))
            previous = layers[-1].name
    signed = bool(rng.integers(2))
    source = Input("x", (sizes[0],), FixedPointFormat(10, 10, signed))
    return FixedPointModel("chain", (source,), tuple(layers), (previous,))


def inputs_of(model: FixedPointModel, events: int, seed: int = 0) -> np.ndarray:
    one = model.inputs[0]
    rng = np.random.default_rng(seed)
    return rng.integers(one.format.minimum, one.format.maximum, (events, *one.shape), endpoint=True)
