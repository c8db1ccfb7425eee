"""Ingest under kills and rivals: no row twice, none missing."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time

import numpy as np
import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.readers import tables
from pulsefront.qc.site import Mapping, Site, TableColumns
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.store.lock import StoreLocked, locked
from pulsefront.qc.store.tables import schema
from strategies_qc import siemens_report, stored_measurements

NOW = 1_800_000_000

SITE = """
[mappings."*_daily.csv"]
date_order = "ymd"
columns = { unit_id = "unit", test = "test", value = "value", measured_at = "date" }
"""


@pytest.fixture
def logs(tmp_path):
    """Three files of up to 1,400 rows, one row in a hundred broken, one file partly a copy."""
    folder = tmp_path / "logs"
    folder.mkdir()
    days = np.datetime64("2019-01-01") + np.arange(700)
    for name, unit, first in (("a", "u1", 0), ("b", "u2", 0), ("c", "u1", 350)):
        lines = ["unit,test,value,date"]
        for test in ("gain", "time"):
            for k, day in enumerate(days[first:]):
                value = "broken" if k % 100 == 50 else f"{k + first}.5"
                lines.append(f"{unit},{test},{value},{day}")
        (folder / f"{name}_daily.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "site.toml").write_text(SITE)
    return folder


def content(db):
    """Return all that a store holds, free of the numbers that it gave out."""
    with Store(db) as store:
        rows = [
            stored_measurements(store, unit)[
                ["unit_id", "test", "value", "measured_at", "source_hash"]
            ]
            for unit in store.units()["unit_id"]
        ]
        refused = store.frame(schema.quarantine)[["row", "reason", "content"]]
        sources = store.frame(schema.source)[["source_hash", "complete"]]
    return [sorted(map(tuple, frame.to_numpy().tolist())) for frame in [*rows, refused, sources]]


def run(db, logs, ready):
    """Ingest in small batches, so that a kill finds many places to strike."""
    whole = tables.read_rows
    tables.read_rows = lambda lines, **more: whole(lines, **{**more, "chunk": 60})
    site = Site.from_toml(logs.parent / "site.toml")
    ready.set()
    with Store(db) as store:
        ingest(store, find_files([logs]), site, now_s=NOW)


def start(db, logs):
    """Start an ingest in a process of its own and wait until it begins."""
    context = multiprocessing.get_context("fork")  # a fresh interpreter would take seconds
    ready = context.Event()
    process = context.Process(target=run, args=(db, logs, ready))
    process.start()
    ready.wait()
    return process


def test_ingest_killed_at_twenty_random_moments_ends_with_the_same_store(tmp_path, logs):
    begin = time.monotonic()
    whole = start(tmp_path / "whole.db", logs)
    whole.join()
    lasted = time.monotonic() - begin
    assert whole.exitcode == 0
    expected = content(tmp_path / "whole.db")
    random = np.random.default_rng(5)
    db = tmp_path / "killed.db"
    killed = 0
    for attempt in range(80):
        if attempt >= 20 and killed >= 8:
            break
        process = start(db, logs)
        time.sleep(random.uniform(0.0, 0.7 * lasted))
        killed += process.is_alive()
        process.kill()
        process.join()
        if random.random() < 0.3:  # begin anew now and then, or all would be done early
            for path in tmp_path.glob("killed.db*"):
                path.unlink()
    assert killed >= 8
    last = start(db, logs)
    last.join()
    assert last.exitcode == 0
    assert content(db) == expected


def test_second_job_is_refused_at_once_and_the_lock_dies_with_its_holder(tmp_path):
    db = tmp_path / "qc.db"
    code = (
        "import sys, time\nfrom pulsefront.qc.store.lock import locked\n"
        "with locked(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, db], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with Store(db) as store:
        with pytest.raises(StoreLocked) as caught:
            ingest(store, [], now_s=NOW)
        assert caught.value.exit_code == 5
        assert holder.poll() is None  # nobody waited for it
        holder.kill()
        holder.communicate()
        ingest(store, [], now_s=NOW)


def test_lock_is_given_back_after_an_error(tmp_path):
    def fail():
        with locked(tmp_path / "qc.db"):
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError):
        fail()
    with locked(tmp_path / "qc.db"):
        pass


def test_same_bytes_under_another_name_are_known(tmp_path):
    siemens_report(tmp_path / "a.xml")
    siemens_report(tmp_path / "b.xml")
    with Store(tmp_path / "qc.db") as store:
        result = ingest(store, find_files([tmp_path / "a.xml", tmp_path / "b.xml"]), now_s=NOW)
    assert [file.known for file in result.files] == [False, True]


def test_refused_file_leaves_its_reason_and_is_not_tried_again(tmp_path):
    (tmp_path / "x.csv").write_text("what,is,this\n1,2,3\n")
    with Store(tmp_path / "qc.db") as store:
        result = ingest(store, [tmp_path / "x.csv"], now_s=NOW)
        assert "add a mapping" in result.refused[0].refused
        assert store.count(schema.quarantine) == 1
        assert ingest(store, [tmp_path / "x.csv"], now_s=NOW).files[0].known


def test_hidden_files_are_left_alone_and_missing_ones_named(tmp_path):
    (tmp_path / ".lock").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.csv").write_text("x")
    assert find_files([tmp_path]) == []
    with pytest.raises(QCDataError, match="no such file or folder"):
        find_files([tmp_path / "none"])


def test_limits_of_the_site_reach_the_store(tmp_path, shared_data):
    limits = shared_data("limits_configs") / "OCR_GE_Discovery670_dailyQC.meta.json"
    (tmp_path / "ge.json").write_bytes(limits.read_bytes())
    (tmp_path / "x_daily.csv").write_text(
        "unit,test,value,date,u\nGE,H1_PeakEnergy,122.1,2023-01-13,keV\n"
        "GE,H1_FWHM,10.1,2023-01-13,keV\n"
    )
    columns = TableColumns(unit_id="unit", test="test", value="value", measured_at="date", unit="u")
    site = Site(
        mappings={"*.csv": Mapping(columns=columns)},
        limits=({"unit_id": "GE", "file": "ge.json"},),
    )
    with Store(tmp_path / "qc.db") as store:
        ingest(store, [tmp_path / "x_daily.csv"], site, site_folder=tmp_path, now_s=NOW)
        frame = stored_measurements(store, "GE").set_index("test")
    peak = frame.loc["H1_PeakEnergy"]
    assert (peak["action_low"], peak["tolerance_low"]) == (119.0, 121.0)
    # The limit of the width is in percent, the value claims keV: they cannot be compared.
    assert np.isnan(frame.loc["H1_FWHM", "action_high"])
