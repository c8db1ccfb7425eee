"""Contents that a file had, one after the other, and what is forgotten of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.store.database import Store
from pulsefront.qc.store.forget import forget_file
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.times import end_of_day
from strategies_qc import SITE_OF_CASES, values_of, write_daily

TODAY = end_of_day("2026-11-02")
CONTENT = st.dictionaries(st.integers(1, 6), st.sampled_from([511.0, 512.5]), min_size=1)


@settings(max_examples=25, deadline=None)
@given(st.lists(CONTENT, min_size=1, max_size=4), CONTENT)
def test_what_only_earlier_contents_held_stays_and_nothing_else(tmp_path_factory, contents, other):
    folder = tmp_path_factory.mktemp("versions")
    path = folder / "logs" / "x_daily.csv"
    known: dict[int, float] = {}
    with Store(folder / "qc.db") as store:
        for content in contents:
            known |= content
            rows = (f"PET1,peak,{value},2026-10-{day:02d}" for day, value in content.items())
            write_daily(path, *rows)
            result = ingest(store, find_files([folder / "logs"]), SITE_OF_CASES, now_s=TODAY)
            assert result.counts.rows == result.rows
        # Another file's readings are its own, whatever this one holds.
        rows = (f"PET2,peak,{value},2026-10-{day:02d}" for day, value in other.items())
        write_daily(folder / "logs" / "y_daily.csv", *rows)
        ingest(store, find_files([folder / "logs"]), SITE_OF_CASES, now_s=TODAY)
        assert values_of(store) == [known[day] for day in sorted(known)]
        done = forget_file(store, str(path), why="test", site=SITE_OF_CASES)
        assert (done.files, done.records) == (1, len(contents[-1]))
        left = [known[day] for day in sorted(set(known) - set(contents[-1]))]
        assert values_of(store) == left
        assert values_of(store, "PET2") == [other[day] for day in sorted(other)]
        ingest(store, find_files([folder / "logs"]), SITE_OF_CASES, now_s=TODAY)
        assert values_of(store) == left
