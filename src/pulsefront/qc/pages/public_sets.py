"""The page of the method's figures on a public set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pulsefront.evaluate.intervals import Interval
from pulsefront.qc.backtest.public_results import PublicResult, RemainingLife
from pulsefront.qc.pages.backtest_sections import draw_reliability
from pulsefront.qc.pages.words import level
from pulsefront.report import (
    Block,
    Callout,
    FigureBlock,
    Page,
    Paragraph,
    Section,
    Table,
    Tile,
    Tiles,
)
from pulsefront.report.style import colour_of, new_figure

__all__ = ["public_page"]


def public_page(result: PublicResult, facts: Mapping[str, str]) -> Page:
    """Return the page of a result of `public_sets.public_backtest`."""
    sections = [_summary(result), _beside(result), _choice(result), _curves(result)]
    if result.remaining_life is not None:
        sections.append(_life(result.remaining_life))
    text = (
        "This is no scanner: no public longitudinal set of PET or SPECT quality control with "
        "failure labels exists. The page compares the method with published figures; only a "
        "back-test on a site's own history shows what it is worth there."
    )
    if (result.operating_conditions or 1) > 1:
        text = (
            f"Engines were flown under {result.operating_conditions} operating conditions: each "
            "sensor is told in deviations from what the training engines have under the same one. "
        ) + text
    sections.append(Section("Limits", [Callout(text, "warning")]))
    return Page(f"Public set {result.set}", result.what, sections, facts)


def _area(result: PublicResult) -> Interval | float:
    failure = result.failure
    if failure.pr_auc_low is None or failure.pr_auc_high is None:
        return failure.pr_auc
    return Interval(failure.pr_auc, failure.pr_auc_low, failure.pr_auc_high, result.confidence)


def _beside(result: PublicResult) -> Section:
    """Return a table of these figures and of published ones."""
    ours: dict[str, tuple[str, Interval | float]] = {
        "pr_auc": ("area under the PR curve", _area(result))
    }
    if result.remaining_life is not None:
        error = result.remaining_life.rmse_cycles
        ours["rmse_cycles"] = ("remaining life, root mean square error / cycles", error)
    rows: list[tuple[str, str, Interval | float]] = []
    mine: list[int] = []
    for quantity, (words, value) in ours.items():
        mine.append(len(rows))
        rows.append((words, "this package", value))
        rows += [(words, name, figure) for name, figure in result.published[quantity].items()]
    text = "Of the same set, by others or by simple models."
    if not result.published["pr_auc"]:
        text += " None is known of the area under the PR curve."
    return Section(
        "Beside published figures", [Table(("quantity", "method", "figure"), rows, text, mine)]
    )


def _summary(result: PublicResult) -> Section:
    failure = result.failure
    tiles = [
        Tile(
            "area under the PR curve", _area(result), "",
            f"a guess has the base rate, {result.base_rate:.4f}"
            + ("; others: " if result.published["pr_auc"] else "")
            + ", ".join(f"{name} {value}" for name, value in result.published["pr_auc"].items()),
        ),
        Tile("calibration error", failure.calibration_error, "", "15 bins of equal counts"),
        Tile("area under the ROC curve", failure.roc_auc, ""),
    ]  # fmt: skip
    if result.remaining_life is not None:
        others = result.published["rmse_cycles"]
        tiles.append(
            Tile(
                "remaining life, error", result.remaining_life.rmse_cycles, "cycles",
                "root mean square; " + ", ".join(f"{n} {v}" for n, v in others.items()),
            )
        )  # fmt: skip
    return Section("At a glance", [Tiles(tiles)])


def _choice(result: PublicResult) -> Section:
    blocks: list[Block] = [
        Paragraph(
            f"{len(result.choice)} candidates were tried, all written down before; the judged "
            f"rows took no part in the choice. Chosen by {result.chosen_by}."
        ),
        Table(
            ("candidate", "area under PR curve, where it was chosen"),
            list(result.choice.items()),
            "Not the figures above: these come from the training part alone.",
            [k for k, name in enumerate(result.choice) if name in result.chosen.split(", ")
             or name == result.chosen],
        ),
    ]  # fmt: skip
    return Section("What was tried", blocks)


def _curves(result: PublicResult) -> Section:
    figure, axes = new_figure(7.2, 3.4, columns=2)
    curve = result.failure.precision_recall
    axes[0].plot(curve.recall, curve.precision, color=colour_of(0), linewidth=2)
    axes[0].axhline(result.base_rate, linestyle=":", color="0.5")
    axes[0].set_xlabel("recall")
    axes[0].set_ylabel("precision")
    axes[0].set_xlim(0, 1)
    axes[0].set_ylim(0, 1.02)
    draw_reliability(axes[1], result.failure.reliability)
    return Section(
        "Ranking and calibration",
        [
            FigureBlock(
                figure,
                "Precision against recall, and share that failed against the probability",
                f"{result.rows_test:,} rows that were not trained on; "
                f"{level(result.confidence)} intervals. Dotted: a guess (left), "
                "probabilities that mean what they say (right).",
            )
        ],
    )


def _life(life: RemainingLife) -> Section:
    true, predicted = np.array(life.true_cycles), np.array(life.predicted_cycles)
    figure, (axes,) = new_figure(4.8, 3.8)
    axes.plot([0, 125], [0, 125], linestyle=":", color="0.5")
    axes.plot(true, predicted, "o", color=colour_of(0), markersize=4, alpha=0.7)
    axes.set_xlabel("true remaining life / cycles")
    axes.set_ylabel("predicted / cycles")
    rows = list(life.choice.items())
    mark = [k for k, (name, _) in enumerate(rows) if name == life.chosen]
    return Section(
        "Remaining life",
        [
            FigureBlock(
                figure,
                "Predicted against true remaining life",
                f"At the last cycle of each of {len(true)} test engines, capped at 125 cycles; "
                f"root mean square error {life.rmse_cycles:.2f} cycles.",
            ),
            Table(
                ("candidate", "error where it was chosen / cycles"),
                rows,
                f"Chosen by {life.chosen_by}.",
                mark,
            ),
        ],
    )
