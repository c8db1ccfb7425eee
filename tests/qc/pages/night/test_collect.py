"""What the page shows is what the night's scores were made of, and nothing that came later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from pulsefront.qc.alerts.records import Alert
from pulsefront.qc.documents import Range
from pulsefront.qc.features.daily import unit_features
from pulsefront.qc.features.sources import load_history
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.files.model_file import load_model, save_model
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.models.life.worth import (
    CalibrationBin,
    DriftedInput,
    InputDrift,
    ModelLife,
    PeriodFigures,
)
from pulsefront.qc.nightly.night import NightReport, night_report
from pulsefront.qc.nightly.run import ScoreRun
from pulsefront.qc.nightly.score import score
from pulsefront.qc.pages.night.advice import advice
from pulsefront.qc.pages.night.around import marks_of
from pulsefront.qc.pages.night.charts import choose_series, read_charts
from pulsefront.qc.pages.night.collect import collect_night
from pulsefront.qc.pages.night.page import render_night
from pulsefront.qc.records import Batch, Reject
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import end_of_day
from strategies_qc import DAY, fill_store, measurements, tiny_samples, tiny_units, writing_of

PLAN = BacktestSettings(folds=2, bootstrap_replicates=20)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A store of eight scanners, a model, and the last night of its data."""
    folder = tmp_path_factory.mktemp("site")
    units = tiny_units(8, 2.0)
    with Store(folder / "qc.db") as store:
        fill_store(store, units)
    save_model(fit_model(tiny_samples(8, 2.0), PLAN, name="hazard"), folder / "model.zip")
    last_s = int(units[0].measurements["available_at"].max()) // DAY * DAY
    return folder, load_model(folder / "model.zip"), last_s


def report_of(run: ScoreRun, **fields) -> NightReport:
    """Return a night of which nothing is known but its scores."""
    content = {"site_of": {}, "alerts": (), "changes": (), "opened_so_far": {}, "life": None,
               "drift": None, "newest": True}  # fmt: skip
    return NightReport(run=run, **{**content, **fields})


def collected(site, as_of_s, *, units=(), alerts=(), **change):
    folder, model, _ = site
    with Store(folder / "qc.db") as store:
        run = replace(score(store, model, as_of_s, None, dry_run=True), **change)
        page = collect_night(store, report_of(run, alerts=alerts), model, units=units)
    assert page.db == str(folder / "qc.db")
    return replace(page, db="qc.db")  # copies of a store lie in other folders


def test_scanners_and_components_come_by_risk(site):
    page = collected(site, site[2] - 100 * DAY)
    assert len(page.units) == 8
    order = ["alert", "watch", "no decision", "no alert"]
    places = [order.index(unit.first.decision) for unit in page.units]
    assert places == sorted(places)
    for unit in page.units:
        known = [p.probability.value for p in unit.components
                 if p.decision == unit.first.decision and p.probability]  # fmt: skip
        assert known == sorted(known, reverse=True)


def test_charts_carry_the_baselines_that_the_score_used(site):
    folder, model, last_s = site
    as_of_s = last_s - 50 * DAY
    page = collected(site, as_of_s)
    unit = page.units[0]
    assert len(unit.charts) == unit.series > 5
    with Store(folder / "qc.db") as store:
        history = load_history(store, unit.unit_id).known_by(as_of_s)
    features = unit_features(history, model.schema, np.array([as_of_s]))
    state = {key: features.states[k] for k, key in enumerate(history.keys)}
    for chart in unit.charts:
        expected = state[chart.component_id, chart.test, chart.measurement_unit]
        assert (chart.mean, chart.sigma) == (expected["mean"], expected["sigma"])
        assert chart.ewma == expected["ewma"]
        since = len(chart.value) - chart.baseline_from
        assert chart.baseline_from == -1 or since == expected["total"]


def test_smoothed_level_drawn_from_the_readings_ends_where_the_score_stood(site):
    """The page smooths anew from what it shows; the start is forgotten by a fifth a reading."""
    checked = 0
    for unit in collected(site, site[2] - 15 * DAY).units:
        for chart in unit.charts:
            first = max(chart.baseline_from, 0)
            if np.isnan(chart.sigma) or len(chart.value) - first < 60:
                continue
            level = 0.0
            for value in chart.value[first:]:
                level += 0.2 * (np.clip((value - chart.mean) / chart.sigma, -50, 50) - level)
            in_order = np.all(np.diff(chart.known_s[-20:]) >= 0)
            if in_order:  # the score takes readings as they become known
                assert level == pytest.approx(chart.ewma, abs=0.03)
                checked += 1
    assert checked > 10


