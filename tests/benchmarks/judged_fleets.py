"""Which failures each method finds on simulated fleets at one false alert a scanner-year.

Where ``PULSEFRONT_KEPT`` names a folder, what was found on a fleet is kept there as one JSON file
by kind and seed, and not found again by the same source: a judgement of hours survives a kill, and
its seeds may be run in parts. A file of another source counts for nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

import pulsefront
from pulsefront.files import sim_data_directory, write_text
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.choice.alarm_rates import Judged, threshold_at_rate
from pulsefront.qc.models.choice.choose import choose
from pulsefront.qc.models.choice.folds import Scores, score_folds
from pulsefront.qc.models.choice.judged_alerts import alert_table
from pulsefront.qc.models.choice.protocol import BacktestSettings

__all__ = ["Found", "judged"]

Maker = Callable[[int, float], Fleet]
"""Returns the fleet of a seed, day by day from a share of its time on."""


@dataclass(frozen=True)
class Found:
    """Whether each failure was found at one false alert a scanner-year, by method.

    ``scanner`` (failure,) tells the scanners of all fleets apart, ``fleets`` how many there were.
    """

    fleets: int
    scanner: npt.NDArray[np.int64]
    by: dict[str, npt.NDArray[np.bool_]]

    def ratio(self, of: str, to: str) -> tuple[float, float, float]:
        """Return the ratio of the sums and its 95 % interval by bootstrap over scanners."""
        random = np.random.default_rng(0)
        names, code = np.unique(self.scanner, return_inverse=True)
        one, other = (np.bincount(code, self.by[n], len(names)) for n in (of, to))
        drawn = random.integers(len(names), size=(2_000, len(names)))
        ratios = one[drawn].sum(axis=1) / np.maximum(other[drawn].sum(axis=1), 1)
        low, high = np.quantile(ratios, [0.025, 0.975])
        return float(one.sum() / max(other.sum(), 1)), float(low), float(high)


def judged(
    kind: str,
    make: Maker,
    seeds: Sequence[int],
    *candidates: str,
    alone: bool = False,
) -> Found:
    """Return what is found on the fleets of some seeds.

    Parameters
    ----------
    candidates
        Judged beside EWMA and the model that is chosen.
    alone
        Adds the choice without the prior model.
    """
    methods = ("ewma", "chosen", *candidates, *(("alone",) if alone else ()))
    parts: list[dict[str, list[int]]] = []
    for seed in seeds:
        find = partial(_one, make, seed, candidates, alone=alone)
        part, name = _kept(kind, seed, methods, find)
        told = ", ".join(f"{n} {sum(part[n])}" for n in methods)
        print(f"{kind} {seed} ({name}): of {len(part['scanner'])}, {told}", flush=True)  # noqa: T201
        parts.append(part)
    scanner = [np.array(p["scanner"], dtype=np.int64) + 1_000 * k for k, p in enumerate(parts)]
    return Found(
        len(parts),
        np.concatenate(scanner),
        {n: np.concatenate([np.array(p[n], dtype=np.bool_) for p in parts]) for n in methods},
    )


def _kept(
    kind: str,
    seed: int,
    methods: Sequence[str],
    find: Callable[[], tuple[dict[str, list[int]], str]],
) -> tuple[dict[str, list[int]], str]:
    """Return what was found before, or what is found now, which is kept."""
    folder = os.environ.get("PULSEFRONT_KEPT", "")
    path = Path(folder) / f"{kind}_{seed}.json"
    if folder and path.exists():
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["source"] == _source() and set(methods) <= set(content["found"]):
            return content["found"], content["chosen"]
        print(f"{path.name} is of another source, or lacks a method: made again", flush=True)  # noqa: T201
    found, chosen = find()
    if folder:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"source": _source(), "chosen": chosen, "found": found}))
    return found, chosen


@cache
def _source() -> str:
    """Return a hash of what decides what is found: the code, the fleets and the prior model."""
    data = (sim_data_directory() / name for name in ("fleets", "priors"))
    files = [*(Path(pulsefront.__file__).parent / "qc").rglob("*.py"), Path(__file__)]
    files += [path for folder in data for path in folder.iterdir()]
    return sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()


def _one(
    make: Maker, seed: int, candidates: Sequence[str], *, alone: bool
) -> tuple[dict[str, list[int]], str]:
    """Return the scanner of each failure of one fleet and whether each method found it."""
    plan = BacktestSettings(candidates=(*candidates, "ewma", "blend"))
    fleet = make(seed, plan.train_until)

    def at_one(scores: Scores, name: str) -> npt.NDArray[np.bool_]:
        table = alert_table(fleet, scores, name, scores.test)
        return threshold_at_rate(table, 1.0).failure_found

    scores = score_folds(fleet, plan)
    name, _ = choose(fleet, scores, plan)
    chart = _chart_as_it_is(fleet, scores)
    found = {"ewma": chart.failure_found, "chosen": at_one(scores, name)}
    for other in candidates:
        missed = np.zeros(len(chart.failure_found), dtype=np.bool_)
        found[other] = at_one(scores, other) if other in scores.candidates else missed
    if alone:
        bare = plan.model_copy(update={"prior": False, "candidates": ("ewma", "blend")})
        without = score_folds(fleet, bare)
        own, _ = choose(fleet, without, bare)
        found["alone"] = at_one(without, own)
    hits = {n: f.astype(int).tolist() for n, f in found.items()}
    return {"scanner": chart.failure_unit.tolist(), **hits}, name


def _chart_as_it_is(fleet: Fleet, scores: Scores) -> Judged:
    """Return what EWMA finds: calibrated by fold, its alarms would not mean the same."""
    samples, rows = fleet.samples, np.flatnonzero(scores.test)
    rows = rows[np.lexsort((samples.as_of_s[rows], samples.component[rows]))]
    score = np.where(scores.no_decision == "", scores.log_odds["ewma"], np.nan)[rows]
    chart = replace(alert_table(fleet, scores, "ewma", scores.test), score=score)
    return threshold_at_rate(chart, 1.0)
