"""Siemens reports, with every trap that real ones have set."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.readers.consoles.siemens import read_siemens
from pulsefront.qc.readers.open import open_source
from pulsefront.qc.site import Site, UnitSettings
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import find_files, ingest
from strategies_qc import NOW, iso_time, read_log, siemens_report


def test_real_report_gives_every_value(shared_data):
    path = shared_data("siemens_pet_dailyqc") / "PETQCReport_02012014_082412.xml"
    frame, services, rejects, _ = read_log(path)
    counts = frame["test"].value_counts()
    assert counts["block_efficiency"] == counts["block_noise"] == 192
    assert counts["time_offset"] == counts["time_width"] == 96
    assert counts["plane_efficiency"] == 109
    assert (counts == 1).sum() == 12  # the summary
    assert not rejects
    assert len(services) == 2
    value = frame.set_index("test")["value"]
    assert value["scanner_efficiency"] == 41.2
    assert value["calibration_factor"] == 2.764e7  # written 2.764e+007
    assert frame[frame["test"] == "block_efficiency"]["value"].mean() == pytest.approx(100.0)
    assert frame[frame["test"] == "block_efficiency"]["component_id"].is_unique


def test_limit_in_percent_is_not_laid_over_a_count_of_blocks(shared_data):
    path = shared_data("siemens_pet_dailyqc") / "PETQCReport_02012014_082412.xml"
    frame, _, _, _ = read_log(path)
    count = frame[frame["test"] == "block_efficiency_outside"].iloc[0]
    assert (count["value"], count["measurement_unit"]) == (0.0, "Block_Outside_Range")
    assert np.isnan(count["action_low"])
    assert np.isnan(count["action_high"])
    blocks = frame[frame["test"] == "block_efficiency"]
    assert set(blocks["action_low"]) == {80.0}
    assert set(blocks["action_high"]) == {120.0}


def test_setup_after_the_scan_delays_what_is_known(shared_data):
    path = shared_data("siemens_pet_dailyqc") / "PETQCReport_02012014_082412.xml"
    frame, services, _, notes = read_log(path)
    assert set(frame["measured_at"].map(iso_time)) == {"2014-01-02T07:24:12Z"}
    assert set(frame["available_at"].map(iso_time)) == {"2014-01-02T07:30:44Z"}
    assert (services["logged_at"] == frame.loc[0, "available_at"]).all()
    assert any("392 s after its scan" in note for note in notes)


def test_identical_reports_under_other_names_are_read_once(shared_data, tmp_path):
    files = find_files([shared_data("siemens_pet_dailyqc")])
    with Store(tmp_path / "qc.db") as store:
        result = ingest(store, files, now_s=NOW)
    assert sum(file.known for file in result.files) == 3  # two *_Service.xml, one .xml after .txt
    reports = [f for f in result.files if f.format == "siemens"]
    assert len(reports) == 6
    assert {f.path.name for f in result.refused} == {
        "README.txt",
        "config_SiemensPETQC.xml",
        "limits_philips_gemini_tof_dailyqc.xml",
    }


def test_report_renamed_to_txt_is_still_a_report(shared_data):
    path = shared_data("siemens_pet_dailyqc") / "PETQCReport_09012014_081043.txt"
    assert open_source(path, Site(), now_s=NOW).format == "siemens"


def test_file_name_is_day_first(tmp_path):
    right = siemens_report(tmp_path / "PETQCReport_02012014_082412.xml")
    assert not any("date in its name" in note for note in read_log(right)[3])
    wrong = siemens_report(tmp_path / "PETQCReport_01022014_082412.xml")
    assert any("not the date in its name" in note for note in read_log(wrong)[3])


def test_fixed_winter_offset_in_summer_follows_the_wall_clock(tmp_path):
    path = siemens_report(tmp_path / "a.xml", scan="2014-07-02T08:24:12+01:00")
    assert iso_time(read_log(path)[0].loc[0, "measured_at"]) == "2014-07-02T07:24:12Z"
    site = Site(timezone="Europe/Amsterdam")
    assert iso_time(read_log(path, site)[0].loc[0, "measured_at"]) == "2014-07-02T06:24:12Z"


def test_console_gets_the_name_that_the_site_gives(tmp_path):
    site = Site(site="here", units=(UnitSettings(unit_id="PET1", aliases=("PETCTD1",)),))
    path = siemens_report(tmp_path / "a.xml")
    assert set(read_log(path, site)[0]["unit_id"]) == {"PET1"}
    batch = next(read_siemens(path, site))
    assert batch.units.loc[0, "site"] == "here"


def test_incomplete_array_is_refused_and_the_rest_read(tmp_path):
    path = siemens_report(tmp_path / "a.xml", blocks=4, values=(0.5, 0.5, 0.5))
    frame, _, rejects, _ = read_log(path)
    assert "block_efficiency" not in set(frame["test"])
    assert len(frame) == 2
    assert "4 blocks announced, 3 values" in rejects[0].reason


def test_report_without_date_is_refused(tmp_path):
    path = siemens_report(tmp_path / "a.xml", scan="")
    with pytest.raises(QCDataError, match="bScandate"):
        read_log(path)
