"""What the best-practice checklist of an evaluation is filled from, and where the page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pulsefront import __version__
from pulsefront.studies.checklist import stated
from pulsefront.studies.evaluation.frozen import FrozenNetwork
from pulsefront.studies.evaluation.records import EvaluationPlan, SetResult
from pulsefront.studies.evaluation.settings import EvaluationStudy

__all__ = ["EVIDENCE", "SECTIONS", "evaluation_checklist"]

SECTIONS = (
    "Claim and verdict", "The plan", "Power", "The data", "Every metric beside the baseline",
    "Subgroups", "Limits", "Best-practice checklist", "To repeat it",
)  # fmt: skip
(CLAIM, PLAN, POWER, DATA, METRICS, SUBGROUPS, LIMITS, CHECKLIST, REPEAT) = SECTIONS

EVIDENCE = {
    "task": CLAIM,
    "study_type": PLAN,
    "plan": PLAN,
    "bias": DATA,
    "set_sizes": POWER,
    "learning_curve": PLAN,
    "data_decisions": DATA,
    "reference": DATA,
    "quantity": DATA,
    "comparison": METRICS,
    "selection": PLAN,
    "stability": METRICS,
    "ablation": PLAN,
    "cross_validation": PLAN,
    "leakage": DATA,
    "test_set": DATA,
    "external": CLAIM,
    "metrics": METRICS,
    "interpretability": PLAN,
    "sharing": REPEAT,
    "transparency": LIMITS,
    "reproducibility": REPEAT,
    "sham": PLAN,
    "uncertainty": METRICS,
    "monitoring": DATA,
}
"""Topic → the section of the page that it can be checked in."""

FITS_NOTHING = "an evaluation fits nothing; the development study's report has it"


def evaluation_checklist(
    study: EvaluationStudy,
    frozen: FrozenNetwork,
    plan: EvaluationPlan,
    sets: Sequence[SetResult],
) -> dict[str, dict[str, Any]]:
    """Return the record that `evaluate.fill_checklist` takes: topic → what was done."""
    purpose, claim = study.purpose, study.claim
    not_needed = {"not_done": FITS_NOTHING}
    return {
        "task": stated(
            {
                "task": purpose.task,
                "user": purpose.user,
                "use": purpose.use,
                "requirement": purpose.requirement,
            }
        ),
        "study_type": {"study_type": "evaluation", "model_sha256": plan.model_sha256},
        "plan": {"risk": purpose.risk, "plan_sha256": plan.sha256, "claim": plan.claim},
        "bias": stated({"covered": list(purpose.covered), "missing": list(purpose.missing)}),
        "set_sizes": {
            "events_train": "none",
            "events_selection": "none",
            "events_test": sum(row.usable_events for row in sets),
            "power": {row.name: round(row.power.power or 0.0, 3) for row in sets},
        },
        "learning_curve": not_needed,
        "data_decisions": {"exclusions": {row.name: row.selection for row in sets}},
        "reference": {
            "reference_standard": frozen.test.reference_standard,
            "label_uncertainty": "as the manifests say of the stage"
            if any(row.origin == "measured" for row in sets)
            else frozen.kind.label_uncertainty(),
        },
        "quantity": {
            "positions": {row.name: row.positions for row in sets},
            "events_per_position": {
                row.name: round(row.usable_events / max(row.positions, 1), 1) for row in sets
            },
        },
        "comparison": {
            "baselines": [frozen.baseline],
            "baseline_candidates_tried": 0,
            "baseline_sha256": plan.baseline_sha256,
        },
        "selection": {"candidates_tried": 0, "chosen_on": "nothing: the model is frozen"},
        "stability": not_needed,
        "ablation": not_needed,
        "cross_validation": {"not_done": "not of a frozen model: the data are external"},
        "leakage": {
            "leak_test_passed": True,
            "minimum_distance_mm": "does not apply: other data",
            "events_seen_in_development": {
                row.name: row.events_seen_in_development for row in sets
            },
        },
        "test_set": {
            "test_set": {row.name: f"{row.usable_events} events, {row.origin}" for row in sets},
            "differs_from_use": list(purpose.missing),
        },
        "external": {"external_sets": {row.name: row.found.verdict for row in sets}},
        "metrics": {
            "metrics": list(sets[0].estimators["network"].intervals),
            "interval_method": f"bootstrap, {claim.replicates} replicates, one-sided "
            f"alpha {claim.alpha:g} at each end",
        },
        "interpretability": not_needed,
        "sharing": {
            "artefacts": ["results.json", "plan.json", "opened.json", "report.html"],
            "commands": [f"pulsefront run {study.name}.toml"],
        },
        "transparency": stated({"limits": list(purpose.limits)}),
        "reproducibility": {
            "study_sha256": plan.sha256,
            "seed": study.seed,
            "versions": f"pulsefront {__version__} and the pinned constraints",
        },
        "sham": not_needed,
        "uncertainty": {"not_done": "this network gives no uncertainty of its own with an event"},
        "monitoring": {
            "monitoring": "shift of the inputs from those of training, in their standard "
            "deviations; pulsefront monitor watches a deployed network",
            "input_shift_sigmas": {row.name: round(row.input_shift_sigmas, 2) for row in sets},
        },
    }
