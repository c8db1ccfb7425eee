"""The sections of a back-test's page that tell of alerts, calibration, subgroups and nulls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pulsefront.evaluate.intervals import Interval
from pulsefront.report import (
    Block,
    FigureBlock,
    Paragraph,
    Section,
    Table,
)
from pulsefront.report.style import colour_of, new_figure

__all__ = [
    "MODEL_NAMES",
    "alerts_section",
    "calibration_section",
    "nulls_section",
    "range_of",
    "subgroups_section",
]

MODEL_NAMES = {
    "age": "age only",
    "shewhart": "Shewhart chart",
    "ewma": "EWMA chart",
    "cusum": "CUSUM chart",
    "hazard": "discrete-time hazard",
    "network": "classic small network",
    "boosting": "gradient-boosted trees",
}


def range_of(entry: Mapping[str, Any], scale: float = 1.0) -> object:
    """Return a value with its interval, scaled, or the value alone where there is none."""
    if entry["value"] is None:
        return None
    if entry.get("low") is None:
        return entry["value"] * scale
    return Interval(entry["value"] * scale, entry["low"] * scale, entry["high"] * scale)


def alerts_section(result: Mapping[str, Any]) -> Section:
    rates = list(next(iter(result["models"].values()))["at_false_alerts_per_unit_year"])
    rows = []
    figure, axes = new_figure(7.2, 3.4, columns=2)
    for k, (name, model) in enumerate(result["models"].items()):
        points = [model["at_false_alerts_per_unit_year"][rate] for rate in rates]
        rows.append(
            (
                MODEL_NAMES[name],
                *(range_of(p["recall"], 100.0) for p in points),
                points[0]["median_lead_days"],
            )
        )
        axes[0].plot(
            [p["false_alerts_per_unit_year"] for p in points],
            [100.0 * (p["recall"]["value"] or 0.0) for p in points],
            "o-", color=colour_of(k), label=MODEL_NAMES[name],
        )  # fmt: skip
    axes[0].set_xlabel("false alerts per scanner-year")
    axes[0].set_ylabel("failures found / %")
    axes[0].set_ylim(0, 100)
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
            "Left: share of failures found against false alerts; colours as in the figure before. "
            "Right: how early, for the model "
            f"in use at {rates[0]} false alerts per scanner-year.",
        ),
        Table(
            (
                "false alerts per scanner-year",
                "seen, set once",
                "found / %, set once",
                "seen, set quarterly",
                "found / %, set quarterly",
            ),
            [
                (
                    rate,
                    once["false_alerts_per_unit_year"],
                    range_of(once["recall"], 100.0),
                    quarterly["false_alerts_per_unit_year"],
                    range_of(quarterly["recall"], 100.0),
                )
                for (rate, once), quarterly in zip(
                    result["thresholds_in_use"]["set_once"].items(),
                    result["thresholds_in_use"]["set_quarterly"].values(),
                    strict=True,
                )
            ],
            "As in use, where nobody knows tomorrow's false alerts: the threshold set once, on the "
            "part before the test, or anew every quarter on the year before.",
        ),
    ]
    if result["beats_rules"]:
        blocks.append(
            Table(
                ("against", "more failures found / percentage points"),
                [
                    (MODEL_NAMES[rule], range_of(gain, 100.0))
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
            name.replace("_", " "),
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


def calibration_section(result: Mapping[str, Any]) -> Section:
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


def subgroups_section(result: Mapping[str, Any]) -> Section:
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


def nulls_section(result: Mapping[str, Any]) -> Section:
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
