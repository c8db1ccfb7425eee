"""Waveforms of ring samplers made ready for the pulse chain: cells corrected, samples even."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.cells import cell_offsets, subtract_cells, to_even_grid
from pulsefront.estimators.pulses.resolve import resolve_gates
from pulsefront.estimators.pulses.settings import PickoffSettings
from pulsefront.events.container import EventTable, Quantity

__all__ = ["Preparation", "learn_preparation", "prepared"]

Floats = NDArray[np.float64]

RING_CELLS = 1024
"""Cells of the DRS4 and of the SAMLONG of a WaveCatcher."""

FIRST_CELLS = ("trigger_cell", "first_cell")
"""Columns that hold the cell of the first sample: of each board, or of each channel."""

MOST_EVENTS = 1000


@dataclass(frozen=True)
class Preparation:
    """What is done to every waveform of a file before it is measured.

    Attributes
    ----------
    offsets
        (cell,) of each channel; empty where none are taken out.
    interval_ns, samples
        The even time axis; None where waveforms stay as they are.
    """

    offsets: tuple[Floats, ...] = ()
    interval_ns: float | None = None
    samples: int = 0

    @property
    def changes(self) -> bool:
        """Whether samples are other than they were digitized."""
        return bool(self.offsets) or self.interval_ns is not None


def learn_preparation(first: EventTable, settings: PickoffSettings) -> Preparation:
    """Return what *settings* ask for, learned from the first events of a file.

    Raises
    ------
    ConfigError
        The file is not of a ring sampler: it says no cells, or no times of its samples.
    DataError
        The events do not read every cell.
    """
    offsets: tuple[Floats, ...] = ()
    interval_ns, samples = None, 0
    if settings.cells is not None:
        offsets = _offsets(first.select(slice(MOST_EVENTS)), settings)
    if settings.even_grid:
        times = first.columns.get("sample_time_ns")
        if times is None or times.shape != first["waveform_adc"].shape:
            raise ConfigError(
                "the waveforms have no time axis of their own",
                field="even_grid",
                remedy="their samples are even already, or the file does not say",
            )
        interval_ns = float(np.diff(times[..., [0, -1]]).mean() / (times.shape[-1] - 1))
        samples = int(times[..., -1].min() / interval_ns) + 1
    return Preparation(offsets, interval_ns, samples)


def prepared(table: EventTable, preparation: Preparation) -> EventTable:
    """Return *table* with its waveforms made ready, as float32."""
    if preparation.offsets:
        cells = _first_cells(table)
        rows = table["waveform_adc"].reshape(len(table), len(preparation.offsets), -1)
        parts = [
            subtract_cells(rows[:, c], cells[:, c], offsets)
            for c, offsets in enumerate(preparation.offsets)
        ]
        table = _with_waveforms(table, np.stack(parts, axis=1), "; offsets of cells taken out")
    if preparation.interval_ns is not None:
        waveforms, times = table["waveform_adc"], table["sample_time_ns"]
        samples = waveforms.shape[-1]
        even = to_even_grid(
            waveforms.reshape(-1, samples),
            times.reshape(-1, samples),
            preparation.interval_ns,
            preparation.samples,
        )
        shape = (*waveforms.shape[:-1], preparation.samples)
        table = _with_waveforms(table, even.reshape(shape), "; at even times")
        provenance = {**table.provenance, "sample_interval_ns": preparation.interval_ns}
        table = table.without("sample_time_ns").with_provenance(provenance)
    return table


def _with_waveforms(table: EventTable, waveforms: NDArray[Any], told: str) -> EventTable:
    shape = (*table["waveform_adc"].shape[:-1], -1)
    known = table.quantities["waveform_adc"]
    quantity = Quantity(known.unit, known.description + told)
    return table.with_columns(
        {"waveform_adc": waveforms.reshape(shape)}, {"waveform_adc": quantity}
    )


def _offsets(first: EventTable, settings: PickoffSettings) -> tuple[Floats, ...]:
    cells = _first_cells(first)
    rows = first["waveform_adc"].reshape(len(first), cells.shape[1], -1)
    start, stop = 0, rows.shape[2]
    if settings.cells == "level":
        decided = resolve_gates(settings, first["waveform_adc"])
        start, stop = decided.baseline_start, decided.baseline_stop or stop
    try:
        return tuple(
            cell_offsets(
                rows[:, c],
                cells[:, c],
                start,
                stop,
                cells=RING_CELLS,
                against=settings.cells or "neighbours",
            )
            for c in range(rows.shape[1])
        )
    except DataError as error:
        raise DataError(error.problem, field="cells", remedy=error.remedy) from None


def _first_cells(table: EventTable) -> NDArray[np.int64]:
    """Return the cell of the first sample of each channel, (event, channel)."""
    name = next((name for name in FIRST_CELLS if name in table.columns), None)
    if name is None:
        raise ConfigError(
            "the file does not say from which cell the samples were read",
            field="cells",
            remedy="only ring samplers such as the DRS4 have cells",
        )
    cells = np.asarray(table[name], np.int64).reshape(len(table), -1)
    channels = 1 if table["waveform_adc"].ndim == 2 else table["waveform_adc"].shape[1]
    if cells.shape[1] == channels:
        return cells
    boards: Sequence[Sequence[str]] = table.provenance.get("channels", ())
    board_of = [board for board, names in enumerate(boards) for _ in names]
    if len(board_of) != channels or len(boards) != cells.shape[1]:
        raise DataError(
            "tells no cell for every channel", field=name, value=(cells.shape[1], channels)
        )
    return cells[:, board_of]
