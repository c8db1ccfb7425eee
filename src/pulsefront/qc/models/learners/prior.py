"""The model that ships: trained on simulated fleets of many kinds, for sites without a history.

It sees pooled inputs alone (see `pooled`), so it fits any fleet. It is the mean of a logistic model
and of boosted trees. **It has seen no real scanner**: what it knows is what the simulation assumes
of how parts fail. The back-test on a site's own history tells what that is worth there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pulsefront import __version__
from pulsefront.config import validate
from pulsefront.errors import ConfigError
from pulsefront.files import sim_data_directory, write_text
from pulsefront.progress import Report, silent
from pulsefront.qc.documents import Document
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.features.sources import simulated_fleet
from pulsefront.qc.models.decide import LEAST_RECORDS
from pulsefront.qc.models.learners.estimators import Blend, Linear, Scaler, Trees
from pulsefront.qc.models.learners.pooled import POOLED_INPUTS, bind_pooled
from pulsefront.qc.models.learners.training import fit_linear, fit_trees
from pulsefront.qc.simulate.kinds import draw_fleet

__all__ = [
    "PriorModel",
    "bind_prior",
    "read_prior",
    "shipped_prior",
    "train_prior",
    "write_prior",
]

Floats32 = npt.NDArray[np.float32]

_NEGATIVE_SHARE = 0.1
_TREES = {
    "max_iter": 200, "max_leaf_nodes": 8, "min_samples_leaf": 60, "max_features": 0.3,
    "learning_rate": 0.06,
}  # fmt: skip
_YEARS = 4.0


class PriorLinear(Document):
    """The logistic model; arrays are by pooled input."""

    median: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float


class PriorTrees(Document):
    """The boosted trees, node by node, as `estimators.Trees`."""

    roots: tuple[int, ...]
    feature: tuple[int, ...]
    threshold: tuple[float | None, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    missing_left: tuple[int, ...]
    value: tuple[float, ...]
    baseline: float


class PriorModel(Document):
    """The file of the prior model, and what it was made from."""

    format: Literal["pulsefront-qc-prior"] = "pulsefront-qc-prior"
    format_version: int = 1
    pulsefront: str
    simulated: Literal[True] = True
    first_seed: int
    fleets: int
    scanners: int
    failures: int
    rows: int
    lead_days: int
    horizon_days: int
    inputs: tuple[str, ...]
    linear: PriorLinear
    trees: PriorTrees


class _Rows(NamedTuple):
    """Pooled inputs and labels of one fleet, and how many failures it had."""

    inputs: Floats32
    label: npt.NDArray[np.int8]
    failures: int


def train_prior(
    *,
    fleets: int,
    scanners: int = 12,
    first_seed: int = 1,
    target: Target | None = None,
    executor: Executor | None = None,
    report: Report = silent,
) -> PriorModel:
    """Return the model trained on simulated fleets with seeds from *first_seed* on.

    Parameters
    ----------
    scanners
        Of each fleet, in thirds of three sites.
    executor
        Simulates fleets in parallel; the result is the same.

    Raises
    ------
    ConfigError
        There are too few scanners for three sites.
    """
    if scanners % 3 or fleets < 1:
        raise ConfigError(
            "a fleet has three sites with as many scanners each", field="scanners", value=scanners,
            remedy="give a multiple of 3, and at least one fleet",
        )  # fmt: skip
    target = target or Target()
    jobs = [(seed, scanners, target) for seed in range(first_seed, first_seed + fleets)]
    parts: list[_Rows] = []
    for done, part in enumerate(map(_rows_of, jobs) if executor is None
                                else executor.map(_rows_of, jobs), start=1):  # fmt: skip
        parts.append(part)
        report(done, fleets)
    inputs = np.concatenate([part.inputs for part in parts])
    label = np.concatenate([part.label for part in parts]).astype(np.int64)
    columns = np.arange(inputs.shape[1])
    offset = float(np.log(_NEGATIVE_SHARE))
    linear = fit_linear(inputs, label, columns, offset)
    trees = fit_trees(inputs, label, columns, offset, seed=first_seed, **_TREES)
    return PriorModel(
        pulsefront=__version__,
        first_seed=first_seed,
        fleets=fleets,
        scanners=scanners,
        failures=sum(part.failures for part in parts),
        rows=len(label),
        lead_days=target.lead_days,
        horizon_days=target.horizon_days,
        inputs=POOLED_INPUTS,
        linear=_linear_of(linear),
        trees=_trees_of(trees),
    )


def _rows_of(job: tuple[int, int, Target]) -> _Rows:
    """Return all weekly rows before a failure of a fleet, and a tenth of the others."""
    seed, scanners, target = job
    settings = draw_fleet(seed, scanners=scanners // 3, years=_YEARS)
    fleet, _ = simulated_fleet(settings, target, daily_from=1.0)
    samples = fleet.samples
    usable = (samples.label >= 0) & (samples.records >= LEAST_RECORDS) & ~samples.in_service
    usable &= samples.last_measured_s >= 0
    some = np.random.default_rng(seed).random(len(samples)) < _NEGATIVE_SHARE
    rows = np.flatnonzero(usable & ((samples.label == 1) | some))
    pooled = bind_pooled(None, fleet.schema)
    failures = sum(len(times) for times in fleet.failures_s)
    return _Rows(pooled.inputs(samples.values[rows]), samples.label[rows], failures)


def _short(values: npt.NDArray[np.floating]) -> tuple[float, ...]:
    """Return values with six digits: more would pretend to know them."""
    return tuple(float(f"{v:.6g}") for v in values)


def _linear_of(linear: Linear) -> PriorLinear:
    scaler = linear.scaler
    return PriorLinear(
        median=_short(scaler.median), mean=_short(scaler.mean), deviation=_short(scaler.deviation),
        weights=_short(linear.weights), bias=float(f"{linear.bias:.6g}"),
    )  # fmt: skip


def _trees_of(trees: Trees) -> PriorTrees:
    return PriorTrees(
        roots=tuple(trees.roots.tolist()),
        feature=tuple(trees.feature.tolist()),
        # A threshold above all values parts the missing ones from the known.
        threshold=tuple(t if np.isfinite(t) else None for t in _short(trees.threshold)),
        left=tuple(trees.left.tolist()),
        right=tuple(trees.right.tolist()),
        missing_left=tuple(int(m) for m in trees.missing_left),
        value=_short(trees.value),
        baseline=float(f"{trees.baseline:.6g}"),
    )


def write_prior(prior: PriorModel, path: Path) -> None:
    """Write a prior model as JSON."""
    write_text(path, json.dumps(prior.model_dump(mode="json"), separators=(",", ":")) + "\n")


def read_prior(path: Path) -> PriorModel:
    """Return the prior model in a file.

    Raises
    ------
    ConfigError
        The file is missing, no JSON, or made for other inputs.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"is no prior model: {error}",
            file=path,
            remedy="make one with pulsefront qc models prior",
        ) from None
    prior = validate(PriorModel, content, file=path)
    if prior.inputs != POOLED_INPUTS:
        raise ConfigError(
            "was made for other inputs than this pulsefront computes", file=path, field="inputs",
            remedy="make it again with pulsefront qc models prior",
        )  # fmt: skip
    return prior


