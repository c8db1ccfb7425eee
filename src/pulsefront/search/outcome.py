"""From the state a search ended in to its result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pulsefront.networks.candidate import Candidate
from pulsefront.networks.lower import lower
from pulsefront.networks.stream import StoredStream
from pulsefront.search.budget import Budget
from pulsefront.search.importance import rank_inputs
from pulsefront.search.judge import Judge
from pulsefront.search.records import State
from pulsefront.search.result import AblationResult, front_of
from pulsefront.search.settings import SearchSettings
from pulsefront.search.streamed import streamed_events
from pulsefront.search.task import Task

__all__ = ["assemble"]


def assemble(
    task: Task,
    settings: SearchSettings,
    budget: Budget,
    judge: Judge,
    full: Sequence[Candidate],
    final: Sequence[Candidate],
    state: State,
) -> AblationResult:
    """Judge and lower the *final* networks and gather everything that led to them."""
    verdict = judge.trial("final", "final network", final, final)
    best = int(np.argmin(verdict.metric))
    scaling = judge.scaling
    kept = [candidate.kept_inputs for candidate in final]
    return AblationResult(
        task_name=task.name,
        metric_name=task.metric_name,
        margin=settings.margin,
        full=judge.full_metric,
        full_quantized=state.path[1].metric,
        path=tuple(state.path),
        candidates=tuple(state.trials),
        front=front_of(state.trials, "weight_bytes"),
        input_ranking=rank_inputs(task, full, scaling, events=settings.ranking_events),
        scaling=scaling,
        full_candidates=tuple(full),
        final_candidates=tuple(final),
        final_metric=verdict.metric,
        final_comparison=verdict.comparison,
        final_cost=verdict.cost,
        best=best,
        final_models=tuple(
            lower(
                candidate,
                scaling,
                task.input_format,
                task.output_format,
                name=task.name,
                front_end=task.front_end,
            )
            for candidate in final
        ),
        kept_of_each=tuple(
            task.front_end.raw_inputs(one) if task.front_end else one for one in kept
        ),
        budget_met=budget.fits(verdict.cost),
        non_inferior=verdict.non_inferior,
        input_names=task.input_names,
        streamed_events=None
        if task.stream is None or isinstance(task.stream, StoredStream)
        else streamed_events(settings, len(task.train), _rounds(state)),
    )


def _rounds(state: State) -> int:
    """Return the rounds in which something was trained."""
    return len({trial.stage for trial in state.trials if trial.stage.startswith("round")})
