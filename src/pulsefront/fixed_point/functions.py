"""Functions of one real number that firmware has as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["FUNCTIONS", "values_of_function"]

Reals = npt.NDArray[np.float64]


def _sigmoid(x: Reals, _: float) -> Reals:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1.0) / (1.0 + small)


def _elu(x: Reals, slope: float) -> Reals:
    return np.where(x < 0, slope * np.expm1(np.minimum(x, 0.0)), x)


FUNCTIONS: Mapping[str, Callable[[Reals, float], Reals]] = {
    "sigmoid": _sigmoid,
    "tanh": lambda x, _: np.tanh(x),
    "leaky_relu": lambda x, slope: np.where(x < 0, slope * x, x),
    "elu": _elu,
    "softplus": lambda x, _: np.logaddexp(0.0, x),
    "softsign": lambda x, _: x / (1.0 + np.abs(x)),
    "silu": lambda x, _: x * _sigmoid(x, 0.0),
    "hard_sigmoid": lambda x, slope: np.clip(slope * x + 0.5, 0.0, 1.0),
}
"""By name, from real numbers and the slope that some of them have."""


def values_of_function(name: str, values: npt.ArrayLike, slope: float = 0.0) -> Reals:
    """Return a function of `FUNCTIONS` of real *values*, in float64."""
    return np.asarray(FUNCTIONS[name](np.asarray(values, np.float64), slope))
