"""The model card of a finished study: the report in a page of Markdown beside the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsefront.evaluate.intervals import Interval
from pulsefront.report.card import model_card
from pulsefront.studies.config import StudyBase
from pulsefront.studies.pages.network import METRICS, interval, metric_words

__all__ = ["card_of"]


def card_of(study: StudyBase, results: Mapping[str, Any]) -> str:
    """Return the card as Markdown, every number from the study's results."""
    model, test, data = results["model"], results["test"], results["data"]
    architecture = model["architecture"]
    layers = [architecture["inputs"], *architecture["hidden"], architecture["outputs"]]
    purpose = study.purpose
    verification = results["verification"]
    return model_card(
        study.title,
        {
            "model": f"Fixed-point network {'-'.join(map(str, layers))} with ReLU, made by the "
            f"study {study.name} ({results['study_sha256'][:12]}).",
            "intended_use": {
                "task": purpose.task,
                "user": purpose.user,
                "use": purpose.use,
                "requirement": purpose.requirement,
            },
            "data": {
                **{f"events, {p}": data[f"events_{p}"] for p in ("train", "selection", "test")},
                "covered": list(purpose.covered),
                "not covered": list(purpose.missing),
            },
            "performance": [
                {
                    "estimator": name,
                    **{
                        metric_words(key): str(interval(row, key))
                        for key in METRICS
                        if key in row and f"{key}_low" in row
                    },
                }
                for name, row in test["estimators"].items()
            ],
            "subgroups": _subgroups(test["subgroups"]),
            "formats": {
                "weights, bytes": model["weight_bytes"],
                "multiply–accumulates": model["macs"],
                "inputs kept": len(model["kept_inputs"]),
                "weight bits": architecture["weight_bits"],
            },
            "verification": f"{verification['mismatches']} of "
            f"{verification['integers_compared']:,} integers differ between the executors.",
            "limits": list(purpose.limits),
            "reproduction": f"pulsefront run {study.name}; seed {study.seed}; "
            f"pulsefront {results['environment']['pulsefront']}.",
            "other_data": {
                row["name"]: row.get("not_measured")
                or f"{metric_words(row['main_metric'])} "
                f"{interval(row['estimators']['network'], row['main_metric'])}"
                for row in test.get("external", [])
            },
        },
    )


def _subgroups(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return subgroup, events and the network's metric of each."""
    found = []
    for row in rows:
        values = {
            metric_words(key.removeprefix("network_")): str(
                Interval(row[key], row[f"{key}_low"], row[f"{key}_high"])
            )
            for key in row
            if key.startswith("network_") and f"{key}_low" in row
        }
        found.append({"subgroup": row["subgroup"], "events": row["events"], **values})
    return found
