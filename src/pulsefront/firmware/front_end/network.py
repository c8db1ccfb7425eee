"""What a front end asks of the network within it."""

from __future__ import annotations

import math

from pulsefront.errors import ExportError
from pulsefront.firmware.rtl.time_shared.plan import WEIGHTED, SharedPlan, plan, plan_for_interval
from pulsefront.fixed_point.specification import Specification

__all__ = ["require_inputs", "shared_network"]


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


def shared_network(
    model: Specification, multipliers: int | None, interval: int, registers_behind: int
) -> SharedPlan:
    """Return the network with so many *multipliers* of each layer, or the fewest for *interval*.

    Raises
    ------
    ExportError
        No layer has as many outputs: the multipliers would stand idle.
    """
    if multipliers is None:
        return plan_for_interval(model, interval, registers_behind=registers_behind)
    most = max((s.layer.n_out for s in model.steps if isinstance(s.layer, WEIGHTED)), default=1)
    if multipliers > most:
        raise ExportError(
            f"no layer of {model.name} has more than {most} outputs, and a layer uses as many "
            "multipliers as that",
            field="multipliers",
            value=multipliers,
            remedy=f"give at most {most}, or leave it out",
        )
    return plan(model, multipliers, registers_behind=registers_behind)
