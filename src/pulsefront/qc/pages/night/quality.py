"""Data quality, and what the model has been worth, as blocks of the page of the night."""

from __future__ import annotations

from pulsefront.evaluate.intervals import Interval
from pulsefront.qc.nightly.unscored import NO_MODEL
from pulsefront.qc.pages.night.data import DriftRow, ModelPeriod, NightPage
from pulsefront.qc.pages.night.wording import counted, date_words, percent
from pulsefront.qc.pages.words import MODEL_NAMES, level
from pulsefront.qc.times import DAY_S
from pulsefront.report.page import Block, Callout, Grid, Paragraph, Table, Tile, Tiles, Tone

__all__ = ["false_alert_words", "life_blocks", "model_facts", "quality_blocks"]

_LATE_WINDOW_S = 30 * DAY_S
_MOST_GAPS, _MOST_INPUTS = 40, 8


def quality_blocks(page: NightPage) -> list[Block]:
    """Return what is missing, late, waiting or unknown."""
    gaps = _gaps(page)
    further = counted(len(gaps) - _MOST_GAPS, "further scanner")
    caption = f"{further} with smaller gaps." if len(gaps) > _MOST_GAPS else ""
    blocks: list[Block] = [Tiles(_quality(page))]
    if gaps:
        columns = ("scanner", "what is missing or odd")
        blocks.append(Table(columns, gaps[:_MOST_GAPS], caption))
    if page.waiting:
        blocks.append(
            Table(
                ("why rows wait in quarantine", "rows", "what mends it", "for example"),
                [
                    (group.reason, group.rows, group.remedy or None, group.example or None)
                    for group in page.waiting
                ],
                f"File and line of each row: {page.command('quarantine')}",
            )
        )
    return blocks


def _quality(page: NightPage) -> list[Tile]:
    units = page.units
    missed = sum(unit.missed_days >= 1.0 for unit in units)
    late = sum(unit.late_days(page.as_of_s - _LATE_WINDOW_S) > 0 for unit in units)
    waiting = sum(group.rows for group in page.waiting)
    unknown = len(_with_unknown_software(page))
    many = counted(len(units), "scanner")
    return [
        Tile("missed QC", missed, "", f"of {many}: a working day or more", _warn(missed)),
        Tile("late logs", late, "", "scanners with QC known a day late, in 30 days", _warn(late)),
        Tile("in quarantine", waiting, "", "rows, each with reason and remedy", _warn(waiting)),
        Tile("unknown software", unknown, "", "scanners without decision for it", _warn(unknown)),
    ]


def _warn(number: int) -> Tone:
    return "warning" if number else "good"


def _with_unknown_software(page: NightPage) -> list[str]:
    return [
        unit.unit_id
        for unit in page.units
        if any(part.reasons.startswith("unknown software") for part in unit.components)
    ]


def _gaps(page: NightPage) -> list[tuple[str, str]]:
    """Return what is missing or odd of each scanner, the worst first."""
    found: list[tuple[float, str, str]] = []
    unknown = set(_with_unknown_software(page))
    for unit in page.units:
        texts = []
        if unit.last_qc_s is None:
            texts.append("no QC known")
        elif unit.missed_days >= 1.0:
            last = date_words(unit.last_qc_s)
            texts.append(f"{counted(round(unit.missed_days), 'working day')} missed, last {last}")
        late = unit.late_days(page.as_of_s - _LATE_WINDOW_S)
        if late:
            texts.append(f"{counted(late, 'day')} came in late within 30")
        if unit.unit_id in unknown:
            texts.append(f"software {unit.software or 'not told'} is unknown to the model")
        if unit.failed:
            texts.append(f"not scored: {unit.failed}")
        if texts:
            weight = 1e6 if unit.failed or unit.last_qc_s is None else unit.missed_days + late / 99
            found.append((-weight, unit.unit_id, "; ".join(texts)))
    return [(name, text) for _, name, text in sorted(found)]


def model_facts(page: NightPage) -> dict[str, str]:
    """Return what the model is."""
    model = page.model
    if model.missing:
        return {"Kind": NO_MODEL, "Failures known": str(model.failures_known)}
    return {
        "Kind": MODEL_NAMES.get(model.name, model.name),
        "SHA-256": model.file_hash,
        "Trained on": model.trained,
        "Threshold": f"{percent(model.threshold)} %, for {false_alert_words(page)} per scanner "
        "and year",
    }


