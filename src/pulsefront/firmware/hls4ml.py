"""hls4ml projects from a fixed-point model, every precision by name.

The graph is built from a list of layers, without torch, Keras or QONNX. Dense, convolution and
ReLU are hls4ml's own; every other layer is a few lines of C++ of this project's (see
hls4ml_stage.py), because hls4ml's versions round on the way or know one mode only. Nothing is
left to ``auto``.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.errors import ExportError
from pulsefront.firmware.board import Board
from pulsefront.firmware.hls4ml_stage import STAGE, ap_type, register_stage, stage_code
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, container
from pulsefront.fixed_point.layers import Conv1d, Dense, Relu, aligned, assignment_of
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.ranges import Step, product_fraction

__all__ = ["STAMP", "write_hls4ml"]

STAMP = "pulsefront"
"""In place of hls4ml's random stamp, so that the same model gives the same files."""

EXACT_IN_DOUBLE = 53


def write_hls4ml(
    model: FixedPointModel,
    directory: str | Path,
    *,
    board: Board,
    backend: str = "Vitis",
    strategy: str = "Latency",
    reuse_factor: int = 1,
    io_type: str = "io_parallel",
) -> None:
    """Write a complete hls4ml project of *model* into *directory*.

    Raises
    ------
    ExportError
        The model has what this back-end cannot express; the message names the layer.
    """
    directory = Path(directory)
    _check(model)
    with _quiet() as said:
        from hls4ml.backends import get_backend
        from hls4ml.model.graph import ModelGraph

        register_stage()
        config = get_backend(backend).create_initial_config(
            part=board.part,
            clock_period=board.clock_period_ns,
            clock_uncertainty=board.clock_uncertainty,
            io_type=io_type,
        )
        config |= {
            "Backend": backend,
            "ProjectName": model.name,
            "OutputDir": str(directory),
            "HLSConfig": {
                "Model": {
                    # Every type is given by name below; this one would show in the output.
                    "Precision": {"default": "ap_fixed<1,1>"},
                    "ReuseFactor": reuse_factor,
                    "Strategy": strategy,
                },
                "LayerName": _precisions(model, reuse_factor, strategy),
            },
        }
        try:
            graph = ModelGraph.from_layer_list(
                config,
                _layer_list(model),
                inputs=[one.name for one in model.inputs],
                outputs=_output_layers(model),
            )
            graph.write()
        except Exception as error:
            last = said.getvalue().strip().splitlines()
            raise ExportError(
                f"hls4ml cannot write {model.name!r} for {backend}: {error}",
                value=last[-1] if last else None,
            ) from error
    _make_reproducible(directory, graph.config.config["Stamp"])


def _check(model: FixedPointModel) -> None:
    names = [model.name, *(one.name for one in model.inputs), *(one.name for one in model.layers)]
    lowered: dict[str, str] = {}
    for name in names:
        if name.lower() in lowered:
            raise ExportError(
                f"hls4ml does not tell {lowered[name.lower()]!r} from {name!r}",
                remedy="use names that differ in more than case",
            )
        lowered[name.lower()] = name
        if name in RESERVED:
            raise ExportError(f"{name!r} is a word of C++ or of hls4ml", remedy="use another name")
    formats = {one.name: one.format for one in model.inputs} | model.output_formats
    for name, one in formats.items():
        if one.width > EXACT_IN_DOUBLE:
            raise ExportError(
                f"{name!r} has {one.width} bits and hls4ml's C simulation passes doubles",
                remedy=f"give it an output format of at most {EXACT_IN_DOUBLE} bits",
            )


# Words of C++ that are also lower-case identifiers, and hls4ml's own type names.
RESERVED = frozenset(
    """
    alignas alignof and asm auto bool break case catch char class const constexpr continue default
    delete do double else enum explicit export extern false float for friend goto if inline int
    long main namespace new nnet not nullptr operator or private protected public register return
    short signed sizeof static struct switch template this throw true try typedef union unsigned
    using virtual void volatile while xor input_t result_t
    """.split()  # noqa: SIM905 - a list of ninety quoted words reads worse
)


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Keep hls4ml's prints and warnings off the user's terminal."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()) as said:
        warnings.simplefilter("ignore")
        yield said


def _precisions(model: FixedPointModel, reuse_factor: int, strategy: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        one.name: {"Precision": {"result": ap_type(one.format)}} for one in model.inputs
    }
    for step in model.steps:
        layer = step.layer
        if isinstance(layer, (Dense, Conv1d)):
            entry = {"result": _result_type(step), "accum": _accumulator_type(step)}
            entry["weight"] = ap_type(container(layer.weight_format))
            entry["bias"] = ap_type(container(layer.bias_format or FixedPointFormat(1, 1)))
            config[layer.name] = {
                "Precision": entry,
                "ReuseFactor": reuse_factor,
                "Strategy": strategy,
            }
            if _needs_stage(step):
                config[_stage_name(step)] = {"Precision": {"result": ap_type(step.result.format)}}
        elif _is_plain_relu(step):
            table = ap_type(step.result.format)
            config[layer.name] = {"Precision": {"result": _result_type(step), "table": table}}
        else:
            config[layer.name] = {"Precision": {"result": ap_type(step.result.format)}}
    return config


