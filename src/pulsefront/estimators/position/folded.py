"""A classical estimator that sees events folded by the mirrors of the block, where that helps it.

What compares or averages events (nearest neighbours, trees) has eight times as many of each kind; a
fitted light response has nothing to gain, and sees its block from one corner. So every estimator is
tuned both ways, and does as it errs less on selection events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pulsefront.estimators.position.patterns import CrystalTrial, PositionTrial
from pulsefront.fixed_point.fold import Mirrors

__all__ = ["FoldedEstimator", "better_of", "fold_events"]


Trial = PositionTrial | CrystalTrial


class _TunedOnCharges(Protocol):
    @property
    def parameters(self) -> Mapping[str, Any]: ...

    @property
    def table(self) -> tuple[Trial, ...]: ...

    def estimate(self, charge_adc: NDArray[np.generic]) -> NDArray[Any]: ...


@dataclass(frozen=True)
class FoldedEstimator:
    """*estimator*, which sees folded events if *folded*, and whose answers are turned back.

    It says positions, or numbers of a grid of ``classes`` that turns with the block. ``table``
    holds all that was tried, both ways.
    """

    fold: Mirrors
    estimator: Any
    folded: bool
    table: tuple[Trial, ...] = field(repr=False)
    classes: Mirrors | None = None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Tuned parameters, for a table."""
        return {**self.estimator.parameters, "events": _way(folded=self.folded)}

    def estimate(self, charge_adc: NDArray[np.generic]) -> NDArray[Any]:
        """Return positions (event, axis) in mm, or classes (event,), of (event, channel)."""
        given: NDArray[Any] = np.asarray(charge_adc)
        if not self.folded:
            return np.asarray(self.estimator.estimate(given))
        turns = self.fold.turns(given)
        found = self.estimator.estimate(self.fold.folded(given, turns))
        if self.classes is not None:
            return self.classes.came_from(found, turns)
        return np.asarray(self.fold.back(found, turns))


Events = TypeVar("Events")


def fold_events(
    fold: Mirrors, charges: NDArray[Any], position_mm: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return charges (event, photosensor) and positions (event, axis) after their turns."""
    turns = fold.turns(charges)
    return fold.folded(charges, turns), fold.forward(position_mm, turns)


def better_of(
    fold: Mirrors,
    fit: Callable[[Events], _TunedOnCharges],
    events: Events,
    folded: Events,
    error: Callable[[FoldedEstimator], float],
    classes: Mirrors | None = None,
) -> FoldedEstimator:
    """Return the better of two fits, to *events* and to *folded*, by its *error*.

    The error is that of selection events. The rows of the tables do not tell: they may be of fits
    to few of the training events, of which folded ones are worth more than of many.
    """
    fitted = [(fit(given), way) for given, way in ((events, False), (folded, True))]
    table = tuple(
        replace(row, parameters={**row.parameters, "events": _way(folded=way)})
        for found, way in fitted
        for row in found.table
    )
    both = [FoldedEstimator(fold, found, way, table, classes) for found, way in fitted]
    return both[int(np.argmin([error(one) for one in both]))]


def _way(*, folded: bool) -> str:
    return "folded" if folded else "as measured"
