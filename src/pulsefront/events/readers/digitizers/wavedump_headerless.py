"""CAEN WaveDump binary files whose headers were switched off: nothing but samples.

Nothing in such a file says where a record ends, so its length is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile, ReadOptions, incomplete, read_head
from pulsefront.events.readers.digitizers.records import chunked
from pulsefront.events.readers.digitizers.sample_width import (
    SAMPLE_DTYPES,
    WidthChoice,
    choose_width,
)
from pulsefront.events.readers.digitizers.wavedump import LOOKED_AT, WAVEFORM, finite_status

__all__ = ["FORMAT", "open_file"]

FORMAT = "wavedump-headerless"
BLOCK = 1 << 14


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a file that holds nothing but samples.

    Raises
    ------
    ConfigError
        ``record_samples`` is not given.
    TruncatedFile
        The file is shorter than one record; or not a whole number of them, if reading is strict.
    """
    read_head(path, 1)
    if options.record_samples is None or options.record_samples < 1:
        raise ConfigError(
            "a file without headers does not say how long its records are",
            file=path,
            field="record_samples",
            value=options.record_samples,
            remedy="give --record-samples",
        )
    choice = _sample_type(path, options)
    sample_type = choice.sample_type
    dtype = np.dtype((SAMPLE_DTYPES[sample_type], (options.record_samples,)))
    size = path.stat().st_size
    whole, rest = divmod(size, dtype.itemsize)
    if rest:
        incomplete(
            path,
            options,
            byte_offset=whole * dtype.itemsize,
            events_kept=whole,
            problem="ends inside the record",
        )
    samples = np.memmap(
        path, SAMPLE_DTYPES[sample_type], mode="r", shape=(whole, options.record_samples)
    )

    def stream(events: int) -> Iterator[EventTable]:
        for part in chunked(samples, whole, events):
            waveforms = np.array(part)
            yield EventTable(
                {"waveform_adc": waveforms}, quantities, finite_status(waveforms), provenance
            )

    quantities = {"waveform_adc": WAVEFORM}
    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": path.name,
        "sample_type": sample_type,
        "sample_type_because": choice.reason,
        "events": whole,
    }
    if options.sample_interval_ns is not None:
        provenance["sample_interval_ns"] = options.sample_interval_ns
    return EventFile(path, FORMAT, quantities, provenance, dtype.itemsize, stream)


def _sample_type(path: Path, options: ReadOptions) -> WidthChoice:
    """Return how the samples are written: as said, or as some blocks of the file tell."""
    if options.sample_type != "auto":
        return WidthChoice(options.sample_type, "as said")
    size = path.stat().st_size
    blocks = []
    with open(path, "rb") as file:
        for start in np.unique(
            np.linspace(0, max(size - BLOCK, 0), LOOKED_AT).astype(int) // 4 * 4
        ):
            file.seek(int(start))
            content = file.read(BLOCK)
            blocks.append(np.frombuffer(content[: len(content) // 4 * 4], np.uint8))
    return choose_width(blocks, path)
