"""Coincidences, calibration and splits on the command line, as a user walks through them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from pulsefront.cli import calibration, data, pulses
from pulsefront.errors import ConfigError, DataError, PulsefrontError
from pulsefront.events import store
from pulsefront.events.container import Status
from pulsefront.events.readers.digitizers import petsys
from toys_measured import GAINS, OFFSETS_NS, hits, walking

app = typer.Typer()
for module in (data, pulses, calibration):
    for name in module.__all__:
        app.command()(getattr(module, name))


def invoke(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, PulsefrontError):
        raise result.exception
    assert result.exception is None, result.exception
    return result.stdout


def petsys_file(folder: Path, side: int) -> Path:
    """Return a file of single hits: one side of coincidences with planted gains and offsets."""
    table = hits(40_000)
    records = np.zeros(len(table), petsys.FORMATS["petsys-single"])
    records["hit"]["time"][:, 0] = table["time_ps"][:, side]
    records["hit"]["energy"][:, 0] = table["energy"][:, side]
    records["hit"]["channel"][:, 0] = table["channel"][:, side]
    path = folder / f"side{side}.dat"
    path.write_bytes(records.tobytes())
    return path


def test_from_hits_to_calibrated_coincidences(tmp_path: Path) -> None:
    files = [petsys_file(tmp_path, side) for side in (0, 1)]
    pairs, cal, done = (tmp_path / name for name in ("pairs.h5", "cal.json", "done.h5"))
    told = invoke("coincidences", *files, "--window-ns", 5, "--out", pairs)
    assert "40,000 pairs of 40,000 and 40,000 hits; 0 hits alone" in told
    assert "central 68 % ±" in told
    table = store.read(pairs)
    assert table["energy"].shape == (40_000, 2)
    assert table.provenance["hits"] == [40_000, 40_000]
    assert table.provenance["coincidence_window_ns"] == 5

    told = invoke("calibrate", pairs, "--peaks-kev", "511,1274.5", "--out", cal)
    assert told.count("keV per unit of charge") == 4
    assert told.count("; time offset ") == 4
    assert (tmp_path / "cal.png").stat().st_size > 10_000
    found = json.loads(cal.read_text())
    np.testing.assert_allclose([e["gain_kev"] for e in found["energies"]], GAINS, rtol=0.02)
    np.testing.assert_allclose(found["time_offsets_ns"], OFFSETS_NS - OFFSETS_NS.mean(), atol=0.01)

    told = invoke("calibrate", pairs, "--apply", cal, "--out", done)
    assert "40,000 events" in told
    used = store.read(done)
    chosen = used.select(used.status == 0)
    assert f"{len(chosen):,} in the photopeak window" in told
    assert abs(np.median(chosen["energy_kev"]) - 511) < 4
    assert chosen["time_difference_ps"].std() == pytest.approx(100 * np.sqrt(2), rel=0.03)
    assert (used.status[used.status != 0] == Status.OUTSIDE_WINDOW).all()
    assert used.provenance["calibration_file"] == "cal.json"


def test_walk_is_told_written_and_taken_out(tmp_path: Path) -> None:
    table = walking()
    run, cal, done = (tmp_path / name for name in ("run.h5", "cal.json", "done.h5"))
    store.write(table, run)
    told = invoke("calibrate", run, "--peaks-kev", "511", "--walk", "--out", cal)
    found = json.loads(cal.read_text())
    assert found["walk_column"] == "amplitude_adc"
    for channel, (strength, walk) in enumerate(zip((2.0, 1.0), found["walks"], strict=True)):
        low, high = walk["amplitude_low"], walk["amplitude_high"]
        span = strength * (np.sqrt(60.0 / low) - np.sqrt(60.0 / high))
        (line,) = [line for line in told.splitlines() if line.startswith(f"channel {channel}:")]
        said = float(line.split("; walk ")[1].split(" ns over the amplitudes")[0])
        assert said == pytest.approx(span, rel=0.03)
    invoke("calibrate", run, "--apply", cal, "--out", done)
    after = store.read(done)["leading_edge_ns"] @ [1.0, -1.0]
    fitted = (table["amplitude_adc"] > [walk["amplitude_low"] for walk in found["walks"]]).all(
        axis=1
    )
    assert np.std((table["leading_edge_ns"] @ [1.0, -1.0])[fitted]) > 0.2
    assert np.std(after[fitted]) == pytest.approx(0.05 * np.sqrt(2), rel=0.03)
    assert (
        "without the offset and walk" in store.read(done).quantities["leading_edge_ns"].description
    )


def test_channels_of_one_measured_file_are_paired(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    file = shared_data("legend_compass") / "compass_test_data.BIN"
    out = tmp_path / "pairs.h5"
    told = invoke("coincidences", file, "--channels", 0, 1, "--window-ns", 20, "--out", out)
    assert "51 pairs of 51 and 51 hits" in told
    assert store.read(out)["waveform_adc"].shape == (51, 2, 1000)


def test_measured_wavedump_files_are_paired_with_their_pickoffs(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    tables = []
    for number in (0, 1):
        wave = shared_data("toward_bgo_sipm") / f"coincidence_wave{number}.dat"
        folder = tmp_path / f"p{number}"
        invoke(
            "pickoff", wave, "--table", "h5", "--out", folder,
            "--sample-interval-ns", 1, "--tag-interval-ns", 8,
        )  # fmt: skip
        tables.append(folder / "events.h5")
    invoke("coincidences", *tables, "--window-ns", 16, "--out", tmp_path / "pairs.h5")
    pairs = store.read(tmp_path / "pairs.h5")
    inner = pairs["leading_edge_ns"] @ [1.0, -1.0]
    np.testing.assert_allclose(
        pairs["leading_edge_difference_ns"], inner + pairs["time_difference_ns"]
    )
    assert np.isfinite(inner).sum() >= 35


def test_bad_channels_and_peaks_are_refused(tmp_path: Path) -> None:
    file = petsys_file(tmp_path, 0)
    for text in ("a", "3-1", ""):
        with pytest.raises(ConfigError, match="names no channels"):
            invoke("coincidences", file, "--channels", text, 1, "--window-ns", 1, "--out", "x.h5")
    with pytest.raises(ConfigError, match="one or two files"):
        invoke("coincidences", file, file, file, "--window-ns", 1, "--out", "x.h5")
    with pytest.raises(ConfigError, match="numbers with commas"):
        invoke("calibrate", file, "--peaks-kev", "511 keV", "--out", "x.json")
    assert not Path("x.h5").exists()
    assert not Path("x.json").exists()


MANIFEST_COLUMNS = (
    "file,stage_x_mm,stage_y_mm,stage_uncertainty_mm,source,duration_s,detector_id,run"
)


def scans(folder: Path, *, runs: int = 3) -> Path:
    """Return a CSV manifest of a 5 × 5 scan; every run measures every position."""
    lines = [MANIFEST_COLUMNS]
    random = np.random.default_rng(0)
    for run in range(runs):
        for x in range(5):
            for y in range(5):
                name = f"r{run}_x{x}_y{y}.npy"
                np.save(folder / name, random.integers(0, 4000, (4, 8)).astype(np.uint16))
                lines.append(f"{name},{2.5 * x},{2.5 * y},0.1,Na-22,60,block 7,run {run}")
    (folder / "charges.toml").write_text(
        '[columns.charge_adc]\nsource = "array"\nunit = "ADC counts"\ndescription = "charge"\n'
    )
    (folder / "scans.csv").write_text("\n".join(lines) + "\n")
    return folder / "scans.csv"


def test_a_manifest_becomes_a_set_whose_splits_do_not_leak(tmp_path: Path) -> None:
    manifest, out = scans(tmp_path), tmp_path / "set.h5"
    mapping = ("--mapping", tmp_path / "charges.toml")
    told = invoke("ingest", manifest, "--out", out, *mapping)
    assert "300 events written" in told
    assert "25 positions, 3 runs, 1 detector" in told
    told = invoke("split", out, "--apart", "run", "--out", tmp_path / "split.json")
    assert "train: " in told
    assert "shared between parts: no event, no position, no run" in told
    assert "least distance from training positions: 2.5 mm" in told
    record = json.loads((tmp_path / "split.json").read_text())
    assert record["leak_test_passed"] is True
    assert all(count == 0 for key, count in record.items() if key.startswith("shared_"))
    with pytest.raises(DataError, match="too few groups"):
        invoke("split", out, "--apart", "detector")
    store.write(hits(10), tmp_path / "hits.h5")
    with pytest.raises(DataError, match="no source positions"):
        invoke("split", tmp_path / "hits.h5")


def test_a_set_that_would_leak_is_told_when_it_is_made(tmp_path: Path) -> None:
    manifest = scans(tmp_path, runs=1)
    told = invoke(
        "ingest", manifest, "--out", tmp_path / "set.h5", "--mapping", tmp_path / "charges.toml"
    )
    assert "runs cannot be kept apart between training and test" in told
