"""DRS4 evaluation board files (PSI): waveforms on a time axis of their own in every event.

``DRS2``, ``TIME``, then per board ``B#``, its number and per channel ``C00n`` and 1,024 f32 bin
widths in ns. Events: ``EHDR``, serial, date, range centre in mV, and per board ``B#``, number,
``T#``, trigger cell, and per channel ``C00n``, scaler and 1,024 u16, where
V = u / 65,536 − 0.5 + range / 1,000.

The sampling array is a ring: an event starts at its trigger cell. The time of a sample is the sum
of the widths from there on, and the channels of a board are aligned where they pass cell 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import ADC_COUNTS, EventFile, ReadOptions, read_head
from pulsefront.events.readers.digitizers.records import chunked, map_records

__all__ = ["FORMAT", "open_file", "recognises", "sample_times_ns"]

FORMAT = "drs4"
CELLS = 1024
CHANNEL_BYTES = 4 + 4 * CELLS
MOST_BOARDS, MOST_CHANNELS = 16, 4
MILLIVOLTS_PER_COUNT = 1000.0 / 65536.0

QUANTITIES = {
    "serial": Quantity("1", "event number"),
    "date": Quantity("1", "year, month, day, hour, minute, second, millisecond"),
    "range_centre_mv": Quantity("mV", "centre of the input range"),
    "trigger_cell": Quantity("1", "cell of the first sample, per board"),
    "scaler": Quantity("Hz", "trigger rate of each channel"),
    "sample_time_ns": Quantity("ns", "time of each sample; channels aligned at cell 0"),
    "waveform_adc": Quantity(ADC_COUNTS, "samples; 1 V / 65,536 a count"),
}


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether the file starts as DRS4 files of version 2 do."""
    return head.startswith(b"DRS2TIME")


