from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from pulsefront.cli.data import ingest, inspect
from pulsefront.cli.pulses import charges, pickoff
from pulsefront.errors import ConfigError, DataError, PulsefrontError, TruncatedFile
from pulsefront.events import store
from strategies_events import pulses, wavedump_bytes
from toys_firmware import small_model

app = typer.Typer()
for command in (ingest, inspect, pickoff, charges):
    app.command()(command)


def invoke(*words: object):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, PulsefrontError):
        raise result.exception
    assert result.exception is None, result.exception
    return result


def pair(folder: Path, events: int = 30) -> list[Path]:
    paths = []
    for channel in (0, 1):
        waves = pulses(events, seed=channel + 1).astype(np.uint16)
        path = folder / f"wave{channel}.dat"
        path.write_bytes(wavedump_bytes(waves, channel=channel))
        paths.append(path)
    return paths


PICKOFF = ("--baseline-samples", 30, "--delay-samples", 4, "--threshold-adc", 40)


@pytest.mark.parametrize("table", ["csv", "h5", "parquet"])
def test_pickoff_writes_table_summary_and_figures(tmp_path: Path, table: str) -> None:
    out = tmp_path / "out"
    result = invoke(
        "pickoff", *pair(tmp_path), "--out", out, "--table", table, *PICKOFF,
        "--sample-interval-ns", 0.5,
    )  # fmt: skip
    assert "30 events, 2 channel(s); 30 without flags" in result.stdout
    names = {entry.name for entry in out.iterdir()}
    assert names == {
        f"events.{table}",
        "summary.json",
        "data_dictionary.json",
        "pulses.png",
        "time_differences.png",
    }
    summary = json.loads((out / "summary.json").read_text())
    assert summary["events_by_status"] == {"OK": 30}
    spread = summary["time_difference_channel_0_minus_1"]["constant_fraction"]
    assert spread["events"] == 30
    assert abs(spread["median_ns"]) < 1.0
    if table == "csv":
        frame = pd.read_csv(out / "events.csv")
    elif table == "parquet":
        frame = pd.read_parquet(out / "events.parquet")
    else:
        events = store.read(out / "events.h5")
        assert events["amplitude_adc"].shape == (30, 2)
        return
    assert len(frame) == 30
    for name in ("amplitude_adc", "charge_adc_samples", "leading_edge_ns", "constant_fraction_ns"):
        assert frame[f"{name}_0"].notna().all()
    assert (frame["status"] == 0).all()
    dictionary = json.loads((out / "data_dictionary.json").read_text())
    assert dictionary["leading_edge_ns"]["unit"] == "ns"


def test_a_store_gives_the_same_table_as_its_files(tmp_path: Path) -> None:
    files = pair(tmp_path)
    invoke("ingest", *files, "--out", tmp_path / "s.h5", "--sample-interval-ns", 0.5)
    invoke("pickoff", tmp_path / "s.h5", "--out", tmp_path / "a", *PICKOFF)
    invoke("pickoff", *files, "--out", tmp_path / "b", *PICKOFF, "--sample-interval-ns", 0.5)
    left, right = ((tmp_path / x / "events.csv").read_text() for x in "ab")
    assert left == right


def test_settings_come_from_a_file_and_options_override_them(tmp_path: Path) -> None:
    (tmp_path / "pulse.toml").write_text("baseline_stop = 30\ndelay_samples = 9.0\nsmoothing = 3\n")
    invoke(
        "pickoff", *pair(tmp_path), "--out", tmp_path / "out",
        "--settings", tmp_path / "pulse.toml", "--delay-samples", 4,
    )  # fmt: skip
    told = json.loads((tmp_path / "out" / "summary.json").read_text())["settings"]
    assert (told["smoothing"], told["delay_samples"]) == (3, 4.0)
    (tmp_path / "pulse.toml").write_text("smoothin = 3\n")
    with pytest.raises(ConfigError, match=r"pulse.toml, line 1: smoothin.*'smoothing'"):
        invoke(
            "pickoff", *pair(tmp_path), "--out", tmp_path / "o",
            "--settings", tmp_path / "pulse.toml",
        )  # fmt: skip


def test_ingest_stores_where_events_come_from(tmp_path: Path) -> None:
    files = pair(tmp_path, 4)
    result = invoke("ingest", *files, "--out", tmp_path / "s.h5")
    assert "4 events written" in result.stdout
    table = store.read(tmp_path / "s.h5")
    assert [source["file"] for source in table.provenance["sources"]] == ["wave0.dat", "wave1.dat"]
    assert len(table.provenance["sources"][0]["sha256"]) == 64
    with pytest.raises(DataError, match=r"events of wave0\.dat already, from event 0 on"):
        invoke("ingest", *files, "--out", tmp_path / "s.h5", "--append")
    assert len(store.read(tmp_path / "s.h5")) == 4
    invoke("ingest", *files, "--out", tmp_path / "s.h5", "--append", "--again")
    assert len(store.read(tmp_path / "s.h5")) == 8


