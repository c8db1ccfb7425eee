"""Which way a classical estimator sees events is chosen by finished fits, not by their trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsefront.estimators.position.folded import FoldedEstimator, better_of, fold_events
from pulsefront.estimators.position.patterns import PositionTrial
from pulsefront.fixed_point.fold import Mirrors


@dataclass(frozen=True)
class Offset:
    """Says the centre of the light, beside by so much."""

    by: float
    trial: float

    @property
    def parameters(self) -> dict[str, float]:
        return {"by": self.by}

    @property
    def table(self) -> tuple[PositionTrial, ...]:
        return (PositionTrial(self.parameters, self.trial),)

    def estimate(self, charges: NDArray[np.generic]) -> NDArray[np.float64]:
        return centre(np.asarray(charges, np.float64)) + self.by


FOLD = Mirrors(4, 4)


def centre(charges: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([charges @ weights for weights in FOLD.weights]) / charges.sum(
        axis=1, keepdims=True
    )


@pytest.mark.parametrize(("whole", "folded"), [(0.1, 0.3), (0.3, 0.1)])
def test_the_finished_fits_are_compared(whole: float, folded: float) -> None:
    charges = np.random.default_rng(1).integers(1, 500, (400, 16))
    truth = centre(charges.astype(float))

    def error(found: FoldedEstimator) -> float:
        return float(np.median(np.abs(found.estimate(charges) - truth)))

    # What the trials say is the opposite of what the finished fits do.
    fits = {"whole": Offset(whole, trial=1 - whole), "folded": Offset(folded, trial=1 - folded)}
    found = better_of(FOLD, lambda which: fits[which], "whole", "folded", error)
    assert found.folded == (folded < whole)
    assert found.parameters == {
        "by": min(whole, folded), "events": "folded" if found.folded else "as measured"
    }  # fmt: skip
    assert [row.parameters["events"] for row in found.table] == ["as measured", "folded"]
    assert error(found) == pytest.approx(min(whole, folded))


def test_events_are_folded_with_their_positions() -> None:
    charges = np.random.default_rng(2).integers(1, 500, (400, 16))
    turned, place = fold_events(FOLD, charges, centre(charges.astype(float)))
    np.testing.assert_allclose(place, centre(turned.astype(float)), atol=1e-12)
    assert (place[:, 0] >= place[:, 1] - 1e-12).all()
