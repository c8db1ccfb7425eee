"""Coincidences of many pairs of detectors of one type, each pair different in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from pulsefront.detector import Detector
from pulsefront.events.container import EventTable
from pulsefront.progress import Report, silent
from pulsefront.simulate.augment import DetectorRanges
from pulsefront.simulate.coincidences.measurement import simulate_coincidences
from pulsefront.simulate.coincidences.settings import CoincidenceSettings
from pulsefront.simulate.perturb import Perturbation, perturbed
from pulsefront.simulate.run.shards import child_seed

__all__ = ["DrawnPair", "PairAugmentSettings", "draw_pairs", "varied_coincidences"]

DRAWS = 4
"""Branch of a study's seed; the lower ones are taken by its own coincidences."""


class PairAugmentSettings(DetectorRanges):
    """Pairs of detectors whose coincidences train beside those of the pair that is described.

    Selection and test stay as they are. Each detector draws its own, but both of a pair are as
    warm.
    """

    baseline_wander_scale: tuple[float, float] = (1.0, 1.0)
    """range of how far the baseline lies from its mean, from record to record, relative to that of
    the detector"""
    detectors: Annotated[int, Field(ge=1, le=1000)] = 12
    """pairs that are drawn, once for a study"""
    share: Annotated[float, Field(gt=0, le=10)] = 1.0
    """their coincidences in all, relative to those of the training offsets"""

    @model_validator(mode="after")
    def _wander(self) -> Self:
        low, high = self.baseline_wander_scale
        if not 1.0 <= low <= high <= 100.0:
            raise ValueError("baseline_wander_scale must ascend between 1 and 100")
        return self

    @property
    def changes_nothing(self) -> bool:
        """Whether every detector is the same."""
        return self.baseline_wander_scale == (1.0, 1.0) and super().changes_nothing


@dataclass(frozen=True)
class DrawnPair:
    """Two detectors, how they differ from the one that is described, and a seed of their own."""

    first: Detector
    second: Detector
    changes: tuple[Perturbation, Perturbation]
    seed: int


def draw_pairs(detector: Detector, settings: PairAugmentSettings, seed: int) -> list[DrawnPair]:
    """Return the pairs that a study with *seed* draws."""
    found = []
    for number in range(settings.detectors):
        own = child_seed(seed, DRAWS, number)
        random = np.random.default_rng(own)
        warm = float(random.uniform(*settings.temperature_shift_k))
        changes = tuple(_drawn(settings, warm, random) for _ in range(2))
        first, second = changes
        found.append(
            DrawnPair(
                perturbed(detector, first),
                perturbed(detector, second),
                (first, second),
                int(child_seed(own, 0).generate_state(1, np.uint32)[0]),
            )
        )
    return found


def _drawn(settings: PairAugmentSettings, warm: float, random: np.random.Generator) -> Perturbation:
    return Perturbation(
        # The gains themselves follow from the seed of the pair.
        gain_mismatch=settings.gain_spread,
        pde_scale=float(random.uniform(*settings.light)),
        temperature_shift_k=warm,
        noise_scale=float(random.uniform(*settings.noise_scale)),
        baseline_wander_scale=float(random.uniform(*settings.baseline_wander_scale)),
    )


def varied_coincidences(
    pairs: list[DrawnPair],
    coincidences: CoincidenceSettings,
    settings: PairAugmentSettings,
    *,
    cache: str | Path | None = None,
    executor: Executor | None = None,
    report: Report = silent,
) -> Iterator[EventTable]:
    """Yield the coincidences of each of *pairs*; all together ``settings.share`` of *coincidences*.

    The stage is set anew for each pair, and lies as far from its nominal offsets as a stage does.
    *report* is told of pairs.

    Raises
    ------
    ConfigError
        As `simulate_coincidences`.
    """
    each = max(1, round(coincidences.events_per_offset * settings.share / len(pairs)))
    chosen = coincidences.model_copy(update={"events_per_offset": each})
    for number, pair in enumerate(pairs):
        yield simulate_coincidences(
            pair.first, chosen, pair.seed, other=pair.second, cache=cache, executor=executor
        )
        report(number + 1, len(pairs))