def test_what_came_later_is_not_shown(site, tmp_path):
    folder, model, last_s = site
    as_of_s = last_s - 50 * DAY
    (tmp_path / "qc.db").write_bytes((folder / "qc.db").read_bytes())
    before = render_night(collected(site, as_of_s))
    unit_id = collected(site, as_of_s).units[0].unit_id
    with Store(tmp_path / "qc.db") as store:
        late = measurements(
            1, unit_id=unit_id, component_id="", test="sensitivity", value=1e6,
            measurement_unit="% of reference", measured_at=np.array([as_of_s - 40]),
            available_at=np.array([as_of_s + DAY]),
        )  # fmt: skip
        with store.writing() as connection:
            writing = writing_of(connection, "late")
            store.add(connection, Batch(late), writing)
    assert render_night(collected((tmp_path, model, last_s), as_of_s)) == before


def chart_of(page, unit_id, chart):
    [unit] = [unit for unit in page.units if unit.unit_id == unit_id]
    names = ("component_id", "test")
    return next(c for c in unit.charts if all(getattr(c, n) == getattr(chart, n) for n in names))


def test_reading_corrected_later_is_shown_as_it_was_known_that_night(site, tmp_path):
    folder, model, last_s = site
    as_of_s = last_s - 50 * DAY
    (tmp_path / "qc.db").write_bytes((folder / "qc.db").read_bytes())
    page = collected(site, as_of_s)
    before, unit = render_night(page), page.units[0]
    chart = unit.charts[0]
    when_s, value = int(chart.measured_s[-1]), float(chart.value[-1])
    with Store(tmp_path / "qc.db") as store, store.writing() as connection:
        later_s = as_of_s + 3 * DAY
        writing = writing_of(connection, "better", arrived_at=later_s, not_before=later_s)
        better = measurements(
            1, unit_id=unit.unit_id, component_id=chart.component_id, test=chart.test,
            measurement_unit=chart.measurement_unit, value=value + 1.0,
            measured_at=np.array([when_s]), available_at=np.array([later_s]),
        )  # fmt: skip
        assert store.add(connection, Batch(better), writing).replaced == 1
    corrected = (tmp_path, model, last_s)
    assert render_night(collected(corrected, as_of_s)) == before
    after = chart_of(collected(corrected, as_of_s + 4 * DAY), unit.unit_id, chart)
    assert after.value[after.measured_s == when_s].tolist() == [value + 1.0]


def test_charts_begin_with_the_scanner_that_bears_the_name_now(site, tmp_path):
    folder, model, last_s = site
    as_of_s = last_s - 50 * DAY
    (tmp_path / "qc.db").write_bytes((folder / "qc.db").read_bytes())
    unit = collected(site, as_of_s).units[0]
    new_s = as_of_s - 20 * DAY
    v = schema.unit_version
    with Store(tmp_path / "qc.db") as store, store.writing() as connection:
        query = sa.select(v).where(v.c.unit_id == unit.unit_id)
        last = dict(connection.execute(query).mappings().all()[-1])
        del last["version_id"]
        fresh = {
            **last,
            "serial": "new",
            "known_at": new_s,
            "holds_from": new_s,
            "life_from": new_s,
        }
        connection.execute(sa.insert(v).values(fresh))
    page = collected((tmp_path, model, last_s), as_of_s)
    [now] = [each for each in page.units if each.unit_id == unit.unit_id]
    assert now.serial == "new"
    assert now.charts
    for chart in now.charts:
        assert chart.measured_s[0] >= new_s
        assert len(chart.value) > 5
    before = collected((tmp_path, model, last_s), new_s - DAY)
    assert chart_of(before, unit.unit_id, unit.charts[0]).measured_s[0] < new_s - 60 * DAY


def test_night_that_is_told_again_shows_the_same(site):
    as_of_s = site[2] - 80 * DAY
    assert render_night(collected(site, as_of_s, features=())) == render_night(
        collected(site, as_of_s)
    )


def test_past_scores_that_users_were_told_of_are_shown_in_order(site, tmp_path):
    folder, model, last_s = site
    (tmp_path / "qc.db").write_bytes((folder / "qc.db").read_bytes())
    nights = [last_s - k * DAY for k in (4, 3, 2)]
    with Store(tmp_path / "qc.db") as store:
        for as_of_s in (*nights, last_s - DAY):
            run = score(store, model, as_of_s, None)
        page = collect_night(store, night_report(store, run.as_of_s, run.run_id), model)
        early = collect_night(store, night_report(store, nights[1]), model)
    histories = [unit.first.history for unit in page.units]
    assert [[night.as_of_s for night in found] for found in histories] == [
        [*nights, last_s - DAY]
    ] * 8
    assert [len(unit.first.history) for unit in early.units] == [2] * 8
    shown = page.units[0].first
    assert shown.history[-1].probability == (shown.probability and shown.probability.value)


