from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulsefront.errors import ConfigError, DataError
from pulsefront.events import store
from pulsefront.events.container import Status
from pulsefront.events.external import ExternalData, load_external, open_external
from pulsefront.events.ingest import ingest
from pulsefront.events.manifest import load_manifest
from pulsefront.events.readers.base import DataWarning
from pulsefront.events.scans import open_scan_set
from strategies_events import wavedump_bytes
from toys_measured import position_set, timing_set


def test_a_position_set_has_the_columns_of_a_simulated_one(tmp_path: Path) -> None:
    source = open_scan_set(position_set(tmp_path, runs=2, size=3))
    table = source.read()
    assert len(table) == 2 * 9 * 4
    assert table["charge_adc"].shape == (72, 8)
    assert table["grid_index"][:16:4].tolist() == [[0, 0], [0, 1], [0, 2], [1, 0]]
    assert table["stage_position_mm"][0].tolist() == [-4.0, -4.0]
    assert (table["stage_uncertainty_mm"] == 0.02).all()
    assert table["run"].tolist() == [0] * 36 + [1] * 36
    assert table.provenance["names"]["run"] == ["run 0", "run 1"]
    assert set(table.columns) == set(table.quantities)


def test_a_timing_set_from_csv_and_wavedump_pairs(tmp_path: Path) -> None:
    table = load_external(ExternalData(path=timing_set(tmp_path)), "timing")
    assert table["waveform_adc"].shape == (18, 2, 120)
    assert table["source_offset_mm"].tolist() == [-5.0] * 6 + [0.0] * 6 + [5.0] * 6
    assert table["offset_index"].tolist() == [0] * 6 + [1] * 6 + [2] * 6
    np.testing.assert_allclose(
        table["known_difference_ns"], 2 * table["source_offset_mm"] / 299.792458
    )


def test_a_store_of_a_set_is_the_set(tmp_path: Path) -> None:
    manifest = position_set(tmp_path, runs=1, size=3)
    store.write_stream(open_scan_set(manifest).chunks(), tmp_path / "set.h5")
    left = load_external(ExternalData(path=Path("set.h5")), "position", relative_to=tmp_path)
    right = load_external(ExternalData(path=manifest), "position", channels=8)
    for name in right.columns:
        np.testing.assert_array_equal(left[name], right[name])


def test_flagged_events_are_left_out_and_counted(tmp_path: Path) -> None:
    manifest = position_set(tmp_path, runs=1, size=3)
    frame = pd.read_csv(tmp_path / "r0_0_0.csv").astype(float)
    frame.loc[1, "q3"] = np.nan
    frame.to_csv(tmp_path / "r0_0_0.csv", index=False)
    table = open_external(manifest).read()
    assert np.flatnonzero(table.status).tolist() == [1]
    assert table.status[1] == Status.NOT_FINITE
    kept = load_external(ExternalData(path=manifest), "position")
    assert len(kept) == 35
    assert kept.provenance["events_left_out_for_flags"] == 1
    with pytest.raises(DataError, match="not finite"):
        load_external(ExternalData(path=manifest, keep_flagged=True), "position")


def test_a_damaged_file_of_a_set_is_told_at_once(tmp_path: Path) -> None:
    manifest = timing_set(tmp_path)
    cut = tmp_path / "o2_wave1.dat"
    cut.write_bytes(cut.read_bytes()[:-3])
    with pytest.warns(DataWarning, match=r"o2_wave1.dat.*after 5 whole"):
        table = load_external(ExternalData(path=manifest), "timing")
    assert len(table) == 17  # the event without its second channel is flagged and left out
    with pytest.raises(DataError, match=r"o2_wave1\.dat"):
        load_external(ExternalData(path=manifest, strict=True), "timing")
    cut.unlink()
    with pytest.raises(DataError, match=r"o2_wave1.dat: no such file"):
        open_scan_set(manifest)


def test_every_scan_without_a_position_is_named(tmp_path: Path) -> None:
    path = position_set(tmp_path, runs=1, size=3)
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("stage_position_mm")]
    path.write_text("\n".join(kept) + "\n")
    with pytest.raises(ConfigError, match="scan: numbers 0, 1, 2, 3, 4, 5, 6, 7, 8 lack stage_pos"):
        load_manifest(path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("stage_position_mm = [-4.0, -4.0]", ""), "scan: number 0 lacks stage_position_mm"),
        (('run = "run 0"', ""), r"line 3: scan\.0\.run: is missing"),
        (('run = "run 0"', 'run = "run 0"\nruns = 1'), r"unknown key.*did you mean 'run'"),
        (("r0_0_1.csv", "r0_0_0.csv"), "listed twice"),
        (("duration_s = 60", "duration_s = -1"), "duration_s"),
        (("stage_uncertainty_mm = 0.02", "stage_uncertainty_mm = -0.02"), "stage_uncertainty_mm"),
        (('kind = "position"', 'kind = "positions"'), "kind"),
    ],
)
def test_a_bad_manifest_names_what_is_wrong(
    tmp_path: Path, change: tuple[str, str], text: str
) -> None:
    path = position_set(tmp_path, runs=1, size=3)
    path.write_text(path.read_text().replace(change[0], change[1], 1))
    with pytest.raises(ConfigError, match=text):
        load_manifest(path)


def test_what_does_not_fit_a_study_is_refused(tmp_path: Path) -> None:
    manifest = position_set(tmp_path, runs=1, size=3)
    with pytest.raises(DataError, match=r"waveform_adc.*timing study"):
        load_external(ExternalData(path=manifest), "timing")
    with pytest.raises(DataError, match="has 8 photosensors and the study's detector 64"):
        load_external(ExternalData(path=manifest), "position", channels=64)
    (tmp_path / "w.dat").write_bytes(wavedump_bytes(np.ones((2, 20), np.uint16)))
    with pytest.raises(ConfigError, match="wavedump data without source positions"):
        load_external(ExternalData(path=tmp_path / "w.dat"), "timing")


def test_the_measured_coincidences_as_a_set(
    shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shared_data("toward_bgo_sipm")
    files = [str(folder / f"coincidence_wave{c}.dat") for c in (0, 1)]
    (tmp_path / "m.toml").write_text(
        'kind = "timing"\nsample_interval_ns = 1.0\n[[scan]]\n'
        f"files = {files}\nsource_offset_mm = 0.0\nstage_uncertainty_mm = 5.0\n"
        'source = "not told"\nduration_s = 1.0\ndetector_id = "BGO"\nrun = "1"\n'
    )
    table = load_external(ExternalData(path=tmp_path / "m.toml"), "timing")
    assert table["waveform_adc"].shape == (41, 2, 6006)
    assert table.provenance["sample_interval_ns"] == 1.0


def test_ingest_takes_a_manifest(tmp_path: Path) -> None:
    manifest = position_set(tmp_path, runs=1, size=3)
    assert ingest([manifest], tmp_path / "set.h5") == 36
    table = store.read(tmp_path / "set.h5")
    assert table["charge_adc"].shape == (36, 8)
    names = [source["file"] for source in table.provenance["sources"]]
    assert names[0] == "manifest.toml"
    assert len(names) == 1 + 9
    with pytest.raises(ConfigError, match="alone"):
        ingest([manifest, tmp_path / "r0_0_0.csv"], tmp_path / "other.h5")
