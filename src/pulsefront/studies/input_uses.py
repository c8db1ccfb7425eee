"""Which inputs the exported network uses: what its test error gains without each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from pulsefront.evaluate.importance import (
    occlusion_importance,
    permutation_importance,
    rank_agreement,
    saliency,
)
from pulsefront.evaluate.spread import spread_over
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.use_records import InputUse, InputUses

__all__ = ["input_uses"]

MOST_EVENTS = 3000
REPLICATES = 200


def input_uses(
    kind: StudyKind,
    parts: SplitEvents,
    folders: RunFolders,
    run: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    kept: NDArray[np.int64],
    names: Sequence[str],
    confidence: float,
    limits: tuple[int, int],
) -> InputUses:
    """Return what test events lose where an input is shuffled or zero, and what moves the output.

    An input of both detectors of a coincidence is changed in both.

    Parameters
    ----------
    folders
        Of the run, for what the split measured.
    run
        From inputs (vector, kept input) to outputs (vector, output).
    kept
        Inputs that the network reads.
    names
        Of all inputs.
    limits
        Smallest and largest value of an input.
    """
    chosen = parts.split.test[spread_over(len(parts.split.test), MOST_EVENTS)]
    raw = kind.network_inputs(parts.events.select(chosen))[..., kept].astype(np.int64)
    count = len(kept)
    columns = {names[index]: range(number, raw[0].size, count) for number, index in enumerate(kept)}

    def predict(inputs: NDArray[np.int64]) -> NDArray[np.float64]:
        return run(inputs.reshape(-1, count))

    def loss(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        return kind.event_losses(parts, chosen, outputs, folders)

    flat = raw.reshape(len(raw), -1)
    seed = kind.study.seed
    shuffled = permutation_importance(
        predict, flat, loss, columns, replicates=REPLICATES, confidence=confidence, seed=seed
    )
    silent = {
        row.name: row.growth
        for row in occlusion_importance(
            predict, flat, loss, columns, replicates=REPLICATES, confidence=confidence, seed=seed
        )
    }
    low, high = int(limits[0]), int(limits[1])
    moved = {
        row.name: row.growth
        for row in saliency(
            predict,
            flat,
            columns,
            low=low,
            high=high,
            replicates=REPLICATES,
            confidence=confidence,
            seed=seed,
        )
    }
    rankings = {
        "exchanged": {row.name: row.growth.value for row in shuffled},
        "zero": {name: row.value for name, row in silent.items()},
        "moved": {name: row.value for name, row in moved.items()},
    }
    agreement = {
        f"{one} and {other}": _or_none(rank_agreement(rankings[one], rankings[other]))
        for one, other in combinations(rankings, 2)
    }
    return InputUses(
        loss=kind.loss_words,
        events=len(chosen),
        inputs=tuple(
            InputUse(
                input=row.name,
                shuffled=row.growth,
                silent=silent[row.name],
                moved=moved[row.name],
            )
            for row in shuffled
        ),
        rank_agreement=agreement,
        ranked_apart=_ranked_apart(rankings),
    )


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _ranked_apart(rankings: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """Return the inputs on whose rank the rankings disagree, the most disputed first."""
    names = list(next(iter(rankings.values())))
    ranks = np.array([rankdata([-row[name] for name in names]) for row in rankings.values()])
    apart = np.ptp(ranks, axis=0)
    order = np.argsort(-apart, kind="stable")
    return tuple(names[k] for k in order if apart[k] > len(names) / 3)
