"""Coincidences of other pairs of detectors, which train a timing study beside its own.

They are simulated, at the training offsets alone, for what less light or another temperature does
to a leading edge cannot be made of the samples of another: fewer photons come later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable
from pulsefront.progress import progress
from pulsefront.search.task import OtherEvents, Task
from pulsefront.simulate.coincidences.varied import DrawnPair, draw_pairs, varied_coincidences
from pulsefront.studies.folders import RunFolders, SplitEvents, read_split, save_arrays
from pulsefront.studies.kinds.timing.data import coarse_ns, network_inputs, select_external
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.steps import StepContext

__all__ = ["OtherPairs", "make_others", "require_enough", "simulate_others", "with_other_pairs"]

MOST_CLIPPED = 0.25
"""Share of a pair's coincidences; where more are left out, others than those are selected."""

LEAST_OF_A_PAIR = 300
"""Coincidences; a photopeak needs a hundred charges."""


@dataclass(frozen=True)
class OtherPairs:
    """What the networks read and learn of the coincidences of other pairs.

    Attributes
    ----------
    inputs
        (event, 2, sample) integers.
    coarse_ns
        (event, 2) times of the triggers.
    known_difference_ns
        (event,) what is to be found.
    offset_index
        (event,) number of the source offset, as of the study's own coincidences.
    pair
        (event,) number of the pair.
    """

    inputs: NDArray[np.integer]
    coarse_ns: NDArray[np.float64]
    known_difference_ns: NDArray[np.float64]
    offset_index: NDArray[np.int64]
    pair: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what `write` has written."""
        with np.load(path) as arrays:
            return cls(**arrays)

    def write(self, path: Path) -> None:
        """Write them into one .npz file."""
        save_arrays(path, vars(self))


def make_others(study: TimingStudy, context: StepContext) -> None:
    """Simulate the coincidences of other pairs as a step of a run."""
    folders = RunFolders(context.steps)
    found = simulate_others(study, read_split(folders), context.cache)
    found.write(context.folder / folders.other_pairs.name)


def simulate_others(study: TimingStudy, parts: SplitEvents, cache: Path) -> OtherPairs:
    """Return coincidences of the pairs that ``[augment]`` draws, at the offsets that train.

    *parts* are the study's own. Each pair's are selected by its own photopeaks, as those of an
    external set are.

    Raises
    ------
    DataError
        One of the pairs has no photopeak, or clipped pulses.
    """
    settings, coincidences = study.augment, study.coincidences
    assert settings is not None  # the step exists for studies that draw others,
    assert coincidences is not None  # which their validator asks to be simulated
    trained = np.unique(parts.events["offset_index"][parts.split.train]).astype(np.int64)
    chosen = coincidences.model_copy(
        update={"offsets_mm": tuple(coincidences.offsets_mm[n] for n in trained)}
    )
    pairs = draw_pairs(load_detector(study.detector), settings, study.seed)
    found: list[OtherPairs] = []
    with progress("Simulating other pairs", "pairs") as report:
        for number, events in enumerate(
            varied_coincidences(pairs, chosen, settings, cache=cache, report=report)
        ):
            some = _selected(study, events, pairs[number])
            found.append(
                OtherPairs(
                    network_inputs(study, some),
                    coarse_ns(study, some),
                    np.asarray(some["known_difference_ns"], np.float64),
                    trained[some["offset_index"]],
                    np.full(len(some), number),
                )
            )
    columns = zip(*(vars(one).values() for one in found), strict=True)
    return OtherPairs(*map(np.concatenate, columns))


def _selected(study: TimingStudy, events: EventTable, pair: DrawnPair) -> EventTable:
    """Return the coincidences of a pair in its photopeaks.

    Raises
    ------
    DataError
        Most of its pulses leave the range of the converter, or it has no photopeak.
    """
    warm, light = pair.changes[0].temperature_shift_k, [one.pde_scale for one in pair.changes]
    told = f"pair of {warm:+.1f} K with {light[0]:.2f} and {light[1]:.2f} of the light"
    clipped = int((events.status != 0).sum())
    if clipped > MOST_CLIPPED * len(events):
        raise DataError(
            f"{told}: {clipped:,} of {len(events):,} coincidences have clipped pulses",
            field="augment",
            remedy="draw from ranges with lower pulses (warmer, less light), or give the digitizer "
            "more room",
        )
    try:
        return select_external(study, events).events
    except DataError as error:
        error.problem = f"{told}: {error.problem}"
        raise


def with_other_pairs(task: Task, others: OtherPairs) -> Task:
    """Return *task* trained on *others*, too; no part of it holds one of them."""
    assert task.coarse is not None  # of coincidences
    assert task.groups is not None
    own = len(task.inputs)
    rows = np.arange(own, own + len(others.inputs), dtype=np.intp)
    return replace(
        task,
        inputs=np.concatenate([task.inputs, others.inputs]),
        targets=np.concatenate([task.targets, others.known_difference_ns]),
        coarse=np.concatenate([task.coarse, others.coarse_ns]),
        groups=np.concatenate([task.groups, others.offset_index]),
        others=OtherEvents(rows, len(rows) / len(task.train)),
    )


def require_enough(study: TimingStudy) -> None:
    """Refuse so many pairs that none has enough coincidences for a photopeak.

    Raises
    ------
    ConfigError
        Fewer than 300 for each.
    """
    if study.augment is None or study.coincidences is None:
        return
    training = -(-len(study.coincidences.offsets_mm) // 2)
    each = round(study.coincidences.events_per_offset * study.augment.share) * training
    if each < LEAST_OF_A_PAIR * study.augment.detectors:
        raise ConfigError(
            f"leave each {each // study.augment.detectors} coincidences, too few for a photopeak",
            field="detectors",
            value=study.augment.detectors,
            remedy=f"draw at most {max(1, each // LEAST_OF_A_PAIR)}, or simulate more events",
        )
