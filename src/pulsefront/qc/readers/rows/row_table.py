"""Rows of a file on their way to records: texts by quantity, and what is wrong with each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.qc.records import Reject

__all__ = ["RowTable", "Texts", "by_distinct"]

Texts = npt.NDArray[np.object_]


@dataclass
class RowTable:
    """One chunk of rows, and the first reason found against each of them.

    ``numbers`` are quantities that stand as numbers already. ``passed`` says of each row why there
    is nothing to store of it, empty where there is.
    """

    number: npt.NDArray[np.int64]
    texts: dict[str, Texts]
    numbers: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    reasons: Texts = field(init=False)
    remedies: Texts = field(init=False)
    passed: Texts = field(init=False)
    retry_at: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        size = len(self.number)
        self.reasons, self.remedies, self.passed = (
            np.full(size, "", dtype=object) for _ in range(3)
        )
        self.retry_at = np.zeros(size, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.number)

    def text(self, name: str) -> Texts:
        """Return the texts of a quantity, empty ones where the file has none."""
        if name in self.texts:
            return self.texts[name]
        return np.full(len(self.number), "", dtype=object)

    def refuse(
        self,
        rows: npt.NDArray[np.bool_],
        reasons: str | Texts,
        remedy: str,
        retry_at: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Note a reason against *rows* that have none yet, and what to do about it."""
        if not rows.any():
            return
        fresh = rows & (self.reasons == "")
        self.reasons[fresh] = reasons if isinstance(reasons, str) else reasons[fresh]
        self.remedies[fresh] = remedy
        if retry_at is not None:
            self.retry_at[fresh] = retry_at[fresh]

    def pass_over(self, rows: npt.NDArray[np.bool_], reason: str) -> None:
        """Note that there is nothing to store of *rows*."""
        self.passed[rows & (self.passed == "")] = reason

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Whether each row is a record."""
        return np.asarray((self.reasons == "") & (self.passed == ""))

    def rejects(self, columns: Sequence[Sequence[str]], row_of: npt.NDArray[np.int64]) -> Any:
        """Return what was refused, with the cells of its line.

        ``row_of`` says which row of *columns* each row came from.
        """
        refused = np.flatnonzero((self.reasons != "") & (self.passed == ""))
        return tuple(
            Reject(
                int(self.number[k]),
                str(self.reasons[k]),
                ";".join(str(column[int(row_of[k])]) for column in columns),
                str(self.remedies[k]),
                int(self.retry_at[k]),
            )
            for k in refused
        )

    def passed_counts(self) -> dict[str, int]:
        """Return how many rows were passed over, by reason."""
        some = self.passed[self.passed != ""]
        names, counts = np.unique(some.astype(str), return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))


def by_distinct(texts: Texts, meaning: Callable[[str], object]) -> Texts:
    """Return what each text means, asking once for every distinct text."""
    codes, names = pd.factorize(texts)
    return np.array([meaning(str(name)) for name in names], dtype=object)[codes]
