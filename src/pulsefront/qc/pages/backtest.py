"""The back-test as a page: what the model finds, at what price, beside charts and age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulsefront.evaluate.intervals import Interval
from pulsefront.qc.pages.backtest_sections import (
    MODEL_NAMES,
    alerts_section,
    calibration_section,
    nulls_section,
    range_of,
    subgroups_section,
)
from pulsefront.qc.pages.features import features_section
from pulsefront.report import (
    Callout,
    FigureBlock,
    Page,
    Paragraph,
    Section,
    Table,
    Tile,
    Tiles,
)
from pulsefront.report.style import colour_of, legend, new_figure

__all__ = ["backtest_page"]


def backtest_page(
    result: Mapping[str, Any], *, facts: Mapping[str, str], extra: Sequence[Section] = ()
) -> Page:
    """Return the page of a back-test's result; *extra* sections come before the limits."""
    protocol = result["protocol"]
    chosen = result["chosen_model"]
    sections = [
        _summary(result),
        Section(
            "How it was tested",
            [
                Paragraph(
                    f"Trained on QC until {protocol['train_until']}, calibrated until "
                    f"{protocol['calibrate_until']}, judged on units never seen and on the time "
                    f"after that, to {protocol['last_day']}. Between the parts lie "
                    f"{protocol['embargo_days']} days of embargo: the horizon and the longest "
                    f"delay of a log entry. The target is a failure of a component "
                    f"{protocol['lead_days']} to "
                    f"{protocol['lead_days'] + protocol['horizon_days']} days after the score."
                ),
                Table(
                    ("part", "failures"),
                    [
                        ("training", protocol["failures_in_training_part"]),
                        ("calibration and choice", protocol["failures_in_calibration_part"]),
                        ("test", protocol["failures_in_test_part"]),
                    ],
                ),
            ],
        ),
        _models(result),
        alerts_section(result),
        calibration_section(result),
        subgroups_section(result),
        nulls_section(result),
        features_section(result),
        *extra,
        Section("Limits", [Callout(text, "warning") for text in result["limits"]]),
    ]
    return Page(
        "Failure prediction, back-tested",
        f"{protocol['units']} scanners, {protocol['failures']} failures, "
        f"{protocol['first_day']} to {protocol['last_day']}; in use: {MODEL_NAMES[chosen]}",
        sections,
        facts,
    )


def _summary(result: Mapping[str, Any]) -> Section:
    chosen = result["models"][result["chosen_model"]]
    rate, point = next(iter(chosen["at_false_alerts_per_unit_year"].items()))
    lead = point["median_lead_days"]
    return Section(
        "At a glance",
        [
            Tiles(
                [
                    Tile(
                        "failures found",
                        range_of(point["recall"], 100.0),
                        "%",
                        f"{point['failures_found']} of {point['failures']}, at most {rate} false "
                        "alerts a scanner-year",
                    ),
                    Tile("median lead", lead, "days", "of the failures found"),
                    Tile(
                        "area under the PR curve",
                        range_of(chosen["average_precision"]),
                        "",
                        f"a guess has the base rate, {result['base_rate']:.4f}",
                    ),
                    Tile(
                        "no decision",
                        100.0 * result["abstention_rate"]["share"],
                        "% of component-days",
                        "stale QC, short history, outside the training range",
                    ),
                ]
            )
        ],
    )


def _models(result: Mapping[str, Any]) -> Section:
    rows, mark = [], []
    for k, (name, model) in enumerate(result["models"].items()):
        rows.append(
            (
                MODEL_NAMES[name],
                range_of(model["average_precision"]),
                model["roc_auc"],
                model["brier"],
                model["calibration_error"],
            )
        )
        if name == result["chosen_model"]:
            mark = [k]
    figure, (axes,) = new_figure(7.2, 3.6)
    for k, (name, model) in enumerate(result["models"].items()):
        curve = model["precision_recall"]
        axes.plot(
            curve["recall"], curve["precision"], color=colour_of(k), label=MODEL_NAMES[name],
            linewidth=2.2 if name == result["chosen_model"] else 1.1,
        )  # fmt: skip
    axes.axhline(result["base_rate"], linestyle=":", color="0.5")
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    legend(axes)
    choice = [
        (
            MODEL_NAMES[c["model"]],
            MODEL_NAMES[c["against"]],
            Interval(1000.0 * c["gain_log_loss"], 1000.0 * c["low"], 1000.0 * c["high"]),
            c["gain_average_precision"],
            c["better"],
        )
        for c in result["choice"]
    ]
    return Section(
        "Models, from the simplest on",
        [
            Table(
                (
                    "model",
                    "area under PR curve",
                    "area under ROC curve",
                    "Brier score",
                    "calibration error",
                ),
                rows,
                f"Component-days one week apart; base rate {result['base_rate']:.4f}; intervals "
                "by bootstrap over scanners. The model in use is marked.",
                mark,
            ),
            FigureBlock(
                figure,
                "Precision against recall of every model",
                "Precision against recall on unseen scanners at later times. Dotted: a guess.",
            ),
            Table(
                ("model", "against", "gain in log loss × 1000", "gain in area under PR", "better"),
                choice,
                "A model is used only where it beats the simpler one on unseen scanners, in the "
                "part of the time that precedes the test.",
            ),
        ],
    )
