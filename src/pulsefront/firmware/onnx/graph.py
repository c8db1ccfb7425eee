"""A small builder of ONNX graphs: nodes, constants, and which value holds which tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError

__all__ = ["GraphBuilder"]

OPSET = 18
IR_VERSION = 9


class GraphBuilder:
    """Collects nodes and constants; *kind* is the number type of all raw integers between.

    *domains* are those of operators beside the standard's, with their versions.
    """

    def __init__(
        self,
        kind: type[np.float32 | np.float64 | np.int64],
        domains: Mapping[str, int] | None = None,
    ) -> None:
        self.kind = kind
        self.domains = {"": OPSET, **(domains or {})}
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._values: dict[str, str] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def node(
        self, operator: str, inputs: list[str], *, output: str = "", name: str = "",
        **attributes: Any,
    ) -> str:  # fmt: skip
        """Append a node and return the name of its output."""
        from onnx import helper

        output = output or f"value__{len(self.nodes)}"
        name = name or f"{operator}__{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def constant(self, array: npt.NDArray[Any]) -> str:
        """Return the name of a constant tensor; equal ones are stored once."""
        from onnx import numpy_helper

        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant__{len(self.initializers)}"
            self.initializers.append(numpy_helper.from_array(array, name))
            self._constants[key] = name
        return self._constants[key]

    def number(self, integers: npt.ArrayLike) -> str:
        """Return a constant of raw integers in the graph's number type."""
        return self.constant(np.asarray(integers, dtype=np.int64).astype(self.kind))

    def real(self, values: npt.ArrayLike) -> str:
        """Return a constant of real values in the graph's number type."""
        return self.constant(np.asarray(values, dtype=self.kind))

    def shape(self, lengths: list[int]) -> str:
        """Return a constant of 64-bit integers: a shape, axes or an index."""
        return self.constant(np.asarray(lengths, dtype=np.int64))

    def cast(self, value: str, kind: type) -> str:
        """Return *value* in the number type *kind*."""
        from onnx import helper

        return self.node("Cast", [value], to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def rename(self, tensor: str, value: str) -> None:
        """Remember that *value* holds the tensor of that name."""
        self._values[tensor] = value

    def value(self, tensor: str) -> str:
        """Return the name of the value that holds a tensor."""
        return self._values[tensor]

    def model(
        self,
        name: str,
        inputs: list[Any],
        outputs: list[Any],
        description: str,
        properties: Mapping[str, str],
    ) -> Any:
        """Return the ``ModelProto`` of what was built, checked by ``onnx.checker`` in full.

        Raises
        ------
        ExportError
            The graph is not valid.
        """
        import onnx
        from onnx import helper

        proto = helper.make_model(
            helper.make_graph(self.nodes, name, inputs, outputs, initializer=self.initializers),
            opset_imports=[helper.make_opsetid(*one) for one in self.domains.items()],
            producer_name="pulsefront",
            ir_version=IR_VERSION,
            doc_string=description,
        )
        helper.set_model_props(proto, dict(properties))
        try:
            onnx.checker.check_model(proto, full_check=True)
        except onnx.checker.ValidationError as error:
            raise ExportError(f"the ONNX graph of {name!r} is not valid: {error}") from error
        return proto
