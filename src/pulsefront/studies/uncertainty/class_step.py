"""The step of a run that calibrates the margin of a network of classes: nothing is trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.margins import conformal_reach, margins_of, shortfalls_of
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.blind import without_test_labels
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.steps import StepContext
from pulsefront.studies.uncertainty.class_records import ClassMargin, ClassSets, MarginBin
from pulsefront.studies.uncertainty.possible import require_selection
from pulsefront.studies.uncertainty.settings import UncertaintySettings
from pulsefront.studies.uncertainty.step import CUTS, read_inputs, write_check

__all__ = ["calibrated_margin", "margin_step"]


def margin_step(kind: StudyKind, settings: UncertaintySettings, context: StepContext) -> None:
    """Write what margins of the finished network are worth, and the tests of its inputs.

    Raises
    ------
    ConfigError
        There are too few selection events for a share.
    """
    folders = RunFolders(context.steps)
    parts = without_test_labels(read_split(folders))
    rows = parts.split.selection
    require_selection(settings, len(rows))
    model = FixedPointModel.load(folders.searched_model)
    raw = kind.network_inputs(parts.events.select(rows))
    # Classes as the network says them: of folded events they are those of the folded array.
    truth = kind.learning_task(parts, folders).targets[rows].astype(np.int64)
    scores = model.run(read_inputs(folders, raw))
    (output,) = model.output_formats.values()
    calibrated_margin(scores, truth, output.step, settings).write(
        context.folder / folders.class_margin.name
    )
    write_check(kind, parts, context, model, settings)


def calibrated_margin(
    scores: NDArray[np.int64],
    truth: NDArray[np.int64],
    step: float,
    settings: UncertaintySettings,
) -> ClassMargin:
    """Return what margins say, from integer scores (event, class) and true classes (event,)."""
    margins, right = margins_of(scores), scores.argmax(axis=1) == truth
    shortfalls = shortfalls_of(scores, truth)
    ordered = np.sort(margins)
    inner = {
        int(ordered[k * len(ordered) // settings.parts - 1])
        for k in range(1, settings.parts)
        if k * len(ordered) // settings.parts > 0
    }
    # Equal margins stay together, and no bin is empty.
    above = [-1, *sorted(inner - {int(ordered[-1])})]
    number = np.searchsorted(above, margins, side="left") - 1
    # The least margin that is kept: as many events at least have it.
    cuts = {
        f"{share:g}": int(ordered[len(ordered) - int(np.ceil(share * len(ordered)))])
        for share in CUTS
    }
    return ClassMargin(
        step=step,
        sets=tuple(
            ClassSets(share=share, reach=conformal_reach(shortfalls, share))
            for share in settings.shares
        ),
        bins=tuple(
            MarginBin(
                above=edge, events=int((number == k).sum()), right=int(right[number == k].sum())
            )
            for k, edge in enumerate(above)
        ),
        cuts=cuts,
    )
