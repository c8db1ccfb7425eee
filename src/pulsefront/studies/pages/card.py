"""The model card of a finished study: the report in a page of Markdown beside the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pulsefront.report.card import model_card
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.metrics import METRICS
from pulsefront.studies.pages.words import metrics_in
from pulsefront.studies.records import ExternalRecord, SubgroupRecord, TestRecord
from pulsefront.studies.results import StudyResults
from pulsefront.studies.uncertainty.class_records import ClassUncertainty

__all__ = ["card_of"]


def card_of(kind: StudyKind, results: StudyResults) -> str:
    """Return the card as Markdown, every number from the study's results."""
    study, model, test = kind.study, results.model, results.test
    purpose, verification = study.purpose, results.verification
    return model_card(
        study.title or study.name,
        {
            "model": f"Fixed-point network {model.architecture} with ReLU, made by the "
            f"study {study.name} ({results.study_sha256[:12]}).{_inputs(kind)}",
            "intended_use": {
                "task": purpose.task,
                "user": purpose.user,
                "use": purpose.use,
                "requirement": purpose.requirement,
            },
            "data": {
                **{
                    f"{kind.words.events}, {part}": n
                    for part, n in results.data.events_in_parts.items()
                },
                "covered": list(purpose.covered),
                "not covered": list(purpose.missing),
            },
            "performance": [
                {
                    "estimator": name,
                    **{str(m): str(row[m.key]) for m in metrics_in(kind.metrics, row)},
                }
                for name, row in test.estimators.items()
            ],
            "subgroups": _subgroups(test.subgroups),
            "formats": {
                "weights, bytes": model.weight_bytes,
                "multiply–accumulates": model.macs,
                "inputs kept": len(model.kept_inputs),
                "weight bits": list(model.architecture.weight_bits or ()),
            },
            "verification": f"{verification.mismatches} of "
            f"{verification.integers_compared:,} integers differ between the executors.",
            "limits": [
                *([] if test.not_judged is None else [f"Not judged: {test.not_judged}"]),
                *(f"Labels: {text}" for text in results.data.label_findings),
                *purpose.limits,
            ],
            "reproduction": f"pulsefront run {study.name}; seed {study.seed}; "
            f"pulsefront {results.environment.pulsefront}.",
            **_events(test),
            "other_data": {row.name: _external(row) for row in test.external or ()},
        },
        _front_matter(kind, results),
    )


def _inputs(kind: StudyKind) -> str:
    """Return what happens to the charges before the network, where it is not nothing."""
    found = kind.preparation()
    if found is None or not found.words:
        return ""
    return f" It does not read raw charges: {found.words}; the export's README says exactly how."


def _events(test: TestRecord) -> dict[str, Any]:
    """Return what the last output says of single events, where it is a head's."""
    if test.class_uncertainty is not None:
        return _classes(test.class_uncertainty)
    found = test.event_uncertainty
    if found is None:
        return {}
    regions = zip(found.head.regions, found.coverage, strict=True)
    return {
        "uncertainty of single events": {
            "last output": "a scale of the error of the others, in steps of their format; below "
            f"{found.head.least} it counts as that, and of the vectors of one event it is added",
            **{
                f"region of {100 * row.share:g} % of events": f"{held.inside.scaled(100.0)} % of "
                "test events lie inside; radii in provenance.json of the export, error_scale"
                for row, held in regions
            },
            f"{100 * found.share_compared:g} % kept": f"lowers the median error by "
            f"{found.curves[0].lowered_percent} %",
        }
    }


def _classes(found: ClassUncertainty) -> dict[str, Any]:
    return {
        "uncertainty of single events": {
            "margin": "largest score less the second largest, in steps of the output; cuts, sets "
            "and the share that is right by margin are in provenance.json of the export, "
            "class_margin",
            **{
                f"set for {100 * row.share:g} % of events": f"holds the true class of "
                f"{row.inside.scaled(100.0)} % of test events, in {row.mean_classes:.2f} classes "
                "on average"
                for row in found.sets
            },
            f"{100 * found.share_compared:g} % kept": f"{found.curves[0].right_kept.scaled(100.0)} "
            f"% right, of all {found.right.scaled(100.0)} %",
        }
    }


def _front_matter(kind: StudyKind, results: StudyResults) -> dict[str, Any]:
    """Return what model hubs read: library, tags and the metrics on test events.

    A licence is the user's to give.
    """
    study, row = kind.study, results.test.estimators["network"]
    task = "tabular-classification" if kind.words.classifies else "tabular-regression"
    metrics = [
        {"name": str(metric), "type": metric.key, "value": row[metric.key].value}
        for metric in metrics_in(kind.metrics, row)
    ]
    dataset = {"name": f"test events of the study {study.name}", "type": study.name}
    return {
        "library_name": "pulsefront",
        "pipeline_tag": task,
        "tags": ["radiation-detector", "fixed-point", "fpga", study.kind],
        "model-index": [
            {
                "name": study.name,
                "results": [{"task": {"type": task}, "dataset": dataset, "metrics": metrics}],
            }
        ],
    }


def _external(row: ExternalRecord) -> str:
    if row.main_metric is None or row.estimators is None:
        return str(row.not_measured)
    return f"{row.main_metric} {row.estimators['network'][row.main_metric.key]}"


def _subgroups(rows: Sequence[SubgroupRecord]) -> list[dict[str, Any]]:
    """Return subgroup, events and the network's metric of each."""
    return [
        {
            "subgroup": row.subgroup,
            "events": row.events,
            **{
                str(METRICS[key.removeprefix("network_")]): str(interval)
                for key, interval in row.measured.intervals.items()
                if key.startswith("network_")
            },
        }
        for row in rows
    ]
