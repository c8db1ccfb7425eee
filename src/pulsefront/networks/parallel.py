"""Training jobs on an executor: the same networks for any number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import Any

import torch

from pulsefront.errors import PulsefrontError
from pulsefront.networks.candidate import Candidate
from pulsefront.networks.settings import TrainingSettings
from pulsefront.networks.training import TrainingData, train

__all__ = ["train_jobs"]


def train_jobs(
    candidates: Sequence[Candidate],
    data: TrainingData,
    settings: TrainingSettings,
    *,
    seed: int,
    executor: Executor,
    per_job: int,
    sent: Any = None,
    device: str = "cpu",
) -> list[Candidate]:
    """Train *candidates* in jobs of *per_job* and return them in their order.

    Only networks of one depth can be trained together, so a job holds no others. A job runs in
    one thread, and which candidates share it depends on them and on *per_job* alone: the result
    depends neither on the number of workers nor on who finishes first. A job whose worker is lost
    is trained here instead, with the same result.

    *sent* stands for *data* where the executor has got it before and knows it by a handle, as a
    future of a Dask cluster. *device* is that of `train`.
    """
    there = data if sent is None else sent
    indices = _indices_of_jobs(candidates, per_job)
    jobs = [[candidates[index] for index in job] for job in indices]
    futures: list[Future[list[Candidate]] | None] = []
    for job in jobs:
        try:
            futures.append(executor.submit(_train_job, list(job), there, settings, seed, device))
        except RuntimeError:  # the pool is broken or shut down
            futures.append(None)
    trained: dict[int, Candidate] = {}
    for job, at, future in zip(jobs, indices, futures, strict=True):
        trained.update(zip(at, _result_of(future, job, data, settings, seed, device), strict=True))
    return [trained[index] for index in range(len(candidates))]


def _indices_of_jobs(candidates: Sequence[Candidate], per_job: int) -> list[list[int]]:
    by_depth: dict[int, list[int]] = {}
    for index, candidate in enumerate(candidates):
        by_depth.setdefault(len(candidate.weights), []).append(index)
    return [
        indices[start : start + per_job]
        for indices in by_depth.values()
        for start in range(0, len(indices), per_job)
    ]


def _train_job(
    candidates: list[Candidate],
    data: TrainingData,
    settings: TrainingSettings,
    seed: int,
    device: str,
) -> list[Candidate]:
    # More threads would make sums, and so results, depend on their number.
    torch.set_num_threads(1)
    return train(candidates, data, settings, seed=seed, device=device)


def _result_of(
    future: Future[list[Candidate]] | None,
    job: Sequence[Candidate],
    data: TrainingData,
    settings: TrainingSettings,
    seed: int,
    device: str,
) -> list[Candidate]:
    if future is not None:
        try:
            return future.result()
        except PulsefrontError:
            raise
        except Exception:  # noqa: BLE001  # whatever way an executor says that a worker is gone
            future.cancel()
    return _train_job(list(job), data, settings, seed, device)
