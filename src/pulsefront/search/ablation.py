"""The ablation search: remove whatever can go while the network is not worse."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pulsefront import __version__
from pulsefront.errors import BudgetError, ConfigError, PulsefrontError
from pulsefront.files import hash_json
from pulsefront.fixed_point.resources import ResourceModel
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.cost import NetworkCost, minimal_cost
from pulsefront.networks.training import TrainingData, repeatable
from pulsefront.progress import Report, silent
from pulsefront.search.budget import Budget
from pulsefront.search.checkpoint import SearchCheckpoint
from pulsefront.search.finish import learn_widths, polish
from pulsefront.search.judge import Judge
from pulsefront.search.moves import Move, starting_moves
from pulsefront.search.outcome import assemble
from pulsefront.search.part import part_of
from pulsefront.search.proposals import ALWAYS_SAVED, choose, propose, update_moves
from pulsefront.search.records import State, record_of, state_from
from pulsefront.search.result import AblationResult, ShapeTrial
from pulsefront.search.settings import SearchSettings
from pulsefront.search.start import shape_trials, train_full, with_starting_bits
from pulsefront.search.streamed import CountedStream, streamed_events
from pulsefront.search.sums import SumFamily
from pulsefront.search.task import Task
from pulsefront.search.trainer import Trainer
from pulsefront.search.workers import Share

__all__ = ["run_ablation"]

STAGES_BEFORE_ROUNDS = 2
"""Training of the full network in floating point, and through its quantizers."""


def run_ablation(
    task: Task,
    settings: SearchSettings,
    budget: Budget,
    checkpoint: Path | None = None,
    report: Report = silent,
    *,
    executor: Executor | None = None,
    share: Share | None = None,
    resource_model: ResourceModel | None = None,
    full: Sequence[Candidate] | None = None,
) -> AblationResult:
    """Train the full network, then remove what it does not need, down to the budget and below.

    A round ranks inputs, nodes and weights, proposes removals of every kind (inputs, also into
    sums of them; nodes, layers and single weights; bits of layers, of nodes' weights, of biases
    and of activations), fine-tunes all proposals in all initializations in batches, and accepts
    the one that saves most for its harm among those that are non-inferior to the *full float*
    network on the selection set (see `noninferiority.compare_figures`). What counts as saved are
    weight bytes, BOPs and whatever the budget limits: single weights go only where it limits
    EBOPs, non-zero weights or something built, since dense storage gains nothing by a zero.
    Rejected removals come back half as large. The search ends when nothing smaller is
    non-inferior. If the budget is not met by then, the least harmful removals are taken all the
    same, and the result says ``non_inferior = False``.

    With ``settings.price`` the search does not end with a final training but with bit widths that
    are learned against a price (see `finish.learn_widths`), which leaves a front; the rounds before
    it are then not driven by the budget.

    Candidates are fine-tuned on top of the full training, so that a step can also improve the
    metric. Every choice uses the selection set: its figures are optimistic, and claims belong to
    a test set that this function never sees.

    Parameters
    ----------
    checkpoint
        Folder of finished stages. A search killed at any moment goes on after its last stage and
        ends with the same result on the same machine.
    report
        Called with (stages done, most stages there can be); where the task has a stream, with
        (events seen, most events there can be).
    executor
        Where networks are trained; ``settings.threads`` threads where None. The result is the
        same for any executor on the same kind of machine. A worker that is lost costs only the
        candidates that it held: they are trained again, here if nowhere else.
    share
        Sends the training data to the executor's workers once, for a cluster; where None it
        travels with every job.
    resource_model
        Tells LUTs, flip-flops, DSPs and cycles of a network. Where None, they are estimated: for
        the best design on the part that the budget names, else for ``settings.resources``. A
        synthesis tool can take its place.
    full
        The full float networks, one per initialization, where `stages.train_float` trained them
        already; a checkpoint would not know them and is refused beside it.

    Raises
    ------
    BudgetError
        Nothing fits, and how near the smallest network comes.
    ConfigError
        The budget limits nothing, nothing could be removed, there is no such device, the
        checkpoint belongs to another search, or both *full* and a checkpoint are given.
    DataError
        The task's arrays do not fit together.
    PulsefrontError
        All initializations of the full network diverged.
    """
    if full is not None and checkpoint is not None:
        raise ConfigError(
            "trained networks and a checkpoint exclude each other",
            field="full",
            remedy="leave one of them out",
        )
    search = _Search(task, settings, budget, checkpoint, report, resource_model, full)
    # NumPy's products are small here, too: threads inside them would only wait for each other.
    with repeatable(), threadpool_limits(1, "blas"), ThreadPoolExecutor(settings.threads) as local:
        return search.run(local, Trainer(search.data, settings, executor or local, share))


class _Search:
    def __init__(
        self,
        task: Task,
        settings: SearchSettings,
        budget: Budget,
        checkpoint: Path | None,
        report: Report,
        resource_model: ResourceModel | None,
        full: Sequence[Candidate] | None,
    ) -> None:
        self.given = full
        self.task = task
        self.settings = settings
        self.budget = budget
        self.report = silent if task.stream is not None else report
        self.counted: CountedStream | None = None
        self.shapes: tuple[ShapeTrial, ...] = ()
        self.part = None if resource_model is not None else part_of(budget)
        self.resources: ResourceModel = resource_model or self.part or settings.resources
        # every hidden layer but a convolution can go
        least_layers = 1 + (settings.network.convolution is not None)
        settings.network.check()
        _require_something_to_remove(task, settings)
        budget.require_possible(
            minimal_cost(least_layers, task.n_out, task.input_format.width, settings.floor_bits)
        )
        filters = settings.network.convolution
        self.data: TrainingData = task.training_data(
            common_scale=filters is not None, with_selection=settings.stops_early
        )
        if self.data.stream is not None:
            most = streamed_events(settings, len(task.train), settings.max_rounds)
            self.counted = CountedStream(self.data.stream.events, most, report)
            self.data = replace(self.data, stream=replace(self.data.stream, events=self.counted))
        self.scaling: Scaling = self.data.scaling
        fingerprint = hash_json(
            [
                __version__,
                task.fingerprint(),
                settings.model_dump(mode="json", exclude={"threads"}),
                budget.model_dump(mode="json"),
                "" if resource_model is None else repr(resource_model),
                *([] if self.part is None else [repr(self.part)]),
            ]
        )
        self.checkpoint = SearchCheckpoint(checkpoint, fingerprint)

    def run(self, local: Executor, trainer: Trainer) -> AblationResult:
        self._local, self._trainer = local, trainer
        full = self._full_float()
        self.judge = Judge(
            self.task,
            self.scaling,
            full,
            margin=self.settings.margin,
            seed=self.settings.seed,
            resources=self.resources,
        )
        base, state = self._full_quantized(full)
        while not state.finished:
            stage = f"round_{state.round:03d}"
            stored = self.checkpoint.load(stage)
            if stored is not None:
                base, state = stored[0], state_from(stored[1])
            else:
                base = self._round(base, state)
                self.checkpoint.save(stage, base, record_of(state))
            self._say(state.round + 2, state.round)
        final, final_state = self._final(base, state)
        total = self._most(state.round)
        self.report(total, total)
        if self.counted is not None:
            self.counted.tell_end()
        found = assemble(
            self.task, self.settings, self.budget, self.judge, full, final, final_state
        )
        return replace(found, shapes=self.shapes)

    def _say(self, stages: int, rounds: int = 0) -> None:
        # Rounds that only the budget drives come on top of the planned ones.
        self.report(stages, self._most(rounds))

    def _most(self, rounds: int) -> int:
        """Return the stages that there can be; every price and every round at it is one."""
        price = self.settings.price
        last = 1 if price is None else len(price.strengths) + price.rounds
        return max(self.settings.max_rounds, rounds) + STAGES_BEFORE_ROUNDS + last

    # --- stages -------------------------------------------------------------------------------

    def _full_float(self) -> list[Candidate]:
        stored = self.checkpoint.load("float")
        if stored is not None:
            self.shapes = shape_trials(stored[1])
            return stored[0]
        if self.given is not None:
            full = list(self.given)
        else:
            full, self.shapes = train_full(self.task, self._trainer)
        self.checkpoint.save("float", full, {"shapes": [asdict(one) for one in self.shapes]})
        self._say(1)
        return full

    def _full_quantized(self, full: list[Candidate]) -> tuple[list[Candidate], State]:
        stored = self.checkpoint.load("quantized")
        if stored is not None:
            return stored[0], state_from(stored[1])
        start = with_starting_bits(full, self._trainer)
        base = self._trainer.train(start, self.settings.quantized_training, stage=1)
        float_trial = self.judge.trial("float", "full float network", full, full)
        trial = self.judge.trial("quantized", "quantization-aware training", base, start)
        if trial.diverged:
            raise PulsefrontError(
                "quantization-aware training of the full network diverged",
                field="quantized_training.learning_rate",
                value=self.settings.quantized_training.learning_rate,
                remedy="lower the learning rate",
            )
        float_trial, trial = (replace(t, accepted=True) for t in (float_trial, trial))
        state = State(moves=[], approved=[], trials=[float_trial, trial], path=[])
        state.path.append(self.judge.step(0, float_trial, full, full))
        state.path.append(self.judge.step(1, trial, full, base))
        state.moves = self._starting_moves(base)
        state.finished = self.settings.max_rounds == 0 and self._may_end(base)
        self.checkpoint.save("quantized", base, record_of(state))
        self._say(2)
        return base, state

    def _round(self, base: list[Candidate], state: State) -> list[Candidate]:
        """Propose, train, judge and perhaps accept; changes *state*, returns the new base."""
        # Past the last round or the last non-inferior removal, the budget alone drives.
        forced = state.round >= self.settings.max_rounds or not state.moves
        if forced:
            state.moves = self._starting_moves(base)
        before = self.judge.cost(base)
        saved = self._saved(before, forced=forced)
        proposals = propose(
            base,
            state,
            self.data,
            self.settings,
            self.judge.cost,
            saved,
            self._families,
            forced=forced,
        )
        if not proposals and forced:
            raise self._budget_error(base)
        state.round += 1
        flat = [candidate for proposal in proposals for candidate in proposal.candidates]
        trained = self._trainer.train(flat, self.settings.fine_tuning, stage=1 + state.round)
        count = len(base)
        groups = [trained[n * count : (n + 1) * count] for n in range(len(proposals))]
        trials = list(
            self._local.map(
                partial(self.judge.trial, f"round {state.round}"),
                map(str, proposals),
                groups,
                [proposal.candidates for proposal in proposals],
            )
        )
        chosen = choose(
            trials,
            before,
            margin=self.settings.margin,
            forced=forced,
            saved=saved,
            harm_before=state.path[-1].comparison.value,
        )
        update_moves(state, proposals, trials, chosen)
        if forced and chosen is None:
            raise self._budget_error(base)
        trials = [replace(trial, accepted=n == chosen) for n, trial in enumerate(trials)]
        state.trials.extend(trials)
        if chosen is not None:
            state.path.append(
                self.judge.step(len(state.path), trials[chosen], base, groups[chosen])
            )
            base = groups[chosen]
        exhausted = not state.moves or state.round >= self.settings.max_rounds
        state.finished = self._may_end(base) and (exhausted or forced)
        return base

    def _final(self, base: list[Candidate], state: State) -> tuple[list[Candidate], State]:
        stored = self.checkpoint.load("final")
        if stored is not None:
            return stored[0], state_from(stored[1])
        if self.settings.price is None:
            base = polish(base, state, self.judge, self._trainer, self.budget)
        else:
            base = learn_widths(
                base,
                state,
                self.judge,
                self.data,
                self.settings,
                self.budget,
                checkpoint=self.checkpoint,
                executor=self._local,
                seed=self.settings.seed,
                device=self.settings.device,
                told=lambda done: self._say(STAGES_BEFORE_ROUNDS + state.round + done, state.round),
            )
        self.checkpoint.save("final", base, record_of(state))
        return base, state

    # --- shared ---------------------------------------------------------------------------------

    @property
    def _families(self) -> tuple[SumFamily, ...]:
        # the filters of a convolution slide over samples, not over sums of them
        return () if self.settings.network.convolution else self.task.families

    def _starting_moves(self, base: Sequence[Candidate]) -> list[Move]:
        return starting_moves(base[0], self.settings.step_fraction, self._families)

    def _saved(self, cost: NetworkCost, *, forced: bool) -> tuple[str, ...]:
        """Return the names of the costs to save: what is over the budget where that forces."""
        limits = tuple(self.budget.limits)
        over = self.budget.exceeded(cost)
        return over if forced and over else tuple(dict.fromkeys((*ALWAYS_SAVED, *limits)))

    def _may_end(self, candidates: Sequence[Candidate]) -> bool:
        """Whether no round is needed for the budget: it fits, or a price is still to come."""
        return self.settings.price is not None or self.budget.fits(self.judge.cost(candidates))

    def _budget_error(self, base: Sequence[Candidate]) -> BudgetError:
        cost = self.judge.cost(base)
        name = self.budget.tightest(cost)
        if name == "part_use" and self.part is not None:
            return self.part.error(self.judge.lowered(base[0]))
        return BudgetError(
            name,
            limit=self.budget.limits[name],
            best=getattr(cost, name),
            remedy="raise the budget or start from a smaller network",
        )


def _require_something_to_remove(task: Task, settings: SearchSettings) -> None:
    network, floor = settings.network, settings.floor_bits
    widths = (*network.bits_of_layers, network.bias_bits - 1)
    units = task.n_start > 1 or network.hidden or network.convolution is not None
    if not units and all(bits <= floor for bits in widths):
        raise ConfigError(
            "the search space is empty: one input, no hidden layer, and no bit above floor_bits",
            field="search.network",
            remedy="start from a larger network or lower floor_bits",
        )
