"""``results.json``: every number of the report, with units in the keys."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pulsefront import __version__
from pulsefront.detector import load_detector
from pulsefront.evaluate import fill_checklist
from pulsefront.fixed_point import FixedPointModel
from pulsefront.simulate.inspect import derived_numbers
from pulsefront.studies.config import AnyStudy, TimingStudy
from pulsefront.studies.parts import read_json
from pulsefront.studies.steps import NUMERICAL_LIBRARIES, source_hash

__all__ = ["collect_results"]

LABELS_OF_TRUTH = {"crystal": "the crystal hit first", "position": "depth"}


def collect_results(study: AnyStudy, folders: Mapping[str, Path]) -> dict[str, Any]:
    """Return the content of ``results.json``.

    What depends on the machine or the hour stands under ``environment`` and ``seconds`` alone:
    the rest is the same whenever the study is run again.
    """
    plan = read_json(folders["plan"] / "plan.json")
    split = read_json(folders["split"] / "split.json")
    search = read_json(folders["search"] / "search.json")
    evaluation = read_json(folders["evaluate"] / "evaluation.json")
    baselines = json.loads((folders["baselines"] / "baselines.json").read_text())
    verification = read_json(folders["verify"] / "verification.json")
    model = FixedPointModel.load(folders["search"] / "model.json")
    cost = model.cost()
    results: dict[str, Any] = {
        "schema_version": 1,
        "study": study.name,
        "kind": study.kind,
        "study_type": study.study_type,
        "study_sha256": plan["sha256"],
        "seed": study.seed,
        "detector": {
            f"{quantity}, {unit}" if unit else quantity: value
            for quantity, value, unit in derived_numbers(load_detector(study.detector))
        },
        "data": split,
        "baselines": baselines,
        "model": {
            "architecture": search["final_architecture"],
            "kept_inputs": [search["input_names"][i] for i in search["kept_inputs"]],
            "weight_bytes": cost.weight_bytes,
            "activation_bytes": cost.activation_bytes,
            "macs": cost.macs,
            "bops": cost.bops,
            "ebops": cost.ebops,
            "budget": study.budget.model_dump(exclude_none=True),
            "layers": _layers(model),
        },
        "search": search,
        "test": evaluation,
        "verification": verification,
    }
    if "diagnosis" in folders:
        results["diagnosis"] = read_json(folders["diagnosis"] / "diagnosis.json")
    results["checklist"] = checklist_record(study, results)
    results["environment"] = _environment()
    results["seconds"] = {
        name: read_json(folder / "step.json")["seconds"] for name, folder in folders.items()
    }
    return results


def _layers(model: FixedPointModel) -> list[dict[str, Any]]:
    return [
        {
            "name": step.layer.name,
            "kind": step.layer.kind,
            "output_shape": list(step.result.shape),
            "output_format": str(step.result.format),
            "weight_format": _format_text(getattr(step.layer, "weight_format", None)),
            "bias_format": _format_text(getattr(step.layer, "bias_format", None)),
        }
        for step in model.steps
    ]


def _format_text(formats: Any) -> str:
    """Return a format; of one for each channel how often each occurs, the most frequent first."""
    if not isinstance(formats, tuple):
        return "" if formats is None else str(formats)
    counts = Counter(map(str, formats))
    return ", ".join(f"{count} × {name}" for name, count in counts.most_common())


def _environment() -> dict[str, Any]:
    return {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "pulsefront": __version__,
        "source_sha256": source_hash(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cpu_count": os.cpu_count(),
        "libraries": {name: version(name) for name in NUMERICAL_LIBRARIES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def checklist_record(study: AnyStudy, results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record that the best-practice checklist is filled from."""
    purpose = study.purpose
    data, test, search = results["data"], results["test"], results["search"]
    initializations = test["initializations"]["final"][test["main_metric"]]
    gain = test["gain"][test["main_metric"]]
    return {
        "task": {
            "task": purpose.task,
            "user": purpose.user,
            "use": purpose.use,
            "requirement": purpose.requirement,
        },
        "study_type": {"study_type": study.study_type},
        "plan": {"risk": purpose.risk, "plan_sha256": results["study_sha256"]},
        "bias": {"covered": list(purpose.covered), "missing": list(purpose.missing)},
        "set_sizes": {
            name: data[name] for name in ("events_train", "events_selection", "events_test")
        },
        "learning_curve": _learning_curve(results),
        "data_decisions": {"exclusions": _exclusions(data)},
        "reference": {
            "reference_standard": test["reference_standard"],
            "label_uncertainty": _label_uncertainty(study),
        },
        "quantity": {
            "positions": {
                name: data[f"positions_{name}"] for name in ("train", "selection", "test")
            },
            "events_per_position": {
                name: round(data[f"events_{name}"] / max(data[f"positions_{name}"], 1), 1)
                for name in ("train", "selection", "test")
            },
        },
        "comparison": {
            "baselines": [row["name"] for row in results["baselines"]],
            "baseline_candidates_tried": sum(
                row["candidates_tried"] for row in results["baselines"]
            ),
            "gain_percent_over_the_best": gain["gain_percent"],
        },
        "selection": {
            "candidates_tried": search["candidates_tried"],
            "chosen_on": "selection events, at positions between the training positions",
        },
        "stability": {
            "initializations": len(initializations["each"]),
            "spread_over_initializations": {
                test["main_metric"]: [initializations["mean_low"], initializations["mean_high"]]
            },
        },
        "ablation": {
            "ablation_steps_tried": search["candidates_tried"],
            "ablation_steps_accepted": len(search["path"]) - 1,
        },
        "cross_validation": _cross_validation(results),
        "leakage": {
            "leak_test_passed": data["leak_test_passed"],
            "minimum_distance_mm": data["minimum_distance_mm"],
        },
        "test_set": {
            "test_set": f"{test['test_events']} events at {test['test_positions']} positions "
            "between the training positions",
            "differs_from_use": list(purpose.missing),
        },
        "external": _external(test),
        "metrics": {
            "metrics": list(test["gain"]),
            "interval_method": f"bootstrap, {study.statistics.replicates} replicates, "
            f"{study.statistics.confidence:.0%}",
        },
        "interpretability": {
            "importance": [name for name, _ in search["input_ranking"][:8]],
        },
        "sharing": {
            "artefacts": ["results.json", "model.json", "firmware export", "events.h5"],
            "commands": [f"pulsefront run {study.name}"],
        },
        "transparency": {"limits": list(purpose.limits)},
        "reproducibility": {
            "study_sha256": results["study_sha256"],
            "seed": study.seed,
            "versions": f"pulsefront {__version__} and the pinned constraints",
        },
        "sham": _sham(results),
        "uncertainty": {
            "uncertainty": test["uncertainty"]["measure"],
            f"{test['main_metric']} by spread": test["uncertainty"]["main_metric_by_spread"],
        },
        "monitoring": {
            "monitoring": "results.json holds the profile of the training inputs; the external "
            "sets show by how much known changes move them",
            "input_shift_sigmas": {
                row["name"]: round(row["input_shift_sigmas"], 2)
                for row in test.get("external", [])
                if "input_shift_sigmas" in row
            },
        },
    }


