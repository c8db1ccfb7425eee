from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pulsefront.errors import DataError
from pulsefront.estimators.pulses.settings import PickoffSettings
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.events.readers.base import DataWarning, EventFile
from pulsefront.measured.charges import write_charges
from pulsefront.measured.pickoff import pickoff, told_limits
from pulsefront.measured.write_tables import write_tables


def file_of(columns: dict[str, np.ndarray], chunk: int) -> EventFile:
    told = {name: Quantity("ADC counts", name) for name in columns}
    table = EventTable(columns, told, provenance={"sample_interval_ns": 1.0})

    def stream(_events: int) -> Iterator[EventTable]:
        for start in range(0, len(table), chunk):
            yield table.select(slice(start, start + chunk))

    return EventFile(Path("run.dat"), "made", told, {"events": len(table)}, 8, stream)


def waves(events: int, channels: int, *, side: int = 1, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return digitized pulses (event, channel, sample) and what they hold above the baseline."""
    random = np.random.default_rng(seed)
    since = np.arange(150) - 60.4
    shape = np.where(since > 0, np.exp(-since / 12) - np.exp(-since / 2), 0)
    heights = random.uniform(100, 900, (events, channels, 1))
    clean = heights * shape
    noisy = 2000 + side * clean + random.normal(0, 1.5, clean.shape)
    return np.rint(noisy).astype(np.uint16), clean.sum(axis=2)


@pytest.mark.parametrize("side", [1, -1])
def test_charges_of_photosensors_go_into_a_store_with_the_labels(tmp_path: Path, side: int) -> None:
    words, charges = waves(300, 4, side=side)
    words[7, 2, 70:74] = 65535 if side > 0 else 0
    labels = {"stage_position_mm": np.random.default_rng(1).random((300, 2))}
    source = file_of({"waveform_adc": words, **labels}, 80)
    level = {"saturation_high_adc": 65535} if side > 0 else {"saturation_low_adc": 0}
    found = write_charges(source, tmp_path / "c.h5", PickoffSettings(**level))
    assert (found.events, found.channels) == (300, 4)
    assert found.status == {"OK": 299, "SATURATED": 1}
    table = store.read(tmp_path / "c.h5")
    assert set(table.columns) == {"charge_adc", "stage_position_mm"}
    assert table.status[7] == Status.SATURATED
    good = table.status == 0
    np.testing.assert_allclose(table["charge_adc"][good], charges[good], atol=200)
    np.testing.assert_array_equal(table["stage_position_mm"], labels["stage_position_mm"])
    assert table.provenance["pulse_settings"]["charges_only"]


def test_one_channel_is_a_set_of_one(tmp_path: Path) -> None:
    words, charges = waves(50, 1)
    found = write_charges(file_of({"waveform_adc": words[:, 0]}, 100), tmp_path / "c.h5")
    assert found.channels == 1
    got = store.read(tmp_path / "c.h5")["charge_adc"]
    np.testing.assert_allclose(got, charges, atol=200)


def test_what_has_no_waveforms_has_no_charges_to_integrate(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no waveforms"):
        write_charges(file_of({"energy": np.ones(3)}, 10), tmp_path / "c.h5")
    assert not (tmp_path / "c.h5").exists()


def test_saturation_that_only_a_later_chunk_shows_is_said(tmp_path: Path) -> None:
    words, _ = waves(400, 1, seed=3)
    words = words[np.argsort(words.max(axis=(1, 2)), kind="stable")]
    words[:, 0] = np.minimum(words[:, 0], 2500)
    source = file_of({"waveform_adc": words[:, 0]}, 150)
    with pytest.warns(DataWarning, match=r"saturates at 2500.*--saturation-high-adc 2500"):
        summary = pickoff(source, tmp_path / "out")
    assert summary.events_by_status["SATURATED"] > 10
    assert told_limits(summary.settings) == [
        "channel 0: samples pile up at 2500, taken for saturation"
    ]


@settings(deadline=None, max_examples=50)
@given(
    arrays.arrays(np.float64, 8, elements=st.floats(allow_nan=False, allow_infinity=False)),
    arrays.arrays(
        np.float32, 8, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
    ),
    arrays.arrays(np.int64, 8),
    arrays.arrays(np.uint64, 8),
)
def test_a_table_as_text_holds_what_the_store_holds(
    tmp_path_factory: pytest.TempPathFactory,
    times: np.ndarray,
    heights: np.ndarray,
    ticks: np.ndarray,
    picoseconds: np.ndarray,
) -> None:
    columns = {"epoch_s": times, "amplitude_adc": heights, "tick": ticks, "time_ps": picoseconds}
    table = EventTable(columns, {name: Quantity("1", name) for name in columns})
    path = tmp_path_factory.mktemp("text") / "events.csv"
    write_tables(iter([table]), path, "csv")
    names, *rows = (line.split(",") for line in path.read_text().splitlines())
    again = {name: values for name, *values in zip(names, *rows, strict=True)}
    for name, column in columns.items():
        read = np.array([column.dtype.type(text) for text in again[name]])
        np.testing.assert_array_equal(read, column)
