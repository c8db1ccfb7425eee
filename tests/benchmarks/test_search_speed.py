"""A whole search against its own candidates trained one after the other in plain torch.

The search runs as ever, in one thread, and its CPU time counts everything: training, ranking,
judging, pricing. Every job that it trains is written down. Plain torch then trains the first
network of each job, from the same weights, for some steps; its time per step, times the steps and
the networks of the job, is what one network after the other would take (plain training costs the
same at every step). Plain torch's side is its training alone: in the bound asserted here, not the
speed-up of training (see test_training_speed.py) but what is left of it over a whole search with a
tenth of the position study's steps, where ranking and judging weigh ten times as much. As there,
the matrix products that both sides do are taken out of the comparison.
"""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from test_training_speed import in_standard_units, train_plainly, training_macs

from machine import macs_per_s
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import Candidate, LossSettings, MlpSettings, TrainingData, TrainingSettings
from pulsefront.networks.training import repeatable
from pulsefront.search import (
    AblationResult,
    Budget,
    SearchSettings,
    Task,
    central_width,
    median_distance,
    run_ablation,
)
from strategies_networks import coincidences, light_response

ADC = FixedPointFormat(12, 12, signed=False)
PLAIN_STEPS = 40


@dataclass(frozen=True)
class Job:
    """What one training job was given."""

    candidates: list[Candidate]
    data: TrainingData
    settings: TrainingSettings
    seed: int

    @property
    def steps(self) -> int:
        """Steps that every network of the job takes."""
        return max(1, round(self.settings.epochs * len(self.data) / self.settings.batch))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the products of all its networks."""
        rows = self.steps * self.settings.batch * (2 if self.data.inputs.ndim == 3 else 1)
        return rows * sum(
            training_macs([len(c.kept_inputs), *(w.shape[1] for w in c.weights)])
            for c in self.candidates
        )


class Recorder(Executor):
    """Runs every job at once and remembers what it was given."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def submit(self, fn: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        candidates, data, settings, seed, *_ = arguments
        self.jobs.append(Job(list(candidates), data, settings, seed))
        future: Future[Any] = Future()
        future.set_result(fn(*arguments, **options))
        return future


def timing_search() -> tuple[Task, SearchSettings, Budget]:
    """Return the shipped timing study's network and settings on a toy pair."""
    events = coincidences(16_000, samples=16)
    task = Task(
        "pickoff",
        events.windows,
        events.known_ns,
        np.arange(12_000),
        np.arange(12_000, 16_000),
        ADC,
        FixedPointFormat(16, 6),
        LossSettings(kind="coincidence"),
        central_width,
        "central width [ns]",
        coarse=events.coarse_ns,
    )
    settings = SearchSettings(network=MlpSettings(hidden=(16, 8)), margin=0.02, threads=1)
    return task, settings, Budget(weight_bytes=512, macs=512)


def position_search() -> tuple[Task, SearchSettings, Budget]:
    """Return the shipped position study's network; a tenth of its training steps, toy events."""
    counts, position = light_response(26_000)
    task = Task(
        "position",
        counts,
        position,
        np.arange(20_000),
        np.arange(20_000, 26_000),
        ADC,
        FixedPointFormat(16, 7),
        LossSettings(),
        median_distance,
        "median 3-D error [mm]",
    )
    gentle = TrainingSettings(epochs=7.0, batch=512, learning_rate=2e-3)
    settings = SearchSettings(
        network=MlpSettings(hidden=(72, 44), weight_bits=8),
        float_training=TrainingSettings(epochs=28.0, batch=256, learning_rate=4e-3),
        quantized_training=gentle,
        fine_tuning=TrainingSettings(epochs=1.0, batch=512, learning_rate=1e-3),
        final_training=gentle,
        threads=1,
    )
    return task, settings, Budget(weight_bytes=8192, macs=8192)


def plain_seconds(jobs: list[Job]) -> float:
    """Return the CPU seconds of all networks of *jobs*, one after the other."""
    total = 0.0
    for job in jobs:
        first = in_standard_units(job.candidates[:1])
        steps = min(PLAIN_STEPS, job.steps)
        kept = job.candidates[0].kept_inputs
        data = replace(job.data, inputs=job.data.inputs[..., kept].contiguous(), selection=None)
        epochs = steps * job.settings.batch / len(data)
        settings = job.settings.model_copy(update={"epochs": epochs})
        before = time.process_time()
        train_plainly(first, data, settings, job.seed)
        total += (time.process_time() - before) / steps * job.steps * len(job.candidates)
    return total


@pytest.mark.slow
@pytest.mark.parametrize(("make", "least"), [(timing_search, 3.2), (position_search, 1.8)])
def test_a_whole_search_takes_less_time_than_its_candidates_one_by_one(
    make: Any, least: float
) -> None:
    task, settings, budget = make()
    recorder = Recorder()
    with repeatable():
        before = time.process_time()
        result: AblationResult = run_ablation(task, settings, budget, executor=recorder)
        ours = time.process_time() - before
        plain = plain_seconds(recorder.jobs)
    products = sum(job.macs for job in recorder.jobs) / macs_per_s()
    networks = sum(len(job.candidates) for job in recorder.jobs)
    assert networks == result.networks_trained
    print(  # noqa: T201
        f"\n{task.name}: {networks} networks, {result.candidates_tried} architectures judged:"
        f" search {ours:.1f} CPU s in all, one after the other {plain:.1f} s: {plain / ours:.1f} ×;"
        f" products {products:.1f} s of both"
    )
    assert ours < products + (plain - products) / least
