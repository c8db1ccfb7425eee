"""Rows in are rows accounted for: random files, orders, kills and retries end in the same store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.readers import tables
from pulsefront.qc.site import Mapping, Site
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S, end_of_day, iso_date
from strategies_qc import SITE_OF_CASES, TABLE_COLUMNS, stored_measurements, write_daily

FIRST_NIGHT = end_of_day("2026-10-01")
SITES = (
    Site(),  # no mapping yet
    SITE_OF_CASES,
    Site(mappings={"*_daily.csv": Mapping(columns=TABLE_COLUMNS, date_order="dmy")}),
)


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


rows = st.tuples(
    st.sampled_from(["PET1", "PET2", ""]),
    st.sampled_from(["peak", "gain"]),
    st.sampled_from(["511.2", "511.3", "511.4", "broken", ""]),
    # Some days lie in the future of the first nights.
    st.integers(-3, 6).map(lambda k: iso_date(FIRST_NIGHT + (k - 1) * DAY_S))
    | st.just("2026-13-01"),
).map(",".join)

files = st.tuples(
    st.sampled_from(["a_daily.csv", "b_daily.csv", "c_daily.csv", "odd.csv"]),
    st.lists(rows, max_size=8),
)
nights = st.lists(
    st.tuples(
        st.lists(files, max_size=2),
        st.sampled_from(SITES),
        # In which transactions of the night it is killed, one attempt after another.
        st.lists(st.integers(0, 12), max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@contextmanager
def killed_in(number: int) -> Iterator[None]:
    """Kill in a transaction, before it ends."""
    whole, count = Store.writing, 0

    @contextmanager
    def writing(store: Store):
        nonlocal count
        with whole(store) as connection:
            yield connection
            if count == number:
                raise Killed
            count += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "writing", writing)
        try:
            yield
        except Killed:
            return


def content(db: Path) -> list[list[tuple]]:
    """Return what counts, what counted once, and what is in quarantine."""
    with Store(db) as store:
        units = store.units()["unit_id"]
        names = ["unit_id", "test", "value", "measured_at"]
        frames = [stored_measurements(store, unit)[names] for unit in units]
        held = store.frame(schema.quarantine)[["row", "reason", "content"]]
        former = store.frame(schema.former_measurement)[["measured_at", "value", "barred"]]
        sources = store.frame(schema.source)
    outcomes = sources[["stored", "known", "replaced", "passed", "withdrawn", "quarantined"]]
    assert sources["complete"].all()
    assert (sources["rows_in"] == outcomes.sum(axis=1)).all()
    assert held["row"].count() == sources["quarantined"].sum()
    state = sources[["path", "pattern", "state", "rows_in", "quarantined"]].astype(str)
    state["path"] = state["path"].map(lambda path: Path(path).name)
    found = [*frames, held, former, state]
    return [sorted(map(tuple, frame.astype(str).to_numpy().tolist())) for frame in found]


def operate(folder: Path, plan, *, with_kills: bool) -> list[list[tuple]]:
    logs = folder / "logs"
    logs.mkdir(parents=True)
    for k, (arriving, site, kills) in enumerate(plan):
        for name, lines in arriving:
            write_daily(logs / name, *lines)
        now_s = FIRST_NIGHT + k * DAY_S
        for number in kills if with_kills else ():
            with killed_in(number), Store(folder / "qc.db") as store:
                ingest(store, find_files([logs]), site, now_s=now_s)
        with Store(folder / "qc.db") as store:
            result = ingest(store, find_files([logs]), site, now_s=now_s)
        assert result.counts.rows == result.rows
        with Store(folder / "qc.db") as store:
            again = ingest(store, find_files([logs]), site, now_s=now_s)
        assert again.counts.rows == 0  # nothing is left to do
    return content(folder / "qc.db")


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(nights)
def test_kills_change_nothing_and_every_row_is_accounted_for(tmp_path_factory, plan):
    whole = tables.read_rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "read_rows", lambda lines, **o: whole(lines, **{**o, "chunk": 3}))
        folder = tmp_path_factory.mktemp("nights")
        undisturbed = operate(folder / "whole", plan, with_kills=False)
        assert operate(folder / "killed", plan, with_kills=True) == undisturbed
