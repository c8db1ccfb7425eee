"""The section of a back-test's page that tells what its alerts are worth."""

from __future__ import annotations

from pulsefront.qc.backtest.results import BacktestResult, SlowDrift
from pulsefront.qc.pages.words import MODEL_NAMES, level, spoken
from pulsefront.report import Block, FigureBlock, Section, Table
from pulsefront.report.style import colour_of, new_figure

__all__ = ["alerts_section"]


def alerts_section(result: BacktestResult) -> Section:
    """Return failures found against false alerts, as charts, in use, by cause, and slow drift."""
    blocks: list[Block] = [_found(result), _figure(result), _in_use(result)]
    if result.beats_rules:
        blocks.append(_against_rules(result))
    if result.simulation_truth is not None:
        causes = result.simulation_truth.by_cause.items()
        blocks.append(
            Table(
                ("true cause", "failures", "found"),
                [(spoken(c), figures.failures, figures.found) for c, figures in causes],
                "The fleet is simulated, so the causes are known; sudden failures give no warning.",
            )
        )
    blocks.append(_slow_drift(result.slow_drift))
    return Section("Alerts", blocks)


def _rates(result: BacktestResult) -> list[str]:
    return list(next(iter(result.models.values())).at_false_alerts_per_unit_year)


def _found(result: BacktestResult) -> Table:
    rates, confidence = _rates(result), result.protocol.confidence
    rows = []
    for name, model in result.models.items():
        points = [model.at_false_alerts_per_unit_year[rate] for rate in rates]
        recalls = [point.recall.interval(confidence, 100.0) for point in points]
        rows.append((MODEL_NAMES[name], *recalls, points[0].median_lead_days))
    return Table(
        ("model", *(f"found / % at ≤ {r}" for r in rates), "median lead / days"),
        rows,
        "Share of failures found at a rate of false alerts per scanner-year, with "
        f"{level(confidence)} intervals by bootstrap over scanners; the lead is at "
        f"{rates[0]}. Every model and chart is judged by the same rule; an "
        "alert is right when its component fails within the horizon, with the lead to spare. One "
        "that begins earlier than that is false, so that with more false alerts allowed, and "
        "alerts that begin earlier, fewer failures may be found.",
    )


def _figure(result: BacktestResult) -> FigureBlock:
    rates = _rates(result)
    figure, axes = new_figure(7.2, 3.4, columns=2)
    for k, (name, model) in enumerate(result.models.items()):
        points = [model.at_false_alerts_per_unit_year[rate] for rate in rates]
        axes[0].plot(
            [point.false_alerts_per_unit_year for point in points],
            [100.0 * (point.recall.value or 0.0) for point in points],
            "o-", color=colour_of(k), label=MODEL_NAMES[name],
        )  # fmt: skip
    axes[0].set_xlabel("false alerts per scanner-year")
    axes[0].set_ylabel("failures found / %")
    axes[0].set_ylim(0, 100)
    lead = result.chosen.at_false_alerts_per_unit_year[rates[0]].lead_days
    axes[1].hist(lead, bins=list(range(0, 34, 3)), color=colour_of(0))
    axes[1].set_xlabel("lead of the first right alert / days")
    axes[1].set_ylabel("failures")
    return FigureBlock(
        figure,
        "Failures found against false alerts, and lead of the alerts",
        "Left: share of failures found against false alerts; colours as in the figure before. "
        "Right: how early, for the model "
        f"in use at {rates[0]} false alerts per scanner-year.",
    )


def _in_use(result: BacktestResult) -> Table:
    confidence, thresholds = result.protocol.confidence, result.thresholds_in_use
    return Table(
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
                once.false_alerts_per_unit_year,
                once.recall.interval(confidence, 100.0),
                quarterly.false_alerts_per_unit_year,
                quarterly.recall.interval(confidence, 100.0),
            )
            for (rate, once), quarterly in zip(
                thresholds.set_once.items(), thresholds.set_quarterly.values(), strict=True
            )
        ],
        "As in use, where nobody knows tomorrow's false alerts: the threshold set once, on the "
        "part before the test, or anew every quarter on the year before.",
    )


def _against_rules(result: BacktestResult) -> Table:
    confidence = result.protocol.confidence
    return Table(
        ("against", "more failures found / percentage points"),
        [
            (MODEL_NAMES[rule], gain.interval(confidence, 100.0))
            for rule, gain in result.beats_rules.items()
        ],
        f"Paired by failure, at {_rates(result)[0]} false alert per scanner-year, with "
        f"{level(confidence)} intervals.",
    )


def _slow_drift(drift: SlowDrift) -> Table:
    text = (
        f"Readings of the whole scanner whose smoothed level passes {drift.watch_level:g} "
        "limit-units are watched, long before they leave their tolerance."
    )
    losses = drift.simulated_sensitivity_losses
    if losses is not None and losses.cases:
        text += (
            f" Of {losses.cases} slow losses of sensitivity that were simulated, "
            f"{losses.found_before_5_percent} were seen before 5 % was lost."
        )
    return Table(
        (
            *("test", "left its tolerance", "watched before"),
            *("median lead / days", "watches for nothing per scanner-year"),
        ),
        [
            (
                spoken(name),
                test.crossings,
                test.seen_before,
                test.median_lead_days,
                test.false_watches_per_unit_year,
            )
            for name, test in drift.tests.items()
        ],
        text,
    )
