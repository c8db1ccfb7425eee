"""The door for ONNX: a file or model of any of its forms to a fixed-point model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.imports.calibrate import Widths
from pulsefront.imports.graph import RealNetwork
from pulsefront.imports.imported import Imported, finished
from pulsefront.imports.names import model_name
from pulsefront.imports.onnx.file import Scales, load_onnx
from pulsefront.imports.onnx.origin import Run, origin_of
from pulsefront.imports.onnx.reader import read_onnx

__all__ = ["from_onnx"]


def from_onnx(
    source: str | Path | Any,
    *,
    data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None = None,
    name: str | None = None,
    outputs: Sequence[str] = (),
    input_format: FixedPointFormat | None = None,
    widths: Widths | None = None,
    scales: Scales = "refuse",
    run: Run | None = None,
) -> Imported:
    """Return an ONNX network as a fixed-point model, and what it is compared with.

    Parameters
    ----------
    source
        A file, or a ``ModelProto``: with QONNX's quantizers (as Brevitas and QONNX write them),
        with ``QuantizeLinear`` and ``DequantizeLinear``, or without any.
    data
        Input events in the file's own order of axes, by the model's name of the input where there
        are several. Needed where the network, or its input, has no format: it is then calibrated.
        Integers are taken as they are, such as ADC counts.
    name
        Of the model; from the file.
    outputs
        Tensors of the file at which to end. A softmax at the end is left out in any case: the
        largest of its inputs tells the class, and the changes say so.
    input_format
        Of the inputs, where the network does not say it.
    widths
        Bits that calibration chooses formats of.
    scales
        What becomes of scales that are no powers of two. ``refuse``: an error. ``nearest``: the
        next that covers the range, and the changes say by how much. ``keep``: tensors keep their
        integers, which count steps of the file's own scales, and weights carry the factors between
        them, batch normalizations included, in ``widths.factors`` bits; an integer differs where
        these bits decide a rounding.
    run
        What computes the network as it was, in place of ONNX Runtime: from arrays by the file's
        names of inputs, in its order of axes, to those of its outputs.

    Raises
    ------
    UnsupportedLayer
        A node has no bit-exact counterpart; it is named, with what to use instead.
    PrecisionError
        A scale is no power of two, weights lie on no grid and there is no data, or are not finite.
    DataError
        The file is missing or no ONNX, or *outputs* names no tensor.
    """
    model = load_onnx(source)
    outputs, left_out = _before_softmax(model, outputs)
    stem = Path(source).stem if isinstance(source, (str, Path)) else model.graph.name
    named = name or model_name(stem)
    graph, reader = read_onnx(model, named, outputs=outputs, scales=scales)
    graph = replace(graph, changes=(*left_out, *graph.changes))
    if input_format is not None and input_format.fraction > 0:
        _refuse_fractions(model, graph, input_format)
    seen = reader.tensors
    turned = frozenset(one.name for one in graph.inputs if seen[one.origin].channels_first)
    return finished(
        graph,
        # What computes the network as it was gives no tensor before its end.
        origin_of(model, graph, reader, outputs, None if left_out else run),
        data=data,
        input_format=input_format,
        widths=widths,
        turned=turned,
        axes={
            one.name: seen[one.origin].file_shape
            for one in graph.inputs
            if seen[one.origin].file_shape != one.shape
        },
        steps={one.name: seen[one.origin].scale for one in graph.inputs},
        with_factors=scales == "keep",
    )


def _refuse_fractions(model: Any, graph: RealNetwork, given: FixedPointFormat) -> None:
    """Refuse a format with fraction bits for an input that takes integers in the file."""
    from onnx import helper

    for one in model.graph.input:
        kind = helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type)
        if kind.kind in "iu" and one.name in {port.origin for port in graph.inputs}:
            raise PrecisionError(
                f"the file takes {kind} there, and the format has fraction bits",
                field=one.name, value=str(given), remedy="give whole bits, such as ufixed<12,12>",
            )  # fmt: skip


_AT_THE_END = {
    "Softmax": "softmax",
    "LogSoftmax": "softmax",
    "ArgMax": "ArgMax",
    "Identity": "",
}
"""Nodes at the end that leave the order of the numbers, and what they are called."""


def _along_events(node: Any) -> bool:
    """Whether a node goes along the axis of events: ArgMax does where it says none."""
    given = {one.name: one.i for one in node.attribute}
    return bool(given.get("axis", 0 if node.op_type == "ArgMax" else -1) == 0)


def _before_softmax(model: Any, outputs: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the tensors to end at, those before a softmax or ArgMax, and what is left out."""
    makers = {name: node for node in model.graph.node for name in node.output}
    found, left_out = [], []
    for one in outputs or [port.name for port in model.graph.output]:
        name, tensor, passed = one, one, dict[str, None]()
        while (maker := makers.get(tensor)) is not None and maker.op_type in _AT_THE_END:
            if maker.op_type != "Identity" and _along_events(maker):
                break
            if maker.op_type != "Identity":
                passed[_AT_THE_END[maker.op_type]] = None
                name = maker.name or tensor
            tensor = maker.input[0]
        found.append(tensor if passed else one)
        if passed:
            what = " and the ".join(reversed(passed))
            left_out.append(
                f"{name}: the {what} at the end {'is' if len(passed) == 1 else 'are'} left out: "
                f"the largest of its inputs, {tensor}, tells the class"
            )
    return tuple(found if left_out else outputs), tuple(left_out)
