"""What a front end asks of the network within it."""

from __future__ import annotations

import math

from pulsefront.errors import ExportError
from pulsefront.fixed_point.specification import Specification

__all__ = ["require_inputs"]


def require_inputs(model: Specification, count: int, *, what: str, field: str, remedy: str) -> None:
    """Refuse a model that does not have one input of *count* numbers and one output.

    Parameters
    ----------
    what
        Of the numbers, and who gives them, as in "channels, the chain gives".
    field, remedy
        Of the settings that choose them.

    Raises
    ------
    ExportError
        The model has several inputs or outputs, or reads more or fewer numbers.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ExportError(
            f"{model.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs: a "
            "front end takes a model of one each"
        )
    size = math.prod(model.inputs[0].shape)
    if size != count:
        raise ExportError(f"{model.name} reads {size} {what} {count}", field=field, remedy=remedy)
