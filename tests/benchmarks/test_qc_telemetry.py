"""What the blend finds on machines read every hour, beside plain gradient boosting.

Each set is written as the CSV files in which public sets of that style come, read by the mapping of
``docs/failure_tables.md`` and scored as `pulsefront qc backtest --public` does: unseen machines at
later times. The peer is scikit-learn's gradient boosting as it is, on means and deviations of the
last 3 and 24 hours, errors of a day, and times since each part was replaced. It sees the same
machines at the same instants, and learns from all that came before the test part, where ours learns
from the first part alone and keeps the second to calibrate. In the last of the three forms nobody
replaces a part, or logs that it failed, but on visits every 15 days.

No choice was made on these seeds. ``PULSEFRONT_SETS`` says how many sets are made, 3 if it is not
set, ``PULSEFRONT_MACHINES`` of how many machines, ``PULSEFRONT_FIRST_SEED`` where they begin. Three
sets of 100 machines take about half an hour of one processor. Run it with ``make bench``, or this
file alone with ``-s``.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from pulsefront.config import validate
from pulsefront.evaluate.classification import pr_auc, pr_auc_statistic
from pulsefront.evaluate.intervals import bootstrap
from pulsefront.qc.backtest.failure_fleet import fleet_of_tables
from pulsefront.qc.backtest.failure_mapping import FailureTables
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.choice.folds import score_folds
from pulsefront.qc.models.choice.protocol import BacktestSettings, parts_of_time, unit_folds
from pulsefront.qc.simulate.telemetry import TelemetrySettings
from pulsefront.qc.times import DAY_S
from strategies_telemetry import write_public_form

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[2] / "docs" / "failure_tables.md"
SETS = int(os.environ.get("PULSEFRONT_SETS", "3"))
MACHINES = int(os.environ.get("PULSEFRONT_MACHINES", "100"))
FIRST_SEED = int(os.environ.get("PULSEFRONT_FIRST_SEED", "9100"))
DAYS = 365
HOUR_S = 3600


@dataclass(frozen=True)
class Judged:
    """(row,) of the test parts of all sets; ``machine`` tells those of all sets apart."""

    failed: npt.NDArray[np.bool_]
    machine: npt.NDArray[np.int64]
    by: dict[str, npt.NDArray[np.float64]]

    def gain(self, over: str) -> tuple[float, float, float]:
        """Return by how much average precision is higher, and its interval over machines."""
        one, other = (pr_auc_statistic(self.by[name], self.failed) for name in ("blend", over))
        found = bootstrap(
            lambda weight: one(weight) - other(weight), len(self.failed), groups=self.machine,
            replicates=500, seed=0,
        )  # fmt: skip
        return found.value, found.low, found.high


def seconds(column: pd.Series) -> npt.NDArray[np.int64]:
    return pd.to_datetime(column).to_numpy().astype("datetime64[s]").astype(np.int64)


def read(folder: Path, name: str) -> pd.DataFrame:
    table = pd.read_csv(folder / f"{name}.csv")
    if "datetime" in table:
        table = table.assign(s=seconds(table["datetime"])).sort_values("s")
    return table


def plain_features(fleet: Fleet, folder: Path) -> npt.NDArray[np.float32]:
    """Return (row, feature): windows of 3 and 24 hours, errors, times since replacement, kinds."""
    telemetry, errors, maint = (read(folder, name) for name in ("telemetry", "errors", "maint"))
    machines = read(folder, "machines").set_index("machineID")
    samples, columns = fleet.samples, dict[int, np.ndarray]()
    for unit, name in enumerate(fleet.units):
        when = samples.as_of_s[samples.unit == unit]
        mine = telemetry[telemetry["machineID"] == int(name)]
        end = np.searchsorted(mine["s"], when, side="right")
        found: list[np.ndarray] = []
        for reading in ("volt", "rotate", "pressure", "vibration"):
            total = np.cumsum(np.r_[0.0, mine[reading]])
            squares = np.cumsum(np.r_[0.0, mine[reading] ** 2])
            for hours in (3, 24):
                begin = np.searchsorted(mine["s"], when - hours * HOUR_S, side="right")
                many = np.maximum(end - begin, 1)
                mean = (total[end] - total[begin]) / many
                variance = (squares[end] - squares[begin]) / many - mean**2
                found += [mean, np.sqrt(np.maximum(variance, 0.0))]
        own = errors[errors["machineID"] == int(name)]
        for code in sorted(errors["errorID"].unique()):
            known = own.loc[own["errorID"] == code, "s"].to_numpy()
            before = np.searchsorted(known, when - DAY_S, side="right")
            found.append(np.searchsorted(known, when, side="right") - before)
        own = maint[maint["machineID"] == int(name)]
        for part in sorted(maint["comp"].unique()):
            known = np.r_[mine["s"].iloc[0], own.loc[own["comp"] == part, "s"]]
            last = np.searchsorted(known, when, side="right") - 1
            found.append((when - known[np.maximum(last, 0)]) / DAY_S)
            components = samples.component[samples.unit == unit]
            found.append(np.array([fleet.components[c][1] == part for c in components]))
        about = machines.loc[int(name)]
        found.append(np.full(len(when), sorted(machines["model"].unique()).index(about["model"])))
        found.append(np.full(len(when), about["age"]))
        columns[unit] = np.column_stack(found)
    whole = np.empty((len(samples), next(iter(columns.values())).shape[1]), dtype=np.float32)
    for unit, values in columns.items():
        whole[samples.unit == unit] = values
    return whole


def judged(target: Target, visit_days: int, folder: Path) -> Judged:
    """Return what blend and peer say of the parts of unseen machines in the test part of time."""
    example = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[0]
    mapping = validate(FailureTables, tomllib.loads(example), file=DOCUMENT)
    plan = BacktestSettings(candidates=("blend",))
    parts: list[Judged] = []
    for seed in range(FIRST_SEED, FIRST_SEED + SETS):
        place = folder / str(seed)
        place.mkdir(exist_ok=True)
        write_public_form(TelemetrySettings(MACHINES, DAYS, seed, visit_days), place)
        fleet = fleet_of_tables(mapping, place, target)
        samples, plain = fleet.samples, plain_features(fleet, place)
        scores = score_folds(fleet, plan)
        time, fold = parts_of_time(fleet, plan), unit_folds(fleet, plan)[samples.unit]
        is_part = np.array([name != "" for _, name in fleet.components])[samples.component]
        known = (samples.label >= 0) & is_part
        by = {"blend": scores.probability["blend"]}
        for peer, learned in (("plain", time.early | time.middle), ("plain, less", time.early)):
            by[peer] = np.full(len(samples), np.nan)
            for k in range(int(fold.max()) + 1):
                rows = np.flatnonzero(known & learned & (fold != k))
                model = HistGradientBoostingClassifier(random_state=0)
                model.fit(plain[rows], samples.label[rows])
                held = np.flatnonzero(known & time.late & (fold == k))
                by[peer][held] = model.predict_proba(plain[held])[:, 1]
        rows = np.flatnonzero(known & time.late & (scores.no_decision == ""))
        failed = samples.label[rows] == 1
        told = ", ".join(f"{name} {pr_auc(p[rows], failed):.3f}" for name, p in by.items())
        silent = 1.0 - len(rows) / (known & time.late).sum()
        print(  # noqa: T201
            f"{seed}, {target.lead_days} + {target.horizon_days} days, every "
            f"{fleet.every_s // HOUR_S} h: {failed.sum()} of {len(failed)} rows, "
            f"{silent:.1%} without a decision; average precision: {told}; {scores.shares}",
            flush=True,
        )
        number = samples.unit[rows].astype(np.int64) + 1_000 * len(parts)
        parts.append(Judged(failed, number, {name: p[rows] for name, p in by.items()}))
    return Judged(
        np.concatenate([part.failed for part in parts]),
        np.concatenate([part.machine for part in parts]),
        {name: np.concatenate([part.by[name] for part in parts]) for name in parts[0].by},
    )


@pytest.mark.parametrize(
    ("target", "visit_days"),
    [(Target(0, 1), 0), (Target(2, 5), 0), (Target(2, 28), 15)],
    ids=["24 hours", "days 3 to 7", "days 3 to 30 with visits"],
)
def test_blend_is_at_least_plain_boosting(target, visit_days, tmp_path):
    found = judged(target, visit_days, tmp_path)
    for peer in ("plain", "plain, less"):
        gain, low, high = found.gain(peer)
        print(f"gain over {peer}: {gain:.3f} ({low:.3f} to {high:.3f})", flush=True)  # noqa: T201
        assert gain >= 0.0
