"""The search as a whole: it shrinks, keeps its promises, resumes and repeats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import BudgetError, ConfigError, DataError, PulsefrontError
from pulsefront.fixed_point import estimate_resources
from pulsefront.networks import MlpSettings, TrainingSettings
from pulsefront.search import (
    AblationResult,
    Budget,
    ResourceSettings,
    Task,
    central_width,
    mean_distance,
    run_ablation,
)
from pulsefront.search.part import part_of
from pulsefront.search.result import SearchSummary
from strategies_networks import light_response
from strategies_search import OUT, position_task, short, timing_task


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Task, AblationResult, Path]:
    folder = tmp_path_factory.mktemp("search")
    task = timing_task()
    return task, run_ablation(task, short(), Budget(weight_bytes=150), folder), folder


def test_the_result_fits_the_budget_and_is_smaller_than_the_start(
    finished: tuple[Task, AblationResult, Path],
) -> None:
    _, result, _ = finished
    assert result.budget_met
    assert result.final_cost.weight_bytes <= 150
    assert result.final_cost.weight_bytes < result.path[1].cost.weight_bytes
    assert [p.cost.weight_bytes for p in result.path] == sorted(
        (p.cost.weight_bytes for p in result.path), reverse=True
    )


def test_every_candidate_is_counted_and_accepted_ones_form_the_path(
    finished: tuple[Task, AblationResult, Path],
) -> None:
    _, result, _ = finished
    assert result.candidates_tried == len(result.candidates)
    assert sum(trial.accepted for trial in result.candidates) == len(result.path)
    assert len(result.attribution) == len(result.path) - 1
    assert all(len(trial.metric) == 3 for trial in result.candidates)


def test_the_final_model_computes_what_was_judged(
    finished: tuple[Task, AblationResult, Path],
) -> None:
    task, result, _ = finished
    flat = task.inputs[task.selection].reshape(-1, task.n_in)
    integers = result.final_model.run(flat[:, result.kept_inputs])
    times = OUT.values(integers).reshape(-1, 2) + task.coarse[task.selection]  # type: ignore[index]
    residual = times[:, 0] - times[:, 1] - task.targets[task.selection]
    assert central_width(residual[:, None]) == result.final_metric[result.best]
    assert result.final_metric[result.best] == min(result.final_metric)


def test_no_trial_of_the_front_is_beaten_by_another(
    finished: tuple[Task, AblationResult, Path],
) -> None:
    _, result, _ = finished
    trials = result.candidates
    assert len(result.front) > 0
    for place in result.front:
        for other in trials:
            assert not (
                other.cost.weight_bytes <= trials[place].cost.weight_bytes
                and other.comparison.value < trials[place].comparison.value
            )


def test_the_summary_is_plain_json_and_comes_back_whole(
    finished: tuple[Task, AblationResult, Path], tmp_path: Path
) -> None:
    _, result, _ = finished
    path = tmp_path / "summary.json"
    result.summary().write(path)
    assert json.loads(path.read_text())["candidates_tried"] > 3
    assert SearchSummary.read(path) == result.summary()


@pytest.mark.parametrize("stages_left", [0, 1, 2, 3])
def test_a_search_killed_after_any_stage_ends_with_the_same_result(
    finished: tuple[Task, AblationResult, Path], tmp_path: Path, stages_left: int
) -> None:
    task, result, folder = finished
    stages = ["float", "quantized", "round_000", "round_001"][:stages_left]
    for name in ["search.json", *(f"{stage}.npz" for stage in stages)]:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    again = run_ablation(task, short(), Budget(weight_bytes=150), tmp_path)
    assert again.summary() == result.summary()
    for a, b in zip(again.final_candidates, result.final_candidates, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.weights, b.weights, strict=True))


def test_the_result_does_not_depend_on_the_number_of_threads(
    finished: tuple[Task, AblationResult, Path],
) -> None:
    task, result, _ = finished
    again = run_ablation(task, short(threads=3), Budget(weight_bytes=150))
    assert again.summary() == result.summary()


def test_a_finished_search_is_read_back_without_training(
    finished: tuple[Task, AblationResult, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, result, folder = finished

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("pulsefront.search.trainer.train_jobs", refuse)
    again = run_ablation(task, short(), Budget(weight_bytes=150), folder)
    assert again.summary() == result.summary()


def test_each_layer_starts_with_a_width_of_its_own() -> None:
    network = MlpSettings(hidden=(8, 4), weight_bits=(5, 6, 9))
    result = run_ablation(
        timing_task(), short(network=network, max_rounds=0), Budget(weight_bytes=10_000)
    )
    assert result.path[1].architecture.weight_bits == (5, 6, 9)
    with pytest.raises(ValueError, match="weight_bits has 2 widths for 3 layers"):
        MlpSettings(hidden=(8, 4), weight_bits=(5, 6))


def test_widths_of_single_nodes_survive_the_checkpoint(tmp_path: Path) -> None:
    shape = MlpSettings(hidden=(8, 4), per_channel=True, weight_bits=8)
    settings = short(network=shape, max_rounds=2, proposals=20)
    task, budget = timing_task(1000), Budget(weight_bytes=70)
    result = run_ablation(task, settings, budget, tmp_path)
    assert any("one weight bit of" in trial.move for trial in result.candidates)
    again = run_ablation(task, settings, budget, tmp_path)
    assert again.summary() == result.summary()
    for a, b in zip(again.final_candidates, result.final_candidates, strict=True):
        assert a.precision == b.precision


def test_the_checkpoint_of_another_search_is_refused(
    finished: tuple[Task, AblationResult, Path],
) -> None:
    task, _, folder = finished
    with pytest.raises(ConfigError, match="checkpoint of another search"):
        run_ablation(task, short(seed=2), Budget(weight_bytes=150), folder)


def test_a_damaged_stage_is_named(
    finished: tuple[Task, AblationResult, Path], tmp_path: Path
) -> None:
    task, _, folder = finished
    (tmp_path / "search.json").write_bytes((folder / "search.json").read_bytes())
    (tmp_path / "float.npz").write_bytes((folder / "float.npz").read_bytes()[:100])
    with pytest.raises(DataError, match=r"float\.npz: is damaged.*remove it"):
        run_ablation(task, short(), Budget(weight_bytes=150), tmp_path)


def test_a_hard_budget_is_met_and_flagged_where_the_margin_cannot_hold() -> None:
    settings = short(margin=1e-6, max_rounds=1, step_fraction=0.5, proposals=2)
    result = run_ablation(timing_task(2000), settings, Budget(weight_bytes=3))
    assert result.final_cost.weight_bytes <= 3
    assert result.budget_met
    assert not result.non_inferior


def test_effective_bit_operations_are_a_hard_budget_too() -> None:
    result = run_ablation(
        timing_task(700), short(max_rounds=1, step_fraction=0.3, proposals=3), Budget(ebops=1200)
    )
    assert result.final_cost.ebops <= 1200
    assert all(model.cost().ebops <= 1200 for model in result.final_models)
    assert result.path[1].cost.ebops > 1200


def test_a_candidate_that_diverges_is_marked_and_the_search_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pulsefront.search import trainer

    real = trainer.train_jobs

    def poison(candidates, *arguments, **options):  # type: ignore[no-untyped-def]
        trained = real(candidates, *arguments, **options)
        if len(trained) > 3:
            trained[3].weights[0][:] = np.nan  # the second proposal, first initialization
        return trained

    monkeypatch.setattr(trainer, "train_jobs", poison)
    result = run_ablation(timing_task(1500), short(max_rounds=2), Budget(weight_bytes=200))
    marked = [trial for trial in result.candidates if trial.diverged]
    assert marked
    assert not any(trial.accepted for trial in marked)
    assert result.budget_met


def test_a_budget_that_nothing_meets_is_refused_before_training() -> None:
    counts, position = light_response(300)
    wide = position_task(counts, position, fit=200)
    with pytest.raises(BudgetError, match="macs ≤ 2: the best came to 3"):
        run_ablation(wide, short(), Budget(weight_bytes=100, macs=2))


def test_a_budget_that_removals_cannot_reach_says_how_near_the_best_came() -> None:
    """At a gigahertz a multiplication alone takes more cycles than this."""
    fast = ResourceSettings(clock_period_ns=1.0)
    settings = short(max_rounds=0, step_fraction=0.5, proposals=4, resources=fast)
    with pytest.raises(BudgetError, match=r"no candidate fits latency_cycles ≤ 1: the best came"):
        run_ablation(timing_task(300), settings, Budget(latency_cycles=1))


def test_a_search_space_with_nothing_in_it_is_refused() -> None:
    counts, position = light_response(300)
    one = position_task(counts[:, :1], position, fit=200)
    bare = MlpSettings(hidden=(), weight_bits=3, bias_bits=3)
    with pytest.raises(ConfigError, match=r"search.network: the search space is empty.*lower"):
        run_ablation(one, short(network=bare), Budget(weight_bytes=100))


def test_look_up_tables_are_a_hard_budget_and_single_weights_go_for_it() -> None:
    budget = Budget(lut=900, dsp=4)
    result = run_ablation(timing_task(700), short(step_fraction=0.4), budget)
    assert budget.fits(result.final_cost)
    for model in result.final_models:
        built = estimate_resources(model)
        assert built.lut <= 900
        assert built.dsp <= 4
    assert any("weights" in trial.move for trial in result.candidates)


def test_a_part_at_a_rate_is_a_hard_budget_and_the_design_is_chosen_for_each_candidate() -> None:
    # The full network takes more of these look-up tables than there are, at a million events/s.
    budget = Budget(board="ecp5_25", events_per_second=1e6, lut=1_900, dsp=0)
    part = part_of(budget)
    assert part is not None
    result = run_ablation(timing_task(700), short(step_fraction=0.4), budget)
    start = result.path[1].cost
    assert start.part_use is not None
    assert start.part_use > 1
    assert budget.fits(result.final_cost)
    for model in result.final_models:
        choice = part.choice(model)
        assert choice.fits
        assert choice.design.used["lut"] <= 1_900
        assert choice.events_per_second >= 1e6
    assert "part_use" in result.summary().fronts
    assert result.summary().final_cost.latency_ns is not None


def test_training_that_diverges_says_what_to_lower() -> None:
    settings = short(float_training=TrainingSettings(epochs=2, learning_rate=1e30))
    with pytest.raises(PulsefrontError, match=r"float_training.learning_rate: .*lower"):
        run_ablation(timing_task(500), settings, Budget(weight_bytes=200))


def test_a_position_task_gives_position_and_depth_within_budget() -> None:
    counts, position = light_response(5000)
    task = position_task(counts, position, fit=4000)
    settings = short(network=MlpSettings(hidden=(12, 8), weight_bits=10, activation_bits=10))
    result = run_ablation(task, settings, Budget(weight_bytes=1100))
    outputs = OUT.values(result.final_model.run(counts[4000:][:, result.kept_inputs]))
    assert outputs.shape == (1000, 3)
    blind = mean_distance(position[4000:] - position[:4000].mean(0))
    assert mean_distance(outputs - position[4000:]) < 0.4 * blind
