"""The front end in an export: written by a command, verified, and refused where it does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError, ExportError
from pulsefront.files import firmware_export_directory
from pulsefront.firmware.export import export_model
from pulsefront.firmware.front_end.position.chain import PositionChain
from pulsefront.firmware.front_end.settings import (
    PositionChainSettings,
    TimingChainSettings,
    load_chain,
)
from pulsefront.firmware.front_end.statement import read_statement
from pulsefront.firmware.front_end.window import with_window
from pulsefront.firmware.verify import verify_export
from pulsefront.fixed_point import FixedPointFormat, FixedPointModel, Input
from toys_front_end import block_chain, block_net, small_chain, window_net
from toys_rtl import needs_simulator

SETTINGS = """
kind = "timing"
adc_bits = 10
sample_interval_ns = 1.0
baseline_samples = 8
trigger_adc = 20
samples_before = 3
samples_after = 4
energy_samples = 12
timeout_samples = 100
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    window_net(7).save(tmp_path / "model.json")
    (tmp_path / "chain.toml").write_text(SETTINGS)
    return tmp_path


def run(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@needs_simulator
def test_a_front_end_is_exported_and_verified(folder: Path) -> None:
    out = folder / "out"
    done = run("export", folder / "model.json", "-o", out, "--front-end", folder / "chain.toml")
    assert done.exit_code == 0, done.output
    assert "front_end" in done.output
    table = run("verify", out)
    assert table.exit_code == 0, table.output
    rows = [line for line in table.output.splitlines() if line.startswith("front end")]
    assert [row.split()[2] for row in rows] == ["emulator", "Verilog"]
    assert all(" 0 " in row and row.endswith("equal") for row in rows)
    readme = (out / "front_end" / "README.md").read_text()
    statement = json.loads((out / "front_end" / "front_end.json").read_text())
    for key in ("dead_clocks", "interval_clocks", "latency_clocks"):
        assert f"| {statement[key]} |" in readme
    assert statement["events_per_second"] > 0


@needs_simulator
def test_a_changed_record_is_found_by_both(folder: Path) -> None:
    export_model(window_net(7), folder / "out", targets=["front_end"], front_end=small_chain())
    path = folder / "out" / "front_end" / "tb_data" / "records.hex"
    lines = path.read_text().split()
    lines[2] = f"{int(lines[2], 16) ^ 1 << 20:x}"
    path.write_text("\n".join(lines))
    rows = {one.backend: one for one in verify_export(folder / "out").rows}
    for name in ("front end emulator", "front end Verilog"):
        assert rows[name].mismatches == 1
        assert rows[name].first_mismatch is not None
        assert rows[name].first_mismatch.vector == 2
        assert rows[name].first_mismatch.output == "sample"
    told = run("verify", folder / "out")
    assert told.exit_code == 1
    assert "front_end/tb_data/records.hex (changed after the export)" in str(told.exception)


def test_options_without_effect_are_refused(folder: Path) -> None:
    (folder / "waves.csv").write_text("1,2\n")
    model, out = folder / "model.json", folder / "out"
    cases = [
        (["-t", "c99", "--waveforms", folder / "waves.csv"], "--waveforms"),
        (["-t", "c99", "--multipliers", 2], "--multipliers"),
        (["--front-end", folder / "chain.toml", "--multipliers", 2], "--multipliers"),
        (["-t", "rtl", "--reuse-factor", 2], "--reuse-factor"),
        (["-t", "onnx", "--dsp-multipliers", 2], "--dsp-multipliers"),
    ]
    for options, named in cases:
        done = run("export", model, "-o", out, *options)
        assert isinstance(done.exception, ConfigError), done.output
        assert done.exception.field == named
    assert not out.exists()


def test_waveforms_of_an_unknown_format_have_a_remedy_that_is_there(folder: Path) -> None:
    (folder / "waves.bin").write_bytes(bytes(range(200)))
    done = run("export", folder / "model.json", "-o", folder / "out", "--front-end",
               folder / "chain.toml", "--waveforms", folder / "waves.bin")  # fmt: skip
    assert "pulsefront ingest" in str(done.exception)


def test_measured_waveforms_join_the_golden_stream(folder: Path) -> None:
    plain = export_model(
        window_net(7), folder / "a", targets=["front_end"], front_end=small_chain()
    )
    records = np.full((3, 60), 50)
    records[:, 30:34] = [500, 400, 300, 200]
    more = export_model(
        window_net(7), folder / "b", targets=["front_end"], front_end=small_chain(),
        waveforms=records,
    )  # fmt: skip
    assert plain.contents.front_end is not None
    assert more.contents.front_end is not None
    assert more.contents.front_end.records == plain.contents.front_end.records + 3


def test_the_samples_of_the_network_come_from_the_export_beside_it(folder: Path) -> None:
    names = {"input_names": ["sample_-3", "sample_+0", "sample_+3"]}
    (folder / "provenance.json").write_text(json.dumps(names))
    chain = TimingChainSettings.from_toml(folder / "chain.toml")
    assert with_window(chain, folder / "model.json").window_samples == (-3, 0, 3)
    stated = chain.model_copy(update={"window_samples": (0, 1)})
    assert with_window(stated, folder / "model.json").window_samples == (0, 1)
    assert with_window(chain, folder / "model.json").error_output is None
    told = json.loads((folder / "provenance.json").read_text())
    (folder / "provenance.json").write_text(json.dumps({**told, "error_scale": {"step": 0.5}}))
    assert with_window(chain, folder / "model.json").error_output is True
    refused = chain.model_copy(update={"error_output": False})
    assert with_window(refused, folder / "model.json").error_output is False
    (folder / "provenance.json").write_text(json.dumps({"input_names": ["sample_+40"]}))
    with pytest.raises(ConfigError, match="within the window"):
        with_window(chain, folder / "model.json")
    (folder / "provenance.json").write_text("no JSON")
    assert with_window(chain, folder / "model.json").window_samples is None


def test_the_channels_of_the_network_come_from_the_export_beside_it(folder: Path) -> None:
    chain = block_chain()
    (folder / "provenance.json").write_text(json.dumps({"input_names": ["sensor_1", "sensor_6"]}))
    assert with_window(chain, folder / "model.json").network_channels == (1, 6)
    (folder / "provenance.json").write_text(json.dumps({"input_names": ["row_0", "column_1"]}))
    assert with_window(chain, folder / "model.json").network_channels is None


def test_the_sum_that_charges_are_brought_to_comes_from_the_export_beside_it(folder: Path) -> None:
    (folder / "provenance.json").write_text(json.dumps({"normalised_sum": 512}))
    found = with_window(block_chain(normalised_sum=None), folder / "model.json")
    assert found.normalised_sum == 512
    with pytest.raises(ConfigError, match="trained on charges at a sum of 512"):
        with_window(block_chain(normalised_sum=600), folder / "model.json")


NORMALISED = {"normalised_sum": 512, "charge_bits": 13}


def test_the_mirrors_and_bits_come_from_the_export_beside_it(folder: Path) -> None:
    told = {"charge_bits": 9, "fold": "rectangle", "grid": [4, 2], "drop_bits": 2}
    (folder / "provenance.json").write_text(
        json.dumps({**told, "input_names": [f"folded_sensor_{i}" for i in (1, 6)]})
    )
    found = with_window(block_chain(normalised_sum=None), folder / "model.json")
    assert isinstance(found, PositionChainSettings)
    assert (found.fold, found.grid, found.drop_bits) == ("rectangle", (4, 2), 2)
    assert found.network_channels == (1, 6)
    with pytest.raises(ConfigError, match="trained on another grid of channels"):
        with_window(block_chain(normalised_sum=None, grid=(2, 4)), folder / "model.json")
    with pytest.raises(ConfigError, match="charges without their 2 lowest bits"):
        with_window(block_chain(normalised_sum=None, drop_bits=1), folder / "model.json")
    with pytest.raises(ConfigError, match="turned by the mirrors of a rectangle"):
        with_window(block_chain(channels=9, fold="square", grid=(3, 3)), folder / "model.json")
    with pytest.raises(ConfigError, match="not trained on charges at a sum of 600"):
        with_window(block_chain(normalised_sum=600), folder / "model.json")


def test_what_a_study_did_not_do_to_its_charges_is_refused(folder: Path) -> None:
    (folder / "provenance.json").write_text(json.dumps({"study": "block"}))
    assert with_window(block_chain(normalised_sum=None), folder / "model.json").fold is None
    with pytest.raises(ConfigError, match="not trained on charges at a sum of 600"):
        with_window(block_chain(normalised_sum=600), folder / "model.json")
    with pytest.raises(ConfigError, match="not trained on charges without their 1 lowest bits"):
        with_window(block_chain(normalised_sum=None, drop_bits=1), folder / "model.json")


def test_a_network_on_folded_charges_says_how_they_are_turned(folder: Path) -> None:
    told = {"charge_bits": 13, "fold": "square", "grid": [8, 8], "drop_bits": 2}
    targets = ["onnx", "qonnx", "onnx_float"]
    export_model(window_net(7), folder / "out", targets=targets, provenance=told)
    readme = (folder / "out" / "README.md").read_text()
    for words in (
        "`model_qonnx.onnx`, `model_float.onnx` take real values, in counts",
        "does not read the charges as they come",
        "2·column − 7",
        "exchanged where |b|",
        "divided by 4, rounded down",
        "and what comes after the network",
    ):
        assert words in readme


def test_classes_of_a_folded_array_have_no_front_end(folder: Path) -> None:
    told = {"charge_bits": 12, "fold": "square", "grid": [4, 4], "classes": [8, 8]}
    (folder / "provenance.json").write_text(json.dumps(told))
    with pytest.raises(ConfigError, match="turns x and y back alone"):
        with_window(block_chain(channels=16), folder / "model.json")
    export_model(window_net(7), folder / "out", targets=["onnx"], provenance=told)
    assert "score number 8·row + column" in (folder / "out" / "README.md").read_text()


def test_a_chain_that_gives_other_steps_than_the_network_reads_is_refused() -> None:
    net = block_net(8, bits=8)
    port = Input("counts", (8,), FixedPointFormat(8, 10, signed=False))
    coarse = FixedPointModel("block", (port,), net.layers, net.outputs)
    with pytest.raises(ExportError, match="steps of 4 counts, the chain gives steps of 1"):
        PositionChain(coarse, block_chain())
    PositionChain(coarse, block_chain(drop_bits=2))


def test_a_network_on_normalised_charges_says_how_they_are_made(folder: Path) -> None:
    out = folder / "out"
    export_model(window_net(7), out, targets=["onnx"], provenance=NORMALISED)
    readme = (out / "README.md").read_text()
    assert "r = 512·2^15 / S" in readme
    assert "No file here computes it" in readme
    assert json.loads((out / "provenance.json").read_text())["normalised_sum"] == 512


def test_target_and_settings_belong_together(folder: Path) -> None:
    done = run("export", folder / "model.json", "-o", folder / "out", "-t", "front_end")
    assert done.exit_code != 0
    with pytest.raises(ExportError, match="belong together"):
        export_model(window_net(7), folder / "out", front_end=small_chain())
    assert not (folder / "out").exists()


def test_a_model_that_does_not_fit_is_refused_before_anything_is_written(folder: Path) -> None:
    with pytest.raises(ExportError, match="the window gives 7"):
        export_model(window_net(5), folder / "out", targets=["front_end"], front_end=small_chain())
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    "name", [p.stem for p in (firmware_export_directory() / "front_ends").glob("*.toml")]
)
def test_shipped_settings_are_read(name: str) -> None:
    assert load_chain(name).kind in name


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rearm_adc = 20", "line 11: rearm_adc: must be below"),
        ("baseline_gap = 3", "baseline_gap: must be above"),
        ("dead_samples = 5", "dead_samples: must be at least 15"),
        ("window_samples = [2, 1]", "window_samples: must ascend"),
        ("energy_range = [2, 1]", "energy_range: must ascend"),
        ("energy_range = [0, 99999]", "energy_range: must ascend between -32768 and 32767"),
        ("baseline_range_adc = [0, 1024]", "baseline_range_adc: must ascend between 0 and 1023"),
        ("output_range = [[0.5, -0.5]]", "output_range: needs the lower end"),
        ("pile_up_adc = 1024", "pile_up_adc: lies beyond 10 bits"),
        ("pile_up_adc = 9\npile_up_after = 12", "pile_up_after: must be below energy_samples"),
        ("baseline_samples = 12", "baseline_samples"),
        ("trigger = 3", "unknown key"),
    ],
)
def test_settings_that_cannot_be_are_refused(folder: Path, line: str, message: str) -> None:
    path = folder / "wrong.toml"
    path.write_text(f"{SETTINGS.replace('baseline_samples = 8', '')}{line}\n")
    with pytest.raises(ConfigError, match=message):
        load_chain(path)


def test_a_name_that_is_not_shipped_is_refused() -> None:
    with pytest.raises(ConfigError, match="timing_lyso_pair"):
        load_chain("nowhere")


def test_a_statement_that_is_damaged_is_named(folder: Path) -> None:
    (folder / "front_end.json").write_text("{}")
    with pytest.raises(ExportError, match=r"front_end\.json"):
        read_statement(folder)
