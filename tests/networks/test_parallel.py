"""Training jobs: any number of workers, lost ones included, gives the same networks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Candidate,
    LossSettings,
    MlpSettings,
    TrainingData,
    TrainingSettings,
    initial_candidate,
    prepare,
)
from pulsefront.networks.parallel import train_jobs
from pulsefront.networks.training import repeatable
from strategies_networks import light_response

SETTINGS = TrainingSettings(epochs=1, batch=128)


@pytest.fixture(scope="module")
def work() -> tuple[list[Candidate], TrainingData]:
    counts, position = light_response(1000)
    data = prepare(counts, position, FixedPointFormat(12, 12, signed=False), LossSettings())
    return [initial_candidate(MlpSettings(hidden=(6, 4)), 64, 3, seed=s) for s in range(5)], data


def run(work: tuple[list[Candidate], TrainingData], executor: Executor) -> list[Candidate]:
    candidates, data = work
    with repeatable():
        return train_jobs(candidates, data, SETTINGS, seed=3, executor=executor, per_job=2)


def assert_same(first: Sequence[Candidate], second: Sequence[Candidate]) -> None:
    for a, b in zip(first, second, strict=True):
        for x, y in zip((*a.weights, *a.biases), (*b.weights, *b.biases), strict=True):
            assert np.array_equal(x, y)


class LosesEveryOtherJob(Executor):
    """An executor whose workers die on every second job."""

    def __init__(self) -> None:
        self.jobs = 0

    def submit(self, fn, /, *arguments, **options) -> Future:  # type: ignore[no-untyped-def, type-arg, override]
        self.jobs += 1
        future: Future = Future()  # type: ignore[type-arg]
        if self.jobs % 2:
            future.set_exception(RuntimeError("worker lost"))
        else:
            future.set_result(fn(*arguments, **options))
        return future


def test_one_thread_three_threads_and_processes_train_the_same_networks(
    work: tuple[list[Candidate], TrainingData],
) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(3) as three:
        expected = run(work, one)
        assert_same(expected, run(work, three))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        assert_same(expected, run(work, processes))


def test_a_lost_worker_costs_nothing_but_time(work: tuple[list[Candidate], TrainingData]) -> None:
    with ThreadPoolExecutor(1) as one:
        expected = run(work, one)
    unreliable = LosesEveryOtherJob()
    assert_same(expected, run(work, unreliable))
    assert unreliable.jobs == 3


def test_an_executor_that_is_shut_down_is_replaced(
    work: tuple[list[Candidate], TrainingData],
) -> None:
    with ThreadPoolExecutor(1) as one:
        expected = run(work, one)
    assert_same(expected, run(work, one))


class Refuses(Executor):
    """An executor on which the job itself reports an error of the user's."""

    def submit(self, fn, /, *arguments, **options) -> Future:  # type: ignore[no-untyped-def, type-arg, override]
        future: Future = Future()  # type: ignore[type-arg]
        future.set_exception(DataError("no label"))
        return future


def test_an_error_of_the_data_is_not_taken_for_a_lost_worker(
    work: tuple[list[Candidate], TrainingData],
) -> None:
    with pytest.raises(DataError, match="no label"):
        run(work, Refuses())


@pytest.mark.slow
def test_a_dask_cluster_trains_the_same_networks(
    work: tuple[list[Candidate], TrainingData],
) -> None:
    distributed = pytest.importorskip("distributed")
    with ThreadPoolExecutor(1) as one:
        expected = run(work, one)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert_same(expected, run(work, client.get_executor()))


def test_networks_of_several_depths_come_back_in_their_order(
    work: tuple[list[Candidate], TrainingData],
) -> None:
    candidates, data = work
    flat = [initial_candidate(MlpSettings(hidden=(5,)), 64, 3, seed=s) for s in range(3)]
    mixed = [candidates[0], flat[0], candidates[1], flat[1], flat[2], candidates[2]]
    with ThreadPoolExecutor(2) as pool:
        trained = run((mixed, data), pool)
        assert [len(one.weights) for one in trained] == [3, 2, 3, 2, 2, 3]
        assert_same([trained[0], trained[2]], run((candidates[:2], data), pool))
        assert_same([trained[4]], run((flat[2:], data), pool))
