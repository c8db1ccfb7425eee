"""The sections of a back-test's page that tell of calibration, subgroups and nulls."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from pulsefront.qc.backtest.results import BacktestResult, ReliabilityPoints
from pulsefront.qc.pages.words import level
from pulsefront.report import FigureBlock, Paragraph, Section, Table
from pulsefront.report.style import colour_of, legend, new_figure

__all__ = [
    "calibration_section",
    "draw_reliability",
    "fleet_size_section",
    "horizons_section",
    "nulls_section",
    "subgroups_section",
]

_WAYS = {
    "blend": "blend of both",
    "prior": "prior model alone",
    "alone": "the site's data alone",
    "ewma": "EWMA chart",
}


def draw_reliability(axes: Axes, points: ReliabilityPoints, top: float = 1.0) -> None:
    """Draw the share that failed against the mean probability, both up to *top*."""
    x, y = np.array(points.mean_probability), np.array(points.observed_share)
    error = np.array([y - np.array(points.observed_low), np.array(points.observed_high) - y])
    axes.plot([0, top], [0, top], linestyle=":", color="0.5")
    axes.errorbar(x, y, np.maximum(error, 0.0), fmt="o", color=colour_of(0), linewidth=1)
    axes.set_xlabel("mean probability")
    axes.set_ylabel("share that failed")


def calibration_section(result: BacktestResult) -> Section:
    """Return the reliability curve of the model in use."""
    chosen = result.chosen
    points = chosen.reliability
    figure, (axes,) = new_figure(5.4, 3.6)
    top = 1.1 * max(*points.mean_probability, *points.observed_high, 1e-3)
    draw_reliability(axes, points, top)
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    return Section(
        "Do the probabilities mean what they say",
        [
            FigureBlock(
                figure,
                "Share that failed against the probability",
                f"Bins of equal counts, with {level(result.protocol.confidence)} intervals. Mean "
                f"distance {chosen.calibration_error:.4f}; "
                f"{chosen.observed_failure_rows} component-days preceded a failure, "
                f"{chosen.expected_failure_rows:.0f} were expected.",
            )
        ],
    )


def subgroups_section(result: BacktestResult) -> Section:
    """Return the figures by site and model of scanner, and why there was no decision."""
    rows = [
        (
            f"{g.group} {g.name}", g.units, g.base_rate, g.average_precision,
            g.failures, g.failures_found, g.false_alerts_per_unit_year,
        )
        for g in result.subgroups
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
    reasons = list(result.abstention_rate.by_reason.items())
    return Section(
        "Subgroups and abstention",
        [
            Table(columns, rows, "Of the model in use, at the threshold for all scanners."),
            Table(("no decision because", "component-days"), reasons),
        ],
    )


def fleet_size_section(result: BacktestResult) -> Section:
    """Return what the prior and the site's own data are worth by the number of scanners."""
    points = result.fleet_size
    figure, (axes,) = new_figure(5.4, 3.2)
    scanners = [point.scanners for point in points]
    for k, (way, words) in enumerate(_WAYS.items()):
        shares = [100.0 * point.found[way] / point.failures for point in points]
        axes.plot(scanners, shares, marker="o", color=colour_of(k), label=words)
    axes.set_xscale("log")
    axes.set_xlabel("scanners that learn")
    axes.set_ylabel("failures found, %")
    legend(axes)
    rate = next(iter(result.chosen.at_false_alerts_per_unit_year))
    return Section(
        "By fleet size",
        [
            FigureBlock(
                figure,
                "Failures found by scanners that learn",
                f"At most {rate} false alert a scanner-year, on scanners of the other half of the "
                f"fleet, {points[0].failures} failures in all.",
            ),
            Table(
                ("scanners that learn", *_WAYS.values(), "failures"),
                [(p.scanners, *(p.found[way] for way in _WAYS), p.failures) for p in points],
                "Failures found.",
            ),
        ],
    )


def horizons_section(result: BacktestResult) -> Section:
    """Return the chance to fail by days ahead, and what came of it."""
    confidence = result.protocol.confidence
    return Section(
        "By days ahead",
        [
            Table(
                (
                    "fails within days",
                    "failures promised",
                    "failures that came",
                    "component-days",
                    "observed over expected",
                    "area under ROC curve",
                ),
                [
                    (
                        h.days,
                        None
                        if h.failures_promised is None
                        else h.failures_promised.interval(confidence),
                        h.failures,
                        h.rows,
                        h.observed_over_expected.interval(confidence),
                        h.roc_auc,
                    )
                    for h in result.horizons
                ],
                "From the day of the score on, without a lead. Failures promised: of all "
                "components every so many days, so that each failure counts once. So their number "
                "need not grow with the days, though no component's chance falls with them. Their "
                f"{level(confidence)} intervals allow for what the chances do not know and for the "
                "scatter of failures. The ratio: of component-days one week apart, with intervals "
                "by bootstrap over scanners.",
            )
        ],
    )


def nulls_section(result: BacktestResult) -> Section:
    """Return what the pipeline finds in labels that mean nothing."""
    judged = [(kind, null) for kind, null in result.nulls.items() if null.interval is not None]
    rows = [
        (
            kind,
            null.interval,
            f"{null.expected_low:.3f} to {null.expected_high:.3f}",
            null.within_expected,
            null.repeats,
        )
        for kind, null in judged
    ]
    levels = " and ".join(dict.fromkeys(level(null.confidence) for _, null in judged))
    return Section(
        "Sham labels",
        [
            Paragraph(
                "The same pipeline on labels that mean nothing. Swapped between scanners it should "
                "see 0.5, or what the kind of component tells; moved round in time within a "
                "scanner, no more than the scanners differ in risk."
            ),
            Table(
                ("labels", "area under ROC curve", "expected", "within", "repeats"),
                rows,
                f"With {levels} intervals over the repeats." if rows else "",
            ),
        ],
    )
