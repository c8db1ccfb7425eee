"""What the best-practice checklist of a study is filled from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pulsefront import __version__
from pulsefront.evaluate import Interval
from pulsefront.search.result import SearchSummary
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.records import (
    BaselineRecord,
    DiagnosisRecord,
    ExternalRecord,
    SplitRecord,
    StudyPlan,
    TestRecord,
)
from pulsefront.studies.settings import NOT_STATED

__all__ = ["checklist_record", "stated"]


def checklist_record(
    kind: StudyKind,
    plan: StudyPlan,
    split: SplitRecord,
    baselines: Sequence[BaselineRecord],
    search: SearchSummary,
    test: TestRecord,
    diagnosis: DiagnosisRecord | None,
) -> dict[str, dict[str, Any]]:
    """Return the record that `evaluate.fill_checklist` takes: topic → what was done."""
    return {
        **_purpose(kind, plan),
        **_data(kind, split, test),
        **_comparison(kind, baselines, search, test),
        **_checks(test, diagnosis),
        **_repetition(kind, plan),
    }


def _purpose(kind: StudyKind, plan: StudyPlan) -> dict[str, dict[str, Any]]:
    purpose = kind.study.purpose
    return {
        "task": stated(
            {
                "task": purpose.task,
                "user": purpose.user,
                "use": purpose.use,
                "requirement": purpose.requirement,
            }
        ),
        "study_type": {"study_type": kind.study.study_type},
        "plan": {"risk": purpose.risk, "plan_sha256": plan.sha256},
        "bias": stated({"covered": list(purpose.covered), "missing": list(purpose.missing)}),
        "transparency": stated({"limits": list(purpose.limits)}),
    }


def stated(record: dict[str, Any]) -> dict[str, Any]:
    """Return *record*, or that the study file leaves a part of it open."""
    left = [key for key, value in record.items() if value in (NOT_STATED, [NOT_STATED])]
    return {"not_done": f"purpose.{left[0]} is not stated in the study file"} if left else record


def _data(kind: StudyKind, split: SplitRecord, test: TestRecord) -> dict[str, dict[str, Any]]:
    events = split.events_in_parts
    positions, words = split.positions_in_parts, kind.words
    return {
        "set_sizes": {
            **{f"{words.events}_{part}": count for part, count in events.items()},
            **_needed(test),
        },
        "data_decisions": {"exclusions": split.exclusions},
        "reference": {
            "reference_standard": test.reference_standard,
            "label_uncertainty": kind.label_uncertainty(),
            "contradicted_by_the_data": list(split.label_findings) or "nothing",
        },
        "quantity": {
            words.places: positions,
            f"{words.events}_per_{words.place}": {
                part: round(events[part] / max(positions[part], 1), 1) for part in events
            },
        },
        "leakage": {
            "leak_test_passed": split.leak_test_passed,
            **(
                {}
                if split.minimum_distance_mm is None
                else {"minimum_distance_mm": split.minimum_distance_mm}
            ),
            f"labels_of_test_{words.events}": "hidden from tuning, training and search",
        },
        "test_set": {
            "test_set": f"{test.test_events} {words.events} {words.between}: "
            f"{test.test_positions} {words.places}",
            "differs_from_use": list(kind.study.purpose.missing),
        },
    }


def _comparison(
    kind: StudyKind,
    baselines: Sequence[BaselineRecord],
    search: SearchSummary,
    test: TestRecord,
) -> dict[str, dict[str, Any]]:
    main = test.main_metric.key
    spread = test.initializations.final[main]
    statistics = kind.study.statistics
    return {
        "comparison": {
            "baselines": [row.name for row in baselines],
            "baseline_candidates_tried": sum(row.candidates_tried for row in baselines),
            **(
                {"gain_percent_over_the_best": test.gain[main].gain_percent.value}
                if test.not_judged is None
                else {"not_judged": test.not_judged}
            ),
        },
        "selection": {
            "candidates_tried": search.candidates_tried,
            "chosen_on": f"selection {kind.words.events}, {kind.words.between}",
        },
        "stability": {
            "initializations": len(spread.each),
            "spread_over_initializations": {main: [spread.mean.low, spread.mean.high]},
        },
        "ablation": {
            "ablation_steps_tried": search.candidates_tried,
            "ablation_steps_accepted": len(search.path) - 1,
        },
        "metrics": {
            "metrics": list(test.gain),
            "interval_method": f"bootstrap, {statistics.replicates} replicates, "
            f"{statistics.confidence:.0%}",
        },
        "interpretability": {"importance": _importance(search, test)},
    }


def _importance(search: SearchSummary, test: TestRecord) -> list[str]:
    """Return the inputs that matter most: of the exported network on test events, where known."""
    if test.input_uses is None:
        return [name for name, _ in search.input_ranking[:8]]
    return [row.input for row in test.input_uses.inputs[:8]]


def _needed(test: TestRecord) -> dict[str, Any]:
    """Return the power calculation for another evaluation."""
    power = test.power
    if power is None:
        return {}
    gain = f"{power.least_gain_percent:g}_percent"
    return {
        f"test_{power.counted}_needed_to_show_{gain}": power.needed,
        f"power_to_show_{gain}_here": round(power.power_here, 3),
    }


def _checks(test: TestRecord, diagnosis: DiagnosisRecord | None) -> dict[str, dict[str, Any]]:
    sets = test.external or ()
    return {
        "learning_curve": _learning_curve(diagnosis),
        "cross_validation": _cross_validation(diagnosis),
        "external": _external(sets),
        "sham": _sham(diagnosis),
        "uncertainty": {
            "uncertainty": test.uncertainty.measure,
            f"{test.main_metric.key} by spread": test.uncertainty.main_metric_by_spread,
            **_of_events(test),
        },
        "monitoring": {
            "monitoring": "results.json holds the profile of the training inputs; the external "
            "sets show by how much known changes move them",
            "input_shift_sigmas": {
                row.name: round(row.input_shift_sigmas, 2)
                for row in sets
                if row.input_shift_sigmas is not None
            },
        },
    }


def _of_events(test: TestRecord) -> dict[str, Any]:
    """Return what regions or sets of single events hold, where the study has them."""
    classes, found = test.class_uncertainty, test.event_uncertainty
    if classes is not None:
        return {
            "sets of classes": {
                f"calibrated for {row.share:g}": f"{row.inside.value:.4g} "
                f"[{row.inside.low:.4g}, {row.inside.high:.4g}] of the test events inside"
                for row in classes.sets
            }
        }
    if found is None:
        return {}
    return {
        "regions of single events": {
            f"calibrated for {row.share:g}": f"{row.inside.value:.4g} "
            f"[{row.inside.low:.4g}, {row.inside.high:.4g}] of the test events inside"
            for row in found.coverage
        }
    }


def _repetition(kind: StudyKind, plan: StudyPlan) -> dict[str, dict[str, Any]]:
    study = kind.study
    return {
        "sharing": {
            "artefacts": ["results.json", "model.json", "firmware export", "events.h5"],
            "commands": [f"pulsefront run {study.name}"],
        },
        "reproducibility": {
            "study_sha256": plan.sha256,
            "seed": study.seed,
            "versions": f"pulsefront {__version__} and the pinned constraints",
        },
    }


def _external(sets: Sequence[ExternalRecord]) -> dict[str, Any]:
    """Return the record of the external sets: the main metric of each, or why there is none."""
    if not sets:
        return {"not_done": "the study names no external set"}

    def of(row: ExternalRecord) -> str:
        if row.main_metric is None or row.estimators is None:
            return f"not measured: {row.not_measured}"
        key = row.main_metric.key
        return f"{key} {row.estimators['network'][key].value:.4g}"

    return {"external_sets": {row.name: of(row) for row in sets}}


def _learning_curve(diagnosis: DiagnosisRecord | None) -> dict[str, Any]:
    if diagnosis is None or not diagnosis.learning_curve:
        return {"not_done": "this study trains on one number of events"}
    points = diagnosis.learning_curve
    return {"learning_curve": {f"{row.events} events": round(row.mean.value, 4) for row in points}}


def _cross_validation(diagnosis: DiagnosisRecord | None) -> dict[str, Any]:
    if diagnosis is None or not (diagnosis.cross_validation or diagnosis.validation):
        return {"not_done": "one hold-out split by position; no folds"}
    told = {}
    if diagnosis.cross_validation is not None:
        found = diagnosis.cross_validation
        told[f"{found.folds} folds of whole positions"] = _mean(found.mean, diagnosis)
    for one in diagnosis.validation or ():
        name = f"{one.design} by {one.group}, network {one.network}"
        told[name] = _mean(one.mean, diagnosis)
        if one.holdout is not None:
            told[f"{name}, the hold-out"] = _mean(one.holdout, diagnosis)
    return {"cross_validation": told}


def _mean(found: Interval, diagnosis: DiagnosisRecord) -> str:
    return f"{diagnosis.metric.key} {found.value:.4g} [{found.low:.4g}, {found.high:.4g}]"


def _sham(diagnosis: DiagnosisRecord | None) -> dict[str, Any]:
    if diagnosis is None or diagnosis.sham is None:
        return {"not_done": "the pipeline was not run on randomized data"}
    found = diagnosis.sham
    each = ", ".join(f"{value:.4g}" for value in found.each)
    return {
        "sham_result": f"trained on exchanged inputs the network reaches {each}, the best "
        f"constant answer {found.constant_answer:.4g}, the real network {found.network:.4g}"
    }
