"""The back-test as a page: what the model finds, at what price, beside charts and age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pulsefront.evaluate.intervals import Interval
from pulsefront.report import (
    Block,
    Callout,
    FigureBlock,
    Grid,
    Page,
    Paragraph,
    Section,
    Table,
    Tile,
    Tiles,
)
from pulsefront.report.style import SEQUENTIAL, colour_bar, colour_of, legend, new_figure

__all__ = ["backtest_page", "score_section"]

_NAMES = {
    "age": "age only",
    "shewhart": "Shewhart chart",
    "ewma": "EWMA chart",
    "cusum": "CUSUM chart",
    "hazard": "discrete-time hazard",
    "network": "classic small network",
    "boosting": "gradient-boosted trees",
}


def _range(entry: Mapping[str, Any], scale: float = 1.0) -> object:
    if entry["value"] is None:
        return None
    if entry.get("low") is None:
        return entry["value"] * scale
    return Interval(entry["value"] * scale, entry["low"] * scale, entry["high"] * scale)


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
        _alerts(result),
        _calibration(result),
        _subgroups(result),
        _nulls(result),
        _features(result),
        *extra,
        Section("Limits", [Callout(text, "warning") for text in result["limits"]]),
    ]
    return Page(
        "Failure prediction, back-tested",
        f"{protocol['units']} scanners, {protocol['failures']} failures, "
        f"{protocol['first_day']} to {protocol['last_day']}; in use: {_NAMES[chosen]}",
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
                        _range(point["recall"], 100.0),
                        "%",
                        f"{point['failures_found']} of {point['failures']}, at most {rate} false "
                        "alerts a scanner-year",
                    ),
                    Tile("median lead", lead, "days", "of the failures found"),
                    Tile(
                        "area under the PR curve",
                        _range(chosen["average_precision"]),
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
                _NAMES[name],
                _range(model["average_precision"]),
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
            curve["recall"], curve["precision"], color=colour_of(k), label=_NAMES[name],
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
            _NAMES[c["model"]],
            _NAMES[c["against"]],
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


def _alerts(result: Mapping[str, Any]) -> Section:
    rates = list(next(iter(result["models"].values()))["at_false_alerts_per_unit_year"])
    rows = []
    figure, axes = new_figure(7.2, 3.4, columns=2)
    for k, (name, model) in enumerate(result["models"].items()):
        points = [model["at_false_alerts_per_unit_year"][rate] for rate in rates]
        rows.append(
            (
                _NAMES[name],
                *(_range(p["recall"], 100.0) for p in points),
                points[0]["median_lead_days"],
            )
        )
        axes[0].plot(
            [p["false_alerts_per_unit_year"] for p in points],
            [100.0 * (p["recall"]["value"] or 0.0) for p in points],
            "o-", color=colour_of(k), label=_NAMES[name],
        )  # fmt: skip
    axes[0].set_xlabel("false alerts per scanner-year")
    axes[0].set_ylabel("failures found / %")
    axes[0].set_ylim(0, 100)
    legend(axes[0])
    chosen = result["models"][result["chosen_model"]]
    lead = chosen["at_false_alerts_per_unit_year"][rates[0]]["lead_days"]
    axes[1].hist(lead, bins=list(range(0, 34, 3)), color=colour_of(0))
    axes[1].set_xlabel("lead of the first right alert / days")
    axes[1].set_ylabel("failures")
    blocks: list[Block] = [
        Table(
            (
                "model",
                *(f"found / % at ≤ {r}" for r in rates),
                "median lead / days",
            ),
            rows,
            "Share of failures found at a rate of false alerts per scanner-year; the lead is at "
            f"{rates[0]}. Every model and chart is judged by the same rule; an "
            "alert is right when its component fails within the horizon, with the lead to spare.",
        ),
        FigureBlock(
            figure,
            "Failures found against false alerts, and lead of the alerts",
            "Left: share of failures found against false alerts. Right: how early, for the model "
            f"in use at {rates[0]} false alerts per scanner-year.",
        ),
        Table(
            ("set for", "false alerts per scanner-year seen", "failures found / %"),
            [
                (rate, p["false_alerts_per_unit_year"], _range(p["recall"], 100.0))
                for rate, p in result["transferred_threshold"].items()
            ],
            "As in use: the threshold set on the part before the test.",
        ),
    ]
    if result["beats_rules"]:
        blocks.append(
            Table(
                ("against", "more failures found / percentage points"),
                [
                    (_NAMES[rule], _range(gain, 100.0))
                    for rule, gain in result["beats_rules"].items()
                ],
                f"Paired by failure, at {rates[0]} false alert per scanner-year.",
            )
        )
    if "simulation_truth" in result:
        truth = result["simulation_truth"]
        blocks.append(
            Table(
                ("true cause", "failures", "found"),
                [
                    (c.replace("_", " "), e["failures"], e["found"])
                    for c, e in truth["by_cause"].items()
                ],
                "The fleet is simulated, so the causes are known; sudden failures give no warning.",
            )
        )
    drift = result["slow_drift"]
    drift_rows = [
        (
            name,
            test["crossings"],
            test["seen_before"],
            test["median_lead_days"],
            test["false_watches_per_unit_year"],
        )
        for name, test in drift["tests"].items()
    ]
    text = (
        f"Readings of the whole scanner whose smoothed level passes {drift['watch_level']:g} "
        "limit-units are watched, long before they leave their tolerance."
    )
    if drift.get("simulated_sensitivity_losses", {}).get("cases"):
        known = drift["simulated_sensitivity_losses"]
        text += (
            f" Of {known['cases']} slow losses of sensitivity that were simulated, "
            f"{known['found_before_5_percent']} were seen before 5 % was lost."
        )
    columns = (
        *("test", "left its tolerance", "watched before"),
        *("median lead / days", "watches for nothing per scanner-year"),
    )
    blocks.append(Table(columns, drift_rows, text))
    return Section("Alerts", blocks)


def _calibration(result: Mapping[str, Any]) -> Section:
    chosen = result["models"][result["chosen_model"]]
    table = chosen["reliability"]
    x, y = np.array(table["mean_probability"]), np.array(table["observed_share"])
    error = np.array([y - np.array(table["observed_low"]), np.array(table["observed_high"]) - y])
    figure, (axes,) = new_figure(5.4, 3.6)
    top = float(max(x.max(), np.array(table["observed_high"]).max(), 1e-3)) * 1.1
    axes.plot([0, top], [0, top], linestyle=":", color="0.5")
    axes.errorbar(x, y, np.maximum(error, 0.0), fmt="o", color=colour_of(0), linewidth=1)
    axes.set_xlabel("mean probability")
    axes.set_ylabel("share that failed")
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    return Section(
        "Do the probabilities mean what they say",
        [
            FigureBlock(
                figure,
                "Share that failed against the probability",
                f"Bins of equal counts. Mean distance {chosen['calibration_error']:.4f}; "
                f"{chosen['observed_failure_rows']} component-days preceded a failure, "
                f"{chosen['expected_failure_rows']:.0f} were expected.",
            )
        ],
    )


def _subgroups(result: Mapping[str, Any]) -> Section:
    rows = [
        (
            f"{g['group']} {g['name']}", g["units"], g["base_rate"], g["average_precision"],
            g["failures"], g["failures_found"], g["false_alerts_per_unit_year"],
        )
        for g in result["subgroups"]
    ]  # fmt: skip
    columns = (
        "group",
        "scanners",
        "base rate",
        "area under PR curve",
        "failures",
        "found",
        "false alerts per scanner-year",
    )
    reasons = result["abstention_rate"]["by_reason"].items()
    return Section(
        "Subgroups and abstention",
        [
            Table(columns, rows, "Of the model in use, at the threshold for all scanners."),
            Table(("no decision because", "component-days"), list(reasons)),
        ],
    )


def _nulls(result: Mapping[str, Any]) -> Section:
    rows = []
    for kind, null in result["nulls"].items():
        if "roc_auc" in null:
            rows.append(
                (
                    kind,
                    Interval(null["roc_auc"], null["low"], null["high"]),
                    f"{null['expected_low']:.3f} to {null['expected_high']:.3f}",
                    null["within_expected"],
                    null["repeats"],
                )
            )
    return Section(
        "Sham labels",
        [
            Paragraph(
                "The same pipeline on labels that mean nothing. Swapped between scanners it should "
                "see 0.5, or what the kind of component tells; moved round in time within a "
                "scanner, no more than the scanners differ in risk."
            ),
            Table(("labels", "area under ROC curve", "expected", "within", "repeats"), rows),
        ],
    )


def _features(result: Mapping[str, Any]) -> Section:
    correlation = np.array(result["correlation"])
    figure, (axes,) = new_figure(6.0, 5.0)
    image = axes.imshow(
        np.abs(correlation), vmin=0, vmax=1, cmap=SEQUENTIAL, interpolation="nearest"
    )
    axes.grid(visible=False)
    axes.set_xlabel("feature")
    axes.set_ylabel("feature")
    colour_bar(image, axes, "size of the correlation")
    left_out = [(r["left_out"], r["kept"], r["correlation"]) for r in result["redundant_features"]]
    table = Table(
        ("left out", "tells the same as", "correlation"),
        left_out,
        f"{len(result['features_kept'])} features are kept.",
    )
    return Section(
        "Features that tell the same",
        [
            Grid(
                [
                    FigureBlock(figure, "Correlation of the features", "Size of the correlation."),
                    table,
                ]
            )
        ],
    )


def score_section(rows: Sequence[Mapping[str, Any]], day: str) -> Section:
    """Return what a night's scores say: the components at most risk, and those without decision."""
    scored = [row for row in rows if row["probability"] is not None]
    scored.sort(key=lambda row: (-row["probability"], row["unit_id"], row["component_id"]))
    top = [
        (
            row["unit_id"],
            row["component_id"] or "whole unit",
            Interval(row["probability"], row["probability_low"], row["probability_high"]),
            row["decision"],
            row["reasons"],
        )
        for row in scored[:12]
    ]
    refused = [
        (row["unit_id"], row["component_id"] or "whole unit", row["reasons"])
        for row in rows
        if row["probability"] is None
    ]
    blocks: list[Block] = [
        Table(
            ("scanner", "component", "probability", "decision", "because"),
            top,
            f"The components at most risk as of {day}.",
            [k for k, row in enumerate(top) if row[3] == "alert"],
        )
    ]
    if refused:
        blocks.append(
            Table(
                ("scanner", "component", "no decision because"),
                refused[:12],
                f"{len(refused)} components without a decision.",
            )
        )
    return Section("Last night's scores", blocks)
