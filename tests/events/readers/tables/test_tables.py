from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from pulsefront.errors import ConfigError, DataError, UnsupportedFormat
from pulsefront.events.container import Status
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events

MAPPING = """
sample_interval_ns = 0.5

[columns.charge_adc]
source = "adc_*"
unit = "ADC counts"
description = "charge of each photosensor"

[columns.stage_position_mm]
source = ["x_cm", "y_cm"]
unit = "mm"
description = "stage position"
scale = 10.0

[provenance]
detector = "block 7"
"""
RANDOM = np.random.default_rng(0)
CHARGES = RANDOM.uniform(0, 100, (30, 12))
PLACES = RANDOM.uniform(-2, 2, (30, 2))


def columns() -> dict[str, np.ndarray]:
    named = {f"adc_{i}": CHARGES[:, i] for i in range(12)}
    return {"event": np.arange(30), **named, "x_cm": PLACES[:, 0], "y_cm": PLACES[:, 1]}


def write(path: Path) -> None:
    if path.suffix == ".csv":
        pd.DataFrame(columns()).to_csv(path, index=False)
    elif path.suffix == ".parquet":
        pytest.importorskip("pyarrow")
        pd.DataFrame(columns()).to_parquet(path)
    elif path.suffix == ".npz":
        np.savez(path, **columns())
    elif path.suffix == ".npy":
        fields = columns()
        array = np.zeros(30, [(name, "f8") for name in fields])
        for name, values in fields.items():
            array[name] = values
        np.save(path, array)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, values in columns().items():
                file[name] = values
    else:
        uproot = pytest.importorskip("uproot")
        content = columns()
        with uproot.recreate(path) as file:
            if path.suffix == ".root":
                file.mktree("events", {name: values.dtype for name, values in content.items()})
                file["events"].extend(content)
            else:
                file["events"] = content  # an RNTuple


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz", "npy", "h5", "root", "rntuple"])
@pytest.mark.parametrize("chunk", [7, 1000])
def test_every_kind_of_table_gives_the_same_events(
    tmp_path: Path, mapping: Path, kind: str, chunk: int
) -> None:
    named = tmp_path / f"table.{kind}"
    write(named)
    path = named.rename(tmp_path / "table.whatever")  # the name says nothing
    opened = open_events(path, ReadOptions(mapping=mapping))
    tables = list(opened.chunks(chunk))
    assert max(map(len, tables)) <= chunk
    charges = np.concatenate([t["charge_adc"] for t in tables])
    np.testing.assert_allclose(charges, CHARGES)  # adc_10 comes after adc_9
    places = np.concatenate([t["stage_position_mm"] for t in tables])
    np.testing.assert_allclose(places, PLACES * 10)
    assert tables[0].quantities["stage_position_mm"].unit == "mm"
    assert tables[0].provenance["detector"] == "block 7"
    assert tables[0].provenance["sample_interval_ns"] == 0.5


def test_without_a_mapping_the_error_lists_what_there_is(tmp_path: Path) -> None:
    write(tmp_path / "t.csv")
    with pytest.raises(ConfigError, match=r"adc_0.*--mapping"):
        open_events(tmp_path / "t.csv")


