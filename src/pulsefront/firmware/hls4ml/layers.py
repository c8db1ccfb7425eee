"""A fixed-point model as hls4ml's list of layers, with every precision by name.

hls4ml's own layers are those that `own_layer` knows; every other one becomes a stage (stage.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.firmware.hls4ml.stage import STAGE, ap_type, stage_code
from pulsefront.fixed_point.format import FixedPointFormat, Formats, Integers, aligned, container
from pulsefront.fixed_point.layers import (
    Conv1d,
    Dense,
    Flatten,
    Layer,
    LayerStep,
    MatrixLayer,
    Relu,
)
from pulsefront.fixed_point.model import FixedPointModel

__all__ = [
    "HlsLayer",
    "ProjectLayers",
    "has_channel_formats",
    "most_reuse",
    "own_layer",
    "project_layers",
]


@dataclass(frozen=True)
class HlsLayer:
    """One of hls4ml's layers: its *content* and its *config*, with hls4ml's keys."""

    content: dict[str, Any]
    config: dict[str, Any]


@dataclass(frozen=True)
class ProjectLayers:
    """A model for hls4ml.

    *entries* are its layers in order, inputs first, with weights and biases as real values;
    *config* has every type, reuse factor and strategy by name; *outputs* are the names that the
    outputs have in the project.
    """

    entries: list[dict[str, Any]]
    config: dict[str, dict[str, Any]]
    outputs: list[str]


def project_layers(model: FixedPointModel, settings: HlsSettings) -> ProjectLayers:
    """Return *model* as hls4ml takes it."""
    entries: list[dict[str, Any]] = []
    config: dict[str, dict[str, Any]] = {}
    renamed: dict[str, str] = {}
    for one in model.inputs:
        entries.append({"class_name": "Input", "name": one.name, "input_shape": list(one.shape)})
        config[one.name] = {"Precision": {"result": ap_type(one.format)}}
    for step in model.steps:
        name = step.layer.name
        sources = [renamed.get(one, one) for one in step.layer.inputs]
        own = own_layer(step.layer, step, settings)
        written = own or _stage(step, name)
        entries.append({"name": name, "inputs": sources, **written.content})
        config[name] = written.config
        if own is not None and has_channel_formats(step.layer):
            # hls4ml's own layer keeps every bit; an assignment per channel follows it.
            renamed[name] = f"{name}_channels"
            end = _stage(step, renamed[name], only_assignment=True)
            entries.append({"name": renamed[name], "inputs": [name], **end.content})
            config[renamed[name]] = end.config
    return ProjectLayers(entries, config, [renamed.get(one, one) for one in model.outputs])


def has_channel_formats(layer: Layer) -> bool:
    """Whether the result is assigned to one format per channel, which hls4ml does not know."""
    to = layer.assignment
    return to is not None and to.per_channel


def _stage(step: LayerStep, name: str, *, only_assignment: bool = False) -> HlsLayer:
    content = {
        "class_name": STAGE,
        "code_cpp": stage_code(step, name, only_assignment=only_assignment),
        "out_shape": list(step.result.shape),
    }
    return HlsLayer(content, {"Precision": {"result": ap_type(step.result.format)}})


@singledispatch
def own_layer(layer: Layer, step: LayerStep, settings: HlsSettings) -> HlsLayer | None:  # noqa: ARG001
    """Return the layer as one of hls4ml's own; None where it becomes a stage.

    A layer that hls4ml computes exactly registers here; every other one with `stage.stage_body`.
    """
    return None


@own_layer.register
def _dense(layer: Dense, step: LayerStep, settings: HlsSettings) -> HlsLayer | None:
    n_in, n_out = layer.weights.shape
    content = {
        "class_name": "Dense",
        "n_in": n_in,
        "n_out": n_out,
        **_constants(layer),
    }
    return HlsLayer(content, _matrix_config(layer, step, settings))


@own_layer.register
def _conv1d(layer: Conv1d, step: LayerStep, settings: HlsSettings) -> HlsLayer | None:
    kernel, channels, filters = layer.weights.shape
    content = {
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
        **_constants(layer),
    }
    return HlsLayer(content, _matrix_config(layer, step, settings))


@own_layer.register
def _relu(layer: Relu, step: LayerStep, _: HlsSettings) -> HlsLayer | None:
    if has_channel_formats(layer):
        return None
    content = {"class_name": "Activation", "activation": "relu", "n_in": step.exact.size}
    types = {"result": _result_type(step), "table": ap_type(step.result.format)}
    return HlsLayer(content, {"Precision": types})


@own_layer.register
def _flatten(_: Flatten, step: LayerStep, settings: HlsSettings) -> HlsLayer | None:
    if settings.has_stages:
        return None
    content = {"class_name": "Reshape", "target_shape": [step.result.size]}
    return HlsLayer(content, {"Precision": {"result": ap_type(step.result.format)}})


def _constants(layer: MatrixLayer) -> dict[str, Any]:
    """Return weights and bias as real values."""
    bias = np.zeros(layer.n_out)
    if layer.bias is not None and layer.bias_format is not None:
        bias = _values(layer.bias, layer.bias_format)
    return {"weight_data": _values(layer.weights, layer.weight_format), "bias_data": bias}


def _values(integers: Integers, formats: Formats) -> Any:
    """Return the real values of raw integers, exact in float64."""
    return container(formats).values(aligned(integers, formats))


def _matrix_config(layer: MatrixLayer, step: LayerStep, settings: HlsSettings) -> dict[str, Any]:
    types = {
        "result": _result_type(step),
        "accum": _accumulator_type(layer, step),
        "weight": ap_type(container(layer.weight_format)),
        "bias": ap_type(container(layer.bias_format or FixedPointFormat(1, 1))),
    }
    return {
        "Precision": types,
        "ReuseFactor": min(settings.reuse_of(layer.name), most_reuse(layer, settings.strategy)),
        "Strategy": settings.strategy,
    }


def most_reuse(layer: MatrixLayer, strategy: str) -> int:
    """Return the largest reuse factor of a layer that hls4ml computes right.

    Its resource convolution adds wrong products beyond one multiplier a filter, and only an
    assertion says so (nnet_conv1d_resource.h: "correct only for RF <= FILT_WIDTH * N_CHAN").
    """
    if isinstance(layer, Conv1d) and strategy == "Resource":
        kernel, channels, _ = layer.weights.shape
        return int(kernel * channels)
    return int(layer.weights.size)


def _result_type(step: LayerStep) -> str:
    to = step.layer.assignment
    if to is None or has_channel_formats(step.layer):
        return ap_type(step.exact.format)
    return ap_type(to.container, to)


def _accumulator_type(layer: MatrixLayer, step: LayerStep) -> str:
    if layer.accumulator is not None:
        return ap_type(layer.accumulator.container, layer.accumulator)
    # Wide enough for every partial sum in any order, so that nothing is lost in it.
    width = step.magnitude.bit_length() + 1
    return f"ap_fixed<{width},{width - layer.sum_fraction(step.sources[0])}>"
