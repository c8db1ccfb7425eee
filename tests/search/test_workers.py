"""A search among workers that die, and one that is itself killed: the same result every time."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from pulsefront.search import AblationResult, Budget, run_ablation
from strategies_search import short, timing_task

BUDGET = Budget(weight_bytes=120)
EVENTS = 1500


@pytest.fixture(scope="module")
def undisturbed() -> AblationResult:
    return run_ablation(timing_task(EVENTS), short(), BUDGET)


def assert_same(first: AblationResult, second: AblationResult) -> None:
    assert first.summary() == second.summary()
    for a, b in zip(first.final_candidates, second.final_candidates, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.weights, b.weights, strict=True))


def search_in(folder: Path) -> None:
    run_ablation(timing_task(EVENTS), short(), BUDGET, folder)


def test_a_search_killed_in_the_middle_goes_on_to_the_same_result(
    undisturbed: AblationResult, tmp_path: Path
) -> None:
    process = get_context("spawn").Process(target=search_in, args=(tmp_path,))
    process.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / "round_000.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "final.npz").exists()
    calls: list[tuple[int, int]] = []
    report = lambda done, total: calls.append((done, total))  # noqa: E731
    again = run_ablation(timing_task(EVENTS), short(), BUDGET, tmp_path, report)
    assert_same(again, undisturbed)
    # told from the start how far it had come, then stage by stage
    assert calls[0][0] >= 3
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1][0] == calls[-1][1]


class Killer:
    """A report that kills a process once two stages are done; the search is in its rounds then."""

    def __init__(self, find: Callable[[], int]) -> None:
        self._find = find
        self.killed: list[int] = []

    def __call__(self, done: int, total: int) -> None:
        if done >= 2 and not self.killed:
            self.killed.append(self._find())
            os.kill(self.killed[0], signal.SIGKILL)


def test_processes_that_die_cost_only_their_candidates(undisturbed: AblationResult) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        killer = Killer(pool.submit(os.getpid).result)
        result = run_ablation(timing_task(EVENTS), short(), BUDGET, None, killer, executor=pool)
    assert len(killer.killed) == 1
    assert_same(result, undisturbed)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_loses_a_worker_gives_the_same_result(undisturbed: AblationResult) -> None:
    distributed = pytest.importorskip(
        "distributed", reason="distributed is not installed: pip install 'pulsefront[cluster]'"
    )
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        warnings.simplefilter("ignore")
        killer = Killer(lambda: next(iter(client.run(os.getpid).values())))
        result = run_ablation(
            timing_task(EVENTS),
            short(),
            BUDGET,
            None,
            killer,
            executor=client.get_executor(),
            share=partial(client.scatter, broadcast=True, hash=False),
        )
    assert len(killer.killed) == 1
    assert_same(result, undisturbed)
