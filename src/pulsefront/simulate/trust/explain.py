"""Which constant brings simulated and published detectors together: one changed in all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulsefront.detector import load_detector
from pulsefront.simulate.trust.changes import Changed, Varied, applies, changed
from pulsefront.simulate.trust.published import Compared, PublishedDetector, compare_published

__all__ = ["Explained", "explain", "spread_of"]


@dataclass(frozen=True)
class Explained:
    """All published values with one constant changed in every detector that has it.

    ``key`` is empty where nothing was changed.
    """

    key: str
    value: str
    rows: list[Compared]

    @property
    def agreeing(self) -> int:
        """How many values agree."""
        return sum(row.agrees for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and words."""
        return {
            "constant": self.key,
            "value": self.value,
            "agreeing": self.agreeing,
            "spread": spread_of(self.rows),
            "rows": [row.as_dict() for row in self.rows],
        }


def spread_of(rows: Sequence[Compared]) -> float:
    """Return the root mean square of ln(simulated/published): 0.1 is 10 % off on average."""
    logs = [math.log(row.ratio.value) for row in rows]
    return math.sqrt(sum(log * log for log in logs) / len(logs))


def explain(
    published: Sequence[PublishedDetector],
    varied: Sequence[Varied],
    *,
    events: int = 12_000,
    seed: int = 1,
    cache: str | Path | None = None,
    report: Callable[[str], None] | None = None,
) -> list[Explained]:
    """Return the comparison as described, and again for every value of every constant.

    A detector that lacks the constant, or has that value, stays as it is. Constants that were
    chosen by this are no longer independent of the published values.

    Raises
    ------
    ConfigError
        No detector has a constant, or it cannot have the value.
    """
    report = report or _silent
    asked = [(one, value) for one in varied for value in one.values]
    detectors = [load_detector(one.detector) for one in published]
    for one, value in asked:
        if not any(applies(d, Varied(one.key, (value,))) for d in detectors):
            # Says why, as it does for a single detector.
            changed(detectors[0], one.key, value)

    def compared(
        paper: PublishedDetector, change: tuple[str, Changed] | None = None
    ) -> list[Compared]:
        told = report if change is None else _silent
        return compare_published(
            paper, events=events, seed=seed, cache=cache, change=change, report=told
        )

    first = [row for paper in published for row in compared(paper)]
    found = [Explained("", "", first)]
    for one, value in asked:
        report(f"{one.key} {value}")
        rows = []
        for paper, detector in zip(published, detectors, strict=True):
            if applies(detector, Varied(one.key, (value,))):
                rows += compared(paper, (one.key, value))
            else:
                rows += [row for row in first if row.published is paper]
        found.append(Explained(one.key, str(value), rows))
    return found


def _silent(_: str) -> None:
    """Say nothing."""
