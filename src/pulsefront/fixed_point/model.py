"""A fixed-point model: the specification with everything that is done with one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pulsefront.fixed_point.audit import Audit, audit
from pulsefront.fixed_point.cost import Cost, cost
from pulsefront.fixed_point.display import as_html, as_line
from pulsefront.fixed_point.document import load, save, to_json
from pulsefront.fixed_point.emulator.emulator import Emulator
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.specification import Arrays, Specification

__all__ = ["FixedPointModel"]


@dataclass(frozen=True, eq=False, repr=False)
class FixedPointModel(Specification):
    """A network in which every number is an integer with a stated format.

    See `Specification` for its parameters. This class is a door: each method calls the function
    of the same name in the module beside this one, and none of these modules knows this class.
    """

    def __repr__(self) -> str:
        return f"<FixedPointModel {as_line(self)}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return as_html(self)

    @cached_property
    def emulator(self) -> Emulator:
        """The compiled form that `run` and `run_one` use."""
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

    def audit(self, data: Arrays | None = None) -> Audit:
        """Return, per layer, the proven interval, the range seen in *data*, and the headroom."""
        return audit(self, data)

    def cost(self) -> Cost:
        """Return weight and activation bytes, MACs, BOPs and EBOPs."""
        return cost(self)

    def to_json(self) -> dict[str, Any]:
        """Return the model as JSON-ready data with a schema version."""
        return to_json(self)

    def save(self, path: str | Path) -> None:
        """Write the model as JSON, atomically."""
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
        return load(cls, path)
