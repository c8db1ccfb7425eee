"""A search on a stream: every event once, the same result after a kill and for any threads."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.networks.stream import FreshEvents
from pulsefront.search import AblationResult, Budget, Task, run_ablation
from pulsefront.search.settings import PriceSettings
from pulsefront.search.streamed import streamed_events
from strategies_search import position_task, short, timing_task

BUDGET = Budget(weight_bytes=150)
SENSORS = 9


def events(count: int, random: np.random.Generator) -> FreshEvents:
    """Return counts of nine sensors in a square that see light from positions in it."""
    position = random.uniform(-1, 1, (count, 3))
    centres = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)])
    away = ((position[:, None, :2] - centres) ** 2).sum(2) + (position[:, 2:] + 2) ** 2
    return FreshEvents(random.poisson(400 / away).astype(np.uint16), position)


class Toy:
    """An endless stream in blocks of 100 that writes down what it gave."""

    identity: dict[str, Any] = {"toy": 1}  # noqa: RUF012 - the protocol asks for a mapping

    def __init__(self) -> None:
        self.given: dict[int, int] = {}

    def blocks(self, seed: int) -> Generator[FreshEvents, None, None]:
        random = np.random.default_rng([seed, 5])
        for number in range(1, 1_000_000):
            yield events(100, random)
            self.given[seed] = max(self.given.get(seed, 0), 100 * number)


@pytest.fixture
def task() -> Task:
    known = events(900, np.random.default_rng(1))
    still = position_task(known.inputs, known.targets, fit=500)
    return replace(still, stream=Toy())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[AblationResult, Path, Toy]:
    known = events(900, np.random.default_rng(1))
    stream = Toy()
    folder = tmp_path_factory.mktemp("streamed")
    still = position_task(known.inputs, known.targets, fit=500)
    return run_ablation(replace(still, stream=stream), short(), BUDGET, folder), folder, stream


def assert_same(first: AblationResult, second: AblationResult) -> None:
    assert first.summary() == second.summary()
    for a, b in zip(first.final_candidates, second.final_candidates, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.weights, b.weights, strict=True))


def test_the_record_counts_the_events_that_were_taken(
    finished: tuple[AblationResult, Path, Toy],
) -> None:
    result, _, stream = finished
    rounds = len({t.stage for t in result.candidates if t.stage.startswith("round")})
    told = result.summary().streamed_events
    assert told == streamed_events(short(), 500, rounds)
    # One stream per stage, of which the last block is hardly ever used up.
    assert len(stream.given) == 3 + rounds
    assert told is not None
    left_over = sum(stream.given.values()) + 100 * len(stream.given) - told
    assert 0 <= left_over < 300 * len(stream.given)


def test_a_search_in_memory_tells_no_streamed_events(task: Task) -> None:
    result = run_ablation(replace(task, stream=None), short(max_rounds=1), Budget(weight_bytes=400))
    assert result.summary().streamed_events is None


@pytest.mark.parametrize("stages_left", [0, 1, 3])
def test_a_streamed_search_killed_after_any_stage_ends_with_the_same_result(
    task: Task, finished: tuple[AblationResult, Path, Toy], tmp_path: Path, stages_left: int
) -> None:
    result, folder, _ = finished
    stages = ["float", "quantized", "round_000"][:stages_left]
    for name in ["search.json", *(f"{stage}.npz" for stage in stages)]:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert_same(run_ablation(task, short(), BUDGET, tmp_path), result)


@pytest.mark.slow
def test_neither_threads_nor_processes_change_a_streamed_search(
    task: Task, finished: tuple[AblationResult, Path, Toy]
) -> None:
    assert_same(run_ablation(task, short(threads=3), BUDGET), finished[0])
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert_same(run_ablation(task, short(), BUDGET, executor=pool), finished[0])


def test_new_events_teach_what_a_few_cannot(task: Task) -> None:
    few = replace(task, train=np.arange(60), stream=None)
    budget = Budget(weight_bytes=2000)
    on_stream = run_ablation(task, short(max_rounds=0), budget)
    # As many steps: 500 events are an epoch of the stream.
    longer = short().float_training.model_copy(update={"epochs": 12 * 500 / 60})
    in_memory = run_ablation(few, short(max_rounds=0, float_training=longer), budget)
    assert np.mean(on_stream.full) < np.mean(in_memory.full)


def test_progress_is_told_in_events_seen(task: Task) -> None:
    told: list[tuple[int, int]] = []
    settings = short(max_rounds=1, price=PriceSettings(strengths=(0.1,)))
    run_ablation(task, settings, Budget(weight_bytes=2000), None, lambda *n: told.append(n))
    most = streamed_events(settings, 500, 1)
    assert {total for _, total in told} == {most}
    done = [n for n, _ in told]
    assert done == sorted(done)
    assert done[0] == 100
    assert done[-1] == most


def test_coincidences_are_not_streamed() -> None:
    with pytest.raises(DataError, match="not streamed"):
        replace(timing_task(300), stream=Toy())
