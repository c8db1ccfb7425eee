"""How samples are written is seen from them; what cannot be seen is an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events
from strategies_events import wavedump_bytes


def recorded(
    dtype: type, baseline: float, height: float, noise: float, samples: int, seed: int
) -> np.ndarray:
    """Return (event, sample) pulses of a digitizer: rounded to its counts where it has counts."""
    random = np.random.default_rng(seed)
    time = np.arange(samples)[None] - random.uniform(0.2, 0.6, (12, 1)) * samples
    shape = np.where(time > 0, np.exp(-time / 20.0) - np.exp(-time / 3.0), 0.0)
    waves = baseline + height * shape + random.normal(0, noise, (12, samples))
    if dtype is np.float32:
        return waves.astype(np.float32)
    return np.clip(np.rint(waves), 0, np.iinfo(dtype).max).astype(dtype)


def chosen(folder: Path, waves: np.ndarray) -> str:
    path = folder / "w.dat"
    path.write_bytes(wavedump_bytes(waves))
    opened = open_events(path)
    assert opened.provenance["sample_type_because"]
    table = opened.read()
    np.testing.assert_array_equal(table["waveform_adc"], waves)
    return str(opened.provenance["sample_type"])


@given(
    baseline=st.integers(8, 247),
    height=st.floats(-200, 200),
    noise=st.floats(0.4, 6),
    samples=st.integers(40, 400).map(lambda n: 4 * n),
    seed=st.integers(0, 99),
)
def test_8_bit_pulses_on_any_baseline_are_read_as_such(
    tmp_path_factory: pytest.TempPathFactory, baseline, height, noise, samples, seed
) -> None:
    waves = recorded(np.uint8, baseline, height, noise, samples, seed)
    assert chosen(tmp_path_factory.mktemp("u8"), waves) == "u8"


@given(
    baseline=st.integers(20, 65_000),
    height=st.floats(-8000, 8000),
    noise=st.floats(0.4, 40),
    samples=st.integers(40, 400).map(lambda n: 2 * n),
    seed=st.integers(0, 99),
)
def test_16_bit_pulses_on_any_baseline_are_read_as_such(
    tmp_path_factory: pytest.TempPathFactory, baseline, height, noise, samples, seed
) -> None:
    waves = recorded(np.uint16, baseline, height, noise, samples, seed)
    assert chosen(tmp_path_factory.mktemp("u16"), waves) == "u16"


@given(
    baseline=st.floats(20, 4000),
    height=st.floats(-2000, 2000),
    noise=st.floats(0.3, 40),
    samples=st.integers(40, 400),
    seed=st.integers(0, 99),
)
def test_floats_on_any_baseline_are_read_as_such(
    tmp_path_factory: pytest.TempPathFactory, baseline, height, noise, samples, seed
) -> None:
    waves = recorded(np.float32, baseline, height, noise, samples, seed)
    assert chosen(tmp_path_factory.mktemp("f32"), waves) == "f32"


def test_16_bit_samples_whose_bytes_are_equal_are_told_by_what_moves(tmp_path: Path) -> None:
    # 0x4040: both bytes are 64, but only the lower one carries noise.
    waves = np.random.default_rng(0).integers(0x403E, 0x4043, (12, 200)).astype(np.uint16)
    assert chosen(tmp_path, waves) == "u16"


def test_what_reads_equally_well_is_an_error_that_names_the_options(tmp_path: Path) -> None:
    path = tmp_path / "flat.dat"
    path.write_bytes(wavedump_bytes(np.full((5, 40), 7, np.uint8)))
    with pytest.raises(UnsupportedFormat, match=r"flat\.dat.*as u16 or as u8.*--sample-type"):
        open_events(path)
    for name, samples in (("u8", 40), ("u16", 20)):
        opened = open_events(path, ReadOptions(sample_type=name))
        assert opened.read()["waveform_adc"].shape == (5, samples)


def test_the_record_length_of_the_configuration_decides(tmp_path: Path) -> None:
    path = tmp_path / "flat.dat"
    path.write_bytes(wavedump_bytes(np.full((5, 40), 7, np.uint8)))
    for samples, name in ((40, "u8"), (20, "u16"), (10, "f32")):
        opened = open_events(path, ReadOptions(record_samples=samples))
        assert opened.provenance["sample_type"] == name
        assert opened.provenance["sample_type_because"] == f"40 bytes for {samples} samples"
    with pytest.raises(UnsupportedFormat, match="no sample type for the length said"):
        open_events(path, ReadOptions(record_samples=30))


def test_eight_bit_pulses_are_not_taken_for_16_bit_ones(tmp_path: Path) -> None:
    """200 bytes on a baseline of 50 were read as 100 samples of 4,629 … 13,363."""
    random = np.random.default_rng(3)
    pulse = np.where(np.arange(200) > 80, -30 * np.exp(-(np.arange(200) - 80) / 40), 0)
    waves = np.rint(50 + pulse + random.normal(0, 0.8, (40, 200))).astype(np.uint8)
    path = tmp_path / "eight_bit.dat"
    path.write_bytes(wavedump_bytes(waves))
    table = open_events(path).read()
    assert table["waveform_adc"].shape == (40, 200)
    assert np.median(np.ptp(table["waveform_adc"].astype(int), axis=1)) == pytest.approx(32, abs=3)
