"""A model of readings whatever they are called: it sees the largest of each statistic.

Features belong to tests and event codes of one fleet. Their largest and second largest over all
tests of a component, over all readings of its unit and over all codes mean the same anywhere, since
they are told in sigmas, limit units and days. So a model of these *pooled* inputs can be trained on
some fleets and used on any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from numba import njit

from pulsefront.qc.features.schema import AGES, LATER_AGES, WINDOWS_DAYS, FeatureSchema
from pulsefront.qc.models.learners.estimators import Linear, Trees

__all__ = ["POOLED_INPUTS", "Pooled", "bind_pooled"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_OWN = (
    "z", "ewma", "cusum", "moving_range", "run", "level", "level_mean", "slope", "slope_slow",
    "absorbed", "ewma_slow", "projected", "rise_day", "fall_day", "rise_week", "fall_week", "step",
    "neighbour", "neighbour_ewma",
)  # fmt: skip
_UNIT = ("level_mean", "slope_slow", "cusum", "ewma", "projected")
_CODE = (*(f"{days}d" for days in WINDOWS_DAYS), "recent")

POOLED_INPUTS = (
    *(f"{name}:{rank}" for name in _OWN for rank in (1, 2)),
    *(f"unit {name}:1" for name in _UNIT),
    *(f"events {name}:1" for name in _CODE),
    *(f"unit events {name}:1" for name in _CODE),
    *AGES,
    *LATER_AGES,
    "whole",
)
"""What a pooled model sees: a statistic and its rank, ages, and whether it is the unit itself."""


@dataclass(frozen=True)
class Pooled:
    """A model of pooled inputs, bound to the features of one fleet.

    Attributes
    ----------
    member, start
        The features of pooled input k are ``member[start[k]:start[k + 1]]``.
    rank
        (input,) 1 for the largest known of its features, 2 for the second largest, and 0 for
        whether any of them is known.
    inner
        The model; its columns are indices of pooled inputs. None where just the inputs are wanted.
    """

    member: Ints
    start: Ints
    rank: Ints
    inner: Linear | Trees | None

    @cached_property
    def columns(self) -> Ints:
        """Features that the model looks at."""
        inner = np.arange(len(self.rank)) if self.inner is None else self.inner.columns
        used = [self.member[self.start[k] : self.start[k + 1]] for k in inner]
        return np.unique(np.concatenate(used)) if used else np.zeros(0, dtype=np.int64)

    def inputs(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return (row, pooled input) of (row, feature) values; NaN where nothing is known."""
        found = np.full((len(values), len(self.rank)), np.nan, dtype=np.float32)
        _pool(np.ascontiguousarray(values), self.member, self.start, self.rank, found)
        return found

    def log_odds(self, values: npt.NDArray[np.float32]) -> Floats:
        """Return the log-odds of (row, feature) values."""
        if self.inner is None:
            return np.zeros(len(values))
        return self.inner.log_odds(self.inputs(values))


@njit(nogil=True, cache=True)
def _pool(values, member, start, rank, found):  # type: ignore[no-untyped-def]
    for row in range(len(values)):
        for k in range(len(rank)):
            first = second = np.nan
            for m in range(start[k], start[k + 1]):
                x = values[row, member[m]]
                if np.isnan(x):
                    continue
                if np.isnan(first) or x > first:
                    first, second = x, first
                elif np.isnan(second) or x > second:
                    second = x
            if rank[k] == 1:
                found[row, k] = first
            elif rank[k] == 2:
                found[row, k] = second
            else:
                found[row, k] = 0.0 if np.isnan(first) else 1.0


def bind_pooled(inner: Linear | Trees | None, schema: FeatureSchema) -> Pooled:
    """Return a model of pooled inputs, bound to the features of a schema of version 2."""
    groups = [_members(name, schema) for name in POOLED_INPUTS]
    ranks = [int(n.rpartition(":")[2]) if ":" in n else (0 if n == "whole" else 1)
             for n in POOLED_INPUTS]  # fmt: skip
    return Pooled(
        np.array([c for group in groups for c in group], dtype=np.int64),
        np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int64),
        np.array(ranks, dtype=np.int64),
        inner,
    )


def _members(name: str, schema: FeatureSchema) -> Sequence[int]:
    if name == "whole":
        return [schema.column(f"{test}:level") for test in schema.unit_tests]
    if ":" not in name:
        return [schema.column(name)]
    statistic = name.rpartition(":")[0].rpartition(" ")[2]
    if "events" in name:
        who = "unit " if name.startswith("unit ") else ""
        return [schema.column(f"{who}{code}:{statistic}") for code in schema.codes]
    if name.startswith("unit "):
        return [schema.column(f"unit {test}:{statistic}") for test in schema.unit_tests]
    return [schema.column(f"{test}:{statistic}") for test in schema.tests]
