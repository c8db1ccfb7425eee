"""How a search ends: with a last training, or with bit widths that are learned against a price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np

from pulsefront.errors import BudgetError
from pulsefront.networks.candidate import Candidate
from pulsefront.networks.cost import NetworkCost
from pulsefront.networks.training import TrainingData
from pulsefront.search.budget import Budget
from pulsefront.search.checkpoint import SearchCheckpoint
from pulsefront.search.judge import Judge
from pulsefront.search.priced_rounds import PricedTraining, ablate_at_price, record
from pulsefront.search.records import State
from pulsefront.search.result import TrialNetwork
from pulsefront.search.settings import PricedCost, SearchSettings
from pulsefront.search.silent import fold_silent
from pulsefront.search.trainer import FINAL_STAGE, Trainer

__all__ = ["learn_widths", "polish"]


def polish(
    base: Sequence[Candidate], state: State, judge: Judge, trainer: Trainer, budget: Budget
) -> list[Candidate]:
    """Return *base* after the final training, where that is better, without silent nodes."""
    trained = trainer.train(base, trainer.settings.final_training, stage=FINAL_STAGE)
    # Training through coarse quantizers can also lose: each initialization keeps its better.
    polished = [
        new if new.finite and judge.metric(new) < judge.metric(old) else old
        for new, old in zip(trained, base, strict=True)
    ]
    trial = judge.trial("final", "final training", polished, base)
    before = state.path[-1]
    better = (
        float(np.mean(trial.metric)) < float(np.mean(before.metric))
        and (trial.non_inferior or not before.non_inferior)
        and budget.fits(trial.cost)
    )
    chosen = record(trial, state, judge, base, polished) if better else list(base)
    if not better:
        state.trials.append(trial)
    return fold_silent(chosen, state, judge, trainer.data, stage="final")


def learn_widths(
    base: Sequence[Candidate],
    state: State,
    judge: Judge,
    data: TrainingData,
    settings: SearchSettings,
    budget: Budget,
    *,
    checkpoint: SearchCheckpoint,
    executor: Executor,
    seed: int,
    device: str,
    told: Callable[[int], None],
) -> list[Candidate]:
    """Return *base* with learned widths, as cheap in what is priced as non-inferiority allows.

    All strengths of the price are trained from *base*, each in all initializations, and every one
    is judged: together they are a front. With ``price.rounds`` the cheapest good one is ablated
    further (see `ablate_at_price`). Where none of them is non-inferior within the budget, *base*
    stays if it is; otherwise the least harmful one that fits is taken. *told* hears how many prices
    and rounds are done.

    Raises
    ------
    BudgetError
        Nothing fits.
    """

    price = settings.price
    assert price is not None, "a search without a price ends with a last training"
    train = PricedTraining(base, data, settings, judge.task.network_format, seed, device)

    def trained(number: int) -> list[Candidate]:
        stage = f"price_{number:02d}"
        stored = checkpoint.load(stage)
        if stored is not None:
            return stored[0]
        found = train(base, price.strengths[number])
        checkpoint.save(stage, found, {})
        return found

    groups = []
    for group in executor.map(trained, range(len(price.strengths))):
        groups.append(group)
        told(len(groups))
    trials = [
        judge.trial("price", f"widths learned at a price of {strength:g}", group, base)
        for strength, group in zip(price.strengths, groups, strict=True)
    ]
    chosen = _cheapest(trials, budget, price.of, before=state.path[-1].cost)
    good = chosen is not None
    last = state.path[-1]
    if chosen is None and not budget.fits(last.cost):
        fitting = [n for n, t in enumerate(trials) if budget.fits(t.cost) and not t.diverged]
        if not fitting:
            raise _too_small(budget, trials)
        chosen = min(fitting, key=lambda n: trials[n].comparison.value)
    result = list(base)
    for number, (trial, group) in enumerate(zip(trials, groups, strict=True)):
        if number == chosen:
            result = record(trial, state, judge, base, group)
        else:
            state.trials.append(trial)
    if good and chosen is not None and price.rounds:
        strength = price.strengths[chosen]
        return ablate_at_price(
            base,
            result,
            strength,
            state,
            judge,
            train,
            budget,
            checkpoint=checkpoint,
            executor=executor,
            told=lambda done: told(len(groups) + done),
        )
    return result


def _cheapest(
    trials: Sequence[TrialNetwork],
    budget: Budget,
    of: Sequence[PricedCost],
    *,
    before: NetworkCost,
) -> int | None:
    """Return the non-inferior trial that is cheapest in what is priced, if cheaper than *before*.

    Costs are beside those of *before*; where they are the same, as zero DSP blocks are, the fewest
    bit operations count.
    """

    def beside(cost: NetworkCost) -> tuple[float, int]:
        shares = [getattr(cost, name) / max(getattr(before, name), 1) for name in of]
        return sum(shares) / len(shares), cost.ebops

    good = [
        n
        for n, trial in enumerate(trials)
        if trial.non_inferior and budget.fits(trial.cost) and beside(trial.cost) < beside(before)
    ]
    return min(good, key=lambda n: beside(trials[n].cost), default=None)


def _too_small(budget: Budget, trials: Sequence[TrialNetwork]) -> BudgetError:
    cost = trials[-1].cost
    name = budget.tightest(cost)
    return BudgetError(
        name,
        limit=budget.limits[name],
        best=min(getattr(trial.cost, name) for trial in trials),
        remedy="raise the budget, add a higher strength of the price, or allow more rounds",
    )
