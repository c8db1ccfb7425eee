"""The page of a night as a file, for the night itself and whenever it is told again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.qc.alerts.ledger import newest_night
from pulsefront.qc.models.files.model_file import FailureModel, ModelInvalid, model_of_bytes
from pulsefront.qc.nightly.night import NightReport, night_report
from pulsefront.qc.nightly.outputs import write_private
from pulsefront.qc.nightly.unscored import NoModel
from pulsefront.qc.pages.night.collect import collect_night
from pulsefront.qc.pages.night.page import render_night
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import alert_tables as tables

__all__ = ["PAGE_FILE", "night_to_tell", "write_night"]

PAGE_FILE = "night.html"
"""The page of the newest night, in the folder of the night's files."""


def night_to_tell(store: Store, as_of_s: int | None = None) -> NightReport:
    """Return a night that was scored, the newest one if none is named.

    Raises
    ------
    QCDataError
        It was not scored.
    """
    if as_of_s is None:
        with store.engine.connect() as connection:
            newest = newest_night(connection)
        if newest is None:
            raise QCDataError("no night has been scored", remedy="run pulsefront qc score")
        as_of_s = newest.as_of_s
    return night_report(store, as_of_s)


def write_night(
    store: Store,
    night: NightReport,
    path: Path,
    *,
    model: FailureModel | NoModel | None = None,
    units: Sequence[str] = (),
) -> None:
    """Write the page of a night, for its owner and the group to read.

    Parameters
    ----------
    model
        The one that scored, where it is at hand; otherwise that of the store is taken.
    units
        Scanners to show, all if left out.

    Raises
    ------
    ModelInvalid
        The model that scored is not in the store, and none or another one was given.
    QCDataError
        None of the units has a score on that night.
    """
    if model is None or model.file_hash != night.run.model_hash:
        model = _model_of(store, night.run.model_hash)
    page = collect_night(store, night, model, units=units)
    if not page.units:
        raise QCDataError(
            "no such unit on that night", field="unit", value=", ".join(units),
            remedy="see scores_DAY.csv for their names",
        )  # fmt: skip
    write_private(path, render_night(page))


def _model_of(store: Store, model_hash: str) -> FailureModel:
    m = tables.model
    with store.engine.connect() as connection:
        query = sa.select(m.c.content).where(m.c.model_hash == model_hash)
        content = connection.execute(query).scalar()
    if content is None:
        raise ModelInvalid(
            "the model that scored is not in the store",
            field="model",
            value=model_hash[:16],
            remedy="give its file with --model",
        )
    return model_of_bytes(bytes(content), Path(f"model {model_hash[:16]} of the store"))
