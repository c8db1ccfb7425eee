"""A scanner is replaced under its name: its alerts end with it, and the new one opens none for it.

The new one reads everything otherwise. Where nobody tells the store of it, that is a step of the
old one; where its serial number does, it is a scanner without a history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from pulsefront.qc.alerts.acts import current_alerts
from pulsefront.qc.nightly.job import Models, nights_due, score_nights
from pulsefront.qc.nightly.night import night_report
from pulsefront.qc.pages.night.collect import collect_night
from pulsefront.qc.pages.night.page import render_night
from pulsefront.qc.site import Site, UnitSettings
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.rows.units import apply_site
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import iso_date
from strategies_qc import DAY

NIGHTS = 8
"""Nights after the replacement that are scored; the first three lack a baseline."""


def nights(site, store, upto_s):
    """Score the nights that are due."""
    due = nights_due(store, upto_s)
    scored = score_nights(
        store, Models(site.model, None), due, site.out, false_alerts_per_unit_year=6.0
    )
    assert len(list(scored)) == 1


def read_otherwise(store, unit_id, from_s):
    """Let the photopeak of a unit lie 2 % higher from an instant on."""
    m, s = schema.measurement, schema.series
    mine = sa.select(s.c.series_id).where(s.c.unit_id == unit_id, s.c.test == "photopeak_kev")
    where = m.c.series_id.in_(mine) & (m.c.measured_at >= from_s)
    with store.writing() as connection:
        connection.execute(sa.update(m).where(where).values(value=m.c.value * 1.02))


@dataclass(frozen=True)
class Months:
    """A store after the nights around a replacement, of which it was told or not."""

    site: SimpleNamespace
    alert_id: int
    unit_id: str
    night_s: int

    def changes(self, store):
        """Return (night, kind, why) of the alert that stood before."""
        changes = store.frame(tables.alert_change)
        mine = changes[changes["alert_id"] == self.alert_id]
        return [
            ((as_of_s - self.night_s) // DAY, kind, why)
            for as_of_s, kind, why in zip(mine["as_of"], mine["kind"], mine["why"], strict=True)
        ]

    def opened(self, store):
        """Return the components of the unit with an alert that was opened afterwards."""
        alerts = store.frame(tables.alert)
        later = (alerts["unit_id"] == self.unit_id) & (alerts["opened_at"] > self.night_s)
        return alerts.loc[later, "component_id"].tolist()


@pytest.fixture(scope="module")
def months(filled, tmp_path_factory):
    """The same nights twice: with the new serial number, and without it."""
    found = {}
    for told in (True, False):
        folder = tmp_path_factory.mktemp("told" if told else "untold")
        (folder / "qc.db").write_bytes((filled.folder / "qc.db").read_bytes())
        site = SimpleNamespace(db=folder / "qc.db", out=folder / "out", last_s=filled.last_s,
                               model=filled.model)  # fmt: skip
        with Store(site.db) as store:
            night = filled.last_s - 41 * DAY
            nights(site, store, night)
            alert = current_alerts(store)[-1]
            new = UnitSettings(
                unit_id=alert.unit_id, serial="the new one",
                installed_on=date.fromisoformat(iso_date(night)),
            )  # fmt: skip
            read_otherwise(store, alert.unit_id, night)
            if told:
                with store.writing() as connection:
                    apply_site(connection, Site(units=(new,)), night + 1)
            for k in range(1, NIGHTS + 1):
                nights(site, store, night + k * DAY)
        found[told] = Months(site, alert.alert_id, alert.unit_id, night)
    return found


def test_alert_of_the_old_scanner_is_closed_on_the_night_that_knows_the_new_one(months):
    month = months[True]
    with Store(month.site.db) as store:
        (closed,) = [change for change in month.changes(store) if change[1] == "closed"]
    assert closed == (1, "closed", f"the scanner was replaced on {iso_date(month.night_s)}")


def test_new_scanner_opens_no_alert_for_reading_otherwise_and_the_old_one_would(months):
    opened = {}
    for told, month in months.items():
        with Store(month.site.db) as store:
            opened[told] = month.opened(store)
    assert opened[True] == []
    assert opened[False]


def test_page_shows_the_new_scanner_without_alert_scores_or_readings_of_the_old_one(months):
    month = months[True]
    as_of_s = month.night_s + NIGHTS * DAY
    with Store(month.site.db) as store:
        first = night_report(store, month.night_s + DAY)
        page = collect_night(store, first, month.site.model)
        assert any("the scanner was replaced on" in text for text in page.closed)
        assert "the scanner was replaced on" in render_night(page)
        page = collect_night(store, night_report(store, as_of_s), month.site.model)
    (unit,) = [unit for unit in page.units if unit.unit_id == month.unit_id]
    assert {component.alert for component in unit.components} == {None}
    assert {component.decision for component in unit.components} == {"no alert"}
    shown = [score.as_of_s for component in unit.components for score in component.history]
    assert min(shown) > month.night_s
    assert unit.serial == "the new one"
    assert len(unit.charts) > 0
    assert min(chart.measured_s.min() for chart in unit.charts) >= month.night_s
