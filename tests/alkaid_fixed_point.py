"""A network of dense layers, casts and ReLUs as alkaid's traced logic, to compare with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pulsefront.fixed_point import Assignment, Dense, FixedPointModel, Relu
from pulsefront.fixed_point.format import container


def alkaid_logic(model: FixedPointModel) -> Any:
    """Return *model* as alkaid's traced logic."""
    trace = pytest.importorskip("alkaid.trace")
    (source,) = model.inputs
    given = trace.FVArrayInput(source.shape)
    value = _assigned(given, Assignment(source.format))
    for layer in model.layers:
        if isinstance(layer, Dense):
            value = value @ _reals(layer.matrix_at(layer.weight_fraction), layer.weight_fraction)
            if layer.bias is not None and layer.bias_format is not None:
                fraction = container(layer.bias_format).fraction
                value = value + _reals(layer.bias_at(fraction), fraction)
        elif isinstance(layer, Relu):
            value = np.maximum(value, 0)
        else:
            assert layer.kind == "quantize", layer.kind
        to = getattr(layer, "to", None)
        value = value if to is None else _assigned(value, to)
    return trace.trace(given, value)


def _reals(integers: np.ndarray, fraction: int) -> np.ndarray:
    return np.ldexp(integers.astype(float), -fraction)


def _assigned(value: Any, to: Assignment) -> Any:
    """Return alkaid's cast; with one format per channel, each to its own."""
    signs = np.array([int(one.signed) for one in to.formats])
    integers = np.array([one.integer for one in to.formats]) - signs
    fractions = np.array([one.fraction for one in to.formats])
    return value.quantize(signs, integers, fractions, str(to.overflow), str(to.rounding))