def alert_of(unit_id, component_id, as_of_s, **fields) -> Alert:
    content = {
        "alert_id": 7, "site": "", "state": "open", "opened_s": as_of_s - 3 * DAY,
        "quiet_until_s": as_of_s + 27 * DAY, "updated_s": as_of_s, "closed_s": None,
        "snoozed_until_s": None, "threshold": 0.1, "probability": 0.2, "probability_low": 0.1,
        "probability_high": 0.3, "opening_probability": 0.15, "highest_probability": 0.4,
        "reasons": "gain drifting", "suppressed": False, "acted_by": "", "acted_why": "",
        "closed_reason": "", "outcome": "undecided", "outcome_reason": "", "lead_days": None,
        "model_hash": "", "run_id": "",
    }  # fmt: skip
    return Alert(unit_id=unit_id, component_id=component_id, **{**content, **fields})


def test_open_alert_brings_its_scanner_and_component_to_the_top(site):
    as_of_s = site[2] - 50 * DAY
    last = collected(site, as_of_s).units[-1]
    component = last.components[-1].component_id
    found = collected(site, as_of_s, alerts=(alert_of(last.unit_id, component, as_of_s),))
    top = found.units[0]
    assert (top.unit_id, top.first.component_id) == (last.unit_id, component)
    assert (top.first.alert.number, top.first.alert.opening) == (7, 0.15)
    taken = alert_of(last.unit_id, component, as_of_s, state="acknowledged", acted_by="mk",
                     acted_why="seen")  # fmt: skip
    assert collected(site, as_of_s, alerts=(taken,)).units[0].first.alert.by == "mk"


def test_alert_of_a_scanner_without_a_score_is_shown_all_the_same(site):
    as_of_s = site[2] - 50 * DAY
    alerts = (alert_of("ghost", "block1", as_of_s), alert_of("retired", "", as_of_s, alert_id=8))
    found = collected(site, as_of_s, alerts=alerts, failed_units={"ghost": "cannot be read"})
    first = {unit.unit_id: unit.first for unit in found.units[:2]}
    assert first["ghost"].reasons == "cannot be read"
    assert first["retired"].reasons == "no score tonight"
    assert [item.kind for item in advice(found)][:2] == ["open alert", "open alert"]


def test_alert_closed_tonight_is_told_and_does_not_call(site):
    as_of_s = site[2] - 50 * DAY
    closed = alert_of("west-0005", "module01", as_of_s, state="closed", closed_s=as_of_s,
                      closed_reason="repaired")  # fmt: skip
    found = collected(site, as_of_s, alerts=(closed,))
    assert found.closed == ("west-0005 module01 (repaired)",)
    assert not any(item.kind.endswith("alert") for item in advice(found))


def test_life_and_drift_of_the_model_are_told(site):
    def some(value):
        return Range(value=value, low=value / 2, high=value * 2)

    total = PeriodFigures(
        period="all", first_day="", last_day="", unit_years=9.0, rows=900, expected_failures=8.0,
        observed_failures=9, observed_over_expected=some(1.1), alerts=6, alerts_true=3,
        alerts_too_late=1, alerts_false=1, alerts_undecided=1, precision=some(0.4),
        false_alerts_per_unit_year=some(0.2), lead_days=Range(value=9.0, low=None, high=None),
        failures=5, failures_found=3,
    )  # fmt: skip
    bins = (CalibrationBin(low=0.0, high=0.1, rows=90, mean_probability=0.02,
                           observed_share=some(0.01)),)  # fmt: skip
    life = ModelLife(model_hash="m", name="hazard", role="champion", confidence=0.95, total=total,
                     periods=(total,), calibration=bins)  # fmt: skip
    drift = InputDrift(nights=7, inputs=(
        DriftedInput(name="gain_kev:level", index=0.5, threshold=0.2, drifted=True),))  # fmt: skip
    folder, model, last_s = site
    with Store(folder / "qc.db") as store:
        run = score(store, model, last_s - 50 * DAY, None, dry_run=True)
        panel = collect_night(store, report_of(run, life=life, drift=drift), model).model
    assert [period.period for period in panel.periods] == ["all"]
    assert (panel.periods[0].precision.low, panel.periods[0].lead_days) == (0.2, 9.0)
    assert (panel.undecided, panel.calibration[0].observed.value) == (1, 1.0)
    assert [row.name for row in panel.drifted] == ["gain kev: level"]
    assert panel.threshold == model.thresholds["1"]


def test_night_in_the_time_of_the_training_is_told_as_such(site):
    last_s = end_of_day(site[1].training.last_day)
    for as_of_s, seen in [(last_s, True), (last_s + DAY, False)]:
        page = collected(site, as_of_s)
        assert page.model.in_training is seen
        assert ("was trained on: it has seen" in render_night(page)) is seen


