"""What a trained model is, as a page: the best-practice topics answered from its record."""

from __future__ import annotations

from pulsefront import __version__
from pulsefront.evaluate import fill_checklist
from pulsefront.qc.models.model_file import FailureModel
from pulsefront.qc.pages.features import features_section
from pulsefront.report import Block, Checklist, ChecklistItem, Page, Paragraph, Section, Table

__all__ = ["train_page", "training_record"]


def training_record(model: FailureModel, model_hash: str) -> dict[str, dict[str, object]]:
    """Return the record from which the checklist is filled; topics of detectors stay away."""
    facts = model.training
    target = model.target
    tried = len(facts["candidates"])
    return {
        "task": {
            "task": "failure of a scanner component, from daily quality control",
            "user": "quality-control physicist",
            "use": "a nightly hint where to look; never a reason to skip quality control",
            "requirement": f"failure {target.lead_days} to {target.span_days} days ahead, "
            f"at {', '.join(model.thresholds)} false alerts per unit-year",
        },
        "study_type": {"study_type": "development; an evaluation is the back-test on own history"},
        "bias": {
            "covered": f"sites {', '.join(facts['sites'])}; models {', '.join(facts['models'])}; "
            f"software {', '.join(v for v in model.guard.software if v) or 'not recorded'}",
            "missing": "all other scanners and software: the model says no decision there",
        },
        "set_sizes": {
            "events_train": facts["rows_train"],
            "events_selection": facts["rows_calibrate"],
            "events_test": "none held back here; see the back-test",
            "failures": facts["failures"],
        },
        "data_decisions": {
            "exclusions": f"{facts['rows_without_label']} component-days without a label: in "
            "service, failing within the lead, before a preventive replacement, or at the end"
        },
        "reference": {
            "reference_standard": "corrective entries of the service log",
            "label_uncertainty": "faults that nobody logged count as none",
        },
        "comparison": {
            "baselines": "age only, Shewhart, EWMA and CUSUM charts",
            "baseline_candidates_tried": 4,
        },
        "selection": {
            "candidates_tried": tried,
            "chosen_on": f"unseen units after {facts['trained_until']}, {facts['folds']} folds",
        },
        "cross_validation": {"cross_validation": f"{facts['folds']} folds by unit, later in time"},
        "leakage": {
            "leak_test_passed": "features use what was known at the time; units do not straddle",
            "minimum_distance_mm": "does not apply",
            "embargo": f"{facts['embargo_days']} days",
        },
        "interpretability": {
            "importance": "every score names the features that raise it most (occlusion)"
        },
        "sharing": {
            "artefacts": "model file with manifest, ONNX of hazard model and network",
            "commands": "pulsefront qc backtest, train, score",
        },
        "transparency": {
            "limits": "failures without forerunner in daily QC; scanners unlike those trained on"
        },
        "reproducibility": {
            "study_sha256": model_hash,
            "seed": facts["seed"],
            "versions": f"pulsefront {__version__}",
        },
        "uncertainty": {
            "uncertainty": "interval by bootstrap over units of the calibration; no decision on "
            "stale QC, short history, unknown software, features outside the training range"
        },
        "monitoring": {
            "monitoring": "share without decision and quarantined rows in the metrics file"
        },
        "learning_curve": {"not_done": "the number of failures, not of days, limits the model"},
        "sham": {"not_done": "in the back-test's report"},
        "metrics": {"not_done": "in the back-test's report"},
        "test_set": {"not_done": "all history is used; the back-test holds units and time back"},
        "external": {"not_done": "no other site's data"},
        "stability": {"not_done": "in the back-test's report, by folds"},
        "ablation": {"not_done": "inputs are selected for the small network only"},
        "plan": {"not_done": "a development study"},
        "quantity": {"not_done": "does not apply: there are no positions"},
    }


def train_page(model: FailureModel, model_hash: str) -> Page:
    """Return the report of a training run."""
    facts = model.training
    rows: list[tuple[object, ...]] = [
        (
            c["model"],
            c["against"],
            1e3 * c["gain_log_loss"],
            1e3 * c["low"],
            1e3 * c["high"],
            c["better"],
        )
        for c in facts["comparison"]
    ]
    answers = fill_checklist(training_record(model, model_hash))
    items = [ChecklistItem(a.topic.title, a.topic.question, a.text, a.done) for a in answers]
    return Page(
        "Failure model",
        f"{model.name}: trained on {facts['units']} units and {facts['failures']} failures, "
        f"{facts['first_day']} to {facts['last_day']}",
        [
            Section(
                "The model",
                [
                    Paragraph(
                        f"Foresees a failure {model.target.lead_days} to {model.target.span_days} "
                        f"days ahead. Trained until {facts['trained_until']}, calibrated on the "
                        f"time after it. Base rate {facts['base_rate']:.5f} of component-days."
                    ),
                    Table(
                        ("false alerts per unit-year", "threshold probability"),
                        list(model.thresholds.items()),
                        "Thresholds found on units held out.",
                    ),
                    _comparison(rows),
                    Table(
                        ("feature that the model looks at",),
                        [
                            (model.schema.names[c].replace("_", " ").replace(":", ": "),)
                            for c in model.estimator.columns
                        ],
                    ),
                ],
            ),
            features_section(facts),
            Section("Best practice", [Checklist(items)]),
        ],
        {"Model": model_hash, "Version": f"pulsefront {__version__}"},
    )


def _comparison(rows: list[tuple[object, ...]]) -> Block:
    """Return what was compared, or that nothing was."""
    if not rows:
        return Paragraph("The candidate was named beforehand; none were compared here.")
    return Table(
        ("model", "against", "gain in log loss × 1000", "low", "high", "better"),
        rows,
        "The simplest model that no other beats, on unseen units at later times.",
    )
