"""Tables as text hold what the store holds: no tick of a time and no integer is lost."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.measured.write_tables import write_tables

DTYPES = [np.bool_, np.uint8, np.int16, np.int32, np.int64, np.uint64, np.float32, np.float64]


@st.composite
def tables(draw: st.DrawFn) -> EventTable:
    """Return a strategy of tables of numbers of every type, all finite or empty."""
    count = draw(st.integers(1, 12))
    columns = {}
    for number, dtype in enumerate(draw(st.lists(st.sampled_from(DTYPES), min_size=1, max_size=6))):
        tail = draw(st.sampled_from([(), (3,)]))
        columns[f"c{number}"] = draw(hnp.arrays(dtype, (count, *tail)))
    quantities = {name: Quantity("1", name) for name in columns}
    return EventTable(columns, quantities, draw(hnp.arrays(np.uint16, count)))


@settings(deadline=None)
@given(tables())
def test_a_table_reads_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, table: EventTable
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    write_tables(iter([table]), folder / "t.csv", "csv")
    parts = []
    for name, values in [*table.columns.items(), ("status", table.status)]:
        sources = [name] if values.ndim == 1 else [f"{name}_{i}" for i in range(values.shape[1])]
        parts.append(f'[columns.{name}]\nsource = {sources}\nunit = "1"\ndescription = "x"\n')
    (folder / "m.toml").write_text("\n".join(parts))
    again = open_events(folder / "t.csv", ReadOptions(mapping=folder / "m.toml")).read()
    for name, values in [*table.columns.items(), ("status", table.status)]:
        got = again[name]
        if values.dtype.kind == "f":
            # Text has no word for what is no number: it comes back as nothing known.
            got = got.astype(values.dtype)
        assert (got == values).all() or np.array_equal(got, values, equal_nan=True), name


def test_times_of_a_long_run_lose_no_tick(tmp_path: Path) -> None:
    """Nine digits put times of a 10 s run off by up to 20 ns, and epochs on a grid of 10 s."""
    random = np.random.default_rng(0)
    columns = {
        "time_ns": np.sort(random.uniform(0, 1e10, 500)),
        "time_ps": random.integers(0, 2**62, 500),
        "epoch_s": 1.7e9 + random.uniform(0, 100, 500),
        "charge_adc": random.normal(0, 100, 500).astype(np.float32),
    }
    table = EventTable(columns, {name: Quantity("1", name) for name in columns})
    write_tables(iter([table]), tmp_path / "t.csv", "csv")
    with open(tmp_path / "t.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, values in columns.items():
        read = int if values.dtype.kind == "i" else float
        got = np.array([read(row[name]) for row in rows], values.dtype)
        np.testing.assert_array_equal(got, values)
