"""Files and stores without events end in one line, or in an empty store: never in a traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pulsefront.cli.main import app
from pulsefront.errors import PulsefrontError
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity

SHAPES = {
    "hits": {"time_ps": (), "channel": (), "energy_adc": ()},
    "charges": {"charge_adc": (4,)},
    "sum": {"charge_adc": (16,)},
    "pairs": {"time_difference_ps": (), "channel": (2,), "charge_adc": (2,), "energy_kev": (2,)},
    "waveforms": {"waveform_adc": (50,), "channel": ()},
    "channels": {"waveform_adc": (2, 50), "time_ns": ()},
    "scan": {"charge_adc": (4,), "stage_position_mm": (2,), "grid_index": (2,), "run": ()},
}
PETSIRD = (
    "--detector lyso_pixels_8x8 --distance-mm 50 --ctr-fwhm-ps 300 --energy-resolution-percent 12 "
    "--rate-per-s 100"
)
COMMANDS = (
    "inspect --no-figure",
    "calibrate --out c.json",
    "calibrate --walk --out c.json",
    "charges --out c.h5",
    "pickoff --out folder",
    "pickoff --table h5 --out folder5",
    "ingest --out i.h5",
    "coincidences --channels 0 1 --window-ns 10 --out p.h5",
    "split",
    f"petsird --out a.bin {PETSIRD}",
)


def run(command: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(file.parent)
    name, *rest = command.split()
    return CliRunner().invoke(app, [name, file.name, *rest])


@pytest.mark.parametrize("content", SHAPES)
def test_an_empty_store_is_no_traceback(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """calibrate and pickoff ended in NumPy's ValueError."""
    columns = {name: np.zeros((0, *shape)) for name, shape in SHAPES[content].items()}
    told = {name: Quantity("1", name) for name in columns}
    store.write(EventTable(columns, told), tmp_path / "empty.h5")
    for command in COMMANDS:
        result = run(command, tmp_path / "empty.h5", monkeypatch)
        done = result.exit_code == 0 and result.exception is None
        assert done or isinstance(result.exception, PulsefrontError), (command, result.exception)
        assert "nan" not in result.output, command
        if command.startswith(("calibrate", "split", "pickoff")):
            assert not done, command


def test_a_table_of_a_header_alone_is_said_to_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text("time_ns,channel,charge\n")
    np.save(tmp_path / "t.npy", np.zeros((0, 100)))
    for name in ("t.csv", "t.npy"):
        for command in ("ingest --out i.h5", "calibrate --out c.json"):
            line = str(run(command, tmp_path / name, monkeypatch).exception)
            assert "the table is empty" in line
            assert "mapping" not in line
        result = run("inspect", tmp_path / name, monkeypatch)
        assert result.exit_code == 0, result.exception
        assert "no values" in result.output
        assert "nan" not in result.output


def test_too_few_events_says_how_many_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"charge_adc": Quantity("1", "charge")}
    for shape in ((150, 2), (150, 16)):
        table = EventTable({"charge_adc": np.ones(shape)}, told)
        store.write(table, tmp_path / "few.h5")
        line = str(run("calibrate --out c.json", tmp_path / "few.h5", monkeypatch).exception)
        assert "(got 150); at least 200 are needed" in line
