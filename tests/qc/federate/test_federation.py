"""Simulated sites: the pooled fit without pooling, a gain with its interval, nothing that leaks."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import build_fleet, outline_of
from pulsefront.qc.federate.coordinate import combine
from pulsefront.qc.federate.documents import (
    Description,
    FederationPlan,
    PlanSettings,
    SiteJudgement,
    Summary,
    read_contribution,
    read_plan,
)
from pulsefront.qc.federate.rows import plan_schema
from pulsefront.qc.federate.simulate import federate, pooled_points, simulated_sites
from pulsefront.qc.federate.site import answer
from pulsefront.qc.simulate.settings import FleetSettings, SiteProfile
from strategies_qc import RATES

SETTINGS = PlanSettings(folds=3)
SUMS_OF_NAN = (
    '{"kind": "summary", "plan": "x", "site": "s", "models": '
    '[{"point": [NaN], "log_likelihood": 0, "gradient": [], "information": []}]}'
)


def hospitals(sites=4, scanners=3, years=2.0, seed=1) -> FleetSettings:
    """Return small hospitals that differ in noise and in their working days."""
    return FleetSettings(
        name="hospitals",
        seed=seed,
        start="2021-01-01",
        years=years,
        modules=3,
        sites=tuple(
            SiteProfile(name=f"h{k}", scanners=scanners, weekend_qc=k % 2 == 0,
                        noise_factor=0.8 + 0.1 * k)
            for k in range(sites)
        ),
        failures=RATES,
    )  # fmt: skip


def fleet_of(histories, plan: FederationPlan):
    outline = outline_of(histories)
    if plan.stage != "describe":
        outline = replace(outline, schema=plan_schema(plan))
    return build_fleet(histories, Target(2, 28), daily_from=0.6, outline=outline)


@pytest.fixture(scope="module")
def sites():
    return simulated_sites(hospitals())


@pytest.fixture(scope="module")
def done(sites):
    return federate(sites, FederationPlan(settings=SETTINGS))


def test_federated_model_is_that_of_pooled_records(sites, done):
    fleets = {name: fleet_of(histories, done.plan) for name, histories in sites.items()}
    pooled = pooled_points(fleets, done.plan)
    assert len(pooled) == 4
    for model, point in zip(done.plan.models, pooled, strict=True):
        assert np.array(model.point) == pytest.approx(point, abs=1e-6)
    for judgement in done.result.judgements:
        assert abs(judgement.gain_over_pooled.value) < 1e-7


def test_federation_settles_within_ten_rounds(done):
    assert done.plan.stage == "done"
    assert done.plan.round <= 10
    assert all(model.settled for model in done.plan.models)


@pytest.mark.slow
def test_small_sites_gain_and_the_interval_says_so():
    found = federate(
        simulated_sites(hospitals(6, 6, 3.0)), FederationPlan(settings=SETTINGS)
    ).result
    assert found.gain.low > 0.0
    assert sum(each.gain.value > 0.0 for each in found.judgements) >= 4
    for each in found.judgements:
        assert each.gain.low <= each.gain.value <= each.gain.high


def test_contributions_name_no_scanner_and_hold_no_row(sites, done):
    units = [history.unit_id for histories in sites.values() for history in histories]
    for sent in done.sent:
        text = json.dumps(sent.model_dump(mode="json"))
        assert not any(name in text for name in units)
        assert not re.search(r"module\d\d", text)


@pytest.mark.slow
def test_size_of_contributions_does_not_grow_with_the_records(sites):
    def leaves(content) -> int:
        if isinstance(content, dict):
            return sum(map(leaves, content.values()))
        return sum(map(leaves, content)) if isinstance(content, list) else 1

    many = simulated_sites(hospitals(scanners=9, years=4.0))
    plan = FederationPlan(settings=SETTINGS)
    for _ in range(2):
        small, large = (
            [answer(fleet_of(histories, plan), plan, name) for name, histories in of.items()]
            for of in (sites, many)
        )
        for one, other in zip(small, large, strict=True):
            sizes = [leaves(sent.model_dump(mode="json")) for sent in (one, other)]
            # Six times the records; a feature more may be known.
            assert sizes[1] <= 1.2 * sizes[0]
        plan = combine(plan, small)


def test_test_that_one_site_lacks_is_scaled_and_learned_from_the_others(sites, done):
    def without(history, test):
        keep = np.array([name != test for _, name in history.series])
        rows = np.repeat(keep, np.diff(history.start))
        sizes = np.diff(history.start)[keep]
        return replace(
            history,
            series=tuple(s for s, k in zip(history.series, keep, strict=True) if k),
            keys=tuple(s for s, k in zip(history.keys, keep, strict=True) if k),
            start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            value=history.value[rows],
            measured_at=history.measured_at[rows],
            available_at=history.available_at[rows],
            context=history.context[rows],
        )

    fewer = {**sites, "h0": [without(history, "sensitivity") for history in sites["h0"]]}
    found = federate(fewer, FederationPlan(settings=SETTINGS))
    assert found.plan.features == done.plan.features
    assert found.plan.stage == "done"
    assert {each.site for each in found.result.judgements} == set(sites)


def test_site_without_a_failure_takes_part_and_is_judged(sites):
    quiet = [replace(history, services=history.services.iloc[:0]) for history in sites["h1"]]
    found = federate({**sites, "h1": quiet}, FederationPlan(settings=SETTINGS)).result
    mine = next(each for each in found.judgements if each.site == "h1")
    assert mine.failures_trained_on == 0
    assert not mine.own_model
    assert mine.average_precision_own is None
    # With no failure ever, the rate of the others is only borrowed so far.
    assert mine.log_loss_federated < 0.2


def test_site_of_one_scanner_has_a_gain_without_interval(sites):
    found = federate({**sites, "h2": sites["h2"][:1]}, FederationPlan(settings=SETTINGS)).result
    mine = next(each for each in found.judgements if each.site == "h2")
    assert mine.gain.value is not None
    assert mine.gain.low is None
    assert found.gain.low is None


def test_answers_to_another_plan_doubled_or_missing_are_refused(sites):
    plan = FederationPlan(settings=SETTINGS)
    answers = [answer(fleet_of(h, plan), plan, name) for name, h in sites.items()]
    other = FederationPlan(settings=PlanSettings(folds=4))
    with pytest.raises(QCDataError, match="answers another plan"):
        combine(other, answers)
    with pytest.raises(QCDataError, match="answered twice"):
        combine(plan, [*answers, answers[0]])
    fit = combine(plan, answers)
    with pytest.raises(QCDataError, match="is a description where the plan asks for a summary"):
        combine(fit, answers)
    sums = [answer(fleet_of(h, fit), fit, name) for name, h in sites.items()]
    with pytest.raises(QCDataError, match="every site of the plan answers each round") as caught:
        combine(fit, sums[1:])
    assert caught.value.value == sums[0].site
    with pytest.raises(QCDataError, match="this plan is done"):
        combine(fit.model_copy(update={"stage": "done"}), sums)
    with pytest.raises(QCDataError, match="this plan is done"):
        answer(fleet_of(sites["h0"], fit), fit.model_copy(update={"stage": "done"}), "h0")


def test_step_that_leads_down_is_halved(sites):
    plan = FederationPlan(settings=SETTINGS)
    names = list(sites)[:2]
    answers = [answer(fleet_of(sites[name], plan), plan, name) for name in names]
    plan = combine(plan, answers)
    fleets = [fleet_of(sites[name], plan) for name in names]
    for _ in range(2):
        plan = combine(plan, [answer(f, plan, n) for f, n in zip(fleets, names, strict=True)])
    good = plan.models[0]
    astray = good.model_copy(update={"point": tuple(9.0 - p for p in good.point)})
    wrong = plan.model_copy(update={"models": (astray, *plan.models[1:])})
    moved = combine(wrong, [answer(f, wrong, n) for f, n in zip(fleets, names, strict=True)])
    halfway = (np.array(astray.point) + np.array(good.before)) / 2.0
    assert np.array(moved.models[0].point) == pytest.approx(halfway)
    assert moved.models[0].objective == good.objective


def test_no_failure_anywhere_is_refused(sites):
    plan = FederationPlan(settings=SETTINGS)
    answers = [answer(fleet_of(h, plan), plan, name) for name, h in sites.items()]
    none = [each.model_copy(update={"rows_before_failure": 0}) for each in answers]
    with pytest.raises(QCDataError, match="no site has a failure"):
        combine(plan, none)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "cannot be read"), ("[]", "holds no document"), ("{}", "is no contribution"),
     ('{"kind": "summary", "plan": "x", "site": "s"}', "models: is missing"),
     ('{"kind": "summary", "plan": "x", "site": "s", "models": [], "x": 1}', "unknown"),
     (SUMS_OF_NAN, "finite")],
)  # fmt: skip
def test_files_that_are_no_contribution_are_refused_by_field(tmp_path, text, problem):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(QCDataError, match=problem):
        read_contribution(path)
    with pytest.raises(QCDataError, match=r"x\.json"):
        read_plan(path)


def test_documents_come_back_as_they_were_written(tmp_path, done):
    kinds = {Description: 0, Summary: 0, SiteJudgement: 0}
    for sent in (done.sent[0], done.sent[5], done.sent[-1]):
        path = tmp_path / "sent.json"
        path.write_text(json.dumps(sent.model_dump(mode="json")))
        assert read_contribution(path) == sent
        kinds[type(sent)] += 1
    assert set(kinds.values()) == {1}
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(done.plan.model_dump(mode="json")))
    assert read_plan(path) == done.plan
    assert read_plan(path).hash == done.plan.hash
