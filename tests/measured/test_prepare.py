"""Waveforms of ring samplers are put right before they are measured."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.settings import PickoffSettings
from pulsefront.events.container import EventTable, Quantity
from pulsefront.measured.prepare import learn_preparation, prepared


def table(cells: np.ndarray, boards: list[list[str]], **columns: np.ndarray) -> EventTable:
    """Return baseline events of a ring of 1,024 cells, whose offsets are the cell's number mod 7.

    Channel c has c + 1 times these offsets.
    """
    channels = sum(map(len, boards))
    board_of = [board for board, names in enumerate(boards) for _ in names]
    index = (cells[:, board_of, None] + np.arange(1024)) % 1024
    waves = 500.0 + (np.arange(channels) + 1)[:, None] * (index % 7)
    columns = {"waveform_adc": waves, "trigger_cell": cells, **columns}
    told = {name: Quantity("1", name) for name in columns}
    return EventTable(columns, told, provenance={"channels": boards})


def test_every_channel_is_corrected_with_the_cell_of_its_board() -> None:
    cells = np.random.default_rng(0).integers(0, 1024, (60, 2))
    events = table(cells, [["C001", "C002"], ["C001"]])
    preparation = learn_preparation(events, PickoffSettings(cells="level"))
    after = prepared(events, preparation)
    assert after["waveform_adc"].shape == (60, 3, 1024)
    assert np.ptp(events["waveform_adc"]) == 18
    assert np.ptp(after["waveform_adc"], axis=(0, 2)).max() < 0.01
    assert after.quantities["waveform_adc"].description.endswith("offsets of cells taken out")
    # Nothing is done where nothing is asked for.
    assert prepared(events, learn_preparation(events, PickoffSettings())) is events


def test_cells_that_fit_no_channel_or_are_not_read_are_refused() -> None:
    cells = np.random.default_rng(0).integers(0, 1024, (60, 2))
    events = table(cells, [["C001", "C002"], ["C001"]]).with_provenance({})
    with pytest.raises(DataError, match="no cell for every channel"):
        learn_preparation(events, PickoffSettings(cells="level"))
    few = table(cells[:1, :1], [["C001"]])
    few = few.with_columns({"waveform_adc": few["waveform_adc"][..., :200]}, {})
    with pytest.raises(DataError, match="824 cells are never read"):
        learn_preparation(few, PickoffSettings(cells="neighbours"))


def test_samples_at_uneven_times_come_at_even_ones() -> None:
    random = np.random.default_rng(1)
    times = np.cumsum(random.uniform(0.1, 0.4, (5, 1, 300)), axis=2)
    events = EventTable(
        {"waveform_adc": 10.0 * times, "sample_time_ns": times},
        {name: Quantity("1", name) for name in ("waveform_adc", "sample_time_ns")},
    )
    preparation = learn_preparation(events, PickoffSettings(even_grid=True))
    after = prepared(events, preparation)
    interval = after.provenance["sample_interval_ns"]
    assert interval == pytest.approx(0.25, rel=0.05)
    assert "sample_time_ns" not in after.columns
    samples = after["waveform_adc"].shape[2]
    inside = np.arange(samples) * interval > times[:, :, :1].max()
    expected = np.broadcast_to(10 * interval * np.arange(samples), (5, 1, samples))
    np.testing.assert_allclose(after["waveform_adc"][..., inside], expected[..., inside], rtol=1e-4)
    with pytest.raises(ConfigError, match="no time axis of their own"):
        learn_preparation(events.without("sample_time_ns"), PickoffSettings(even_grid=True))
