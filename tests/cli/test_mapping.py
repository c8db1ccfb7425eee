"""A mapping file to begin with is one that can be used as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.events.readers.tables.mapping import TableMapping
from strategies_events import petsys_bytes


def printed(*words: object) -> str:
    result = CliRunner().invoke(app, ["mapping", *map(str, words)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_the_example_is_a_mapping_file(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(printed())
    assert set(TableMapping.from_toml(tmp_path / "m.toml").columns) == {
        "charge_adc",
        "stage_position_mm",
    }


def test_the_columns_of_a_table_with_decimal_commas(tmp_path: Path) -> None:
    """A table with semicolons and decimal commas was read as one column."""
    values = np.round(np.random.default_rng(0).uniform(0, 100, (300, 6)), 2)
    lines = [";".join(f"{v:.2f}".replace(".", ",") for v in row) for row in values]
    path = tmp_path / "t.csv"
    path.write_text("q0;q1;q2;q3;x (mm);y (mm)\n" + "\n".join(lines) + "\n")
    (tmp_path / "m.toml").write_text(printed(path))
    opened = open_events(path, ReadOptions(mapping=tmp_path / "m.toml"))
    table = opened.read()
    np.testing.assert_array_equal(table["q"], values[:, :4])
    np.testing.assert_array_equal(table["x_mm"], values[:, 4])
    assert table.quantities["y_mm"].unit == "mm"
    assert opened.provenance["layout"] == "delimiter semicolon, decimal comma"


def test_what_says_itself_what_it_holds_needs_none(tmp_path: Path) -> None:
    (tmp_path / "hits.ldat").write_bytes(petsys_bytes(30))
    with pytest.raises(UnsupportedFormat, match="needs no mapping file"):
        printed(tmp_path / "hits.ldat")


def test_inspect_shows_a_table_without_a_mapping_file(tmp_path: Path) -> None:
    path = tmp_path / "header_only.csv"
    path.write_text("charge_0,charge_1\n")
    result = CliRunner().invoke(app, ["inspect", str(path), "--no-figure"])
    assert result.exception is None, result.exception
    assert "csv, 0 events" in result.stdout
    assert "charge_1" in result.stdout
