"""What a round of the search proposes, and which proposal it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pulsefront.networks.candidate import Candidate
from pulsefront.networks.cost import NetworkCost
from pulsefront.networks.training import TrainingData
from pulsefront.search.importance import RemovalCost, calibrated
from pulsefront.search.moves import (
    Move,
    after_layer_removal,
    apply,
    is_waiting,
    shrink,
)
from pulsefront.search.records import State
from pulsefront.search.result import TrialNetwork
from pulsefront.search.settings import SearchSettings
from pulsefront.search.sums import SumFamily

__all__ = ["Proposal", "choose", "propose", "update_moves"]

HARMLESS_SHARE = 0.1
"""Harm below this share of the margin counts as this: noise must not decide between removals."""


ALWAYS_SAVED = ("weight_bytes", "bops")
"""Costs that every search tries to save, besides those that its budget limits."""


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
    cost: Callable[[Sequence[Candidate]], NetworkCost],
    saved: Sequence[str] = ALWAYS_SAVED,
    families: Sequence[SumFamily] = (),
    *,
    forced: bool = False,
) -> list[Proposal]:
    """Return up to ``settings.proposals`` removals, those that save most first; all if *forced*.

    Where one of them must be taken, those that save most are the most harmful ones.

    Moves of *state* that have become impossible are halved there, or given up, and so are those
    that save nothing of the costs named by *saved*. Those approved in the last round but not
    taken are proposed together on top. *families* are sums that may replace inputs.
    """
    ranking = RemovalCost(base, data, events=settings.importance_events, families=families)
    # One initialization is enough to rank: they differ where zeros count, and little.
    before = cost(base[:1])
    proposals = []
    gains = {}
    possible = []
    for move in state.moves:
        if is_waiting(move, base[0]):
            possible.append(move)
            continue
        proposal = _largest_possible(move, base, ranking, settings, data)
        if proposal is None:
            continue
        gain = saving(before, cost(proposal.candidates[:1]), saved)
        if gain > 0:
            possible.append(proposal.moves[0])
            proposals.append(proposal)
            gains[proposal.moves] = gain
    # Nothing else is left to wait for.
    state.moves = possible if proposals else []
    proposals.sort(key=lambda proposal: -gains[proposal.moves])
    if not forced:
        proposals = proposals[: settings.proposals]
    together = [move for move in state.approved if move in possible and move.kind != "layer"]
    if len(together) > 1:
        joint = _apply_all(together, base, data, settings, families)
        if joint is not None:
            proposals.append(Proposal(tuple(together), tuple(joint)))
    return proposals


def _largest_possible(
    move: Move,
    base: Sequence[Candidate],
    ranking: RemovalCost,
    settings: SearchSettings,
    data: TrainingData,
) -> Proposal | None:
    smaller: Move | None = move
    while smaller is not None:
        candidates = apply(smaller, base, ranking, floor_bits=settings.floor_bits)
        if candidates is not None:
            if smaller.kind in ("layer", "sums"):  # new weights: their binary points price them
                candidates = calibrated(candidates, data, events=settings.importance_events)
            return Proposal((smaller,), tuple(candidates))
        smaller = shrink(smaller)
    return None


def _apply_all(
    moves: Sequence[Move],
    base: Sequence[Candidate],
    data: TrainingData,
    settings: SearchSettings,
    families: Sequence[SumFamily],
) -> list[Candidate] | None:
    candidates = list(base)
    for move in moves:
        ranking = RemovalCost(
            candidates, data, events=settings.importance_events, families=families
        )
        after = apply(move, candidates, ranking, floor_bits=settings.floor_bits)
        if after is None:
            return None
        candidates = after
    return candidates


def saving(before: NetworkCost, after: NetworkCost, saved: Sequence[str] = ALWAYS_SAVED) -> float:
    """Return the relative saving, the mean over the costs named by *saved*."""
    left = [
        getattr(after, name) / getattr(before, name) if getattr(before, name) else 1.0
        for name in saved
    ]
    return 1.0 - sum(left) / len(left)


def choose(
    trials: Sequence[TrialNetwork],
    before: NetworkCost,
    *,
    margin: float,
    forced: bool,
    saved: Sequence[str] = ALWAYS_SAVED,
    harm_before: float = 0.0,
) -> int | None:
    """Return the index of the trial to accept, or None.

    Among the non-inferior ones it is the one that saves most for its harm. Where the budget
    forces and none is non-inferior, it is so among all that did not diverge, by the harm on top
    of what was there before: a step that does nothing is not to pay for those that did. What
    saves nothing after its training is not taken.
    """
    gain = [saving(before, trial.cost, saved) for trial in trials]
    useful = [n for n, trial in enumerate(trials) if gain[n] > 0 and not trial.diverged]
    allowed = [n for n in useful if trials[n].non_inferior]
    there = 0.0
    if forced and not allowed:
        allowed, there = useful, harm_before

    def merit(index: int) -> float:
        harm = max(trials[index].comparison.value - there, 0.0) + HARMLESS_SHARE * margin
        return gain[index] / harm

    return max(allowed, key=merit, default=None)


def update_moves(
    state: State, proposals: Sequence[Proposal], trials: Sequence[TrialNetwork], chosen: int | None
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
    if chosen is not None and proposals[chosen].moves[0].kind == "layer":
        gone = proposals[chosen].moves[0].layer
        assert gone is not None  # a layer's removal names it
        state.moves = after_layer_removal(state.moves, gone)
        state.approved = []
        return
    state.approved = [move for n, move, trial in single if trial.non_inferior and n != chosen]
