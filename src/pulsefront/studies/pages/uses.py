"""What a report says of the inputs that the network uses, and of the size of the test set."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pulsefront.detector import load_detector
from pulsefront.report import Block, FigureBlock, Grid, Paragraph, Table
from pulsefront.report.figures import heat_map, importance_bars
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.records import TestRecord
from pulsefront.studies.use_records import InputUses

__all__ = ["power_blocks", "use_blocks"]

TABLE_ROWS = 16


def use_blocks(kind: StudyKind, test: TestRecord) -> list[Block]:
    """Return figures and table of what each input is used for, by three ways of asking."""
    uses = test.input_uses
    if uses is None:
        return []
    rows = uses.inputs
    words = {row.input: row.input.replace("_", " ") for row in rows}
    return [
        Paragraph(
            f"How much the {uses.loss} grows on {uses.events:,} test events where one input of "
            "the exported network is exchanged between events (what it uses the input for), and "
            "where it is zero (what a dead channel costs)."
        ),
        FigureBlock(
            importance_bars(
                {
                    words[row.input]: (row.shuffled.value, row.shuffled.low, row.shuffled.high)
                    for row in rows
                },
                label=f"growth of the {uses.loss}",
            ),
            "Growth of the error where an input is exchanged between events",
            "The largest first.",
        ),
        *_maps(kind, uses),
        Table(
            ("input", "exchanged", "zero", f"moves the output ({kind.output_unit or 'its unit'})"),
            [(words[row.input], row.shuffled, row.silent, row.moved) for row in rows[:TABLE_ROWS]],
            caption=f"Growth of the {uses.loss}"
            + (f"; the first {TABLE_ROWS} of {len(rows)}." if len(rows) > TABLE_ROWS else "."),
        ),
    ]


def _maps(kind: StudyKind, uses: InputUses) -> list[Block]:
    """Return the three rankings over the inputs, each in units of its largest, and how they agree.

    Inputs that the network does not read are blank in a map of photosensors.
    """
    rankings = {
        "exchanged between events": {row.input: row.shuffled.value for row in uses.inputs},
        "zero": {row.input: row.silent.value for row in uses.inputs},
        "moved by its spread": {
            row.input: 0.0 if row.moved is None else row.moved.value for row in uses.inputs
        },
    }
    names = sorted(rankings["zero"], key=_natural)
    matrix = [
        [max(row[name], 0.0) / (max(row.values()) or 1.0) for name in names]
        for row in rankings.values()
    ]
    grid = _sensor_grid(kind, names)
    blocks: list[Block] = []
    if grid is None:
        blocks.append(
            FigureBlock(
                heat_map(
                    matrix,
                    list(rankings),
                    [name.replace("_", " ") for name in names],
                    label="of the largest",
                    numbers=False,
                ),
                "What each input is used for, by three ways of asking",
            )
        )
    else:
        nx, ny = grid
        turned = ", by their place after the turn" if names[0].startswith("folded") else ""
        for title, row in zip(rankings, matrix, strict=True):
            whole = np.full(nx * ny, np.nan)
            for name, value in zip(names, row, strict=True):
                whole[int(name.rpartition("_")[2])] = value
            blocks.append(
                FigureBlock(
                    heat_map(
                        whole.reshape(ny, nx)[::-1],
                        [f"y {k}" for k in range(ny)][::-1],
                        [f"x {k}" for k in range(nx)],
                        label="of the largest",
                        numbers=False,
                    ),
                    f"Photosensors that count, where one is {title}{turned}",
                    f"{title.capitalize()}; blank where the network reads nothing.",
                )
            )
        blocks = [Grid([block for block in blocks if isinstance(block, FigureBlock)])]
    return [*blocks, Paragraph(_agreement(uses))]


def _agreement(uses: InputUses) -> str:
    """Return in words how far the rankings agree, and where they do not."""
    found = uses.rank_agreement or {}
    each = [
        f"{pair} {'none' if value is None else f'{value:.2f}'}" for pair, value in found.items()
    ]
    text = (
        "Three ways of asking: an input exchanged between events, set to zero, or moved by its "
        "spread in the integer model itself. Their rankings agree by (Spearman's correlation) "
        + ", ".join(each)
        + "."
    )
    apart = [name.replace("_", " ") for name in uses.ranked_apart]
    if not apart:
        return f"{text} No input is ranked apart by more than a third of all."
    more = f" and {len(apart) - 8} more" if len(apart) > 8 else ""
    return (
        f"{text} They disagree, by more than a third of all ranks, on "
        f"{', '.join(apart[:8])}{more}: an input that moves the output without hurting where it is "
        "exchanged says what its "
        "neighbours say too; one that hurts only where it is zero is taken for granted."
    )


def _sensor_grid(kind: StudyKind, names: Sequence[str]) -> tuple[int, int] | None:
    """Return the photosensors along x and y where the inputs are single ones of an array."""
    if not all("sensor_" in name for name in names):
        return None
    nx, ny = load_detector(str(kind.study.detector)).sensors.grid
    return (nx, ny) if min(nx, ny) > 1 else None


def _natural(name: str) -> tuple[str, int]:
    """Return what sorts sample -2 before sample +1, and sensor 9 before sensor 10."""
    found = re.fullmatch(r"(.*?)([+-]?\d+)", name)
    return (name, 0) if found is None else (found[1], int(found[2]))


def power_blocks(test: TestRecord) -> list[Block]:
    """Return how large another test would have to be."""
    power = test.power
    if power is None:
        return []
    what = f"test {power.counted}"
    return [
        Paragraph(
            f"Size of another evaluation, with this test as its pilot: a gain of "
            f"{power.least_gain_percent:g} % in the {test.main_metric.words} over "
            f"{test.best_baseline} is shown in nine of ten tests with {power.needed:,} {what} "
            f"(here {power.here:,}, which show it in {power.power_here:.0%} of tests); "
            f"{power.needed_for_two_percent:,} {what} bring the interval of the network's figure "
            "to ± 2 %."
        )
    ]
