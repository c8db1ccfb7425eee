"""ONNX graphs computed by NumPy: the standard's own reference, with QONNX's quantizers added.

ONNX Runtime does not know these operators. Their meaning here is that of QONNX's own
implementation (``qonnx.custom_op.general.intquant``); `tests/peers/test_imports.py` and
`tests/peers/test_qonnx.py` run that package beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["QUANTIZER_DOMAINS", "reference_evaluator"]

QUANTIZER_DOMAINS = (
    "qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general", "qonnx",
)  # fmt: skip
"""Under which the quantizers appear."""


def reference_evaluator(model: Any) -> Any:
    """Return an evaluator of a ``ModelProto`` with a method ``run(None, feeds)``.

    Domains that the file uses and does not state are added to it.
    """
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    known = {one.domain for one in model.opset_import}
    used = {one.domain for one in model.graph.node}
    # Files of older packages use domains without saying so.
    model.opset_import.extend(helper.make_opsetid(one, 1) for one in sorted(used - known))
    return ReferenceEvaluator(model, new_ops=_quantizers())


def _quantizers() -> list[Any]:
    """Return QONNX's operators under every domain that they appear in."""
    from onnx.reference.op_run import OpRun

    class Quant(OpRun):
        def _run(
            self, x: Any, scale: Any, zero: Any, bits: Any, signed: Any = None, narrow: Any = None,
            rounding_mode: Any = None,
        ) -> tuple[Any]:  # fmt: skip
            signed = 1 if signed is None else signed
            return (_quantized(x, scale, zero, bits, signed, narrow or 0, rounding_mode),)

    class BipolarQuant(OpRun):
        def _run(self, x: Any, scale: Any) -> tuple[Any]:
            return (np.where(x >= 0, scale, -scale).astype(x.dtype),)

    class BatchNormalization(OpRun):
        # Below opset 14 the reference takes the mean of the events at hand.
        def _run(
            self, x: Any, scale: Any, bias: Any, mean: Any, variance: Any, epsilon: Any = None,
            **_: Any,
        ) -> tuple[Any]:  # fmt: skip
            shape = (1, -1, *[1] * (x.ndim - 2))
            factor = scale / np.sqrt(variance + (1e-5 if epsilon is None else epsilon))
            shifted = (x - mean.reshape(shape)) * factor.reshape(shape)
            return ((shifted + bias.reshape(shape)).astype(x.dtype),)

    named = {"Quant": Quant, "IntQuant": Quant, "BipolarQuant": BipolarQuant}
    return [
        type("BatchNormalization", (BatchNormalization,), {"op_domain": ""}),
        *(
            type(name, (one,), {"op_domain": domain})
            for domain in QUANTIZER_DOMAINS
            for name, one in named.items()
        ),
    ]


def _quantized(
    x: Any, scale: Any, zero: Any, bits: Any, signed: int, narrow: int, mode: str | None
) -> Any:
    width = float(np.reshape(bits, -1)[0])
    if width == 1 and signed:
        return np.where(x >= 0, scale, -scale).astype(x.dtype)
    low = -(2 ** (width - 1)) + narrow if signed else 0
    high = 2 ** (width - 1) - 1 if signed else 2**width - 1 - narrow
    rounded = _ROUND[(mode or "ROUND").upper()](np.clip(x / scale + zero, low, high))
    return ((rounded - zero) * scale).astype(x.dtype)


_ROUND: Mapping[str, Callable[[Any], Any]] = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}
