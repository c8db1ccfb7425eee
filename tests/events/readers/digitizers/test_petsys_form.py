"""Which form a PETsys file has follows from what every record implies, not from ranges alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import TruncatedFile, UnsupportedFormat
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.digitizers.petsys_form import FORMATS
from pulsefront.events.readers.open import open_events
from strategies_events import petsys_bytes

STRICT = ReadOptions(strict=True)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "hits.ldat"
    path.write_bytes(content)
    return path


def groups(sizes: list[int], seed: int, spread_ps: int = 4000) -> np.ndarray:
    """Return the hits of groups of these sizes, out of order within a group as PETsys has them."""
    random = np.random.default_rng(seed)
    record = FORMATS["petsys-group"]
    hits = np.zeros(sum(sizes), record)["hit"][:, 0]
    hits["hits"] = np.repeat(sizes, sizes)
    hits["hit"] = np.concatenate([np.arange(size) for size in sizes])
    start = np.cumsum(random.integers(10**6, 10**8, len(sizes)))
    hits["time"] = np.repeat(start, sizes) + random.integers(0, spread_ps, len(hits))
    hits["energy"] = random.uniform(5, 90, len(hits))
    hits["channel"] = random.integers(0, 1024, len(hits))
    return hits


@settings(deadline=None)
@given(st.lists(st.integers(1, 20), min_size=8, max_size=200), st.integers(0, 99))
def test_groups_of_any_sizes_are_groups(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], seed: int
) -> None:
    hits = groups(sizes, seed)
    opened = open_events(written(tmp_path_factory.mktemp("g"), hits.tobytes()), STRICT)
    assert opened.format == "petsys-group"
    table = opened.read()
    # Read plainly, as the format is written.
    np.testing.assert_array_equal(table["time_ps"], hits["time"])
    np.testing.assert_array_equal(table["channel"], hits["channel"])
    assert np.count_nonzero(table["hit"] == 0) == len(sizes)
    assert (table.status == 0).all()


@pytest.mark.parametrize("sizes", [[16], [2, 14], [9, 12, 9], [3, 16, 16, 5]])
def test_a_few_groups_are_groups(tmp_path: Path, sizes: list[int]) -> None:
    """A single group of 16 became 8 coincidences of neighbours."""
    for seed in range(20):
        opened = open_events(written(tmp_path, groups(sizes, seed).tobytes()), STRICT)
        assert (opened.format, len(opened.read())) == ("petsys-group", sum(sizes))


def test_coincidences_stay_coincidences_where_a_hit_in_thirty_is_broken(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    records = np.zeros(600, FORMATS["petsys-coincidence"])
    hits = records["hit"]
    hits["hits"] = 1
    start = np.cumsum(random.integers(10**7, 10**9, 600))
    hits["time"] = start[:, None] + random.integers(0, 2000, (600, 2))
    hits["energy"], hits["channel"] = 511.0, random.integers(0, 1024, (600, 2))
    hits["channel"][15::30, 1] = -5
    opened = open_events(written(tmp_path, records.tobytes()))
    assert opened.format == "petsys-coincidence"


@pytest.mark.parametrize(("sizes", "missing"), [([16] * 20, 3), ([2] * 30, 1), ([9, 12, 9], 8)])
def test_a_file_that_begins_within_a_group_says_so(
    tmp_path: Path, sizes: list[int], missing: int
) -> None:
    path = written(tmp_path, groups(sizes, 5)[missing:].tobytes())
    with pytest.warns(DataWarning, match=rf"first {missing} hit\(s\) of {sizes[0]} are not there"):
        opened = open_events(path)
    assert (opened.format, len(opened.read())) == ("petsys-group", sum(sizes) - missing)
    assert "group 100%" in opened.provenance["form_because"]
    with pytest.raises(TruncatedFile, match="begins within a group"):
        open_events(path, STRICT)


def test_a_file_that_begins_within_a_record_is_not_recognised(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match="no format that is recognised"):
        open_events(written(tmp_path, groups([16] * 20, 5).tobytes()[9:]))


def test_hits_of_groups_are_not_taken_for_coincidences(tmp_path: Path) -> None:
    """4,687 hits in 400 groups became 2,343 "events", with exit 0."""
    sizes = np.random.default_rng(1).choice([8, 9, 10, 12, 14, 16], 400).tolist()
    opened = open_events(written(tmp_path, groups(sizes, 1).tobytes()))
    assert (opened.format, len(opened.read())) == ("petsys-group", sum(sizes))
    assert "group 100%" in opened.provenance["form_because"]


@pytest.mark.parametrize("pairs", [1, 2, 3])
def test_coincidences_with_further_pairs_are_coincidences(tmp_path: Path, pairs: int) -> None:
    random = np.random.default_rng(2)
    records = np.zeros(60 * pairs, FORMATS["petsys-coincidence"])
    hits = records["hit"]
    hits["hits"] = (1, pairs)
    hits["hit"][:, 1] = np.tile(np.arange(pairs), 60)
    start = np.repeat(np.cumsum(random.integers(10**7, 10**9, 60)), pairs)
    hits["time"] = start[:, None] + random.integers(0, 2000, (60 * pairs, 2))
    hits["energy"], hits["channel"] = 511.0, random.integers(0, 1024, (60 * pairs, 2))
    opened = open_events(written(tmp_path, records.tobytes()), STRICT)
    assert opened.format == "petsys-coincidence"
    np.testing.assert_array_equal(opened.read()["time_ps"], hits["time"])


def test_single_hits_at_so_high_a_rate_that_they_could_be_pairs_are_a_draw(tmp_path: Path) -> None:
    content = petsys_bytes(400, form="petsys-group", step_ps=40_000)
    path = written(tmp_path, content)
    with pytest.raises(UnsupportedFormat, match=r"petsys-group or as petsys-coincidence.*--format"):
        open_events(path)
    assert len(open_events(path, format_name="petsys-group").read()) == 400
    assert len(open_events(path, format_name="petsys-coincidence").read()) == 200
