"""Readers of two public sets of machine failures, and what is computed from their readings.

Neither is of scanners: no public longitudinal set of scanner quality control with failure labels
exists. C-MAPSS FD001 to FD004 (Saxena and Goebel 2008) have engines that run to failure, under one
operating condition or six, AI4I 2020 (Matzka 2020) single readings with no time at all. The sets
are not part of this package.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.errors import QCDataError

__all__ = [
    "CMAPSS_SETS",
    "conditions_of",
    "find_set",
    "read_ai4i",
    "read_cmapss",
    "same_condition",
    "trailing_features",
]

Floats = npt.NDArray[np.float64]
Outcomes = npt.NDArray[np.int64]

CMAPSS_SETS = {f"cmapss_fd00{k}": f"FD00{k}" for k in range(1, 5)}
"""What the files of each set of engines are called."""

_KNOWN_BY = {
    **{name: f"train_{part}.txt" for name, part in CMAPSS_SETS.items()},
    "ai4i2020": "ai4i2020.csv",
}


def find_set(name: str, folder: Path) -> Path:
    """Return the folder that holds a set: *folder* itself, or the one of its name in it.

    Raises
    ------
    QCDataError
        Neither holds it.
    """
    for candidate in (folder, folder / name):
        if (candidate / _KNOWN_BY[name]).is_file():
            return candidate
    raise QCDataError(
        f"holds no {_KNOWN_BY[name]}",
        file=folder,
        remedy=f"give the folder with the files of {name}, as published",
    )


def read_cmapss(folder: Path, part: str = "FD001") -> tuple[Floats, Floats, Floats]:
    """Return (training rows, test rows, remaining life of each test engine).

    A row is unit, cycle, three settings and 21 sensors. *part* is FD001 to FD004.

    Raises
    ------
    QCDataError
        A file is missing or has another shape.
    """
    found = []
    for kind, width in (("train", 26), ("test", 26), ("RUL", 1)):
        name = f"{kind}_{part}.txt"
        try:
            table = np.loadtxt(folder / name, ndmin=2)
        except (OSError, ValueError) as error:
            raise QCDataError(f"cannot be read: {error}", file=folder / name) from None
        if table.shape[1] != width:
            raise QCDataError(f"has {table.shape[1]} columns, not {width}", file=folder / name)
        found.append(table)
    engines, lives = np.unique(found[1][:, 0]), found[2][:, 0]
    if not np.array_equal(engines, np.arange(1, len(lives) + 1)):
        raise QCDataError(
            f"tells the life of {len(lives)} engines, where test_{part}.txt has {len(engines)}",
            file=folder / f"RUL_{part}.txt",
            remedy="give the files of one set, as published",
        )
    return found[0], found[1], lives


def conditions_of(train: Floats) -> Floats:
    """Return the operating conditions of training rows, by the first setting to the unit.

    It is the altitude in thousands of feet, which tells the six of FD002 and FD004 apart.
    """
    return np.unique(np.round(train[:, 2]))


def same_condition(train: Floats, *others: Floats) -> tuple[Floats, ...]:
    """Return rows whose sensors are told as if every cycle were flown under one condition.

    Sensors depend on the operating condition more than on wear. Each is brought to mean 0 and
    deviation 1 within its condition, as the training engines have them there. Under one condition
    rows come back as they are. A cycle under a condition that was not trained on is taken as under
    the next.
    """
    conditions = conditions_of(train)
    if len(conditions) == 1:
        return (train, *others)
    nearest = [np.abs(rows[:, 2:3] - conditions).argmin(axis=1) for rows in (train, *others)]
    told = [rows.copy() for rows in (train, *others)]
    for k in range(len(conditions)):
        mine = train[nearest[0] == k, 5:]
        mean, deviation = mine.mean(axis=0), mine.std(axis=0)
        for rows, condition in zip(told, nearest, strict=True):
            here = condition == k
            rows[here, 5:] = (rows[here, 5:] - mean) / np.where(deviation > 1e-9, deviation, 1.0)
    return tuple(told)


def trailing_features(rows: Floats) -> Floats:
    """Return features of each cycle from what came before it, engine by engine.

    Two exponentially weighted means (memory 10 and 33 cycles, unbiased at the start), their
    differences from the first 20 cycles and from each other, and mean and deviation of the last
    30 cycles.
    """
    parts = []
    for unit in np.unique(rows[:, 0]):
        engine = rows[rows[:, 0] == unit]
        sensors = pd.DataFrame(engine[:, 5:])
        fast = sensors.ewm(alpha=0.10, adjust=True).mean().to_numpy()
        slow = sensors.ewm(alpha=0.03, adjust=True).mean().to_numpy()
        window = sensors.rolling(30, min_periods=1)
        first = sensors.expanding().mean().to_numpy(copy=True)
        first[20:] = first[min(19, len(first) - 1)]
        parts.append(
            np.hstack(
                [engine[:, 1:2], sensors.to_numpy(), fast, slow, fast - first, fast - slow,
                 window.mean().to_numpy(), window.std(ddof=0).to_numpy()]
            )
        )  # fmt: skip
    return np.vstack(parts)


def read_ai4i(path: Path) -> tuple[Floats, Outcomes]:
    """Return (row, 10) inputs and whether the machine failed.

    Besides the readings: temperature difference, power, wear times torque and what is left to the
    overstrain limit of the variant. The five columns that name the kind of failure would give the
    answer away and are not read.

    Raises
    ------
    QCDataError
        The file is missing or lacks a column.
    """
    try:
        table = pd.read_csv(path)
        variant = table["Type"].map({"L": 0, "M": 1, "H": 2}).to_numpy()
        air, process = table["Air temperature [K]"], table["Process temperature [K]"]
        speed, torque = table["Rotational speed [rpm]"], table["Torque [Nm]"]
        wear, failed = table["Tool wear [min]"], table["Machine failure"]
    except (OSError, KeyError, ValueError) as error:
        raise QCDataError(f"cannot be read: {error}", file=path) from None
    limit = np.array([11_000, 12_000, 13_000])[variant]
    strain = (wear * torque).to_numpy(dtype=float)
    power = (torque * speed * 2 * np.pi / 60).to_numpy(dtype=float)
    columns = [
        variant,
        air,
        process,
        speed,
        torque,
        wear,
        process - air,
        power,
        strain,
        limit - strain,
    ]
    inputs = np.column_stack([np.asarray(c, dtype=float) for c in columns])
    return inputs, failed.to_numpy(dtype=np.int64)
