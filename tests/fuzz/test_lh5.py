"""Byte-level fuzzing of LH5 vectors: a few seconds, or PULSEFRONT_FUZZ_SECONDS."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import PulsefrontError
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events
from strategies_traces import lh5_file

SECONDS = float(os.environ.get("PULSEFRONT_FUZZ_SECONDS", "3"))
HANGS_S = 60.0
HEAP_BYTES = 4096
WAVES = [np.random.default_rng(4).integers(0, 4000, 40).astype(np.uint16) for _ in range(12)]
MAPPING = """[columns.waveform_adc]
source = "ch1/raw/waveform/values"
unit = "ADC counts"
description = "samples"
"""


def content_of(folder: Path) -> bytes:
    lh5_file(folder / "whole.lh5", WAVES)
    (folder / "m.toml").write_text(MAPPING)
    return (folder / "whole.lh5").read_bytes()


def read(path: Path) -> tuple[EventTable | None, bool]:
    """Return the events, or None after a clear error, and whether there was a warning."""
    options = ReadOptions(mapping=path.parent / "m.toml")
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            table = open_events(path, options, format_name="hdf5").read()
        except PulsefrontError as error:
            table = None
            assert "\n" not in str(error)  # noqa: PT017
    assert time.perf_counter() - start < HANGS_S
    assert all(issubclass(w.category, DataWarning) for w in caught), [str(w) for w in caught]
    return table, bool(caught)


def rounds(seconds: float) -> Iterator[np.random.Generator]:
    end = time.monotonic() + seconds
    number = 0
    while number < 30 or time.monotonic() < end:
        yield np.random.default_rng(number)
        number += 1


@pytest.mark.parametrize("where", ["numbers", "ends"])
def test_flipped_bits_of_vectors_spoil_only_what_they_hit(tmp_path: Path, where: str) -> None:
    content = content_of(tmp_path)
    numbers = np.concatenate(WAVES)
    ends = np.cumsum([len(wave) for wave in WAVES]).astype(np.uint32)
    raw = (numbers if where == "numbers" else ends).tobytes()
    begins = content.index(raw)
    known = {wave.tobytes() for wave in WAVES}
    path = tmp_path / "flipped.lh5"
    for random in rounds(SECONDS / 4):
        changed = bytearray(content)
        changed[begins + int(random.integers(0, len(raw)))] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(bytes(changed))
        table, warned = read(path)
        if table is None:
            assert where == "ends"
            continue
        other = sum(row.tobytes() not in known for row in table["waveform_adc"])
        if where == "numbers":
            assert (len(table), other, warned) == (12, 1, False)
        else:
            assert other == 0
            assert len(table) >= 10
            assert warned == (len(table) < 12)


def test_flipped_bits_and_cuts_anywhere_are_an_error_or_events(tmp_path: Path) -> None:
    content = content_of(tmp_path)
    # HDF5 itself never comes back from some damage of the heap that holds texts of attributes.
    heap = content.index(b"GCOL")
    places = [i for i in range(len(content)) if not heap <= i < heap + HEAP_BYTES]
    path = tmp_path / "changed.lh5"
    for random in rounds(SECONDS / 2):
        changed = bytearray(content)
        for _ in range(int(random.integers(1, 4))):
            changed[random.choice(places)] ^= 1 << int(random.integers(0, 8))
        if random.integers(0, 3) == 0:
            changed = changed[: int(random.integers(1, len(content)))]
        path.write_bytes(bytes(changed))
        table, _ = read(path)
        assert table is None or len(table) <= 12
