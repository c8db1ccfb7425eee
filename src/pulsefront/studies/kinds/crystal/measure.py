"""The test of a crystal study: every estimator against the crystal of first interaction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.evaluate.intervals import Statistic, mean_statistic
from pulsefront.evaluate.subgroups import bins, subgroup_table
from pulsefront.events.container import EventTable
from pulsefront.studies.config import CrystalStudy
from pulsefront.studies.kinds.crystal.data import (
    UNMIXING,
    chosen_crystal,
    first_crystal,
)
from pulsefront.studies.measure import (
    Answers,
    Measured,
    agreement,
    compare,
    measure,
    over_initializations,
)
from pulsefront.studies.parts import Evaluation, SplitEvents

__all__ = ["MAIN_METRIC", "evaluate", "evaluate_external"]

MAIN_METRIC = "wrong_crystal_percent"
DEPTH_BINS = 4

Crystals = NDArray[np.int64]


def evaluate(
    study: CrystalStudy,
    parts: SplitEvents,
    answers: Answers,
    estimates: Mapping[str, NDArray[np.float64]],
    cache: Path,  # noqa: ARG001 - every kind of study is measured by the same call
) -> Evaluation:
    """Measure every estimator on the test set.

    Parameters
    ----------
    answers
        Scores of the networks, one per crystal.
    estimates
        Classical estimator → crystal (test event,).
    cache
        Not used.
    """
    test = parts.events.select(parts.split.test)
    truth, options = first_crystal(test), _options(study, test)
    found, everyone = _measure_all(study, test, answers.network, estimates)
    best = found.best(MAIN_METRIC)
    wrong = {name: crystal != truth for name, crystal in everyone.items()}

    def of_each(outputs: NDArray[np.float64]) -> dict[str, Any]:
        chosen = [chosen_crystal(one) for one in outputs]
        return over_initializations([_statistics(study, test, c) for c in chosen], len(truth))

    record = {
        "main_metric": MAIN_METRIC,
        "reference_standard": "crystal of the first interaction in the simulation",
        "test_events": len(truth),
        "test_positions": len(np.unique(test["grid_index"], axis=0)),
        "share_scattered_between_crystals": float((test["elements_hit"] > 1).mean()),
        "estimators": found.table,
        "best_baseline": best,
        "gain": compare(found, len(truth), options),
        # Unmixing tries 2,016 pairs for every event: a reference beside the baselines.
        "gain_over_baselines": compare(found, len(truth), options, without=[UNMIXING]),
        "initializations": {"final": of_each(answers.final), "full": of_each(answers.full)},
        "uncertainty": agreement(
            _chances(answers.final),
            wrong["network"][:, None],
            lambda some: float(100.0 * some.mean()),
        ),
        "subgroups": _subgroups(study, test, wrong["network"], wrong[best], options),
    }
    arrays = {
        "first_crystal": truth,
        "crystals_hit": np.asarray(test["elements_hit"]),
        **{f"crystal_{name}": crystal for name, crystal in everyone.items()},
    }
    return Evaluation(record, arrays)


def evaluate_external(
    study: CrystalStudy,
    events: EventTable,
    network: NDArray[np.float64],
    estimates: Mapping[str, NDArray[np.float64]],
) -> dict[str, Any]:
    """Measure every estimator on events of another set."""
    found, _ = _measure_all(study, events, network, estimates)
    options = _options(study, events)
    return {
        "main_metric": MAIN_METRIC,
        "test_events": len(events),
        "test_positions": len(np.unique(events["grid_index"], axis=0)),
        "estimators": found.table,
        "gain_over_baselines": compare(found, len(events), options, without=[UNMIXING]),
    }


def _measure_all(
    study: CrystalStudy,
    events: EventTable,
    network: NDArray[np.float64],
    estimates: Mapping[str, NDArray[np.float64]],
) -> tuple[Measured, dict[str, Crystals]]:
    everyone = {
        "network": chosen_crystal(network),
        **{name: estimate.astype(np.int64) for name, estimate in estimates.items()},
    }
    found = measure(
        {name: _statistics(study, events, crystal) for name, crystal in everyone.items()},
        len(events),
        _options(study, events),
    )
    for row in found.table.values():
        # The field speaks of the share that is right.
        for end, other in (("", ""), ("_low", "_high"), ("_high", "_low")):
            row[f"right_crystal_percent{end}"] = 100.0 - row[f"{MAIN_METRIC}{other}"]
    return found, everyone


def _statistics(study: CrystalStudy, events: EventTable, chosen: Crystals) -> dict[str, Statistic]:
    truth = first_crystal(events)
    centres = load_detector(study.detector).crystal.element_centres_mm
    wrong = 100.0 * (chosen != truth)
    one = np.asarray(events["elements_hit"]) == 1
    return {
        MAIN_METRIC: mean_statistic(wrong),
        "wrong_of_one_crystal_percent": _mean_of(wrong, one),
        "wrong_of_scattered_percent": _mean_of(wrong, ~one),
        "mean_misplacement_mm": mean_statistic(
            np.linalg.norm(centres[chosen] - centres[truth], axis=1)
        ),
    }


def _mean_of(values: NDArray[np.float64], inside: NDArray[np.bool_]) -> Statistic:
    """Return the weighted mean percentage of some of the events.

    Where none of them is wrong, half an event is counted, so that ratios of two estimators stay
    defined in every replicate.
    """
    place = np.flatnonzero(inside)
    some = values[place]

    def statistic(weights: NDArray[np.float64]) -> float:
        total = max(float(weights[place].sum()), 1.0)
        return max(float(weights[place] @ some), 50.0) / total

    return statistic


def _chances(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax of scores (…, crystal), which makes initializations comparable."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _options(study: CrystalStudy, events: EventTable) -> dict[str, Any]:
    return {
        "groups": events["grid_index"],
        "replicates": study.statistics.replicates,
        "confidence": study.statistics.confidence,
        "seed": study.seed,
    }


def _subgroups(
    study: CrystalStudy,
    test: EventTable,
    network: NDArray[np.bool_],
    baseline: NDArray[np.bool_],
    options: Mapping[str, Any],
) -> list[dict[str, Any]]:
    detector = load_detector(study.detector)
    columns, rows = detector.crystal.elements
    hit, first = np.asarray(test["elements_hit"]), first_crystal(test)
    row, column = np.divmod(first, columns)
    rim = (row == 0) | (row == rows - 1) | (column == 0) | (column == columns - 1)
    edges = [float(e) for e in np.linspace(0, detector.thickness_mm, DEPTH_BINS + 1)]
    masks = {
        "one crystal hit": hit == 1,
        "two crystals hit": hit == 2,
        "more crystals hit": hit > 2,
        "first crystal at the rim": rim,
        "first crystal within": ~rim,
        **bins(np.asarray(test["depth_mm"], np.float64), edges, "depth", "mm"),
    }
    options = {**options, "replicates": max(200, options["replicates"] // 5)}
    tables = [
        subgroup_table(100.0 * wrong, masks, mean_statistic, **options)
        for wrong in (network, baseline)
    ]
    return [
        {
            "subgroup": ours.name,
            "events": ours.events,
            **(ours.interval.as_dict(f"network_{MAIN_METRIC}") if ours.interval else {}),
            **(theirs.interval.as_dict(f"baseline_{MAIN_METRIC}") if theirs.interval else {}),
            **({"note": ours.note} if ours.note else {}),
        }
        for ours, theirs in zip(*tables, strict=True)
    ]
