"""What a training says to the best-practice topics."""

from __future__ import annotations

from collections.abc import Mapping

from pulsefront import __version__
from pulsefront.evaluate import fill_checklist
from pulsefront.qc.models.files.model_file import FailureModel
from pulsefront.qc.pages.words import level
from pulsefront.report import Checklist, ChecklistItem

__all__ = ["checklist"]

Topics = Mapping[str, Mapping[str, object]]

_NOT_DONE = {
    "learning_curve": "the number of failures, not of days, limits the model",
    "sham": "in the back-test's report",
    "metrics": "in the back-test's report",
    "test_set": "all history is used; the back-test holds units and time back",
    "external": "no other site's data",
    "stability": "in the back-test's report, by folds",
    "ablation": "inputs are selected for the small network only",
    "plan": "a development study",
    "quantity": "does not apply: there are no positions",
}


def checklist(model: FailureModel, model_hash: str) -> Checklist:
    """Return the topics with their answers; those of detectors stay away."""
    not_done: Topics = {topic: {"not_done": why} for topic, why in _NOT_DONE.items()}
    record = {**not_done, **_purpose(model), **_data(model), **_method(model, model_hash)}
    answers = fill_checklist(record)
    return Checklist(
        [ChecklistItem(a.topic.title, a.topic.question, a.text, a.done) for a in answers]
    )


def _purpose(model: FailureModel) -> Topics:
    target = model.target
    return {
        "task": {
            "task": "failure of a scanner component, from daily quality control",
            "user": "quality-control physicist",
            "use": "a nightly hint where to look; never a reason to skip quality control",
            "requirement": f"failure {target.lead_days} to {target.span_days} days ahead, "
            f"at {', '.join(model.thresholds)} false alerts per unit-year",
        },
        "study_type": {"study_type": "development; an evaluation is the back-test on own history"},
        "transparency": {
            "limits": "failures without forerunner in daily QC; scanners unlike those trained on"
        },
        "monitoring": {
            "monitoring": "share without decision and quarantined rows in the metrics file"
        },
        "sharing": {
            "artefacts": "model file with manifest; hazard model and network as ONNX on request",
            "commands": "pulsefront qc backtest, train, score",
        },
    }


def _data(model: FailureModel) -> Topics:
    facts = model.training
    software = ", ".join(v for v in model.guard.software if v) or "not recorded"
    return {
        "bias": {
            "covered": f"sites {', '.join(facts.sites)}; models {', '.join(facts.models)}; "
            f"software {software}",
            "missing": "all other scanners and software: the model says no decision there",
        },
        "set_sizes": {
            "events_train": facts.rows_train,
            "events_selection": facts.rows_calibrate,
            "events_test": "none held back here; see the back-test",
            "failures": facts.failures,
        },
        "data_decisions": {
            "exclusions": f"{facts.rows_without_label} component-days without a label: in "
            "service, failing within the lead, before a preventive replacement, or at the end"
        },
        "reference": {
            "reference_standard": "corrective entries of the service log",
            "label_uncertainty": "faults that nobody logged count as none",
        },
        "leakage": {
            "leak_test_passed": "features use what was known at the time; units do not straddle",
            "minimum_distance_mm": "does not apply",
            "embargo": f"{facts.embargo_days} days",
        },
    }


def _method(model: FailureModel, model_hash: str) -> Topics:
    facts = model.training
    topics: dict[str, Mapping[str, object]] = {
        "comparison": {
            "baselines": "age only, Shewhart, EWMA and CUSUM charts",
            "baseline_candidates_tried": 4,
        },
        "selection": {
            "candidates_tried": len(facts.candidates),
            "chosen_on": f"unseen units after {facts.trained_until}, {facts.folds} folds",
        },
        "cross_validation": {"cross_validation": f"{facts.folds} folds by unit, later in time"},
        "interpretability": {
            "importance": "every score names the features that raise it most (occlusion)"
        },
        "reproducibility": {
            "study_sha256": model_hash,
            "seed": facts.seed,
            "versions": f"pulsefront {__version__}",
        },
        "uncertainty": {
            "uncertainty": f"{level(facts.confidence)} interval by bootstrap over units of the "
            "calibration; no decision on stale QC, short history, unknown software, features "
            "outside the training range"
        },
    }
    if facts.classic is not None:
        steps = facts.classic.steps
        topics["ablation"] = {
            "ablation_steps_tried": f"{len(steps)} steps of growing and pruning",
            "ablation_steps_accepted": f"{sum(s.action == 'remove' for s in steps)} inputs taken "
            f"away, {len(steps[-1].inputs)} kept",
        }
    return topics