def test_a_mapped_array_that_is_missing_is_named(tmp_path: Path, mapping: Path) -> None:
    pd.DataFrame({"x_cm": [1.0], "y_cm": [2.0]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=r"t.csv: adc_\*: holds no such array.*x_cm"):
        open_events(tmp_path / "t.csv", ReadOptions(mapping=mapping))


def test_missing_numbers_are_marked(tmp_path: Path, mapping: Path) -> None:
    frame = pd.DataFrame(columns())
    frame.loc[3, "adc_5"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = open_events(tmp_path / "t.csv", ReadOptions(mapping=mapping)).read()
    assert np.flatnonzero(table.status).tolist() == [3]
    assert table.status[3] == Status.NOT_FINITE


def test_text_in_a_number_column_is_an_error(tmp_path: Path, mapping: Path) -> None:
    frame = pd.DataFrame(columns()).astype(object)
    frame.loc[3, "adc_5"] = "n/a?"
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="adc_5"):
        open_events(tmp_path / "t.csv", ReadOptions(mapping=mapping)).read()


@pytest.mark.parametrize("word", ["1.600,13", "-2.001.600,5", "1 600,5"])
def test_signs_between_thousands_are_named(tmp_path: Path, mapping: Path, word: str) -> None:
    names = [f"adc_{i}" for i in range(12)] + ["x_cm", "y_cm"]
    rows = [";".join(["12,5"] * 14), ";".join([word] + ["7,5"] * 13)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([";".join(names), *rows]) + "\n")
    with pytest.raises(DataError, match=r"row 2 holds no number.*without signs between thousands"):
        open_events(path, ReadOptions(mapping=mapping)).read()


def test_lists_of_one_length_become_a_matrix(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    mapping = tmp_path / "m.toml"
    mapping.write_text('[columns.charge_adc]\nsource = "q"\nunit = "1"\ndescription = "q"\n')
    pd.DataFrame({"q": [[1.0, 2.0], [3.0, 4.0]]}).to_parquet(tmp_path / "a.parquet")
    table = open_events(tmp_path / "a.parquet", ReadOptions(mapping=mapping)).read()
    assert table["charge_adc"].tolist() == [[1, 2], [3, 4]]
    pd.DataFrame({"q": [[1.0, 2.0], [3.0]]}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="another length"):
        open_events(tmp_path / "b.parquet", ReadOptions(mapping=mapping)).read()


def test_a_jagged_root_branch_is_refused(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    ak = pytest.importorskip("awkward")
    mapping = tmp_path / "m.toml"
    mapping.write_text('[columns.charge_adc]\nsource = "q"\nunit = "1"\ndescription = "q"\n')
    with uproot.recreate(tmp_path / "a.root") as file:
        file["t"] = {"q": ak.Array([[1.0, 2.0], [3.0]])}
    with pytest.raises(DataError, match="another length"):
        open_events(tmp_path / "a.root", ReadOptions(mapping=mapping)).read()


@pytest.mark.parametrize("kind", ["parquet", "npz", "npy", "h5", "root"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.97])
def test_truncated_tables_are_one_clear_error(
    tmp_path: Path, mapping: Path, kind: str, share: float
) -> None:
    path = tmp_path / f"table.{kind}"
    write(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises((UnsupportedFormat, DataError)) as caught:
        open_events(path, ReadOptions(mapping=mapping)).read()
    assert "\n" not in str(caught.value)


def test_pickled_arrays_are_refused(tmp_path: Path, mapping: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(UnsupportedFormat, match="cannot be read as NumPy"):
        open_events(tmp_path / "a.npy", ReadOptions(mapping=mapping))


ROWS = [(1.5, 20.25, -3.0), (2.5, 21.25, -4.0), (3.5, 22.25, -5.0)]


def text_of(delimiter: str, decimal: str = ".", quote: str = "") -> str:
    rows = [[f"{quote}{x}{quote}".replace(".", decimal) for x in row] for row in ROWS]
    return "\n".join(delimiter.join(row) for row in [["a", "b (µV)", "c"], *rows]) + "\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (text_of(",", ",", '"').encode(), "delimiter comma, decimal comma, numbers in quotes"),
        (text_of("|").encode(), "delimiter bar, decimal point"),
        (text_of(";", ",").encode("latin-1"), "delimiter semicolon, decimal comma"),
        (text_of(";").replace("µV", "– V").encode("cp1252"), "delimiter semicolon, decimal point"),
        (text_of(" ").replace("b (µV)", "b").encode(), "delimiter blank, decimal point"),
        (b"sep=;\n" + text_of(";", ",").encode(), "delimiter semicolon, decimal comma"),
        (b"bench 3\nby me, late\n\n" + text_of(",").encode(), "delimiter comma, decimal point"),
        (text_of(";", ",").replace("-", "−").encode(), "delimiter semicolon, decimal comma"),
    ],
)
def test_a_table_is_read_however_it_is_written(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    file = open_events(path, ReadOptions(unmapped=True))
    (table,) = file.stream(100)
    assert file.provenance["layout"] == told
    assert np.array_equal(np.stack(list(table.columns.values()), axis=1), ROWS)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('a,b\n"1,234","5,678"\n"2,345","6,789"\n', "between thousands"),
        ("a;b\n1.234,5;5.678,5\n2.345,5;6.789,5\n", "no cell is a number.*1.234,5"),
        ("0,0,0x400\n1,5,0x400\n2,5,0x400\n", "without a line of names"),
        ("charge\n", "holds a single line"),
        ("a,b\n1,2\n3,4\nc,d,e\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n", "is of no format|looks like"),
    ],
)
def test_what_is_nearly_a_table_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(UnsupportedFormat, match=says):
        open_events(path, ReadOptions(unmapped=True))


def test_a_decimal_comma_behind_many_whole_rows_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a;b\n" + "1;2\n" * 300 + "1,5;2\n")
    with pytest.raises(DataError, match=r"row 301 .* say decimal = "):
        list(open_events(path, ReadOptions(unmapped=True)).stream(1000))
