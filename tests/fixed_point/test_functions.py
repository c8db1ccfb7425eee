"""Functions of tables beside their definitions, and where floating point is at its ends."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.fixed_point.functions import FUNCTIONS, values_of_function

X = np.linspace(-9, 9, 37)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sigmoid", 1 / (1 + np.exp(-X))),
        ("tanh", np.tanh(X)),
        ("leaky_relu", np.where(X < 0, 0.25 * X, X)),
        ("elu", np.where(X < 0, 0.25 * (np.exp(X) - 1), X)),
        ("softplus", np.log(1 + np.exp(X))),
        ("softsign", X / (1 + np.abs(X))),
        ("silu", X / (1 + np.exp(-X))),
        ("hard_sigmoid", np.minimum(np.maximum(0.25 * X + 0.5, 0), 1)),
    ],
)
def test_definitions(name, expected):
    np.testing.assert_allclose(values_of_function(name, X, 0.25), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_input_overflows(name):
    found = values_of_function(name, [-1e300, -1e5, 0.0, 1e5, 1e300], 0.25)
    assert np.all(np.isfinite(found))
