"""What networks of another family, tried beside the searched one, have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import PulsefrontError
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.resources import ResourceEstimate, estimate_resources
from pulsefront.search.noninferiority import MetricChange
from pulsefront.search.task import Task

__all__ = ["chosen_trial", "model_residuals", "unrolled_estimate"]


class _Trial(Protocol):
    @property
    def comparison(self) -> MetricChange: ...

    @property
    def non_inferior(self) -> bool: ...

    @property
    def diverged(self) -> bool: ...


T = TypeVar("T", bound=_Trial)


def chosen_trial(
    trials: Sequence[T], cost: Callable[[T], float], *, family: str, field: str
) -> int:
    """Return the number of the cheapest trial that is not inferior; else of the least harmful.

    Raises
    ------
    PulsefrontError
        Every training diverged: lower the rates that *field* of the *family* names.
    """
    good = [n for n, trial in enumerate(trials) if trial.non_inferior]
    if good:
        return min(good, key=lambda n: cost(trials[n]))
    finite = [n for n, trial in enumerate(trials) if not trial.diverged]
    if not finite:
        raise PulsefrontError(
            f"the training of every network of {family} diverged",
            field=field,
            remedy="lower the learning rate",
        )
    return min(finite, key=lambda n: trials[n].comparison.value)


def unrolled_estimate(model: FixedPointModel) -> ResourceEstimate:
    """Return what *model* would take as unrolled Verilog, estimated."""
    return estimate_resources(model, strategy="distributed_arithmetic")


def model_residuals(
    task: Task,
    model: FixedPointModel,
    inputs: NDArray[np.integer],
    rows: NDArray[np.intp],
    fixed: tuple[int, int] | None = None,
) -> NDArray[np.float64]:
    """Return what the integers of *model* get wrong, as `Task.residuals` does.

    Parameters
    ----------
    inputs
        Indices of the raw inputs that it reads, in its order.
    fixed
        The place in *inputs* of one that has the same value in every event, and that value.
    """
    raw = np.asarray(task.inputs)[rows].reshape(-1, task.inputs.shape[-1])[:, inputs]
    raw = raw.astype(np.int64)
    if fixed is not None:
        raw[:, fixed[0]] = fixed[1]
    (output,) = model.output_formats.values()
    return task.goal.residuals(output.values(model.run(raw)), task.labels, rows)