def checklist(study: AnyStudy, results: Mapping[str, Any]) -> Any:
    """Return the answers of the best-practice checklist."""
    return fill_checklist(checklist_record(study, results))


def _external(test: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of the external sets: the main metric of each, or why there is none."""
    sets = test.get("external", [])
    if not sets:
        return {"not_done": "the study names no external set"}

    def of(row: Mapping[str, Any]) -> str:
        if "not_measured" in row:
            return f"not measured: {row['not_measured']}"
        key = row["main_metric"]
        return f"{key} {row['estimators']['network'][key]:.4g}"

    return {"external_sets": {row["name"]: of(row) for row in sets}}


def _learning_curve(results: Mapping[str, Any]) -> dict[str, Any]:
    points = results.get("diagnosis", {}).get("learning_curve")
    if not points:
        return {"not_done": "this study trains on one number of events"}
    return {"learning_curve": {f"{row['events']} events": round(row["mean"], 4) for row in points}}


def _cross_validation(results: Mapping[str, Any]) -> dict[str, Any]:
    found = results.get("diagnosis", {}).get("cross_validation")
    if not found:
        return {"not_done": "one hold-out split by position; no folds"}
    name = results["diagnosis"]["metric"]
    return {
        "cross_validation": f"{found['folds']} folds of whole positions, {name} "
        f"{found['mean']:.4g} [{found['mean_low']:.4g}, {found['mean_high']:.4g}]"
    }


def _sham(results: Mapping[str, Any]) -> dict[str, Any]:
    found = results.get("diagnosis", {}).get("sham")
    if not found:
        return {"not_done": "the pipeline was not run on randomized data"}
    each = ", ".join(f"{value:.4g}" for value in found["each"])
    return {
        "sham_result": f"trained on exchanged inputs the network reaches {each}, the best "
        f"constant answer {found['constant_answer']:.4g}, the real network {found['network']:.4g}"
    }


def _exclusions(data: Mapping[str, Any]) -> dict[str, int]:
    rules = {
        name.removeprefix("events_"): count
        for name, count in data.items()
        if name.startswith(("events_with", "events_outside"))
    }
    return {**rules, **data["excluded_by_split"]}


def _label_uncertainty(study: AnyStudy) -> str:
    if study.measured is not None:
        return "as the manifest says of the stage"
    if not isinstance(study, TimingStudy):
        assert study.scan is not None  # simulated, where it is not measured
        return (
            f"stage {study.scan.stage_error_mm} mm, beam {study.scan.beam_fwhm_mm} mm FWHM; "
            f"{LABELS_OF_TRUTH[study.kind]} from the simulation"
        )
    chosen = study.coincidences
    assert chosen is not None
    return f"stage {chosen.stage_error_mm} mm, source {chosen.source_fwhm_mm} mm FWHM"
