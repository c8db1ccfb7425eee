"""What an hls4ml project cannot express: refused before anything is written."""

from __future__ import annotations

from pulsefront.errors import ExportError, UnsupportedLayer
from pulsefront.firmware.hls4ml.layers import has_channel_formats, own_layer
from pulsefront.firmware.hls4ml.names import refuse_names
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.fixed_point.format import Assignment, Overflow, container
from pulsefront.fixed_point.layers import Flatten, MatrixLayer
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["refuse_unwritable"]

EXACT_IN_DOUBLE = 53


def refuse_unwritable(model: FixedPointModel, settings: HlsSettings) -> None:
    """Refuse what an hls4ml project with *settings* would not compute exactly.

    Raises
    ------
    ExportError
        A name or a format cannot be written.
    UnsupportedLayer
        A layer cannot; the message names it.
    """
    refuse_names(model)
    _refuse_reuse_factors(model, settings)
    _refuse_formats(model)
    for step in model.steps:
        layer = step.layer
        if isinstance(layer, MatrixLayer) and layer.accumulator is not None:
            _refuse_accumulator(layer.name, layer.accumulator, settings)
        if settings.has_stages:
            continue
        per_channel = has_channel_formats(layer)
        own = own_layer(layer, step, settings) is not None
        if isinstance(layer, Flatten) and layer.name in model.outputs:
            own = False
        if per_channel or not own:
            what, other = layer.kind, "dense, conv1d and ReLU layers"
            if per_channel:
                what = "a format per channel"
                other = "one format for a layer (in a study: price.widths.per_node = false)"
            raise UnsupportedLayer(
                layer.name,
                problem=f"{what} is not written for {settings.backend} with {settings.io_type}",
                remedy=f"use Vitis or Vivado with io_parallel, or {other}",
            )


def _refuse_reuse_factors(model: FixedPointModel, settings: HlsSettings) -> None:
    known = [one.name for one in model.layers if isinstance(one, MatrixLayer)]
    for name in settings.reuse_factors:
        if name not in known:
            raise ExportError(
                "is no layer with weights",
                field=f"reuse_factors.{name}",
                remedy=f"the model has {', '.join(known)}",
            )


def _refuse_accumulator(layer: str, accumulator: Assignment, settings: HlsSettings) -> None:
    in_order = settings.strategy == "Latency" or accumulator.overflow == Overflow.WRAP
    exact = settings.strategy != "distributed_arithmetic" and settings.backend in (
        "Vitis",
        "Vivado",
    )
    if not (exact and in_order):
        raise UnsupportedLayer(
            layer,
            problem=f"{settings.backend} with the {settings.strategy} strategy does not add as "
            f"the accumulator {accumulator} says",
            remedy="leave the accumulator out (exact), or use Vitis with the Latency strategy",
        )


def _refuse_formats(model: FixedPointModel) -> None:
    formats = {one.name: one.format for one in model.inputs} | model.output_formats
    for layer in model.layers:
        if isinstance(layer, MatrixLayer):
            formats[f"{layer.name} weights"] = container(layer.weight_format)
            formats[f"{layer.name} bias"] = container(layer.bias_format or layer.weight_format)
    for name, one in formats.items():
        if one.width > EXACT_IN_DOUBLE:
            raise ExportError(
                f"{name!r} has {one.width} bits and hls4ml's C simulation passes doubles",
                remedy=f"give it a format of at most {EXACT_IN_DOUBLE} bits",
            )
