"""The table of scanners: a row each, with what it is sorted and filtered by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from pulsefront.qc.pages.night.data import AlertNight, ComponentNight, NightPage, UnitNight
from pulsefront.qc.pages.night.wording import percent, short_date
from pulsefront.qc.times import DAY_S

__all__ = ["COLUMNS", "FleetColumn", "FleetRow", "alert_words", "fleet_row"]


@dataclass(frozen=True)
class FleetColumn:
    title: str
    key: str = ""
    number: bool = False


COLUMNS = (
    FleetColumn("state", "risk"),
    FleetColumn("scanner", "unit"),
    FleetColumn("at most risk"),
    FleetColumn("probability", "probability", number=True),
    FleetColumn("nights, and now"),
    FleetColumn("lead"),
    FleetColumn("because"),
    FleetColumn("last QC", "age"),
    FleetColumn("alert"),
)


@dataclass(frozen=True)
class FleetRow:
    """A row of the table of scanners; keys are what it is sorted by."""

    state: str
    unit_id: str
    site: str
    model: str
    about: str
    component: str
    probability: str
    interval: str
    bar: Markup
    lead: str
    reasons: str
    freshness: str
    stale: str
    alert: str
    alert_note: str
    probability_key: str
    age_key: str


def fleet_row(page: NightPage, unit: UnitNight) -> FleetRow:
    part = unit.first or ComponentNight("", "no decision", unit.failed)
    p = part.probability
    age = None if unit.last_qc_s is None else max(page.as_of_s - unit.last_qc_s, 0) / DAY_S
    return FleetRow(
        state="not scored" if unit.failed else part.decision,
        unit_id=unit.unit_id,
        site=unit.site,
        model=unit.model,
        about=" · ".join(text for text in (unit.site, unit.model) if text),
        component=part.name,
        probability=percent(p.value) if p else "",
        interval=f"{percent(p.low)} to {percent(p.high)}" if p else "",
        bar=_bar(page, part),
        lead=f"{page.lead_days} to {page.lead_days + page.horizon_days} d" if p else "–",
        reasons=part.reasons,
        freshness=_age_words(age),
        stale=f"{unit.missed_days:.0f} missed" if unit.missed_days >= 1.0 else "",
        alert=_alert_cell(part),
        alert_note=f"since {short_date(part.alert.opened_s - DAY_S)}" if part.alert else "",
        probability_key=f"{p.value:.4g}" if p else "",
        age_key="" if age is None else f"{age:.2f}",
    )


def _age_words(age_days: float | None) -> str:
    if age_days is None:
        return "never"
    if age_days < 1.0:
        return "this day"
    return "the day before" if age_days < 2.0 else f"{age_days:.0f} days ago"


def _alert_cell(part: ComponentNight) -> str:
    if part.alert is not None:
        return alert_words(part.alert)
    # At the threshold again, after an alert that somebody closed: nobody is told yet.
    return "quiet" if part.decision == "alert" else "–"


def alert_words(alert: AlertNight) -> str:
    if alert.suppressed:
        return "in service"
    if alert.state == "snoozed" and alert.until_s is not None:
        return f"snoozed until {short_date(alert.until_s)}"
    return alert.state


_WIDTH, _EDGE, _DECADES = 120.0, 4.0, 3.0


def _bar(page: NightPage, part: ComponentNight) -> Markup:
    """Return past nights as a line over tonight's probability; of numbers, so nothing to escape."""
    shapes = [f'<path class="axis" d="M0 28.5h{_WIDTH:.0f}"/>']
    nights = [n for n in part.history if n.probability is not None]
    if len(nights) > 1:
        points = [
            f"{_WIDTH - _EDGE + (n.as_of_s - page.as_of_s) / DAY_S * 1.9:.0f},"
            f"{19.0 - 17.0 * _log_share(n.probability or 0.0):.0f}"
            for n in nights[-60::2] + ([nights[-1]] if len(nights[-60:]) % 2 == 0 else [])
        ]
        shapes.append(f'<polyline class="past" points="{" ".join(points)}"/>')
    if part.probability is not None:
        p = part.probability
        x, low, high = (_across(value) for value in (p.value, p.low, p.high))
        shapes.append(f'<path class="range" d="M{low:.1f} 28.5H{high:.1f}"/>')
        shapes.append(f'<circle class="dot" cx="{x:.1f}" cy="28.5" r="3.2"/>')
    if not page.model.missing:
        tick = _across(page.model.threshold)
        shapes.append(f'<path class="tick" d="M{tick:.1f} 24v9"/>')
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {_WIDTH:.0f} 34">{"".join(shapes)}</svg>'
    )


def _across(share: float) -> float:
    return _EDGE + (_WIDTH - 2.0 * _EDGE) * _log_share(share)


def _log_share(share: float) -> float:
    """Return a probability between 0 (0.1 % or less) and 1 (100 %), logarithmic."""
    return min(max(1.0 + math.log10(max(share, 1e-9)) / _DECADES, 0.0), 1.0)
