"""How fast logs go into the store and features come out, and that both are linear in records.

Both are single-threaded, so seconds are those of one core (process time): a busy machine does not
change them much, and an idle one takes as long by the clock, but for the disk.
"""

from __future__ import annotations

import json
import resource
import time

import numpy as np
import pytest

from pulsefront.qc.features import add_peers, daily_as_of, fleet_levels, schema_of, unit_features
from pulsefront.qc.fleet import simulate_units, write_fleet
from pulsefront.qc.fleet_settings import load_fleet
from pulsefront.qc.history_store import load_history
from pulsefront.qc.ingest import find_files, ingest
from pulsefront.qc.site import Site
from pulsefront.qc.store import Store
from strategies_qc import history_of


def fleet(scanners: int, years: float = 5.0):
    """Return the reference fleet cut or grown to a number of scanners, with QC every day."""
    settings = load_fleet("reference")
    site = settings.sites[0].model_copy(
        update={"scanners": scanners, "weekend_qc": True, "missing_day_share": 0.0}
    )
    return settings.model_copy(update={"sites": (site,), "years": years})


def seconds_to_ingest(folder, scanners: int) -> tuple[int, float]:
    """Return (records, seconds) of reading a fleet's CSV files into a fresh SQLite store."""
    write_fleet(fleet(scanners), folder)
    site = Site.from_toml(folder / "site.toml")
    with Store(folder / "qc.db") as store:
        begin = time.process_time()
        result = ingest(store, find_files([folder / "logs"]), site)
        lasted = time.process_time() - begin
    assert result.counts.quarantined == result.counts.duplicate == 0
    return result.counts.new, lasted


@pytest.mark.slow
def test_ingest_takes_50_000_records_a_second_in_proportion_to_the_records(tmp_path):
    table = []
    for scanners in (2, 8):
        records, lasted = seconds_to_ingest(tmp_path / str(scanners), scanners)
        table.append((records, lasted, records / lasted))
    print(json.dumps(table))  # noqa: T201
    assert table[-1][2] >= 50_000
    # Four times the records: not more than five times the time.
    assert table[-1][1] <= 5.0 * table[0][1]


@pytest.mark.slow
def test_features_of_a_fleet_are_linear_and_equal_the_straightforward_ones(tmp_path):
    histories = [history_of(unit) for unit in simulate_units(fleet(12))]
    schema = schema_of(histories)
    as_of = daily_as_of(int(histories[0].measured_at.min()), int(histories[0].measured_at.max()))
    unit_features(histories[0], schema, as_of)  # compiles
    table = []
    for count in (3, 12):
        begin = time.process_time()
        units = [unit_features(history, schema, as_of) for history in histories[:count]]
        levels = fleet_levels(units)
        for unit in units:
            add_peers(unit, levels, schema)
        lasted = time.process_time() - begin
        table.append((sum(len(h.value) for h in histories[:count]), lasted))
    print(json.dumps(table))  # noqa: T201
    # The thousand scanners of the claim, at this rate, within ten minutes.
    assert table[-1][1] / 12 * 1000 < 600
    assert table[-1][1] <= 6.0 * table[0][1]
    # One instant computed on its own equals the same instant of the whole grid.
    alone = unit_features(histories[5], schema, as_of[1000:1001])
    own = [k for k, name in enumerate(schema.names) if not name.endswith(":peer")]
    assert np.array_equal(
        units[5].values[:, 1000:1001][:, :, own], alone.values[:, :, own], equal_nan=True
    )


@pytest.mark.slow
def test_features_from_the_store_within_memory(tmp_path):
    scanners = 8
    seconds_to_ingest(tmp_path, scanners)
    with Store(tmp_path / "qc.db") as store:
        names = store.units()["unit_id"].tolist()
        first = load_history(store, names[0])
        schema = schema_of([first])
        as_of = daily_as_of(int(first.measured_at.min()), int(first.measured_at.max()))
        unit_features(first, schema, as_of)
        begin = time.process_time()
        records = 0
        for name in names:
            history = load_history(store, name)
            records += len(history.value)
            unit_features(history, schema, as_of)
        lasted = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"records": records, "seconds": lasted, "peak_gib": peak}))  # noqa: T201
    assert lasted / scanners * 1000 < 600
    assert peak < 8.0