def sample_times_ns(
    widths_ns: NDArray[np.float64], trigger_cell: NDArray[Any], *, reference_channel: int = 0
) -> NDArray[np.float64]:
    """Return the times of the samples of one board.

    Parameters
    ----------
    widths_ns
        (channel, cell) width of each cell.
    trigger_cell
        (event,) cell of the first sample.
    reference_channel
        Channel whose first sample is at time 0; the others are shifted so that all pass cell 0
        at the same time.

    Returns
    -------
    times
        (event, channel, sample) in ns.
    """
    cells = widths_ns.shape[1]
    # Time at which cell k of a ring starts, over two turns, from cell 0.
    start = np.concatenate([np.zeros((len(widths_ns), 1)), np.cumsum(np.tile(widths_ns, 2), 1)], 1)
    first = np.asarray(trigger_cell, np.int64)[:, None]
    turns = np.lib.stride_tricks.sliding_window_view(start, cells, axis=1)
    times: NDArray[np.float64] = turns.transpose(1, 0, 2)[first[:, 0]]
    times = times - times[:, :, :1]
    to_zero = (cells - first[:, 0]) % cells  # sample at which cell 0 is read
    events = np.arange(len(times))
    at_zero = times[events, :, to_zero]
    return np.asarray(times + (at_zero[:, [reference_channel]] - at_zero)[:, :, None])


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a file of a DRS4 evaluation board.

    Raises
    ------
    UnsupportedFormat
        The file does not start with the time calibration of version 2.
    TruncatedFile
        Not one whole event; or the end is damaged, if reading is strict.
    """
    layout, widths, offset = _calibration(path)
    dtype = _event_dtype(layout)

    def sane(events: NDArray[Any]) -> NDArray[np.bool_]:
        good = events["mark"] == b"EHDR"
        for board, channels in enumerate(layout):
            good &= (events[f"b{board}"] == b"B#") & (events[f"t{board}"] == b"T#")
            for channel, name in enumerate(channels):
                good &= events[f"c{board}_{channel}"] == name
        return np.asarray(good)

    records, whole = map_records(path, dtype, offset, options, sane)

    def stream(events: int) -> Iterator[EventTable]:
        for part in chunked(records, whole, events):
            columns = _columns(part, layout, widths)
            bad = ~sane(part) | (columns["trigger_cell"] >= CELLS).any(axis=1)
            status = np.zeros(len(part), np.uint16)
            mark(status, bad, Status.BAD_HEADER)
            yield EventTable(columns, QUANTITIES, status, provenance)

    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": path.name,
        "channels": [[name.decode() for name in names] for names in layout],
        "mean_sample_interval_ns": float(np.mean([w.mean() for w in widths])),
        "millivolts_per_count": MILLIVOLTS_PER_COUNT,
        "events": whole,
    }
    return EventFile(path, FORMAT, QUANTITIES, provenance, 3 * dtype.itemsize, stream)


def _columns(
    part: NDArray[Any], layout: list[list[bytes]], widths: list[NDArray[np.float64]]
) -> dict[str, NDArray[Any]]:
    """Return the columns of some events: channels of all boards side by side."""
    boards = range(len(layout))
    trigger = np.stack([part[f"cell{board}"] for board in boards], axis=1)
    pairs = [(board, channel) for board in boards for channel in range(len(layout[board]))]
    times = [
        sample_times_ns(widths[board], np.minimum(trigger[:, board], CELLS - 1)) for board in boards
    ]
    return {
        "serial": np.array(part["serial"]),
        "date": np.array(part["date"]),
        "range_centre_mv": np.array(part["centre"]),
        "trigger_cell": trigger,
        "scaler": np.stack([part[f"s{board}_{channel}"] for board, channel in pairs], axis=1),
        "sample_time_ns": np.concatenate(times, axis=1).astype(np.float32),
        "waveform_adc": np.stack([part[f"w{board}_{channel}"] for board, channel in pairs], axis=1),
    }


def _calibration(path: Path) -> tuple[list[list[bytes]], list[NDArray[np.float64]], int]:
    """Return the channel marks and bin widths of each board, and where the events start."""
    most = 8 + MOST_BOARDS * (4 + MOST_CHANNELS * CHANNEL_BYTES) + 4
    head = read_head(path, most)
    if not head.startswith(b"DRS2TIME"):
        raise UnsupportedFormat("does not start with DRS2 and TIME", file=path)
    position = 8
    layout: list[list[bytes]] = []
    widths: list[list[NDArray[np.float64]]] = []
    # A run without events ends behind its calibration.
    while head[position : position + 4] != b"EHDR" and not (
        layout and all(layout) and position == len(head)
    ):
        word = head[position : position + 4]
        if word[:2] == b"B#" and len(layout) < MOST_BOARDS:
            layout.append([])
            widths.append([])
            position += 4
        elif word[:3] == b"C00" and layout and len(head) >= position + CHANNEL_BYTES:
            width = np.frombuffer(head, "<f4", CELLS, position + 4).astype(np.float64)
            if not (np.isfinite(width).all() and (width > 0).all() and (width < 1e3).all()):
                raise UnsupportedFormat(
                    f"has impossible bin widths for {word.decode('latin-1')!r}",
                    file=path,
                    field=f"byte {position}",
                )
            layout[-1].append(word)
            widths[-1].append(width)
            position += CHANNEL_BYTES
        else:
            raise UnsupportedFormat(
                "has a time calibration that ends or is damaged",
                file=path,
                field=f"byte {position}",
                value=word,
            )
    if not layout or not all(layout):
        raise UnsupportedFormat("has a board without channels", file=path)
    return layout, [np.stack(board) for board in widths], position


def _event_dtype(layout: list[list[bytes]]) -> np.dtype[Any]:
    fields: list[tuple[Any, ...]] = [
        ("mark", "S4"),
        ("serial", "<u4"),
        ("date", "<u2", (7,)),
        ("centre", "<i2"),
    ]
    for board, channels in enumerate(layout):
        fields += [
            (f"b{board}", "S2"),
            (f"number{board}", "<u2"),
            (f"t{board}", "S2"),
            (f"cell{board}", "<u2"),
        ]
        for channel in range(len(channels)):
            key = f"{board}_{channel}"
            fields += [(f"c{key}", "S4"), (f"s{key}", "<u4"), (f"w{key}", "<u2", (CELLS,))]
    return np.dtype(fields)
