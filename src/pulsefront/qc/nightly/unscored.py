"""The night of a store that has no model yet: what is known of every component, without a score.

A site collects for months before it has the failures that a model learns from. Its control charts,
limits and data quality are worth a page from the first night on. Nothing of it is kept in the
store: once there is a model, its first night is the first that was scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.files import hash_json
from pulsefront.progress import Report, silent
from pulsefront.qc.alerts.ledger import newest_night
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.schema import FEATURES_VERSION, FeatureSchema
from pulsefront.qc.models.files.registry import registered_models
from pulsefront.qc.nightly.job import newest_reading
from pulsefront.qc.nightly.night import NightReport
from pulsefront.qc.nightly.reading import read_night
from pulsefront.qc.nightly.run import ScoreRow, ScoreRun
from pulsefront.qc.nightly.scoring import CODE
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.held import count_held
from pulsefront.qc.store.histories.history import services_as_of
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S

__all__ = ["NO_MODEL", "NoModel", "UnscoredNight", "has_model", "unscored_night"]

NO_MODEL = "no model yet"
"""What stands in place of the reasons for a score."""


@dataclass(frozen=True)
class NoModel:
    """What stands in place of a model: what is read of the units, and the failures known so far."""

    schema: FeatureSchema
    failures: int
    target: Target
    file_hash: str = ""


@dataclass(frozen=True)
class UnscoredNight:
    """A night without scores, and what it was read with."""

    night: NightReport
    model: NoModel


def has_model(store: Store) -> bool:
    """Return whether a model was ever registered, damaged or not, or a given one scored a night.

    Who gave a model file on one night and not on the next has forgotten it: that is an error.
    """
    with store.engine.connect() as connection:
        return bool(registered_models(store)) or newest_night(connection) is not None


def unscored_night(
    store: Store, as_of_s: int | None = None, *, report: Report = silent
) -> UnscoredNight:
    """Return what is known of a night, of the day of the newest reading if none is named.

    Raises
    ------
    QCDataError
        Nothing was known then.
    """
    with store.engine.connect() as connection:
        s, u = schema.series, schema.unit
        series = connection.execute(sa.select(s.c.component_id, s.c.test).distinct()).all()
        site_of = dict(connection.execute(sa.select(u.c.unit_id, u.c.site)).all())
        newest_s = newest_reading(connection)
    if as_of_s is None:
        if newest_s is None:
            raise QCDataError("no QC is known yet", remedy="ingest logs first")
        as_of_s = (newest_s // DAY_S + 1) * DAY_S
    tests = FeatureSchema(
        tuple(sorted({test for _, test in series})),
        tuple(sorted({test for component, test in series if not component})),
        (),
        version=FEATURES_VERSION,
    )
    services = services_as_of(store, as_of_s)
    model = NoModel(tests, int((services["kind"] == "corrective").sum()), Target(2, 28))
    found = read_night(store, [tests], as_of_s, report, from_first=False)
    features = tuple(found.features[tests])
    data_hash = hash_json(found.hashes)
    run_id = hash_json([NO_MODEL, CODE, data_hash, as_of_s])[:20]
    rows = tuple(
        ScoreRow(
            run_id, each.unit_id, component, as_of_s, model.target.lead_days,
            model.target.horizon_days, None, None, None, "no decision", NO_MODEL, "", data_hash,
        )
        for each in features
        for component in each.components
    )  # fmt: skip
    run = ScoreRun(
        run_id, as_of_s, rows, found.failed, count_held(store), "", data_hash, 0.95,
        found.records_read, found.units_resumed, {}, code=CODE, features=features,
    )  # fmt: skip
    night = NightReport(
        run, site_of, alerts=(), changes=(), opened_so_far={}, life=None, drift=None, newest=True
    )
    return UnscoredNight(night, model)
