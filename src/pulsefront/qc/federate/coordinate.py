"""The coordinator's part: contributions of all sites in, the next plan out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from pulsefront.errors import QCDataError
from pulsefront.qc.documents import Range
from pulsefront.qc.features.schema import WINDOWS_DAYS
from pulsefront.qc.federate.documents import (
    Contribution,
    Description,
    FeatureMoments,
    FederatedResult,
    FederationPlan,
    ModelPoint,
    ModelSums,
    SiteJudgement,
    Summary,
)
from pulsefront.qc.federate.likelihood import LikelihoodSums, combined_point, penalty

__all__ = ["combine", "packed", "result_of", "unpacked"]

Floats = npt.NDArray[np.float64]

_SETTLED = 1e-6
_COUNTS = tuple(f":{days}d" for days in WINDOWS_DAYS)
_KIND_OF: Mapping[str, type[Contribution]] = {
    "describe": Description,
    "fit": Summary,
    "judge": SiteJudgement,
}


def combine(plan: FederationPlan, answers: Sequence[Contribution]) -> FederationPlan:
    """Return the plan of the next round.

    Raises
    ------
    QCDataError
        An answer is to another plan or round, a site answered twice or is missing, or no site has
        a failure to learn from.
    """
    if plan.stage == "done":
        raise QCDataError("this plan is done", remedy="make a new one with qc federate plan")
    _check(plan, answers)
    if plan.stage == "describe":
        return _after_descriptions(plan, cast("Sequence[Description]", answers))
    if plan.stage == "fit":
        return _after_summaries(plan, cast("Sequence[Summary]", answers))
    return plan.model_copy(update={"stage": "done", "round": plan.round + 1})


def _check(plan: FederationPlan, answers: Sequence[Contribution]) -> None:
    wanted: type[Contribution] = _KIND_OF[plan.stage]
    for answer in answers:
        if not isinstance(answer, wanted):
            raise QCDataError(
                f"is a {answer.kind} where the plan asks for a {wanted.__name__.lower()}",
                field="site",
                value=answer.site,
                remedy="let this site answer the plan as it is now",
            )
        if answer.plan != plan.hash:
            raise QCDataError(
                "answers another plan",
                field="site",
                value=answer.site,
                remedy="let this site answer the plan as it is now",
            )
    names = [answer.site for answer in answers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise QCDataError("answered twice", field="site", value=", ".join(twice),
                          remedy="give one contribution a site")  # fmt: skip
    missing = sorted(set(plan.sites) ^ set(names)) if plan.sites else []
    if missing or not names:
        raise QCDataError(
            "every site of the plan answers each round, and no other",
            field="sites",
            value=", ".join(missing),
            remedy="wait for them, or make a new plan with the sites that go on",
        )


def _after_descriptions(plan: FederationPlan, answers: Sequence[Description]) -> FederationPlan:
    """Return the plan with all tests, the features that are used, and how they are scaled."""
    if not any(answer.rows_before_failure for answer in answers):
        raise QCDataError("no site has a failure to learn from", remedy="wait for longer histories")
    rows = sum(answer.rows for answer in answers)
    names = dict.fromkeys(name for answer in answers for name in answer.moments)
    pooled = {name: _pooled(name, answers, rows) for name in names}
    least = plan.settings.least_share_known * rows
    used = {n: scale for n, scale in pooled.items() if scale.known > least and scale.deviation > 0}
    ordered = sorted(used)
    return plan.model_copy(
        update={
            "stage": "fit",
            "round": plan.round + 1,
            "sites": tuple(sorted(answer.site for answer in answers)),
            "tests": _union(answer.tests for answer in answers),
            "unit_tests": _union(answer.unit_tests for answer in answers),
            "codes": _union(answer.codes for answer in answers),
            "features": tuple(ordered),
            "median": tuple(used[name].median for name in ordered),
            "mean": tuple(used[name].mean for name in ordered),
            "deviation": tuple(used[name].deviation for name in ordered),
            "models": (ModelPoint(),) * (plan.settings.folds + 1),
        }
    )


def _union(groups: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))


class _Scale(NamedTuple):
    known: int
    median: float
    mean: float
    deviation: float


def _pooled(name: str, answers: Sequence[Description], rows: int) -> _Scale:
    """Return how a feature is scaled: the median fills the rows in which it is not known.

    It is the mean of the sites' medians by their known rows. A count
    of events whose code a site has never seen is 0 there, and known.
    """
    found = [_moments(name, answer) for answer in answers]
    known = sum(each.known for each in found)
    median = sum(each.median * each.known for each in found) / max(known, 1)
    missing = rows - known
    mean = (sum(each.total for each in found) + missing * median) / rows
    squares = sum(each.total_squares for each in found) + missing * median**2
    variance = squares / rows - mean**2
    # The difference of two nearly equal numbers: a constant leaves their rounding error.
    return _Scale(known, median, mean, variance**0.5 if variance > 1e-12 * (1 + mean**2) else 0.0)


def _moments(name: str, answer: Description) -> FeatureMoments:
    if name in answer.moments:
        return answer.moments[name]
    known = answer.rows if name.endswith(_COUNTS) else 0
    return FeatureMoments(known=known, total=0.0, total_squares=0.0, median=0.0)


def _after_summaries(plan: FederationPlan, answers: Sequence[Summary]) -> FederationPlan:
    models = tuple(
        _moved(model, [unpacked(answer.models[k]) for answer in answers], plan.settings.ridge)
        for k, model in enumerate(plan.models)
    )
    stage = "judge" if all(model.settled for model in models) else "fit"
    return plan.model_copy(update={"models": models, "stage": stage, "round": plan.round + 1})


def _moved(model: ModelPoint, sites: Sequence[LikelihoodSums], ridge: float) -> ModelPoint:
    """Return a model one step on: a Newton step, or half of the last one where that led down."""
    if model.settled:
        return model
    if not model.point:  # each site spoke about its own maximum: there is no common value yet
        return ModelPoint(point=tuple(combined_point(sites, ridge)[0].tolist()))
    here = np.array(model.point)
    value = sum(site.log_likelihood for site in sites) - penalty(here, ridge)
    if model.objective is not None and value < model.objective - _SETTLED:
        halfway = (here + np.array(model.before)) / 2.0
        return model.model_copy(update={"point": tuple(halfway.tolist())})
    point, decrement = combined_point(sites, ridge)
    return ModelPoint(
        point=tuple(point.tolist()),
        before=model.point,
        objective=float(value),
        settled=decrement / 2.0 < _SETTLED,
    )


def packed(sums: LikelihoodSums) -> ModelSums:
    """Return sums as they are sent."""
    upper = np.triu_indices(len(sums.point))
    return ModelSums(
        point=tuple(sums.point.tolist()),
        log_likelihood=sums.log_likelihood,
        gradient=tuple(sums.gradient.tolist()),
        information=tuple(sums.information[upper].tolist()),
    )


def unpacked(sums: ModelSums) -> LikelihoodSums:
    """Return sums as they are added."""
    size = len(sums.point)
    information = np.zeros((size, size))
    information[np.triu_indices(size)] = sums.information
    information += np.triu(information, 1).T
    return LikelihoodSums(
        np.array(sums.point), sums.log_likelihood, np.array(sums.gradient), information
    )


def result_of(plan: FederationPlan, judgements: Sequence[SiteJudgement]) -> FederatedResult:
    """Return all judgements by site, and their gain per component-day over all sites.

    Sites are independent: the variance of the mean is that of its parts.
    """
    ordered = sorted(judgements, key=lambda judgement: judgement.site)
    weight = {each.site: each.rows for each in ordered if each.gain.value is not None}
    total = max(sum(weight.values()), 1)
    gains = {each.site: each.gain.value or 0.0 for each in ordered}
    mean = sum(gains[site] * rows for site, rows in weight.items()) / total
    errors: Mapping[str, float | None] = {each.site: each.standard_error for each in ordered}
    low = high = None
    if all(errors[site] is not None for site in weight) and weight:
        spread = sum((rows * (errors[site] or 0.0)) ** 2 for site, rows in weight.items())
        half = NormalDist().inv_cdf(0.5 + plan.settings.confidence / 2.0) * spread**0.5 / total
        low, high = mean - half, mean + half
    return FederatedResult(
        plan=plan.hash,
        confidence=plan.settings.confidence,
        rounds=plan.round,
        features=len(plan.features),
        judgements=tuple(ordered),
        gain=Range(value=mean if weight else None, low=low, high=high),
    )
