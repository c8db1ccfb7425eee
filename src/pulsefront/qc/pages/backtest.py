"""The back-test as a page: what the model finds, at what price, beside charts and age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulsefront.qc.backtest.backtest import NOTHING_FAILED
from pulsefront.qc.backtest.results import BacktestResult
from pulsefront.qc.documents import Range
from pulsefront.qc.models.learners.training import RULES
from pulsefront.qc.models.record import Comparison
from pulsefront.qc.pages.alerts import alerts_section
from pulsefront.qc.pages.backtest_sections import (
    calibration_section,
    fleet_size_section,
    horizons_section,
    nulls_section,
    subgroups_section,
)
from pulsefront.qc.pages.features import features_section
from pulsefront.qc.pages.words import MODEL_NAMES, level
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

__all__ = ["backtest_page", "comparison_table", "shares_table"]


def backtest_page(
    result: BacktestResult, *, facts: Mapping[str, str], extra: Sequence[Section] = ()
) -> Page:
    """Return the page of a back-test's result; *extra* sections come before the limits."""
    protocol = result.protocol
    sections = [
        _summary(result),
        _how(result),
        _models(result),
        alerts_section(result),
        calibration_section(result),
        *([horizons_section(result)] if result.horizons else []),
        subgroups_section(result),
        *([fleet_size_section(result)] if result.fleet_size else []),
        nulls_section(result),
        features_section(result),
        *extra,
        Section("Limits", [Callout(text, "warning") for text in result.limits]),
    ]
    return Page(
        "Failure prediction, back-tested",
        f"{protocol.units} scanners, {protocol.failures} failures, "
        f"{protocol.first_day} to {protocol.last_day}; in use: {MODEL_NAMES[result.chosen_model]}",
        sections,
        facts,
    )


def _how(result: BacktestResult) -> Section:
    protocol = result.protocol
    return Section(
        "How it was tested",
        [
            Paragraph(
                f"Trained on QC until {protocol.train_until}, calibrated until "
                f"{protocol.calibrate_until}, judged on units never seen and on the time "
                f"after that, to {protocol.last_day}. Between the parts lie "
                f"{protocol.embargo_days} days of embargo: the horizon and the longest "
                f"delay of a log entry. The target is a failure of a component "
                f"{protocol.lead_days} to "
                f"{protocol.lead_days + protocol.horizon_days} days after the score."
            ),
            Table(
                ("part", "failures"),
                [
                    ("training", protocol.failures_in_training_part),
                    ("calibration and choice", protocol.failures_in_calibration_part),
                    ("test", protocol.failures_in_test_part),
                ],
                "Failures so early in the test part that no alert in it could have been in time "
                "are not among those that can be found.",
            ),
        ],
    )


def _below_a_chart(result: BacktestResult) -> list[str]:
    """Say at which rates of false alerts a control chart found more than the model in use."""
    found = []
    for rate, point in result.chosen.at_false_alerts_per_unit_year.items():
        charts = {
            name: result.models[name].at_false_alerts_per_unit_year[rate].failures_found
            for name in RULES
            if name in result.models and name != result.chosen_model
        }
        best = max(charts, key=lambda name: charts[name], default="")
        if best and charts[best] > point.failures_found:
            found.append(
                f"At {rate} false alerts a scanner-year {MODEL_NAMES[best]} found {charts[best]} "
                f"of {point.failures} failures, {MODEL_NAMES[result.chosen_model]} "
                f"{point.failures_found}: on this test part the chart was the better one."
            )
    return found


def _summary(result: BacktestResult) -> Section:
    chosen, confidence = result.chosen, result.protocol.confidence
    rate, point = next(iter(chosen.at_false_alerts_per_unit_year.items()))
    first = [Callout(text, "warning") for text in result.limits if text == NOTHING_FAILED]
    first += [Callout(text, "warning") for text in _below_a_chart(result)]
    return Section(
        "At a glance",
        [
            *first,
            Tiles(
                [
                    Tile(
                        "failures found",
                        point.recall.interval(confidence, 100.0),
                        "%",
                        f"{point.failures_found} of {point.failures}, at most {rate} false "
                        "alerts a scanner-year",
                    ),
                    Tile("median lead", point.median_lead_days, "days", "of the failures found"),
                    Tile(
                        "area under the PR curve",
                        chosen.average_precision.interval(confidence),
                        "",
                        f"a guess has the base rate, {result.base_rate:.4f}",
                    ),
                    Tile(
                        "no decision",
                        100.0 * result.abstention_rate.share,
                        "% of component-days",
                        "stale QC, short history, outside the training range",
                    ),
                ]
            ),
        ],
    )


def _models(result: BacktestResult) -> Section:
    confidence = result.protocol.confidence
    rows = [
        (
            MODEL_NAMES[name],
            model.average_precision.interval(confidence),
            model.roc_auc,
            model.brier,
            model.calibration_error,
        )
        for name, model in result.models.items()
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
                f"Component-days one week apart; base rate {result.base_rate:.4f}; "
                f"{level(confidence)} intervals by bootstrap over scanners. The model in use is "
                "marked.",
                [k for k, name in enumerate(result.models) if name == result.chosen_model],
            ),
            _curves(result),
            comparison_table(
                result.choice,
                confidence,
                "Judged on unseen scanners, in the part of the time that precedes the test. The "
                "blend gives way only to a control chart that finds more; without it a model is "
                "used only where it beats the simpler one.",
            ),
            *shares_table(result.protocol.blend_shares, "Mean over the folds."),
        ],
    )


def shares_table(shares: Mapping[str, float], whence: str) -> list[Table]:
    """Return what each part of a blend has of its weights; nothing where there is no blend."""
    if not shares:
        return []
    rows = [(MODEL_NAMES[name], 100.0 * share) for name, share in shares.items()]
    told = (
        f"{whence} The weights multiply log-odds; before any failure is known, the chart has half "
        "of them beside a prior model, and all of them without one."
    )
    return [Table(("part of the blend", "share of the weights, %"), rows, told)]


def _curves(result: BacktestResult) -> FigureBlock:
    figure, (axes,) = new_figure(7.2, 3.6)
    for k, (name, model) in enumerate(result.models.items()):
        curve = model.precision_recall
        axes.plot(
            curve.recall, curve.precision, color=colour_of(k), label=MODEL_NAMES[name],
            linewidth=2.2 if name == result.chosen_model else 1.1,
        )  # fmt: skip
    axes.axhline(result.base_rate, linestyle=":", color="0.5")
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    legend(axes)
    return FigureBlock(
        figure,
        "Precision against recall of every model",
        "Precision against recall on unseen scanners at later times. Dotted: a guess.",
    )


def comparison_table(choice: Sequence[Comparison], confidence: float, caption: str) -> Table:
    """Return each model against the one that led before it."""
    return Table(
        (
            "model",
            "against",
            "gain in log loss × 1000",
            "gain in area under PR",
            "gain in failures found, %",
            "better",
        ),
        [
            (
                MODEL_NAMES[c.model],
                MODEL_NAMES[c.against],
                Range(value=c.gain_log_loss, low=c.low, high=c.high).interval(confidence, 1000.0),
                c.gain_average_precision,
                None if c.gain_found is None else c.gain_found.interval(confidence, 100.0),
                c.better,
            )
            for c in choice
        ],
        f"{caption} The gain has its {level(confidence)} interval.",
    )