def test_a_truncated_file_keeps_its_events_with_a_warning(tmp_path: Path) -> None:
    first, _ = pair(tmp_path, 4)
    first.write_bytes(first.read_bytes()[:-7])
    result = invoke("ingest", first, "--out", tmp_path / "s.h5")
    assert result.exit_code == 0
    assert result.stderr.count("warning:") == 1
    assert "after 3 whole events" in result.stderr
    assert len(store.read(tmp_path / "s.h5")) == 3


@pytest.mark.parametrize(
    ("content", "options", "error"),
    [
        (b"", (), DataError),
        (b"now and then\nin 2\n", (), DataError),
        (wavedump_bytes(np.ones((3, 20), np.uint16))[:-5], ("--strict",), TruncatedFile),
        (wavedump_bytes(np.ones((1, 20), np.uint16))[:-5], (), TruncatedFile),
    ],
)
@pytest.mark.parametrize("command", ["ingest", "pickoff"])
def test_bad_files_give_one_line_and_write_nothing(
    tmp_path: Path, command: str, content: bytes, options: tuple[str, ...], error: type
) -> None:
    path = tmp_path / "wave.dat"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        invoke(command, path, "--out", tmp_path / "out", *options)
    assert "wave.dat" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["wave.dat"]


def test_inspect_prints_dictionary_status_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = pair(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = invoke("inspect", files[0], "--tag-interval-ns", 8)
    assert "wavedump, 30 events" in result.stdout
    assert "status: 30 without flags" in result.stdout
    assert "waveform_adc[120] uint16, ADC counts" in result.stdout
    assert (tmp_path / "wave0_inspect.png").read_bytes().startswith(b"\x89PNG")
    invoke("ingest", *files, "--out", "s.h5")
    result = invoke("inspect", "s.h5", "--figure", "drawn.svg")
    assert "store, 30 events" in result.stdout
    assert "<svg" in (tmp_path / "drawn.svg").read_text()


@pytest.mark.parametrize(
    ("name", "options", "events"),
    [
        ("toward_bgo_sipm/hpge_wave0.dat", ("--baseline-samples", 1000), 8),
        ("legend_compass/compass_test_data.BIN", ("--baseline-samples", 30), 102),
        ("wavecatcher_sipm/exampledata.bin", ("--polarity", "negative"), 300),
        ("drs4_pydrs4/test.dat", ("--polarity", "negative"), 1000),
        ("lecroy_trc/pulse_sequence.trc", ("--baseline-samples", 50), 20),
        ("lecroy_trc/issue_1.trc", ("--baseline-samples", 5000), 1),
        ("toward_bgo_sipm/coincidence_wave0.dat", (), 41),
        ("toward_bgo_sipm/sipm_2006272158_wave0.dat", ("--baseline-samples", 50), 293),
    ],
)
def test_every_measured_sample_goes_through_pickoff(
    shared_data: Callable[[str], Path], tmp_path: Path, name: str, options: tuple, events: int
) -> None:
    invoke("pickoff", shared_data(name), "--out", tmp_path / "out", *options)
    frame = pd.read_csv(tmp_path / "out" / "events.csv")
    assert len(frame) == events
    first = "_0" if "amplitude_adc_0" in frame else ""
    assert np.isfinite(frame[f"amplitude_adc{first}"]).all()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert sum(summary["events_by_status"].values()) >= events


def test_pickoff_does_not_replace_a_folder_of_something_else(tmp_path: Path) -> None:
    files = pair(tmp_path, 4)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="not an earlier pickoff"):
        invoke("pickoff", *files, "--out", tmp_path / "mine", *PICKOFF)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    for _ in range(2):  # an earlier pickoff is replaced
        invoke("pickoff", *files, "--out", tmp_path / "out", *PICKOFF)


def test_the_measured_coincidences(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shared_data("toward_bgo_sipm")
    files = [folder / f"coincidence_wave{c}.dat" for c in (0, 1)]
    invoke(
        "pickoff", *files, "--out", tmp_path / "out", "--sample-interval-ns", 1,
        "--tag-interval-ns", 8, "--baseline-samples", 300, "--smoothing", 15,
        "--delay-samples", 60,
    )  # fmt: skip
    frame = pd.read_csv(tmp_path / "out" / "events.csv")
    assert len(frame) == 41
    # Both photosensors see one BGO crystal: the two times belong to one event.
    difference = frame["leading_edge_ns_0"] - frame["leading_edge_ns_1"]
    assert difference.abs().median() < 40
    assert (frame["amplitude_adc_0"] > 25).all()
    assert (frame["charge_adc_samples_0"] > 0).all()
    assert frame["time_ns"].is_monotonic_increasing


def test_the_measured_truncated_file(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    path = shared_data("toward_bgo_sipm") / "sipm_2006272158_wave0.dat"
    result = invoke("pickoff", path, "--out", tmp_path / "out")
    assert "after 293 whole events" in result.stderr
    assert len(pd.read_csv(tmp_path / "out" / "events.csv")) == 293
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(TruncatedFile):
        invoke("pickoff", path, "--out", tmp_path / "out", "--strict")
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_said_to_be_one_with_the_commands_that_take_it(tmp_path: Path) -> None:
    small_model().save(tmp_path / "model.json")
    done = invoke("inspect", tmp_path / "model.json")
    assert "model.json: a fixed-point model" in done.output
    assert "pulsefront export" in done.output