def false_alert_words(page: NightPage) -> str:
    """Return the rate of false alerts that was aimed at, *1 false alert* or *0.5 false alerts*."""
    rate = page.model.false_alerts_per_unit_year
    return f"{rate:g} false alert{'' if rate == 1.0 else 's'}"


def life_blocks(page: NightPage) -> list[Block]:
    """Return what the model has been worth so far, and how far its inputs have moved."""
    model = page.model
    if model.missing:
        return [
            Paragraph(
                "Nothing is foreseen without a model. Control charts, limits and data quality on "
                "this page need none. A model learns from failures: corrective services with the "
                f"day on which they were reported; {model.failures_known} are known."
            )
        ]
    blocks: list[Block] = []
    if model.in_training:
        blocks.append(
            Callout(
                "This night lies in the time that the model was trained on: it has seen how it "
                "went on, and its scores look better here than on nights to come.",
                "warning",
            )
        )
    if model.periods:
        blocks.append(Tiles(_figures(page, model.periods[-1])))
    else:
        blocks.append(
            Paragraph(
                "Nothing can be said yet of its alerts and probabilities in use: no score is old "
                "enough for its outcome to be known. The back-test says what to expect."
            )
        )
    if len(model.periods) > 1:
        blocks.append(_periods(page))
    tables = [*_calibration(page), *_drift(page)]
    if tables:
        blocks.append(Grid(tables))
    return blocks


def _figures(page: NightPage, whole: ModelPeriod) -> list[Tile]:
    waiting = page.model.undecided
    undecided = f", {waiting} of them not decided yet" if waiting else ""
    return [
        Tile(
            "alerts that were right",
            _per_cent(whole.precision),
            "%",
            f"of {counted(whole.alerts, 'alert')}{undecided}",
        ),
        Tile("median lead", whole.lead_days, "days", "of the right ones"),
        Tile(
            "false alerts",
            whole.false_per_unit_year,
            "per scanner-year",
            f"as you received them; {page.model.false_alerts_per_unit_year:g} was aimed at",
        ),
        Tile("failures found", whole.failures_found, "", f"of {whole.failures}"),
        Tile(
            "failures for one promised",
            whole.observed_over_expected,
            "",
            "above 1 the probabilities are too low, below 1 too high",
        ),
    ]


def _periods(page: NightPage) -> Table:
    return Table(
        (
            "nights of",
            "alerts",
            "right / %",
            "median lead / days",
            "false alerts per scanner-year",
            "failures found",
            "failures for one promised",
        ),
        [
            (
                period.period,
                period.alerts,
                _per_cent(period.precision),
                period.lead_days,
                period.false_per_unit_year,
                f"{period.failures_found} of {period.failures}",
                period.observed_over_expected,
            )
            for period in page.model.periods
        ],
        f"As far as later service records tell; intervals of {level(page.confidence)}.",
        [len(page.model.periods) - 1],
    )


def _calibration(page: NightPage) -> list[Table]:
    if not page.model.calibration:
        return []
    return [
        Table(
            ("promised / %", "came / %", "scores"),
            [(point.promised, point.observed, point.rows) for point in page.model.calibration],
            "Do the probabilities mean what they say: the mean that was promised and the share "
            "that failed, in ranges of probability.",
        )
    ]


def _drift(page: NightPage) -> list[Table]:
    rows = sorted(page.model.drift, key=_beyond)[:_MOST_INPUTS]
    if not rows:
        return []
    drifted = f"{len(page.model.drifted)} of {counted(len(page.model.drift), 'input')}"
    return [
        Table(
            ("input", "moved by", "threshold"),
            [(row.name, row.index, row.threshold) for row in rows],
            "Population stability index of the last nights against the training; "
            f"{drifted} beyond what training days reach by chance (marked).",
            [k for k, row in enumerate(rows) if row.drifted],
        )
    ]


def _beyond(row: DriftRow) -> tuple[bool, float]:
    return (not row.drifted, -row.index / max(row.threshold or 1.0, 1e-12))


def _per_cent(value: Interval | float | None) -> Interval | float | None:
    if value is None:
        return None
    return value.scaled(100.0) if isinstance(value, Interval) else 100.0 * value
