"""The door for Keras 3: models with HGQ2's layers keep their integers, others are calibrated.

HGQ2 (https://github.com/calad0i/HGQ2) casts what enters a layer, its kernel and its bias; the
layers are otherwise Keras' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError
from pulsefront.extras import require
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.imports.calibrate import Widths
from pulsefront.imports.graph import Reals
from pulsefront.imports.imported import Imported, finished
from pulsefront.imports.keras_walk import LOGITS, KerasWalk
from pulsefront.imports.names import model_name

__all__ = ["from_keras"]


def from_keras(
    model: Any,
    *,
    data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None = None,
    name: str | None = None,
    logits: bool = False,
    input_format: FixedPointFormat | None = None,
    widths: Widths | None = None,
) -> Imported:
    """Return a functional or sequential Keras 3 model as a fixed-point model.

    Parameters
    ----------
    model
        With HGQ2's layers, whose bits were traced (``hgq.utils.trace_minmax``), or in floats.
    data
        Input events, to calibrate a model in floats.
    name
        Of the model; from Keras' name.
    logits
        Leave out a sigmoid at the end, whose input tells the class by its sign. A softmax there
        is left out in any case: the largest of its inputs tells the class.
    input_format, widths
        See `from_onnx`.

    Raises
    ------
    ToolMissing
        Keras is not installed.
    UnsupportedLayer
        A layer has no bit-exact counterpart; it is named, with what to use instead.
    PrecisionError
        See `from_onnx`.
    """
    require("keras", needed_for="reading Keras models")
    import keras

    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise DataError("is no functional or sequential Keras model", value=type(model).__name__)
    walk = KerasWalk(model, logits=logits)
    graph = walk.graph(name or model_name(str(model.name)))

    def origin(arrays: Mapping[str, Reals]) -> list[Reals]:
        given = [
            np.asarray(arrays[one.name], np.float32).reshape(-1, *tensor.shape[1:])
            for one, tensor in zip(graph.inputs, model.inputs, strict=True)
        ]
        found = compared(given if len(given) > 1 else given[0], training=False)
        several = keras.tree.flatten(found)
        return [np.asarray(keras.ops.convert_to_numpy(one), np.float64) for one in several]

    compared = _without_last(model) if walk.left_out else model
    axes = {
        one.name: tuple(tensor.shape[1:])
        for one, tensor in zip(graph.inputs, model.inputs, strict=True)
    }
    return finished(graph, origin, data=data, input_format=input_format, widths=widths, axes=axes)


def _without_last(model: Any) -> Any:
    """Return the model with the activation of its output layers left out."""
    import keras

    same = keras.models.clone_model(model)
    same.set_weights(model.get_weights())
    outputs = []
    for tensor in same.outputs:
        layer, ending = tensor._keras_history.operation, tensor
        if type(layer).__name__ == "Softmax":
            (ending,) = layer._inbound_nodes[-1].input_tensors
            layer = ending._keras_history.operation
        outputs.append(ending)
        if getattr(getattr(layer, "activation", None), "__name__", "") in LOGITS:
            layer.activation = keras.activations.linear
    return keras.Model(same.inputs, outputs)
