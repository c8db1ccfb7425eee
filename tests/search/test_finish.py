"""A search that ends with learned widths: a front, the cheapest non-inferior point, exact bits."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from pydantic import ValidationError

from pulsefront.errors import BudgetError
from pulsefront.networks import MlpSettings, TrainingSettings, WidthSettings
from pulsefront.networks.cost import NetworkCost
from pulsefront.search import (
    AblationResult,
    Budget,
    PriceSettings,
    ResourceSettings,
    Task,
    run_ablation,
)
from pulsefront.search.settings import PricedCost
from strategies_networks import light_response
from strategies_search import OUT, position_task, short

PRICE = PriceSettings(
    strengths=(0.01, 0.1, 3.0),
    training=TrainingSettings(epochs=8, batch=128, learning_rate=4e-3),
)
NETWORK = MlpSettings(hidden=(12, 6), weight_bits=8, per_channel=True)


@pytest.fixture(scope="module")
def task() -> Task:
    return position_task(*light_response(5_000), fit=3_500)


@pytest.fixture(scope="module")
def finished(task: Task, tmp_path_factory: pytest.TempPathFactory) -> tuple[AblationResult, Path]:
    folder = tmp_path_factory.mktemp("search")
    settings = short(network=NETWORK, price=PRICE, max_rounds=0, margin=0.2)
    return run_ablation(task, settings, Budget(ebops=200_000), folder), folder


def test_every_strength_is_a_point_of_the_front_and_a_high_price_a_cheap_network(
    finished: tuple[AblationResult, Path],
) -> None:
    result, _ = finished
    priced = [trial for trial in result.candidates if trial.stage == "price"]
    assert [trial.move.split()[-1] for trial in priced] == ["0.01", "0.1", "3"]
    costs = [trial.cost.ebops for trial in priced]
    assert costs[0] > 1.2 * costs[1] > 1.2**2 * costs[2]
    before = next(trial for trial in result.candidates if trial.stage == "quantized")
    assert costs[0] < before.cost.ebops


def test_the_cheapest_that_is_not_inferior_is_taken(
    finished: tuple[AblationResult, Path],
) -> None:
    result, _ = finished
    good = [t for t in result.candidates if t.stage == "price" and t.non_inferior]
    assert good
    assert result.final_cost.ebops == min(t.cost.ebops for t in good)
    assert result.path[-1].move.startswith("widths learned at a price")
    assert result.non_inferior


def test_the_integers_are_those_that_were_judged_and_most_low_bits_are_zero(
    finished: tuple[AblationResult, Path], task: Task
) -> None:
    result, _ = finished
    rows = task.inputs[task.selection]
    outputs = OUT.values(result.final_model.run(rows[:, result.kept_inputs]))
    error = np.linalg.norm(outputs - task.targets[task.selection], axis=1).mean()
    assert error == pytest.approx(result.final_metric[result.best], abs=1e-12)
    weights = np.concatenate(
        [
            np.ravel(layer.weights)
            for layer in result.final_model.layers
            if hasattr(layer, "weights")
        ]
    )
    used = weights[weights != 0]
    assert (used % 2 == 0).mean() > 0.3  # one in two is odd where no bit has been saved


def test_a_search_killed_between_two_prices_ends_with_the_same_result(
    finished: tuple[AblationResult, Path], task: Task, tmp_path: Path
) -> None:
    result, folder = finished
    for name in ("search.json", "float.npz", "quantized.npz", "price_01.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    settings = short(network=NETWORK, price=PRICE, max_rounds=0, margin=0.2)
    again = run_ablation(task, settings, Budget(ebops=200_000), tmp_path)
    assert again.summary() == result.summary()


def test_a_budget_takes_the_least_harmful_that_fits_and_says_so_or_names_what_is_missing(
    finished: tuple[AblationResult, Path], task: Task
) -> None:
    result, _ = finished
    costs = [t.cost.ebops for t in result.candidates if t.stage == "price"]
    strict = short(network=NETWORK, price=PRICE, max_rounds=0, margin=0.001)
    tight = run_ablation(task, strict, Budget(ebops=costs[2] + 1))
    assert tight.budget_met
    assert not tight.non_inferior
    with pytest.raises(BudgetError, match="ebops") as caught:
        run_ablation(task, strict, Budget(ebops=50))
    assert "higher strength" in str(caught.value)


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValidationError, match="per_channel"):
        short(price=PriceSettings(widths=WidthSettings(per_weight=True)))
    assert short(price=PRICE).price == PRICE  # left out, it follows the formats
    with pytest.raises(ValidationError, match="from 0 on"):
        PriceSettings(strengths=(0.1, -1.0))
    with pytest.raises(ValidationError):
        PriceSettings(strengths=())
    assert short(price=PriceSettings(widths=WidthSettings())).price is not None


@pytest.mark.parametrize(
    ("of", "strategy", "word"),
    [
        ("lut", "Resource", "reused multipliers"),
        ("dsp", "Resource", "Latency"),
        ("dsp", "distributed_arithmetic", "no DSP blocks"),
    ],
)
def test_a_price_needs_a_build_in_which_weights_decide_the_cost(
    of: PricedCost, strategy: Literal["Resource", "distributed_arithmetic"], word: str
) -> None:
    resources = ResourceSettings(strategy=strategy)
    with pytest.raises(ValidationError, match=word):
        short(price=PriceSettings(of=(of,)), network=NETWORK, resources=resources)
    with pytest.raises(ValidationError, match="twice"):
        PriceSettings(of=(of, of))


def test_the_cheapest_in_what_is_priced_is_taken(task: Task) -> None:
    price = PRICE.model_copy(update={"of": ("weight_bytes", "lut"), "strengths": (0.01, 0.05)})
    settings = short(network=NETWORK, price=price, max_rounds=0, margin=0.5)
    result = run_ablation(task, settings, Budget(macs=100_000))
    before = next(trial for trial in result.candidates if trial.stage == "quantized").cost

    def share(cost: NetworkCost) -> float:
        assert cost.lut is not None
        assert before.lut is not None
        return cost.weight_bytes / before.weight_bytes + cost.lut / before.lut

    priced = [trial for trial in result.candidates if trial.stage == "price"]
    assert share(result.final_cost) == min(share(one.cost) for one in priced if one.non_inferior)
    assert share(priced[1].cost) < share(priced[0].cost) < 2.0


def test_rounds_at_the_price_leave_a_smaller_network_that_is_not_inferior(
    finished: tuple[AblationResult, Path], task: Task, tmp_path: Path
) -> None:
    without, _ = finished
    price = PRICE.model_copy(update={"rounds": 2})
    settings = short(network=NETWORK, price=price, max_rounds=0, margin=0.2, proposals=2)
    told: list[tuple[int, int]] = []
    result = run_ablation(
        task, settings, Budget(ebops=200_000), tmp_path / "whole", lambda *at: told.append(at)
    )
    # two stages before, three prices, two rounds at one
    assert told[-1] == (7, 7)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    rounds = [trial for trial in result.candidates if ", round " in trial.stage]
    assert {trial.stage.split(", ")[1] for trial in rounds} == {"round 1", "round 2"}
    assert all(trial.stage.startswith("price ") for trial in rounds)
    assert result.final_cost.ebops < without.final_cost.ebops
    assert result.non_inferior
    costs = [step.cost.ebops for step in result.path[2:]]
    assert len(costs) > 1
    assert costs == sorted(costs, reverse=True)
    # killed after the first round, it ends with the same network
    (tmp_path / "again").mkdir()
    for name in ("search.json", "float.npz", "quantized.npz", "priced_round_000.npz"):
        (tmp_path / "again" / name).write_bytes((tmp_path / "whole" / name).read_bytes())
    for number in range(len(PRICE.strengths)):
        name = f"price_{number:02d}.npz"
        (tmp_path / "again" / name).write_bytes((tmp_path / "whole" / name).read_bytes())
    again = run_ablation(task, settings, Budget(ebops=200_000), tmp_path / "again")
    assert again.summary() == result.summary()
