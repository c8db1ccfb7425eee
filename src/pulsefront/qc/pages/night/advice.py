"""What needs attention first, and what to do about it, in words.

Alerts that nobody has taken up come first, the newest and most probable before the others; then
readings outside their limits, slow drift, what keeps scanners without a decision, and what waits in
quarantine. What needs nobody (a scanner in service, a history that is still short, an alert in
hand) is not named here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pulsefront.qc.nightly.unscored import NO_MODEL
from pulsefront.qc.pages.night.data import (
    AlertNight,
    Chart,
    ComponentNight,
    NightPage,
    UnitNight,
)
from pulsefront.qc.pages.night.wording import (
    counted,
    date_words,
    listed,
    nights_since,
    odds,
    percent,
    span_words,
)
from pulsefront.qc.times import DAY_S

__all__ = ["Advice", "advice", "in_hand"]

Tone = Literal["bad", "warning", "neutral"]


@dataclass(frozen=True)
class Advice:
    """One thing to do: what it is, why, what to do, and the scanners that it is about."""

    tone: Tone
    kind: str
    title: str
    why: str
    do: str
    units: tuple[str, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class _Cause:
    """A reason for no decision that somebody can mend: how it begins, and what mends it."""

    begins: str
    title: str
    do: str


_MOST_ALERTS = 10
_MOST_OUTSIDE = 5
_RECENT_S = 7 * DAY_S

_CAUSES = (
    _Cause(
        "no QC for",
        "without QC for days",
        "Run the daily QC. If it was run, find out why its log does not arrive: console, export, "
        "network, or a file that was refused.",
    ),
    _Cause(
        "outside the training range",
        "unlike anything the model was trained on",
        "Check the reading: a wrong entry is corrected at its source and exported again. If it is "
        "right, judge this scanner by its charts until a model has been trained with such days.",
    ),
    _Cause(
        "unknown software version",
        "with a software version that the model does not know",
        "Keep up QC. Once some weeks and their services are in the store, train a model anew and "
        "back-test it; until then judge by the charts.",
    ),
    _Cause(
        "the model knows no component",
        "with other tests than the model knows",
        "See whether a test was renamed in an export; if the tests are new, train a model anew.",
    ),
    _Cause(
        "no QC known yet",
        "without any QC yet",
        "See whether its logs arrive, and whether site.toml calls it by the name that they use.",
    ),
)


def advice(page: NightPage) -> list[Advice]:
    """Return what needs attention, the most urgent first."""
    return [
        *_alerts(page),
        *_failed(page),
        *_out_of_limits(page),
        *_drifting(page),
        *_undecided(page),
        *_waiting(page),
        *_model(page),
    ]


def in_hand(page: NightPage) -> list[tuple[UnitNight, ComponentNight]]:
    """Return the components whose alert somebody has taken up, or that are in service."""
    return [
        (unit, part)
        for unit, part in page.components
        if part.alert is not None and part.alert.stands and not part.alert.calls
    ]


Calling = tuple[UnitNight, ComponentNight, AlertNight]


def _alerts(page: NightPage) -> Iterator[Advice]:
    calling = [
        (unit, part, part.alert)
        for unit, part in page.components
        if part.alert is not None and part.alert.calls
    ]

    def urgency(found: Calling) -> tuple[bool, float]:
        _, part, alert = found
        return (
            alert.opened_s < page.as_of_s,
            -(part.probability.value if part.probability else 0.0),
        )

    calling.sort(key=urgency)
    for unit, part, alert in calling[:_MOST_ALERTS]:
        yield _alert(page, unit, part, alert)
    further = tuple(dict.fromkeys(unit.unit_id for unit, *_ in calling[_MOST_ALERTS:]))
    if further:
        yield Advice(
            "bad",
            "alerts",
            f"{counted(len(calling) - _MOST_ALERTS, 'further alert')}: {listed(further)}",
            "So many at once have one cause more often than many.",
            "Look first for what they share: a software update, a calibration source, the room, a "
            "changed export. The table below lists them all.",
            further,
            page.command("alerts list"),
        )


def _alert(page: NightPage, unit: UnitNight, part: ComponentNight, alert: AlertNight) -> Advice:
    first = page.as_of_s + page.lead_days * DAY_S
    last = first + page.horizon_days * DAY_S
    name = f"{unit.unit_id}, {part.name}"
    p, why = part.probability, [_sentence(part.reasons)]
    if p is None:
        title = f"{name}: an alert is open and tonight there is no decision"
    else:
        title = f"{name}: chance of {odds(p.value)} to fail {span_words(first, last - DAY_S)}"
        why.insert(0, f"Probability {percent(p.value)} % ({percent(p.low)} to {percent(p.high)}).")
    new = alert.opened_s >= page.as_of_s
    if not new:
        nights = counted(nights_since(page.as_of_s, alert.opened_s), "night")
        opening = "" if alert.opening is None else f", opened at {percent(alert.opening)} %"
        highest = "" if alert.highest is None else f", at most {percent(alert.highest)} % since"
        why.append(f"Open for {nights}{opening}{highest}.")
    return Advice(
        "bad",
        "new alert" if new else "open alert",
        title,
        " ".join(why),
        "Look at its charts and repeat the tests they name. If the readings hold, ask for service "
        f"before {date_words(first)}; if they do not, close the alert with what you found. "
        "Acknowledge it so that others know.",
        (unit.unit_id,),
        page.command(f"alerts ack {alert.number}", "--why ..."),
    )


def _failed(page: NightPage) -> Iterator[Advice]:
    failed = [unit for unit in page.units if unit.failed]
    if failed:
        yield Advice(
            "bad",
            "not scored",
            f"{counted(len(failed), 'scanner')} could not be scored: "
            f"{listed([unit.unit_id for unit in failed])}",
            _sentence(failed[0].failed),
            "Mend what the message names and run the score again; the other scanners are scored.",
            tuple(unit.unit_id for unit in failed),
        )


def _out_of_limits(page: NightPage) -> Iterator[Advice]:
    """Yield what lies outside its action limits: no prediction is needed to act on that."""
    found: dict[str, list[str]] = {}
    for unit in page.units:
        for chart in unit.charts:
            recent = chart.measured_s[-1] > page.as_of_s - _RECENT_S
            if recent and chart.out_of_limits:
                found.setdefault(unit.unit_id, []).append(_reading(chart))
    names = list(found)
    for unit_id in names[:_MOST_OUTSIDE]:
        yield Advice(
            "bad",
            "outside limits",
            f"{unit_id}: {counted(len(found[unit_id]), 'newest reading')} outside the action "
            "limits",
            _sentence(listed(found[unit_id], 3)),
            "Repeat the test. If it stays outside, your limits ask for intervention, whatever is "
            "predicted; if the limits are wrong for this scanner, put them right.",
            (unit_id,),
        )
    further = tuple(names[_MOST_OUTSIDE:])
    if further:
        yield Advice(
            "bad",
            "outside limits",
            f"{counted(len(further), 'further scanner')} with readings outside the action limits: "
            f"{listed(further)}",
            "So many at once speak for wrong limits, or a wrong unit of measurement in an export.",
            "Check the limits of one of them first.",
            further,
        )


def _reading(chart: Chart) -> str:
    limits = chart.limits[-1]
    ends = [f"{end:.6g}" for end in (limits.action_low, limits.action_high) if not math.isnan(end)]
    where = f"{chart.test.replace('_', ' ')} of {chart.component_id or 'the whole scanner'}"
    allowed = " to ".join(ends) if len(ends) == 2 else ends[0]
    return f"{where} {chart.value[-1]:.5g} {chart.measurement_unit} (limits {allowed})"


def _drifting(page: NightPage) -> Iterator[Advice]:
    found: dict[str, list[str]] = {}
    for unit, part in page.components:
        if part.decision == "watch":
            found.setdefault(part.reasons.split(";")[0], []).append(unit.unit_id)
    for reason, names in sorted(found.items(), key=lambda item: -len(item[1])):
        yield Advice(
            "warning",
            "slow drift",
            f"{listed(names)}: {reason}, still within tolerance",
            "",
            "No call yet. Check calibration and normalization at the next occasion, and see on the "
            "chart when the drift would reach the tolerance.",
            tuple(names),
        )


def _undecided(page: NightPage) -> Iterator[Advice]:
    for cause in _CAUSES:
        found: dict[str, str] = {}
        for unit, part in page.components:
            if part.decision == "no decision" and part.reasons.startswith(cause.begins):
                found.setdefault(unit.unit_id, part.reasons)
        if found:
            names = tuple(found)
            reasons = list(dict.fromkeys(found.values()))
            yield Advice(
                "warning",
                "no decision",
                f"{counted(len(names), 'scanner')} {cause.title}: {listed(names)}",
                _sentence(listed(reasons, 3)),
                cause.do,
                names,
            )


def _waiting(page: NightPage) -> Iterator[Advice]:
    rows = sum(group.rows for group in page.waiting)
    if rows:
        reasons = [f"{group.reason} ({group.rows})" for group in page.waiting]
        yield Advice(
            "warning",
            "data",
            f"{counted(rows, 'row')} of the logs wait in quarantine",
            _sentence(listed(reasons, 3)),
            "Each has its file, line and remedy in the list; mended rows are taken up by the next "
            "ingest.",
            (),
            page.command("quarantine"),
        )


def _model(page: NightPage) -> Iterator[Advice]:
    if page.model.missing:
        known = page.model.failures_known
        yield Advice(
            "neutral",
            "model",
            f"{NO_MODEL}: {counted(known, 'failure')} {'is' if known == 1 else 'are'} known",
            "No component has a score, so that no alert can open. Charts, limits and data quality "
            "are told all the same.",
            "Let the job collect logs and services, and train once there are enough failures. "
            "With few of them the model is that of simulated fleets.",
            (),
            page.command("train", "--out model.zip"),
        )
    drifted = page.model.drifted
    if drifted:
        yield Advice(
            "warning",
            "model",
            f"{counted(len(drifted), 'input')} of the model moved beyond what training days reach",
            _sentence(listed([row.name for row in drifted], 4)),
            "See whether a test, a unit or a procedure changed. If the fleet has changed for good, "
            "train a challenger and compare it before it is used.",
        )


def _sentence(text: str) -> str:
    """Return a text with a capital and a full stop."""
    text = text.strip()
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