def _needs_stage(step: Step) -> bool:
    """Whether an assignment per channel follows hls4ml's own layer."""
    to = assignment_of(step.layer)
    return to is not None and not isinstance(to.format, FixedPointFormat)


def _stage_name(step: Step) -> str:
    return f"{step.layer.name}_channels"


def _output_layers(model: FixedPointModel) -> list[str]:
    """Return the names that the outputs have in the project."""
    steps = {step.layer.name: step for step in model.steps}
    return [
        _stage_name(steps[name])
        if isinstance(steps[name].layer, (Dense, Conv1d)) and _needs_stage(steps[name])
        else name
        for name in model.outputs
    ]


def _is_plain_relu(step: Step) -> bool:
    return isinstance(step.layer, Relu) and not _needs_stage(step)


def _result_type(step: Step) -> str:
    to = assignment_of(step.layer)
    if to is None or _needs_stage(step):
        return ap_type(step.exact.format)
    return ap_type(to.container, to)


def _accumulator_type(step: Step) -> str:
    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    if isinstance(layer.accumulator, Assignment):
        return ap_type(layer.accumulator.container, layer.accumulator)
    # Wide enough for every partial sum in any order, so that nothing is lost in it.
    _, fraction = product_fraction(layer, step.sources[0])
    width = step.magnitude.bit_length() + 1
    return f"ap_fixed<{width},{width - fraction}>"


def _layer_list(model: FixedPointModel) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = [
        {"class_name": "Input", "name": one.name, "input_shape": list(one.shape)}
        for one in model.inputs
    ]
    renamed: dict[str, str] = {}
    for step in model.steps:
        layer = step.layer
        common = {"name": layer.name, "inputs": [renamed.get(one, one) for one in layer.inputs]}
        if isinstance(layer, Dense):
            entries.append({**common, **_dense(layer)})
        elif isinstance(layer, Conv1d):
            entries.append({**common, **_conv1d(layer, step)})
        elif _is_plain_relu(step):
            size = step.exact.size
            entries.append(
                {**common, "class_name": "Activation", "activation": "relu", "n_in": size}
            )
        else:
            code = stage_code(step, layer.name)
            shape = list(step.result.shape)
            entries.append({**common, "class_name": STAGE, "code_cpp": code, "out_shape": shape})
        if isinstance(layer, (Dense, Conv1d)) and _needs_stage(step):
            name = _stage_name(step)
            entries.append(
                {
                    "name": name,
                    "inputs": [layer.name],
                    "class_name": STAGE,
                    "code_cpp": stage_code(step, name, only_assignment=True),
                    "out_shape": list(step.result.shape),
                }
            )
            renamed[layer.name] = name
    return entries


def _values(integers: Any, formats: Any) -> Any:
    """Return the real values of raw integers, exact in float64."""
    return np.ldexp(aligned(integers, formats).astype(np.float64), -container(formats).fraction)


def _bias(layer: Dense | Conv1d) -> Any:
    if layer.bias is None or layer.bias_format is None:
        return np.zeros(layer.weights.shape[-1])
    return _values(layer.bias, layer.bias_format)


def _dense(layer: Dense) -> dict[str, Any]:
    n_in, n_out = layer.weights.shape
    return {
        "class_name": "Dense",
        "n_in": n_in,
        "n_out": n_out,
        "weight_data": _values(layer.weights, layer.weight_format),
        "bias_data": _bias(layer),
    }


def _conv1d(layer: Conv1d, step: Step) -> dict[str, Any]:
    kernel, channels, filters = layer.weights.shape
    return {
        "class_name": "Conv1D",
        "data_format": "channels_last",
        "in_width": step.sources[0].shape[0],
        "out_width": step.exact.shape[0],
        "n_chan": channels,
        "n_filt": filters,
        "filt_width": kernel,
        "stride_width": layer.stride,
        "pad_left": layer.padding[0],
        "pad_right": layer.padding[1],
        "padding": "valid" if layer.padding == (0, 0) else "same",
        "weight_data": _values(layer.weights, layer.weight_format),
        "bias_data": _bias(layer),
    }


def _make_reproducible(directory: Path, stamp: str) -> None:
    """Take the random stamp and the absolute path out of the files that hold them."""
    for path in sorted(directory.rglob("*")):
        if path.suffix in {".sh", ".tcl", ".yml", ".cpp", ".h", ".txt"} and path.is_file():
            content = path.read_text(encoding="utf-8", errors="surrogateescape")
            changed = content.replace(stamp, STAMP).replace(str(directory), ".")
            if changed != content:
                path.write_text(changed, encoding="utf-8", errors="surrogateescape")
