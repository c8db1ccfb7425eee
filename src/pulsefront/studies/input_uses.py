"""Which inputs the exported network uses: what its test error gains without each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.importance import occlusion_importance, permutation_importance
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
) -> InputUses:
    """Return what test events lose where an input is shuffled, and where it is zero.

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
    return InputUses(
        loss=kind.loss_words,
        events=len(chosen),
        inputs=tuple(
            InputUse(input=row.name, shuffled=row.growth, silent=silent[row.name])
            for row in shuffled
        ),
    )
