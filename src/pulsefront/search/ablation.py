"""The ablation search: remove inputs, nodes and bits while the network is not worse."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront import __version__
from pulsefront.errors import BudgetError, PulsefrontError
from pulsefront.files import hash_json
from pulsefront.networks.candidate import Candidate, Scaling, initial_candidate
from pulsefront.networks.cost import Cost, cost_of, minimal_cost
from pulsefront.networks.lower import lower
from pulsefront.networks.parallel import train_jobs
from pulsefront.networks.settings import TrainingSettings
from pulsefront.networks.training import TrainingData, repeatable
from pulsefront.progress import Report, silent
from pulsefront.search.budget import Budget
from pulsefront.search.checkpoint import Checkpoint
from pulsefront.search.importance import importance, rank_inputs
from pulsefront.search.moves import Move, apply, shrink, starting_moves
from pulsefront.search.noninferiority import Comparison, compare, event_groups
from pulsefront.search.records import State, record_of, state_from
from pulsefront.search.result import (
    AblationResult,
    Architecture,
    PathPoint,
    Trial,
    pareto_front,
)
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import Task

__all__ = ["run_ablation"]

STAGES_AROUND_ROUNDS = 3
"""Float training, quantized training and final training."""

ARCHITECTURES_PER_JOB = 3
"""Enough networks in one batch to hide the overhead, few enough to keep two cores busy."""

FINAL_STAGE = 1_000_000
"""Seeds the final training, whatever the number of rounds."""


def run_ablation(
    task: Task,
    settings: SearchSettings,
    budget: Budget,
    checkpoint: Path | None = None,
    report: Report = silent,
    *,
    executor: Executor | None = None,
) -> AblationResult:
    """Train the full network, then remove what it does not need, down to the budget and below.

    A round ranks inputs and nodes, proposes removals of every kind, fine-tunes all proposals in
    all initializations as one batch, and accepts the one that saves most for its harm among
    those that are non-inferior to the *full float* network on the selection set (see
    `noninferiority.compare`). Rejected removals come back half as large. The search ends when
    nothing smaller is non-inferior. If the budget is not met by then, the least harmful
    removals are taken all the same, and the result says ``non_inferior = False``.

    Candidates are fine-tuned on top of the full training, so that a step can also improve the
    metric. Every choice uses the selection set: its figures are optimistic, and claims belong to
    a test set that this function never sees.

    Parameters
    ----------
    checkpoint
        Folder of finished stages. A search killed at any moment goes on after its last stage and
        ends with the same result on the same machine.
    report
        Called with (stages done, most stages there can be).
    executor
        Where networks are trained; ``settings.threads`` threads where None. The result is the
        same for any executor on the same kind of machine.

    Raises
    ------
    BudgetError
        Nothing fits, and how near the smallest network comes.
    ConfigError
        The budget limits nothing, or the checkpoint belongs to another search.
    DataError
        The task's arrays do not fit together.
    PulsefrontError
        All initializations of the full network diverged.
    """
    search = _Search(task, settings, budget, checkpoint, report)
    with repeatable(), ThreadPoolExecutor(settings.threads) as local:
        return search.run(local, executor or local)


class _Search:
    def __init__(
        self,
        task: Task,
        settings: SearchSettings,
        budget: Budget,
        checkpoint: Path | None,
        report: Report,
    ) -> None:
        self.task = task
        self.settings = settings
        self.budget = budget
        self.report = report
        layers = self._layers
        settings.network.check()
        budget.require_possible(
            minimal_cost(layers, task.n_out, task.input_format.width, settings.floor_bits)
        )
        filters = settings.network.convolution
        self.data: TrainingData = task.training_data(common_scale=filters is not None)
        self.scaling: Scaling = self.data.scaling
        labels = None if task.groups is None else task.groups[task.selection]
        self.groups = event_groups(len(task.selection), labels, seed=settings.seed)
        fingerprint = hash_json(
            [
                __version__,
                task.fingerprint(),
                settings.model_dump(mode="json", exclude={"threads"}),
                budget.model_dump(mode="json"),
            ]
        )
        self.checkpoint = Checkpoint(checkpoint, fingerprint)

    @property
    def _layers(self) -> int:
        network = self.settings.network
        return len(network.hidden) + 1 + (network.convolution is not None)

    def run(self, local: Executor, trainers: Executor) -> AblationResult:
        self._local, self._trainers = local, trainers
        full = self._full_float()
        self.full_residuals = [self._residuals(c) for c in full]
        self.full_metric = tuple(self.task.metric(r) for r in self.full_residuals)
        base, state = self._full_quantized(full)
        while not state.finished:
            stage = f"round_{state.round:03d}"
            stored = self.checkpoint.load(stage)
            if stored is not None:
                base, state = stored[0], state_from(stored[1])
            else:
                base = self._round(base, state)
                self.checkpoint.save(stage, base, record_of(state))
            self.report(state.round + 2, self.settings.max_rounds + STAGES_AROUND_ROUNDS)
        final, final_state = self._final(base, state)
        total = self.settings.max_rounds + STAGES_AROUND_ROUNDS
        self.report(total, total)
        return self._result(full, final, final_state)

    # --- stages -------------------------------------------------------------------------------

    def _full_float(self) -> list[Candidate]:
        stored = self.checkpoint.load("float")
        if stored is not None:
            return stored[0]
        start = [
            initial_candidate(
                self.settings.network,
                self.task.n_in,
                self.task.n_out,
                seed=self.settings.seed * 1000 + k,
            )
            for k in range(self.settings.initializations)
        ]
        full = self._train(start, self.settings.float_training, stage=0)
        if not all(c.finite for c in full):
            raise PulsefrontError(
                "the full network diverged in "
                f"{sum(not c.finite for c in full)} of {len(full)} initializations",
                field="float_training.learning_rate",
                value=self.settings.float_training.learning_rate,
                remedy="lower the learning rate",
            )
        self.checkpoint.save("float", full, {})
        self.report(1, self.settings.max_rounds + STAGES_AROUND_ROUNDS)
        return full

    def _full_quantized(self, full: list[Candidate]) -> tuple[list[Candidate], State]:
        stored = self.checkpoint.load("quantized")
        if stored is not None:
            return stored[0], state_from(stored[1])
        network = self.settings.network
        layers = self._layers
        start = [
            c.with_bits(
                weight_bits=(network.weight_bits,) * layers,
                bias_bits=(network.bias_bits,) * layers,
                activation_bits=(network.activation_bits,) * (layers - 1),
                per_channel=network.per_channel,
            )
            for c in full
        ]
        base = self._train(start, self.settings.quantized_training, stage=1)
        float_trial = self._judge("float", "full float network", full, full)
        trial = self._judge("quantized", "quantization-aware training", base, start)
        if trial.diverged:
            raise PulsefrontError(
                "quantization-aware training of the full network diverged",
                field="quantized_training.learning_rate",
                value=self.settings.quantized_training.learning_rate,
                remedy="lower the learning rate",
            )
        float_trial, trial = (replace(t, accepted=True) for t in (float_trial, trial))
        state = State(
            moves=starting_moves(base[0], self.settings.step_fraction),
            approved=[],
            trials=[float_trial, trial],
            path=[],
            finished=self.settings.max_rounds == 0 and self._fits(base),
        )
        state.path.append(self._step(state, float_trial, full, full))
        state.path.append(self._step(state, trial, full, base))
        self.checkpoint.save("quantized", base, record_of(state))
        self.report(2, self.settings.max_rounds + STAGES_AROUND_ROUNDS)
        return base, state

    def _round(self, base: list[Candidate], state: State) -> list[Candidate]:
        """Propose, train, judge and perhaps accept; changes *state*, returns the new base."""
        # Past the last round or the last non-inferior removal, the budget alone drives.
        forced = state.round >= self.settings.max_rounds or not state.moves
        if forced:
            state.moves = starting_moves(base[0], self.settings.step_fraction)
        proposals = self._proposals(base, state)
        if not proposals and forced:
            raise self._budget_error(base)
        state.round += 1
        flat = [c for _, candidates in proposals for c in candidates]
        trained = self._train(flat, self.settings.fine_tuning, stage=1 + state.round)
        count = len(base)
        groups = [trained[n * count : (n + 1) * count] for n in range(len(proposals))]
        names = [" and ".join(map(str, moves)) for moves, _ in proposals]
        stage = f"round {state.round}"
        trials = list(
            self._local.map(
                partial(self._judge, stage), names, groups, [start for _, start in proposals]
            )
        )
        chosen = self._choose(trials, self._cost(base), forced=forced)
        self._update_moves(state, [moves for moves, _ in proposals], trials, chosen)
        if forced and chosen is None:
            raise self._budget_error(base)
        trials = [replace(trial, accepted=n == chosen) for n, trial in enumerate(trials)]
        state.trials.extend(trials)
        if chosen is not None:
            state.path.append(self._step(state, trials[chosen], base, groups[chosen]))
            base = groups[chosen]
        over = not self._fits(base)
        exhausted = not state.moves or state.round >= self.settings.max_rounds
        state.finished = not over and (exhausted or forced)
        return base

    def _final(self, base: list[Candidate], state: State) -> tuple[list[Candidate], State]:
        stored = self.checkpoint.load("final")
        if stored is not None:
            return stored[0], state_from(stored[1])
        trained = self._train(base, self.settings.final_training, stage=FINAL_STAGE)
        # Training through coarse quantizers can also lose: each initialization keeps its better.
        polished = [
            new if new.finite and self._metric(new) < self._metric(old) else old
            for new, old in zip(trained, base, strict=True)
        ]
        trial = self._judge("final", "final training", polished, base)
        better = np.mean(trial.metric) < np.mean(state.path[-1].metric) and (
            trial.non_inferior or not state.path[-1].non_inferior
        )
        trial = replace(trial, accepted=bool(better))
        state.trials.append(trial)
        if better:
            state.path.append(self._step(state, trial, base, polished))
            base = polished
        self.checkpoint.save("final", base, record_of(state))
        return base, state

    def _step(
        self, state: State, trial: Trial, before: Sequence[Candidate], after: Sequence[Candidate]
    ) -> PathPoint:
        """Return the path point of an accepted trial, with what it changed."""
        change = compare(
            [self._residuals(c) for c in after],
            [self._residuals(c) for c in before],
            self.task.metric,
            self.groups,
        )
        gone = np.setdiff1d(before[0].kept_inputs, after[0].kept_inputs)
        return PathPoint(
            step=len(state.path),
            move=trial.move,
            architecture=trial.architecture,
            cost=trial.cost,
            metric=trial.metric,
            comparison=trial.comparison,
            non_inferior=trial.non_inferior,
            change=change,
            removed_inputs=tuple(self.task.input_names[i] for i in gone),
        )

    # --- parts of a round -----------------------------------------------------------------------

    def _proposals(
        self, base: list[Candidate], state: State
    ) -> list[tuple[list[Move], list[Candidate]]]:
        """Return up to ``settings.proposals`` removals, those that save most first.

        Moves that have become impossible are halved, or given up.
        """
        ranking = importance(base, self.data, events=self.settings.importance_events)
        floor = self.settings.floor_bits
        before = self._cost(base)
        proposals: list[tuple[list[Move], list[Candidate]]] = []
        possible = []
        for move in state.moves:
            smaller: Move | None = move
            candidates = apply(move, base, ranking, floor_bits=floor)
            while candidates is None and smaller is not None:
                smaller = shrink(smaller)
                candidates = apply(smaller, base, ranking, floor_bits=floor) if smaller else None
            if smaller is not None and candidates is not None:
                possible.append(smaller)
                proposals.append(([smaller], candidates))
        state.moves = possible
        proposals.sort(key=lambda p: -self._saving(before, self._cost(p[1])))
        proposals = proposals[: self.settings.proposals]
        together = [m for m in state.approved if m in possible]
        if len(together) > 1:
            candidates = self._apply_all(together, base)
            if candidates is not None:
                proposals.append((together, candidates))
        return proposals

    def _apply_all(self, moves: Sequence[Move], base: list[Candidate]) -> list[Candidate] | None:
        for move in moves:
            ranking = importance(base, self.data, events=self.settings.importance_events)
            after = apply(move, base, ranking, floor_bits=self.settings.floor_bits)
            if after is None:
                return None
            base = after
        return base

    def _choose(self, trials: Sequence[Trial], before: Cost, *, forced: bool) -> int | None:
        """Return the place of the removal to accept: non-inferior ones first, None if none is."""
        allowed = [n for n, trial in enumerate(trials) if trial.non_inferior]
        if forced and not allowed:
            allowed = [n for n, trial in enumerate(trials) if not trial.diverged]
        return max(allowed, key=lambda n: self._merit(trials[n], before), default=None)

    def _merit(self, trial: Trial, before: Cost) -> float:
        """Return what a removal saves for what it harms; a tenth of the margin is no harm."""
        harm = max(trial.comparison.value, 0.0) + 0.1 * self.settings.margin
        return self._saving(before, trial.cost) / harm

    def _saving(self, before: Cost, after: Cost) -> float:
        """Return the relative saving in weight bytes and in bit operations, mean of both."""
        left = after.weight_bytes / before.weight_bytes + after.bops / before.bops
        return 1.0 - 0.5 * left

    def _update_moves(
        self,
        state: State,
        tried: Sequence[Sequence[Move]],
        trials: Sequence[Trial],
        chosen: int | None,
    ) -> None:
        """Halve the moves that were rejected and remember those that could go together."""
        rejected = {
            moves[0]
            for moves, trial in zip(tried, trials, strict=True)
            if len(moves) == 1 and not trial.non_inferior
        }
        halved = [shrink(m) if m in rejected else m for m in state.moves]
        state.moves = [m for m in halved if m is not None]
        state.approved = [
            moves[0]
            for n, (moves, trial) in enumerate(zip(tried, trials, strict=True))
            if len(moves) == 1 and trial.non_inferior and n != chosen
        ]

    # --- shared ---------------------------------------------------------------------------------

    def _train(
        self, candidates: Sequence[Candidate], settings: TrainingSettings, *, stage: int
    ) -> list[Candidate]:
        seed = int(
            np.random.SeedSequence([self.settings.seed, stage]).generate_state(1, np.uint32)[0]
        )
        return train_jobs(
            candidates,
            self.data,
            settings,
            seed=seed,
            executor=self._trainers,
            per_job=self.settings.initializations * ARCHITECTURES_PER_JOB,
        )

    def _residuals(self, candidate: Candidate) -> NDArray[np.float64]:
        return self.task.residuals(candidate, self.scaling, self.task.selection)

    def _metric(self, candidate: Candidate) -> float:
        return self.task.metric(self._residuals(candidate))

    def _judge(
        self,
        stage: str,
        move: str,
        candidates: Sequence[Candidate],
        untrained: Sequence[Candidate],
    ) -> Trial:
        """Measure trained *candidates*; those that diverged are priced as they were before."""
        diverged = not all(c.finite for c in candidates)
        if diverged:
            bad = (float("inf"),) * len(candidates)
            comparison = Comparison(float("inf"), float("inf"), float("inf"), bad)
            metric = bad
        else:
            residuals = [self._residuals(c) for c in candidates]
            metric = tuple(self.task.metric(r) for r in residuals)
            comparison = compare(residuals, self.full_residuals, self.task.metric, self.groups)
        return Trial(
            stage=stage,
            move=move,
            architecture=Architecture.of(candidates[0]),
            cost=self._cost(untrained if diverged else candidates),
            metric=metric,
            comparison=comparison,
            non_inferior=comparison.non_inferior(self.settings.margin),
            accepted=False,
            diverged=diverged,
        )

    def _cost(self, candidates: Sequence[Candidate]) -> Cost:
        """Return the largest cost of any initialization: they differ in EBOPs alone, if at all."""
        task = self.task
        costs = [
            asdict(cost_of(c, self.scaling, task.input_format, task.output_format, task.front_end))
            for c in candidates
        ]
        return Cost(**{name: max(cost[name] for cost in costs) for name in costs[0]})

    def _fits(self, candidates: Sequence[Candidate]) -> bool:
        return self.budget.fits(self._cost(candidates))

    def _budget_error(self, base: Sequence[Candidate]) -> BudgetError:
        cost = self._cost(base)
        limits = self.budget.limits
        name = max(limits, key=lambda n: getattr(cost, n) / limits[n])
        return BudgetError(
            name,
            limit=limits[name],
            best=getattr(cost, name),
            remedy="raise the budget or start from a smaller network",
        )

    def _result(
        self, full: list[Candidate], final: list[Candidate], state: State
    ) -> AblationResult:
        residuals = [self._residuals(c) for c in final]
        metric = tuple(self.task.metric(r) for r in residuals)
        comparison = compare(residuals, self.full_residuals, self.task.metric, self.groups)
        best = int(np.argmin(metric))
        cost = self._cost(final)
        trials = state.trials
        return AblationResult(
            task_name=self.task.name,
            metric_name=self.task.metric_name,
            margin=self.settings.margin,
            full=self.full_metric,
            full_quantized=state.path[1].metric,
            path=tuple(state.path),
            candidates=tuple(trials),
            front=pareto_front(
                np.array([t.cost.weight_bytes for t in trials], dtype=np.float64),
                np.array([t.comparison.value for t in trials]),
            ),
            input_ranking=rank_inputs(
                self.task, full, self.scaling, events=self.settings.ranking_events
            ),
            scaling=self.scaling,
            full_candidates=tuple(full),
            final_candidates=tuple(final),
            final_metric=metric,
            final_comparison=comparison,
            final_cost=cost,
            best=best,
            final_models=tuple(
                lower(
                    candidate,
                    self.scaling,
                    self.task.input_format,
                    self.task.output_format,
                    name=self.task.name,
                    front_end=self.task.front_end,
                )
                for candidate in final
            ),
            kept_inputs=(
                self.task.front_end.raw_inputs(final[best].kept_inputs)
                if self.task.front_end
                else final[best].kept_inputs
            ),
            budget_met=self.budget.fits(cost),
            non_inferior=comparison.non_inferior(self.settings.margin),
        )
