"""Which features tell the same: a heat map of correlations, and the names of those left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pulsefront.qc.features.schema import WINDOWS_DAYS
from pulsefront.qc.models.record import Redundant
from pulsefront.qc.pages.words import spoken
from pulsefront.report import FigureBlock, Section, Table
from pulsefront.report.style import SEQUENTIAL, colour_bar, literal, new_figure

__all__ = ["features_section"]

_COUNTED = tuple(f"{days}d" for days in WINDOWS_DAYS)


class FeatureRecord(Protocol):
    """What a back-test's result and a training's record both tell of features."""

    @property
    def redundant_features(self) -> Sequence[Redundant]: ...

    @property
    def features_kept(self) -> Sequence[str]: ...

    @property
    def correlation_features(self) -> Sequence[str]: ...

    @property
    def correlation(self) -> Sequence[Sequence[float]]: ...


def features_section(record: FeatureRecord) -> Section:
    """Return the heat map of correlations, and what was left out for what."""
    correlation = np.array(record.correlation)
    figure, (axes,) = new_figure(7.2, 6.2)
    image = axes.imshow(
        np.abs(correlation), vmin=0, vmax=1, cmap=SEQUENTIAL, interpolation="nearest"
    )
    axes.grid(visible=False)
    groups = _groups(record.correlation_features)
    middle = [(first + last) / 2 for _, first, last in groups]
    names = [literal(name) for name, _, _ in groups]
    axes.set_xticks(middle, names, rotation=90, fontsize=8)
    axes.set_yticks(middle, names, fontsize=8)
    for _, first, _ in groups[1:]:
        axes.axhline(first - 0.5, color="white", linewidth=0.6)
        axes.axvline(first - 0.5, color="white", linewidth=0.6)
    colour_bar(image, axes, "size of the correlation")
    left_out = [
        (spoken(r.left_out), spoken(r.kept), r.correlation) for r in record.redundant_features
    ]
    return Section(
        "Features that tell the same",
        [
            FigureBlock(
                figure,
                "Correlation of the features",
                "Size of the correlation of the scaled features, test by test; within a test, the "
                "statistics are in their order: robust z, EWMA, CUSUM, moving range, run, "
                "levels, slopes, resets, neighbours, peers.",
            ),
            Table(
                ("left out", "tells the same as", "correlation"),
                left_out,
                f"{len(record.features_kept)} features are kept; of two that correlate by more "
                "than 0.97, the later one is left out.",
            ),
        ],
    )


def _groups(names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return (test, first, last) of the runs of features that are about the same test."""
    found: list[tuple[str, int, int]] = []
    for k, name in enumerate(names):
        test, _, statistic = name.rpartition(":")
        if statistic in _COUNTED:
            test = "events of the unit" if test.startswith("unit ") else "events"
        test = spoken(test) or "ages"
        if found and found[-1][0] == test:
            found[-1] = (test, found[-1][1], k)
        else:
            found.append((test, k, k))
    return found
