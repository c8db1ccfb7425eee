"""Where a search trains its candidates: threads here, processes, or a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from pulsefront.networks.candidate import Candidate
from pulsefront.networks.parallel import train_jobs
from pulsefront.networks.settings import TrainingSettings
from pulsefront.networks.training import TrainingData
from pulsefront.search.settings import SearchSettings
from pulsefront.search.workers import Share

__all__ = ["FINAL_STAGE", "Trainer", "seed_of_stage"]

FINAL_STAGE = 1_000_000
"""Seeds the last training, whatever the number of rounds."""

ARCHITECTURES_PER_JOB = 3
"""Enough networks in one batch to hide the overhead, few enough to keep two cores busy."""


class Trainer:
    """Trains candidates on the same data, stage after stage.

    Which networks form a job, and the seed of a stage, depend on the search alone: any executor
    and any number of workers give the same networks.
    """

    def __init__(
        self,
        data: TrainingData,
        settings: SearchSettings,
        executor: Executor,
        share: Share | None = None,
    ) -> None:
        self.data = data
        self.settings = settings
        self._executor = executor
        self._share = share
        self._sent: Any = None
        self._seed = settings.seed
        self._device = settings.device
        self._per_job = settings.initializations * ARCHITECTURES_PER_JOB

    def train(
        self,
        candidates: Sequence[Candidate],
        settings: TrainingSettings,
        *,
        stage: int,
        per_job: int | None = None,
    ) -> list[Candidate]:
        """Return *candidates* trained, in their order; *stage* numbers the seed.

        *per_job* of them are trained together, where that is not left to the trainer.
        """
        if self._share is not None and self._sent is None:
            self._sent = self._share(self.data)
        return train_jobs(
            candidates,
            self.data,
            settings,
            seed=seed_of_stage(self._seed, stage),
            executor=self._executor,
            per_job=per_job or self._per_job,
            sent=self._sent,
            device=self._device,
        )


def seed_of_stage(seed: int, stage: int) -> int:
    """Return the seed of a stage of a search with some *seed*."""
    return int(np.random.SeedSequence([seed, stage]).generate_state(1, np.uint32)[0])
