"""A fixed-point model as hls4ml's list of layers, with every precision by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.firmware.hls4ml.stage import STAGE, ap_type, stage_code
from pulsefront.fixed_point.bounds import product_fraction
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, container
from pulsefront.fixed_point.layers import Conv1d, Dense, Flatten, Relu, aligned, assignment_of
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.tensors import Step

__all__ = ["layer_list", "output_layers", "precisions"]


def precisions(model: FixedPointModel, settings: HlsSettings) -> dict[str, Any]:
    """Return hls4ml's configuration by layer name: every type, reuse factor and strategy."""
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
                "ReuseFactor": settings.reuse_factor,
                "Strategy": settings.strategy,
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


def output_layers(model: FixedPointModel) -> list[str]:
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


def layer_list(model: FixedPointModel, settings: HlsSettings) -> list[dict[str, Any]]:
    """Return hls4ml's layers in order, inputs first, with weights and biases as real values."""
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
        elif isinstance(layer, Flatten) and not settings.has_stages:
            shape = [step.result.size]
            entries.append({**common, "class_name": "Reshape", "target_shape": shape})
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
