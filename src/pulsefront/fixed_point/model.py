"""The one specification of a network in firmware: a frozen list of integer layers.

The emulator runs it, the audit and the cost are read off it, every writer writes from it, every
check compares with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import FixedPointFormat, Integers
from pulsefront.fixed_point.layers import Input, Layer
from pulsefront.fixed_point.ranges import trace
from pulsefront.fixed_point.tensors import Step, Tensor

if TYPE_CHECKING:
    from pulsefront.fixed_point.audit import Audit
    from pulsefront.fixed_point.cost import Cost
    from pulsefront.fixed_point.emulator import Emulator

__all__ = ["FixedPointModel"]

Arrays = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class FixedPointModel:
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
            name: one.result if isinstance(one, Step) else one for name, one in self._trace.items()
        }

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every layer with its sources, exact result and assigned result."""
        return tuple(one for one in self._trace.values() if isinstance(one, Step))

    @cached_property
    def _trace(self) -> dict[str, Tensor | Step]:
        return trace(self.inputs, self.layers)

    @property
    def output_formats(self) -> dict[str, FixedPointFormat]:
        """Format of each output by name."""
        return {name: self.tensors[name].format for name in self.outputs}

    @cached_property
    def emulator(self) -> Emulator:
        """The compiled form that `run` and `run_one` use."""
        from pulsefront.fixed_point.emulator import Emulator

        return Emulator(self)

    def run(self, integers: Arrays) -> Any:
        """Run the model on raw integers.

        Parameters
        ----------
        integers
            Shape (event, channel) or (event, position, channel), any integer type: ADC counts as
            they are. A mapping from input name to array where the model has several inputs.

        Returns
        -------
        Raw integers of the output's format, int64, shape (event, …); a dictionary by output name
        where the model has several outputs.

        Raises
        ------
        PrecisionError
            A shape does not fit, or a value lies outside the input's format.
        """
        if isinstance(integers, np.ndarray):
            fast = self.emulator.run_fast(integers)
            if fast is not None:
                return fast
        results = self.emulator.run(self.input_arrays(integers))
        return results[self.outputs[0]] if len(self.outputs) == 1 else results

    def run_one(self, integers: npt.NDArray[Any], out: Integers | None = None) -> Integers:
        """Run one event: integers of the only input's shape to integers of the only output's.

        With *out*, an int64 array of the output's shape, a chain of dense layers runs without any
        allocation of arrays; after an error its content means nothing.

        Raises
        ------
        PrecisionError
            The model has several inputs or outputs, a shape does not fit, or a value lies outside
            the input's format.
        """
        return self.emulator.run_one(integers, out)

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

    def audit(self, data: Arrays | None = None) -> Audit:
        """Return, per layer, the proven interval, the range seen in *data*, and the headroom."""
        from pulsefront.fixed_point.audit import audit

        return audit(self, data)

    def cost(self) -> Cost:
        """Return weight and activation bytes, MACs, BOPs and EBOPs."""
        from pulsefront.fixed_point.cost import cost

        return cost(self)

    def to_json(self) -> dict[str, Any]:
        """Return the model as JSON-ready data with a schema version."""
        from pulsefront.fixed_point.document import to_json

        return to_json(self)

    def save(self, path: str | Path) -> None:
        """Write the model as JSON, atomically."""
        from pulsefront.fixed_point.document import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model from JSON.

        Raises
        ------
        PrecisionError
            The file is no model, of a newer schema, or holds a key, layer or value that is not
            known; it names the file and the field.
        """
        from pulsefront.fixed_point.document import load

        return load(cls, path)


def _refuse_dangling(model: FixedPointModel) -> None:
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


def _checked(source: Input, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind not in "iu":
        raise PrecisionError(
            f"input {source.name!r} takes raw integers of {source.format}",
            value=str(array.dtype),
            remedy="pass ADC counts as integers, or quantize real values first",
        )
    # Compiled loops take the machine's own byte order only.
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.shape[1:] != source.shape:
        raise PrecisionError(
            f"input {source.name!r} has the shape (event, {', '.join(map(str, source.shape))})",
            value=array.shape,
        )
    if array.size:
        low, high = int(array.min()), int(array.max())
        if not source.format.holds(low, high):
            bad = low if low < source.format.minimum else high
            place = np.argwhere(array == bad)[0]
            raise PrecisionError(
                f"input {source.name!r} at {tuple(int(i) for i in place)} lies outside "
                f"{source.format}, which holds {source.format.minimum} … {source.format.maximum}",
                value=bad,
                remedy="clip the ADC counts, or give the input more bits",
            )
    return array
