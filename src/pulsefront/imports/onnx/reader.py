"""ONNX graphs read as real graphs: plain ones, QONNX, and those with QuantizeLinear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from pulsefront.errors import DataError, PulsefrontError, UnsupportedLayer
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.fixed_point.layers.unsupported import refuse
from pulsefront.imports.graph import Node, RealInput, RealNetwork, Reals
from pulsefront.imports.names import identifier
from pulsefront.imports.onnx.file import FileTensor, Scales

if TYPE_CHECKING:
    from pulsefront.imports.onnx.codes import Code

__all__ = ["OnnxReader", "read_onnx"]


class OnnxReader:
    """The walk through an ONNX graph, node by node.

    Attributes
    ----------
    constants
        Arrays of the file that are known before it runs, by name.
    tensors
        The others, as the graph has them.
    nodes
        Of the graph, so far.
    changes
        What had to be changed, in sentences.
    scales
        What becomes of scales that are no powers of two; see `Scales`.
    half_steps
        Tensors of the file to which half a step was added, as a part of the quantizer behind.
    codes
        Of tensors that are integers of a QuantizeLinear in the file: what these stand for.
    """

    def __init__(self, model: Any, *, scales: Scales) -> None:
        from onnx import numpy_helper

        self.model = model
        self.graph = model.graph
        self.scales = scales
        self.constants: dict[str, np.ndarray[Any, Any]] = {
            one.name: numpy_helper.to_array(one) for one in self.graph.initializer
        }
        self.tensors: dict[str, FileTensor] = {}
        self.nodes: list[Node] = []
        self.changes: list[str] = []
        self.half_steps: set[str] = set()
        self.codes: dict[str, Code] = {}
        self.taken: set[str] = set()
        self.inputs: list[RealInput] = []

    def read(self, name: str, outputs: Sequence[str]) -> RealNetwork:
        """Return the graph up to *outputs*, names of tensors; those of the file if there are none.

        Raises
        ------
        UnsupportedLayer
            A node has no counterpart.
        """
        from pulsefront.imports.onnx.codes import refuse_arithmetic
        from pulsefront.imports.onnx.nodes import HANDLERS

        for one in self.graph.input:
            if one.name not in self.constants:
                self._input(one)
        given = {one.name for one in self.graph.input}
        for one in outputs:
            if one in given or not any(one in node.output for node in self.graph.node):
                told = "is what goes in" if one in given else "is no tensor of the network"
                raise self._no_ending(one, told)
        wanted = list(outputs) or [one.name for one in self.graph.output]
        needed = self._needed(wanted)
        for node in _computed(needed, set(self.tensors)):
            if node.op_type not in HANDLERS:
                raise self._refused(node, wanted)
        for node in needed:
            if all(not one or one in self.constants for one in node.input):
                self._fold(node)
                continue
            refuse_arithmetic(self, node)
            HANDLERS[node.op_type](self, node)
        for one in wanted:
            if one not in self.tensors:
                raise self._no_ending(one, "does not depend on what goes in")
        for one in wanted:
            if self.tensors[one].scale != 1.0:
                self.changes.append(
                    f"{one}: its numbers are those of the file over {self.tensors[one].scale:.9g}"
                )
        used = {name for node in self.nodes for name in node.inputs}
        inputs = tuple(one for one in self.inputs if one.name in used)
        names = tuple(self.tensors[one].name for one in wanted)
        return RealNetwork(name, inputs, tuple(self.nodes), names, tuple(self.changes))

    def _no_ending(self, output: str, problem: str) -> DataError:
        """Return the error of an output that is none, with the last tensors one can end at."""
        from pulsefront.imports.onnx.nodes import HANDLERS

        found: list[str] = []
        other = OnnxReader(self.model, scales=self.scales)
        for one in self.graph.input:
            if one.name not in other.constants:
                other._input(one)
        for node in self.graph.node:
            with suppress(PulsefrontError):  # behind what has no counterpart nothing can be read
                if all(not one or one in other.constants for one in node.input):
                    other._fold(node)
                elif node.op_type in HANDLERS and all(
                    not one or one in other.constants or one in other.tensors for one in node.input
                ):
                    HANDLERS[node.op_type](other, node)
                    found += [one for one in node.output if one in other.tensors]
        remedy = f"one of {', '.join(found[-8:])}" if found else "leave it out"
        return DataError(problem, field="output", value=output, remedy=remedy)

    def _fold(self, node: Any) -> None:
        """Compute what is constant; weights that are quantized here keep to their grid."""
        from pulsefront.imports.onnx.origin import constants_of
        from pulsefront.imports.onnx.weights import QUANTIZERS, quantized_constant

        found = constants_of(self.model, node, self.constants)
        self.constants |= dict(zip(node.output, found, strict=False))
        if node.op_type in QUANTIZERS:
            quantized_constant(self, node)

    def _needed(self, wanted: Sequence[str]) -> list[Any]:
        """Return the nodes that lead to the wanted tensors, in the order of the file."""
        needed, found = set(wanted), []
        for node in reversed(self.graph.node):
            if needed & set(node.output):
                needed |= set(node.input)
                found.append(node)
        return found[::-1]

    def _refused(self, node: Any, wanted: Sequence[str]) -> UnsupportedLayer:
        error = refuse(node.name or node.output[0], node.op_type)
        if set(node.output) & set(wanted):
            error.remedy = f"{error.remedy}; or end before it: the output {node.input[0]}"
        return error

    def _input(self, one: Any) -> None:
        dims = one.type.tensor_type.shape.dim
        shape = tuple(int(dim.dim_value) for dim in dims[1:])
        if not shape or min(shape) < 1:
            told = [dim.dim_value or dim.dim_param or "?" for dim in dims]
            raise UnsupportedLayer(
                one.name,
                problem=f"an input of the shape {tuple(told)} has no counterpart",
                remedy="all axes but the number of events are fixed: export the network with such "
                "an example",
            )
        telling = self._telling(one.name)
        kind = "" if telling is None else telling.op_type
        first = len(shape) > 1 and ("Conv" in kind or "Pool" in kind)
        image = None
        if len(shape) == 3 and (first or (kind == "Transpose" and _to_channels_first(telling))):
            image = (shape[1], shape[2]) if first else (shape[0], shape[1])
        elif len(shape) > 2:
            self._flat_input(one, shape)
            return
        name = identifier(one.name, self.taken, "input")
        mine = shape
        if len(shape) > 1:
            channels = shape[0] if first else shape[-1]
            mine = (int(np.prod(shape)) // channels, channels)
        self.tensors[one.name] = FileTensor(name, mine, channels_first=first, image=image)
        self.inputs.append(RealInput(name, mine, one.name, _format_of_type(one)))

    def _flat_input(self, one: Any, shape: tuple[int, ...]) -> None:
        """Take an input that the network flattens, such as an image, as flat from the start."""
        name = identifier(one.name, self.taken, "input")
        size = (int(np.prod(shape)),)
        self.tensors[one.name] = FileTensor(name, size, axes=shape)
        self.inputs.append(RealInput(name, size, one.name, _format_of_type(one)))

    def _telling(self, name: str) -> Any:
        """Return the node that first turns, convolves, pools or multiplies an input; None if none.

        It tells the order of its axes, which all else leaves alone: convolutions of ONNX have
        channels first.
        """
        reached = {name}
        for node in self.graph.node:
            if not reached & set(node.input):
                continue
            moving = ("Transpose", "MatMul", "Gemm", "Flatten", "Reshape")
            if "Conv" in node.op_type or "Pool" in node.op_type or node.op_type in moving:
                return node
            reached |= set(node.output)
        return None

    @property
    def one_by_one(self) -> bool:
        """Whether the file has a single event in its shapes."""
        sizes = [one.type.tensor_type.shape.dim[0].dim_value for one in self.graph.input
                 if one.name not in self.constants]  # fmt: skip
        return sizes.count(1) == len(sizes)

    def new_name(self, node: Any, suffix: str = "") -> str:
        """Return a name for what *node* gives."""
        text = (node.name or node.output[0]) + suffix
        return identifier(text, self.taken, node.op_type.lower())

    def readers(self, tensor: str) -> int:
        """Return how many nodes read a tensor of the file."""
        outputs: int = sum(one.name == tensor for one in self.graph.output)
        nodes: int = sum(list(one.input).count(tensor) for one in self.graph.node)
        return outputs + nodes

    def keep(self, node: Any, made: Node, source: FileTensor, **changed: Any) -> None:
        """Add a node of the graph as what *node* gives."""
        self.nodes.append(made)
        self.tensors[node.output[0]] = source.like(made.name, **changed)

    def constant(self, node: Any, index: int, what: str) -> Reals | None:
        """Return a constant input of *node*; None where it has none.

        Raises
        ------
        UnsupportedLayer
            It is computed from the network's inputs.
        """
        if index >= len(node.input) or not node.input[index]:
            return None
        name = node.input[index]
        if name not in self.constants:
            raise UnsupportedLayer(
                node.name or node.output[0],
                problem=f"its {what} is not constant",
                remedy="export the network with constant parameters",
            )
        return np.asarray(self.constants[name], np.float64)


def _computed(nodes: Sequence[Any], inputs: set[str]) -> Iterator[Any]:
    """Yield the nodes that compute with what goes in; its shape is known before."""
    known = set(inputs)
    for node in nodes:
        if known & set(node.input):
            yield node
            if node.op_type != "Shape":
                known |= set(node.output)


def _format_of_type(one: Any) -> FixedPointFormat | None:
    """Return the format of an input of 8 or 16-bit integers; None of any other."""
    from onnx import TensorProto

    name = str(TensorProto.DataType.Name(one.type.tensor_type.elem_type))
    if name not in ("INT8", "UINT8", "INT16", "UINT16"):
        return None
    bits = int(name.removeprefix("U").removeprefix("INT"))
    return FixedPointFormat(bits, bits, signed=not name.startswith("U"))


def _to_channels_first(node: Any) -> bool:
    """Whether a Transpose brings (row, column, channel) to (channel, row, column)."""
    return any(one.name == "perm" and list(one.ints) == [0, 3, 1, 2] for one in node.attribute)


def read_onnx(
    model: Any, name: str, *, outputs: Sequence[str] = (), scales: Scales = "refuse"
) -> tuple[RealNetwork, OnnxReader]:
    """Return the graph of an ONNX model, and the reader, which knows the order of its axes."""
    reader = OnnxReader(model, scales=scales)
    return reader.read(name, outputs), reader
