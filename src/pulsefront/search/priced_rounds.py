"""Ablation at a price: what a network does without before its widths are learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.candidate import Candidate
from pulsefront.networks.learned_bits import train_with_ebops
from pulsefront.networks.training import TrainingData
from pulsefront.search.budget import Budget
from pulsefront.search.checkpoint import SearchCheckpoint
from pulsefront.search.judge import Judge
from pulsefront.search.moves import starting_moves
from pulsefront.search.proposals import choose, propose, update_moves
from pulsefront.search.records import State, record_of, state_from
from pulsefront.search.result import TrialNetwork
from pulsefront.search.settings import SearchSettings
from pulsefront.search.silent import without_silent
from pulsefront.search.trainer import FINAL_STAGE, seed_of_stage

__all__ = ["PricedTraining", "ablate_at_price", "record"]

KINDS = ("inputs", "sums", "nodes", "layer")
"""What is removed here: bits and single weights are what the price itself takes."""


@dataclass(frozen=True)
class PricedTraining:
    """The training of widths of one search: a strength costs the same for every network.

    ``reference`` are the networks that strengths are units of, one per initialization.
    """

    reference: Sequence[Candidate]
    data: TrainingData
    settings: SearchSettings
    input_format: FixedPointFormat
    seed: int
    device: str

    def __call__(self, candidates: Sequence[Candidate], strength: float) -> list[Candidate]:
        """Return *candidates* with widths learned at *strength*, without silent nodes."""
        price = self.settings.price
        assert price is not None, "a search without a price learns no widths"
        found = train_with_ebops(
            candidates,
            self.data,
            price.training,
            [strength] * len(candidates),
            seed=seed_of_stage(self.seed, FINAL_STAGE),
            input_format=self.input_format,
            widths=price.widths,
            charges=self.settings.charges,
            reference=() if candidates is self.reference else self.reference,
            device=self.device,
        )
        if all(candidate.finite for candidate in found):
            found = without_silent(found, self.data)
        return found


def ablate_at_price(
    before: Sequence[Candidate],
    priced: Sequence[Candidate],
    strength: float,
    state: State,
    judge: Judge,
    train: PricedTraining,
    budget: Budget,
    *,
    checkpoint: SearchCheckpoint,
    executor: Executor,
    told: Callable[[int], None],
) -> list[Candidate]:
    """Return *priced*, or what is left of it after rounds of removals at its price.

    *before* is the network that *priced* became at *strength*. A round proposes removals of inputs,
    sums of inputs, nodes and layers from *before*, learns the widths of each as those of *priced*
    were, and takes the one that saves most of what is priced for its harm, among those that are
    cheaper than *priced*, within the *budget* and not inferior. Removals are ranked before widths
    are learned, when all initializations have the same inputs and as many nodes.
    """
    settings = train.settings
    price = settings.price
    assert price is not None, "a search without a price has no rounds at it"
    base, current = list(before), list(priced)
    families = () if settings.network.convolution else judge.task.families
    moves = starting_moves(base[0], settings.step_fraction, families)
    state.moves = [move for move in moves if move.kind in KINDS]
    state.approved = []
    for number in range(price.rounds):
        told(number)
        stage = f"priced_round_{number:03d}"
        stored = checkpoint.load(stage)
        if stored is not None:
            base, current, state_now = _split(stored[0], stored[1])
            _become(state, state_now)
            continue
        proposals = propose(base, state, train.data, settings, judge.cost, families=families)
        if not proposals:
            break
        groups = list(executor.map(lambda one: train(one.candidates, strength), proposals))
        label = f"price {strength:g}, round {number + 1}"
        trials = [
            judge.trial(label, str(proposal), group, proposal.candidates)
            for proposal, group in zip(proposals, groups, strict=True)
        ]
        fitting = [n for n, trial in enumerate(trials) if budget.fits(trial.cost)]
        best = choose(
            [trials[n] for n in fitting],
            state.path[-1].cost,
            margin=settings.margin,
            forced=False,
            saved=price.of,
        )
        chosen = None if best is None else fitting[best]
        update_moves(state, proposals, trials, chosen)
        state.trials.extend(trial for n, trial in enumerate(trials) if n != chosen)
        if chosen is not None:
            current = record(trials[chosen], state, judge, current, groups[chosen])
            base = list(proposals[chosen].candidates)
        checkpoint.save(stage, [*base, *current], record_of(state))
    return current


def record(
    trial: TrialNetwork,
    state: State,
    judge: Judge,
    before: Sequence[Candidate],
    after: Sequence[Candidate],
) -> list[Candidate]:
    """Put an accepted trial into *state*, and return its networks."""
    accepted = replace(trial, accepted=True)
    state.trials.append(accepted)
    state.path.append(judge.step(len(state.path), accepted, before, after))
    return list(after)


def _split(
    candidates: Sequence[Candidate], kept: dict[str, object]
) -> tuple[list[Candidate], list[Candidate], State]:
    half = len(candidates) // 2
    return list(candidates[:half]), list(candidates[half:]), state_from(kept)


def _become(state: State, other: State) -> None:
    """Let *state* be what *other* is."""
    state.moves, state.approved = other.moves, other.approved
    state.trials, state.path, state.round = other.trials, other.path, other.round
