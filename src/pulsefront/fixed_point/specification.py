"""The one specification of a network in firmware: a frozen list of integer layers.

The emulator runs it, the audit and the cost are read off it, every writer writes from it, every
check compares with it. This is the structure alone: what is done with it lies beside it, and
`model.FixedPointModel` puts both together for users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.layers import Layer, LayerStep
from pulsefront.fixed_point.ranges import trace
from pulsefront.fixed_point.tensors import Input, Tensor

__all__ = ["Arrays", "Specification", "how_to_fit"]

Arrays = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Specification:
    """A network in which every number is an integer with a stated format.

    Parameters
    ----------
    name
        A C identifier; it names functions and files in every export.
    inputs
        One or more inputs.
    layers
        In order: a layer reads only inputs and layers before it.
    outputs
        Names of the tensors that leave the network, one or more.

    Raises
    ------
    PrecisionError
        Names, shapes or formats do not fit, or 64 bits do not suffice for a sum.
    """

    name: str
    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        for field in ("inputs", "layers"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        outputs: str | tuple[str, ...] = self.outputs
        outputs = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        object.__setattr__(self, "outputs", outputs)
        names = [one.name for one in self.inputs] + [layer.name for layer in self.layers]
        for name in (self.name, *names):
            if not (name.isidentifier() and name.isascii()) or "__" in name:
                raise PrecisionError(
                    "a name becomes an identifier in C and VHDL",
                    value=name,
                    remedy="use letters, digits and single underscores, a letter first",
                )
        if not self.inputs or not self.layers or not outputs:
            raise PrecisionError(f"model {self.name!r} needs an input, a layer and an output")
        layer_names = {layer.name for layer in self.layers}
        for output in outputs:
            if output not in layer_names:
                raise PrecisionError(f"output {output!r} is no layer of model {self.name!r}")
        if len(set(outputs)) != len(outputs):
            raise PrecisionError(f"model {self.name!r} names an output twice", value=outputs)
        _ = self.steps  # checks shapes and ranges now, not at the first run
        _refuse_dangling(self)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is derived, so that a model that has run can go to another process."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name: inputs, then the results of the layers in order."""
        return {
            name: one.result if isinstance(one, LayerStep) else one
            for name, one in self._trace.items()
        }

    @cached_property
    def steps(self) -> tuple[LayerStep, ...]:
        """Every layer with its sources, exact result and assigned result."""
        return tuple(one for one in self._trace.values() if isinstance(one, LayerStep))

    @cached_property
    def _trace(self) -> dict[str, Tensor | LayerStep]:
        return trace(self.inputs, self.layers)

    @property
    def output_formats(self) -> dict[str, FixedPointFormat]:
        """Format of each output by name."""
        return {name: self.tensors[name].format for name in self.outputs}

    def input_arrays(self, integers: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Return *integers* by input name, after a check of shapes, types and ranges.

        Raises
        ------
        PrecisionError
            Names the input and what does not fit.
        """
        if not isinstance(integers, Mapping):
            if len(self.inputs) != 1:
                raise PrecisionError(
                    f"model {self.name!r} has {len(self.inputs)} inputs",
                    remedy=f"pass a mapping with the keys {', '.join(i.name for i in self.inputs)}",
                )
            integers = {self.inputs[0].name: integers}
        if set(integers) != {one.name for one in self.inputs}:
            raise PrecisionError(
                f"model {self.name!r} has the inputs {', '.join(i.name for i in self.inputs)}",
                value=tuple(integers),
            )
        arrays = {one.name: _checked(one, np.asarray(integers[one.name])) for one in self.inputs}
        if len({len(array) for array in arrays.values()}) != 1:
            raise PrecisionError(
                f"the inputs of model {self.name!r} differ in their number of events",
                value={name: len(array) for name, array in arrays.items()},
            )
        return arrays


def _refuse_dangling(model: Specification) -> None:
    """Refuse inputs and layers that lead nowhere: firmware would carry them for nothing."""
    used = {name for layer in model.layers for name in layer.inputs} | set(model.outputs)
    for one in model.inputs:
        if one.name not in used:
            raise PrecisionError(f"no layer of model {model.name!r} reads input {one.name!r}")
    for layer in model.layers:
        if layer.name not in used:
            raise PrecisionError(
                f"layer {layer.name!r} leads to no output", remedy="leave it out or name it one"
            )


def how_to_fit(form: FixedPointFormat, low: int, high: int) -> str:
    """Return what to do with integers *low* to *high* that lie outside a format, in words."""
    dropped = -form.fraction
    if dropped <= 0:
        return "clip the ADC counts, or give the input more bits"
    shift = f"a step is 2^{dropped} ADC counts: shift them right by {dropped}"
    return shift if form.holds(low >> dropped, high >> dropped) else f"{shift}, and clip"


def _checked(source: Input, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind not in "iu":
        raise PrecisionError(
            f"input {source.name!r} takes raw integers of {source.format}",
            value=str(array.dtype),
            remedy="pass ADC counts as integers, or quantize real values first",
        )
    # Compiled loops take the machine's own byte order only.
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if source.shape[1:] == (1,) and array.shape[1:] == source.shape[:1]:
        array = array[..., None]  # samples of a single channel, as every study holds them
    if array.shape[1:] != source.shape:
        raise PrecisionError(
            f"input {source.name!r} has the shape (event, {', '.join(map(str, source.shape))})",
            value=array.shape,
        )
    if array.size:
        low, high = int(array.min()), int(array.max())
        if not source.format.holds(low, high):
            bad = low if low < source.format.minimum else high
            index = np.argwhere(array == bad)[0]
            raise PrecisionError(
                f"input {source.name!r} at {tuple(int(i) for i in index)} lies outside "
                f"{source.format}, which holds {source.format.minimum} … {source.format.maximum}",
                value=bad,
                remedy=how_to_fit(source.format, low, high),
            )
    return array
