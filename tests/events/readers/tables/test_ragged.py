"""HDF5 vectors of several lengths: whole events of one length, the others named or filled up."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import DataError, TruncatedFile, UnsupportedFormat
from pulsefront.events.container import Status
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events
from strategies_traces import lh5_file

RANDOM = np.random.default_rng(8)
MAPPING = """
[columns.waveform_adc]
source = "ch1/raw/waveform/values"
unit = "ADC counts"
description = "samples"
{more}
[columns.energy_adc]
source = "ch1/raw/energy"
unit = "ADC counts"
description = "energy"
"""


def vectors(lengths: list[int], kind: str = "u2") -> list[np.ndarray]:
    return [RANDOM.integers(0, 4000, n).astype(kind) for n in lengths]


def variable_file(path: Path, waves: list[np.ndarray]) -> None:
    with h5py.File(path, "w") as file:
        kind = h5py.vlen_dtype(waves[0].dtype)
        data = file.create_dataset("ch1/raw/waveform/values", len(waves), dtype=kind)
        for i, wave in enumerate(waves):
            data[i] = wave
        file["ch1/raw/energy"] = np.arange(len(waves))


WRITERS = {"lh5": lh5_file, "variable": variable_file}


def options(folder: Path, more: str = "", *, strict: bool = False) -> ReadOptions:
    mapping = folder / "m.toml"
    mapping.write_text(MAPPING.format(more=more))
    return ReadOptions(mapping=mapping, strict=strict)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_vectors_of_one_length_are_waveforms(tmp_path: Path, form: str, chunk: int) -> None:
    waves = vectors([40] * 8)
    WRITERS[form](tmp_path / "a.lh5", waves)
    opened = open_events(tmp_path / "a.lh5", options(tmp_path, strict=True))
    tables = list(opened.chunks(chunk))
    got = np.concatenate([table["waveform_adc"] for table in tables])
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, waves)
    assert opened.count == 8


def test_lh5_is_what_h5py_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.lh5"
    lh5_file(path, vectors([40, 30, 40, 40]))
    with h5py.File(path) as file:
        group = file["ch1/raw/waveform/values"]
        parts = np.split(group["flattened_data"][:], group["cumulative_length"][:-1])
    with pytest.warns(DataWarning):
        table = open_events(path, options(tmp_path)).read()
    np.testing.assert_array_equal(table["waveform_adc"], [p for p in parts if len(p) == 40])


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_events_of_other_lengths_are_left_out_and_named(
    tmp_path: Path, form: str, chunk: int
) -> None:
    lengths = [30, 40, 40, 0, 40, 41, 40, 7, 1]
    waves = vectors(lengths)
    path = tmp_path / "a.lh5"
    WRITERS[form](path, waves)
    with pytest.warns(DataWarning) as caught:
        opened = open_events(path, options(tmp_path))
    told = str(caught[0].message)
    assert "5 of 9 events are left out" in told
    assert "40 of ch1/raw/waveform/values" in told
    assert "event 0 (30), event 3 (0), event 5 (41) and 2 more" in told
    tables = list(opened.chunks(chunk))
    got = np.concatenate([table["waveform_adc"] for table in tables])
    np.testing.assert_array_equal(got, [wave for wave in waves if len(wave) == 40])
    energies = np.concatenate([table["energy_adc"] for table in tables])
    assert energies.tolist() == [1, 2, 4, 6]
    assert opened.count == 4
    with pytest.raises(TruncatedFile):
        open_events(path, options(tmp_path, strict=True))


@pytest.mark.parametrize("form", WRITERS)
def test_a_length_that_is_asked_for_fills_up_and_flags(tmp_path: Path, form: str) -> None:
    waves = vectors([30, 40, 0, 55])
    path = tmp_path / "a.lh5"
    WRITERS[form](path, waves)
    opened = open_events(path, options(tmp_path, "samples = 40", strict=True))
    for chunk in (1, 3):
        tables = list(opened.chunks(chunk))
        got = np.concatenate([table["waveform_adc"] for table in tables])
        status = np.concatenate([table.status for table in tables])
        for wave, row in zip(waves, got, strict=True):
            np.testing.assert_array_equal(row[: len(wave)], wave[:40])
            assert (row[len(wave) :] == 0).all()
        cut = int(Status.TRUNCATED)
        assert status.tolist() == [cut, 0, cut, cut]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(1, 7))
def test_any_lengths(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], chunk: int
) -> None:
    folder = tmp_path_factory.mktemp("ragged")
    waves = vectors(lengths)
    lh5_file(folder / "a.lh5", waves)
    counts = np.bincount(lengths)
    counts[0] = 0  # empty vectors count only where there are no others
    most = next(n for n in lengths if counts[n] == counts.max())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        tables = list(open_events(folder / "a.lh5", options(folder)).chunks(chunk))
    got = np.concatenate([table["waveform_adc"] for table in tables])
    expected = [wave for wave in waves if len(wave) == most]
    np.testing.assert_array_equal(got, np.array(expected).reshape(len(expected), most))


def test_the_interval_of_lh5_is_in_the_file(tmp_path: Path) -> None:
    steps = {"ns": 16.0, "us": 16_000.0, "fathoms": None}
    for unit, expected in steps.items():
        path = tmp_path / f"{unit}.lh5"
        lh5_file(path, vectors([40] * 3))
        with h5py.File(path, "a") as file:
            file["ch1/raw/waveform/dt"].attrs["units"] = unit
        assert open_events(path, options(tmp_path)).provenance.get("sample_interval_ns") == expected
    path = tmp_path / "uneven.lh5"
    lh5_file(path, vectors([40] * 3))
    with h5py.File(path, "a") as file:
        file["ch1/raw/waveform/dt"][1] = 8.0
    assert "sample_interval_ns" not in open_events(path, options(tmp_path)).provenance


def test_vectors_whose_numbers_are_missing_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.lh5"
    waves = vectors([40] * 4)
    lh5_file(path, waves)
    with h5py.File(path, "a") as file:
        group = file["ch1/raw/waveform/values"]
        short = group["flattened_data"][:100]
        del group["flattened_data"]
        group["flattened_data"] = short
    with pytest.warns(DataWarning, match=r"event 2 \(cut\), event 3 \(cut\)"):
        table = open_events(path, options(tmp_path)).read()
    np.testing.assert_array_equal(table["waveform_adc"], waves[:2])


def test_vectors_that_end_before_they_begin_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.lh5"
    lh5_file(path, vectors([40] * 4))
    with h5py.File(path, "a") as file:
        file["ch1/raw/waveform/values/cumulative_length"][1] = 3
    with pytest.raises(DataError, match="event 1 ends before it begins"):
        open_events(path, options(tmp_path))


def test_compressed_waveforms_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.lh5"
    lh5_file(path, vectors([40] * 4))
    with h5py.File(path, "a") as file:
        file.move("ch1/raw/waveform/values", "kept")
        group = file.create_group("ch1/raw/waveform/values")
        group.attrs["codec"] = "radware_sigcompress"
        file.move("kept", "ch1/raw/waveform/values/encoded_data")
    with pytest.raises(UnsupportedFormat, match=r"radware_sigcompress.*lgdo"):
        open_events(path, options(tmp_path))


def test_without_a_mapping_the_vectors_are_listed_as_one_array(tmp_path: Path) -> None:
    path = tmp_path / "a.lh5"
    lh5_file(path, vectors([40] * 4))
    table = open_events(path, ReadOptions(unmapped=True)).read()
    assert table["ch1/raw/waveform/values"].shape == (4, 40)
    assert not any("flattened_data" in name for name in table.columns)
