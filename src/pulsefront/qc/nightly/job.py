"""The nightly job: every night that is due, in order, and what the last job left undone.

A night that was skipped is scored when the job next runs, as it would have been on its day. A day
that the clock names ("yesterday") waits until a reading of that day or a later one has come: a
clock that runs ahead then scores nothing that has not happened, and a weekend without QC is scored
on Monday night with the same outcome. A clock that was set back finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.alerts.ledger import newest_night
from pulsefront.qc.alerts.notify.settings import NotifySettings
from pulsefront.qc.models.files.model_file import FailureModel, ModelInvalid
from pulsefront.qc.models.files.registry import load_role
from pulsefront.qc.nightly.night import NightReport, night_report
from pulsefront.qc.nightly.outputs import scores_file, write_outputs
from pulsefront.qc.nightly.score import score_night
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S, iso_date

__all__ = [
    "Models",
    "NightsDue",
    "mend_outputs",
    "models_of",
    "newest_reading",
    "nights_due",
    "score_nights",
]

_PATIENCE_DAYS = 4  # so long may no reading come: a weekend with two holidays


@dataclass(frozen=True)
class Models:
    """The model that scores, and the one that is tried beside it."""

    champion: FailureModel
    challenger: FailureModel | None


def models_of(store: Store, given: FailureModel | None) -> Models:
    """Return the store's models; a model that is given scores in place of the champion.

    Raises
    ------
    ModelInvalid
        The store has none and none is given.
    """
    champion = given or load_role(store, "champion")
    if champion is None:
        raise ModelInvalid(
            "the store has no model", remedy="run pulsefront qc train, or give a model file"
        )
    challenger = load_role(store, "challenger")
    if challenger is not None and challenger.file_hash == champion.file_hash:
        challenger = None
    return Models(champion, challenger)


@dataclass(frozen=True)
class NightsDue:
    """As-of instants of the nights to score, in order, and what there is to say of others."""

    nights: tuple[int, ...]
    notes: tuple[str, ...] = ()


def nights_due(
    store: Store, upto_s: int, *, by_clock: bool = False, catch_up_days: int = 31
) -> NightsDue:
    """Return the nights to score up to one.

    Parameters
    ----------
    by_clock
        Whether the clock named the last night, which may be wrong.
    catch_up_days
        How many skipped nights are scored at most.

    Raises
    ------
    QCDataError
        The clock named a night, and no reading has come for days.
    """
    with store.engine.connect() as connection:
        newest = newest_night(connection)
        reading_s = newest_reading(connection) if by_clock else None
    notes = []
    if reading_s is not None:
        known_s = (reading_s // DAY_S + 1) * DAY_S
        if upto_s > known_s + _PATIENCE_DAYS * DAY_S:
            raise QCDataError(
                f"no reading after {iso_date(reading_s)} has come",
                remedy="check that logs arrive and the clock is right; a day that is named "
                "(--as-of YYYY-MM-DD) is scored all the same",
            )
        if upto_s > known_s:
            waiting = f"{iso_date(known_s)} to {iso_date(upto_s - DAY_S)}"
            notes.append(f"no reading after {iso_date(reading_s)} has come: {waiting} wait")
            upto_s = known_s
    if newest is None:
        return NightsDue((upto_s,), tuple(notes))
    if upto_s < newest.as_of_s:
        day = iso_date(newest.as_of_s - DAY_S)
        if by_clock:
            notes.append(f"the store is scored up to {day} already: nothing to do")
            return NightsDue((), tuple(notes))
        notes.append(f"the store is scored up to {day}: alerts and metrics stay as they are")
        return NightsDue((upto_s,), tuple(notes))
    if upto_s == newest.as_of_s:
        return NightsDue((upto_s,), tuple(notes))
    due = list(range(newest.as_of_s + DAY_S, upto_s + 1, DAY_S))
    if len(due) > catch_up_days + 1:
        left = due[: len(due) - catch_up_days - 1]
        notes.append(
            f"{len(left)} nights from {iso_date(left[0] - DAY_S)} on stay without scores: "
            f"only {catch_up_days} are caught up with"
        )
        due = due[len(left) :]
    return NightsDue(tuple(due), tuple(notes))


def newest_reading(connection: sa.Connection) -> int | None:
    """Return when the newest reading was measured: consoles have clocks of their own."""
    m, s = schema.measurement, schema.series
    # Series by series the key of the table answers at once; over all rows it would read them all.
    newest = sa.select(sa.func.max(m.c.measured_at)).where(m.c.series_id == s.c.series_id)
    found = connection.execute(sa.select(sa.func.max(newest.scalar_subquery())).select_from(s))
    value = found.scalar()
    return None if value is None else int(value)


def mend_outputs(store: Store, out: Path) -> NightReport | None:
    """Write the files of the newest night where a kill came before them; return what they tell."""
    with store.engine.connect() as connection:
        newest = newest_night(connection)
    if newest is None or scores_file(out, newest.as_of_s).exists():
        return None
    night = night_report(store, newest.as_of_s)
    write_outputs(night, out)
    return night


def score_nights(
    store: Store,
    models: Models,
    nights: NightsDue,
    out: Path | None,
    *,
    false_alerts_per_unit_year: float = 1.0,
    notify: NotifySettings | None = None,
    from_first: bool = False,
    report: Report = silent,
) -> Iterator[NightReport]:
    """Score nights in order; yield each when it is done, with all its files.

    Raises
    ------
    StoreLocked, QCDataError, ModelInvalid
        As `score.score`.
    """
    for as_of_s in nights.nights:
        yield score_night(
            store, models.champion, as_of_s, out,
            challenger=models.challenger,
            false_alerts_per_unit_year=false_alerts_per_unit_year,
            notify=notify, from_first=from_first, report=report,
        )  # fmt: skip
