"""Which inputs an estimator uses: what its error gains when an input is shuffled or covered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import Interval, bootstrap, mean_statistic

__all__ = [
    "InputImportance",
    "occlusion_importance",
    "permutation_importance",
    "rank_agreement",
    "saliency",
]

Predict = Callable[[NDArray[Any]], NDArray[Any]]
Loss = Callable[[NDArray[Any]], NDArray[np.float64]]


@dataclass(frozen=True)
class InputImportance:
    """Mean growth of the loss without an input (or a group of inputs), with its interval."""

    name: str
    growth: Interval


def permutation_importance(
    predict: Predict,
    inputs: NDArray[Any],
    loss: Loss,
    columns: Mapping[str, Sequence[int]],
    *,
    repeats: int = 3,
    groups: ArrayLike | None = None,
    replicates: int = 300,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[InputImportance, ...]:
    """Shuffle inputs among events, one name after the other (Breiman 2001), the largest first.

    Each event counts twice, with the input of another and as the other's: the interval is that of
    the mean of both parts (Sen 1960 on the variance of U-statistics), of which the first alone
    varies too little.

    Parameters
    ----------
    predict
        From (event, input) to the estimate per event.
    inputs
        (event, input) of events not used in training.
    loss
        From estimates to one loss per event, (event,).
    columns
        Name → indices of inputs that are shuffled together, such as the neighbours of a
        photosensor or samples that say the same: alone, each would seem dispensable.
    repeats
        Shuffles per name, whose losses are averaged.
    groups
        (event,) labels resampled as wholes for the interval.

    Raises
    ------
    DataError
        A column does not exist, or the loss is not one finite number per event.
    """
    random = np.random.default_rng(seed)

    def shuffled(chosen: list[int], before: NDArray[np.float64]) -> NDArray[np.float64]:
        taken, given = np.zeros((2, len(inputs)))
        for _ in range(repeats):
            changed = inputs.copy()
            order = random.permutation(len(inputs))
            changed[:, chosen] = inputs[order][:, chosen]
            growth = _losses(loss, predict(changed), len(inputs)) - before
            taken += growth
            given[order] += growth
        return np.asarray((taken + given - given.mean()) / repeats)

    options = {"replicates": replicates, "confidence": confidence, "seed": seed, "groups": groups}
    return _importances(predict, inputs, loss, columns, shuffled, options)


def occlusion_importance(
    predict: Predict,
    inputs: NDArray[Any],
    loss: Loss,
    columns: Mapping[str, Sequence[int]],
    *,
    cover: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    replicates: int = 300,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[InputImportance, ...]:
    """Replace inputs by a constant, one name after the other, the largest growth first.

    It answers what happens when a channel is dead. Parameters as `permutation_importance`.

    Parameters
    ----------
    cover
        (input,) constants; zero where left out.
    """
    constants = np.zeros(inputs.shape[1]) if cover is None else np.asarray(cover)

    def covered(chosen: list[int], before: NDArray[np.float64]) -> NDArray[np.float64]:
        changed = inputs.copy()
        changed[:, chosen] = constants[chosen].astype(inputs.dtype)
        return _losses(loss, predict(changed), len(inputs)) - before

    options = {"replicates": replicates, "confidence": confidence, "seed": seed, "groups": groups}
    return _importances(predict, inputs, loss, columns, covered, options)


def saliency(
    predict: Predict,
    inputs: NDArray[Any],
    columns: Mapping[str, Sequence[int]],
    *,
    low: float,
    high: float,
    replicates: int = 300,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[InputImportance, ...]:
    """Return how far the output moves where an input moves by its own spread, the largest first.

    A central difference of the integer model itself, which has no gradient: each input goes half
    its standard deviation up and down, in whole steps and within its format.

    Parameters
    ----------
    predict, inputs, columns
        As `permutation_importance`; inputs of one name move together.
    low, high
        Ends of the inputs' format.

    Raises
    ------
    DataError
        A column does not exist.
    """
    steps = np.maximum(1, np.rint(inputs.std(axis=0) / 2)).astype(np.int64)
    found = []
    for name, indices in columns.items():
        chosen = [int(index) for index in indices]
        if not chosen or not all(0 <= index < inputs.shape[1] for index in chosen):
            raise DataError("no such input", field=name, value=chosen)
        moved = []
        for sign in (1, -1):
            changed = inputs.copy()
            changed[:, chosen] = np.clip(inputs[:, chosen] + sign * steps[chosen], low, high)
            moved.append(np.asarray(predict(changed), np.float64).reshape(len(inputs), -1))
        size = np.sqrt(((moved[0] - moved[1]) ** 2).sum(axis=1))
        interval = bootstrap(
            mean_statistic(size),
            len(size),
            replicates=replicates,
            confidence=confidence,
            seed=seed,
        )
        found.append(InputImportance(name, interval))
    return tuple(sorted(found, key=lambda item: -item.growth.value))


def rank_agreement(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return Spearman's rank correlation of two rankings of the same names; NaN of a constant."""
    from scipy import stats

    names = list(first)
    a, b = [first[name] for name in names], [second[name] for name in names]
    if len(names) < 2 or len(set(a)) < 2 or len(set(b)) < 2:
        return float("nan")
    return float(stats.spearmanr(a, b).statistic)


def _importances(
    predict: Predict,
    inputs: NDArray[Any],
    loss: Loss,
    columns: Mapping[str, Sequence[int]],
    growth_without: Callable[[list[int], NDArray[np.float64]], NDArray[np.float64]],
    options: dict[str, Any],
) -> tuple[InputImportance, ...]:
    before = _losses(loss, predict(inputs), len(inputs))
    found = []
    for name, indices in columns.items():
        chosen = [int(index) for index in indices]
        if not chosen or not all(0 <= index < inputs.shape[1] for index in chosen):
            raise DataError("no such input", field=name, value=chosen)
        growth = growth_without(chosen, before)
        interval = bootstrap(mean_statistic(growth), len(growth), **options)
        found.append(InputImportance(name, interval))
    return tuple(sorted(found, key=lambda item: -item.growth.value))


def _losses(loss: Loss, estimates: NDArray[Any], events: int) -> NDArray[np.float64]:
    values = np.asarray(loss(estimates), dtype=np.float64)
    if values.shape != (events,) or not np.isfinite(values).all():
        raise DataError(
            "the loss must be one finite number per event", field="loss", value=values.shape
        )
    return values
