"""What a round of the search proposes, and which proposal it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pulsefront.networks.candidate import Candidate
from pulsefront.networks.cost import Cost
from pulsefront.networks.training import TrainingData
from pulsefront.search.importance import importance
from pulsefront.search.moves import Move, apply, shrink
from pulsefront.search.records import State
from pulsefront.search.result import Trial
from pulsefront.search.settings import SearchSettings

__all__ = ["Proposal", "choose", "propose", "update_moves"]

HARMLESS_SHARE = 0.1
"""Harm below this share of the margin counts as this: noise must not decide between removals."""


@dataclass(frozen=True)
class Proposal:
    """Removals and the candidates they lead to, one per initialization, still to be trained."""

    moves: tuple[Move, ...]
    candidates: tuple[Candidate, ...]

    def __str__(self) -> str:
        return " and ".join(str(move) for move in self.moves)


def propose(
    base: Sequence[Candidate],
    state: State,
    data: TrainingData,
    settings: SearchSettings,
    cost: Callable[[Sequence[Candidate]], Cost],
) -> list[Proposal]:
    """Return up to ``settings.proposals`` removals, those that save most first.

    Moves of *state* that have become impossible are halved there, or given up. Those approved in
    the last round but not taken are proposed together on top.
    """
    ranking = importance(base, data, events=settings.importance_events)
    floor = settings.floor_bits
    before = cost(base)
    proposals = []
    possible = []
    for move in state.moves:
        smaller: Move | None = move
        candidates = apply(move, base, ranking, floor_bits=floor)
        while candidates is None and smaller is not None:
            smaller = shrink(smaller)
            candidates = apply(smaller, base, ranking, floor_bits=floor) if smaller else None
        if smaller is not None and candidates is not None:
            possible.append(smaller)
            proposals.append(Proposal((smaller,), tuple(candidates)))
    state.moves = possible
    proposals.sort(key=lambda proposal: -saving(before, cost(proposal.candidates)))
    proposals = proposals[: settings.proposals]
    together = [move for move in state.approved if move in possible]
    if len(together) > 1:
        joint = _apply_all(together, base, data, settings)
        if joint is not None:
            proposals.append(Proposal(tuple(together), tuple(joint)))
    return proposals


def _apply_all(
    moves: Sequence[Move],
    base: Sequence[Candidate],
    data: TrainingData,
    settings: SearchSettings,
) -> list[Candidate] | None:
    candidates = list(base)
    for move in moves:
        ranking = importance(candidates, data, events=settings.importance_events)
        after = apply(move, candidates, ranking, floor_bits=settings.floor_bits)
        if after is None:
            return None
        candidates = after
    return candidates


def saving(before: Cost, after: Cost) -> float:
    """Return the relative saving in weight bytes and in bit operations, mean of both."""
    left = after.weight_bytes / before.weight_bytes + after.bops / before.bops
    return 1.0 - 0.5 * left


def choose(trials: Sequence[Trial], before: Cost, *, margin: float, forced: bool) -> int | None:
    """Return the place of the trial to accept, or None.

    Among the non-inferior ones it is the one that saves most for its harm. Where the budget
    forces and none is non-inferior, it is so among all that did not diverge.
    """
    allowed = [n for n, trial in enumerate(trials) if trial.non_inferior]
    if forced and not allowed:
        allowed = [n for n, trial in enumerate(trials) if not trial.diverged]

    def merit(place: int) -> float:
        harm = max(trials[place].comparison.value, 0.0) + HARMLESS_SHARE * margin
        return saving(before, trials[place].cost) / harm

    return max(allowed, key=merit, default=None)


def update_moves(
    state: State, proposals: Sequence[Proposal], trials: Sequence[Trial], chosen: int | None
) -> None:
    """Halve the moves that were rejected and remember those that could go together."""
    single = [
        (n, proposal.moves[0], trial)
        for n, (proposal, trial) in enumerate(zip(proposals, trials, strict=True))
        if len(proposal.moves) == 1
    ]
    rejected = {move for _, move, trial in single if not trial.non_inferior}
    halved = [shrink(move) if move in rejected else move for move in state.moves]
    state.moves = [move for move in halved if move is not None]
    state.approved = [move for n, move, trial in single if trial.non_inferior and n != chosen]