def test_page_of_few_scanners_shows_these_alone(site):
    as_of_s = site[2] - 50 * DAY
    found = collected(site, as_of_s, units=("west-0005", "nobody"))
    assert [unit.unit_id for unit in found.units] == ["west-0005"]


def test_quarantine_is_told_by_reason_with_its_remedy(site, tmp_path):
    folder, model, last_s = site
    (tmp_path / "qc.db").write_bytes((folder / "qc.db").read_bytes())
    rejects = [Reject(row, "is no number", "x") for row in range(2, 5)]
    rejects += [Reject(row, f"reason {row}", "x") for row in range(30)]
    with Store(tmp_path / "qc.db") as store, store.writing() as connection:
        writing = writing_of(connection, "bad.csv")
        store.add(connection, Batch(rejects=tuple(rejects)), writing)
    waiting = collected((tmp_path, model, last_s), last_s - 50 * DAY).waiting
    assert (waiting[0].reason, waiting[0].rows, waiting[0].example) == (
        "is no number",
        3,
        "bad.csv",
    )
    assert waiting[-1].reason == "11 other reasons"
    assert sum(group.rows for group in waiting) == 33


def test_charts_begin_later_where_there_are_too_many_readings(site):
    folder, model, last_s = site
    with Store(folder / "qc.db") as store:
        features = [
            unit_features(load_history(store, name), model.schema, np.array([last_s]))
            for name in ("east-0001", "west-0005")
        ]
        drawn = choose_series(features, {}, 100)
        whole, few = (
            read_charts(store, drawn, 0, last_s, most=n) for n in (10**9, 40 * len(drawn))
        )
    for name, charts in whole.items():
        for chart, short in zip(charts, few[name], strict=True):
            assert len(chart.value) > 300
            assert short.value.tolist() == chart.value[-40:].tolist()
            assert short.limits[-1].action_high == chart.limits[-1].action_high
            begin = chart.baseline_from - (len(chart.value) - 40)
            assert short.baseline_from == (begin if begin >= 0 else -1)


def test_oldest_events_are_left_out_before_any_service(site):
    folder, model, last_s = site
    with Store(folder / "qc.db") as store:
        features = [
            unit_features(load_history(store, name), model.schema, np.array([last_s]))
            for name in store.units()["unit_id"]
        ]
    assert max(len(marks_of(each, 0, most=60)) for each in features) > 12
    for each in features:
        whole = marks_of(each, 0, most=60)
        services = [mark for mark in whole if mark.kind != "event"]
        events = [mark for mark in whole if mark.kind == "event"]
        kept = services[-12:] + events[len(events) - max(12 - len(services), 0) :]
        assert list(marks_of(each, 0, most=12)) == sorted(
            kept, key=lambda mark: (mark.when_s, mark.component_id, mark.text)
        )


def test_services_and_events_are_marked_as_far_as_they_were_known(site):
    as_of_s = site[2] - 50 * DAY
    page = collected(site, as_of_s)
    marks = [mark for unit in page.units for mark in unit.marks]
    assert {mark.kind for mark in marks} >= {"calibration", "event"}
    assert all(as_of_s - 120 * DAY <= mark.when_s <= as_of_s for mark in marks)


def test_scanner_that_failed_is_shown_with_its_reason(site):
    page = collected(site, site[2] - 50 * DAY, failed_units={"ghost": "cannot be read"})
    alerts = sum(unit.first is not None and unit.first.decision == "alert" for unit in page.units)
    assert page.units[alerts].unit_id == "ghost"
    assert page.units[alerts].failed == "cannot be read"


def test_charts_are_shared_out_among_quiet_scanners(site):
    folder, model, last_s = site
    with Store(folder / "qc.db") as store:
        features = score(store, model, last_s - 50 * DAY, None, dry_run=True).features
    names = [each.unit_id for each in features]
    sizes = {each.unit_id: len(each.keys) for each in features}
    urgent = {names[3]: ["module01"]}
    chosen = choose_series(features, urgent, sizes[names[3]] * 2 + 14)
    many = {name: [d for d in chosen if d.unit_id == name] for name in names}
    assert len(many[names[3]]) == sizes[names[3]]
    assert many[names[3]][0].key.component_id == "module01"
    others = [len(many[name]) for name in names if name not in urgent]
    assert max(others) - min(others) <= 1
    assert sum(len(found) for found in many.values()) <= sizes[names[3]] * 2 + 14
    assert len(choose_series(features, {}, 10**6)) == sum(sizes.values())
    assert choose_series(features, urgent, 0) == []
