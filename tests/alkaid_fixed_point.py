"""A network of dense layers and ReLUs as alkaid's traced logic, for tests that compare with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pulsefront.fixed_point import Dense, FixedPointModel, Relu


def alkaid_logic(model: FixedPointModel) -> Any:
    """Return *model* as alkaid's traced logic."""
    trace = pytest.importorskip("alkaid.trace")
    (source,) = model.inputs
    given = trace.FVArrayInput(source.shape)
    one = source.format
    value = given.quantize(int(one.signed), one.integer - int(one.signed), one.fraction)
    for layer in model.layers:
        if isinstance(layer, Dense):
            value = value @ layer.weight_format.values(layer.weights)
            value = value + layer.bias_format.values(layer.bias)
        else:
            assert isinstance(layer, Relu)
            to = layer.to
            value = np.maximum(value, 0).quantize(
                0, to.format.integer, to.format.fraction, str(to.overflow), str(to.rounding)
            )
    return trace.trace(given, value)