@cache
def shipped_prior() -> PriorModel:
    """Return the prior model that ships."""
    return read_prior(sim_data_directory() / "priors" / "scanners.json")


def bind_prior(prior: PriorModel, schema: FeatureSchema, target: Target) -> Blend:
    """Return the prior model for the features of a fleet.

    For another horizon than its own the log-odds are moved by the logarithm of the ratio, as if a
    failure were as likely on any day of it.
    """
    columns = np.arange(len(prior.inputs))
    one, many = prior.linear, prior.trees
    scaler = Scaler(_array(one.median), _array(one.mean), _array(one.deviation))
    linear = Linear(columns, scaler, _array(one.weights), one.bias)
    trees = Trees(
        columns=columns,
        roots=np.array(many.roots, dtype=np.int64),
        feature=np.array(many.feature, dtype=np.int64),
        threshold=np.array([np.inf if t is None else t for t in many.threshold]),
        left=np.array(many.left, dtype=np.int64),
        right=np.array(many.right, dtype=np.int64),
        missing_left=np.array(many.missing_left, dtype=np.bool_),
        value=_array(many.value),
        baseline=many.baseline,
    )
    shift = float(np.log(target.horizon_days / prior.horizon_days))
    parts = (bind_pooled(linear, schema), bind_pooled(trees, schema))
    return Blend(parts, np.array([0.5, 0.5]), shift)


def _array(values: Sequence[float]) -> npt.NDArray[np.float64]:
    return np.array(values, dtype=np.float64)
