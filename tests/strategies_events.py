"""Hypothesis strategies and plain builders of measured files and event tables."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pulsefront.events.container import EventTable, Quantity

# The first call of a kernel compiles it, which no deadline allows for.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


def wavedump_bytes(
    waveforms: np.ndarray, *, board: int = 31, channel: int = 0, first_event: int = 0
) -> bytes:
    """Return the bytes of a WaveDump file with headers; the samples' dtype is written as it is."""
    payload = waveforms.shape[1] * waveforms.dtype.itemsize
    records = []
    for number, waveform in enumerate(waveforms):
        event = first_event + number
        header = np.array([payload + 24, board, 0, channel, event, 1000 + 77 * event], "<u4")
        records.append(
            header.tobytes() + waveform.astype(waveform.dtype.newbyteorder("<")).tobytes()
        )
    return b"".join(records)


def pulses(
    events: int = 8,
    samples: int = 120,
    *,
    seed: int = 1,
    start: float = 40.0,
    height: float = 500.0,
    noise: float = 2.0,
) -> np.ndarray:
    """Return (event, sample) float64 pulses on a pedestal of 100 counts, with known start."""
    random = np.random.default_rng(seed)
    time = np.arange(samples)[None] - (start + random.uniform(0, 1, (events, 1)))
    shape = np.where(time > 0, np.exp(-time / 20.0) - np.exp(-time / 3.0), 0.0)
    return 100.0 + height * shape + random.normal(0, noise, (events, samples))


def waveforms(
    *, dtype: type = np.uint16, highest: int = 4000, least_samples: int = 4
) -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of (event, sample) integer waveforms."""
    shape = st.tuples(st.integers(1, 6), st.integers(least_samples, 40))
    return hnp.arrays(dtype, shape, elements=st.integers(0, highest))


def float_pulses(*, with_bad: bool = True) -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of (event, sample) float32 pulses, some of them not finite."""
    shape = st.tuples(st.integers(1, 5), st.integers(4, 30))
    values = st.floats(-100, 1000, width=32, allow_subnormal=False)
    if with_bad:
        values = st.one_of(values, st.sampled_from([np.nan, np.inf, -np.inf]).map(np.float32))
    return hnp.arrays(np.float32, shape, elements=values)


@st.composite
def event_tables(draw: st.DrawFn) -> EventTable:
    """Return a strategy of event tables with columns of several types and shapes."""
    events = draw(st.integers(0, 20))
    dtypes = [np.uint16, np.int64, np.float32, np.float64, np.bool_]
    columns, quantities = {}, {}
    for number in range(draw(st.integers(1, 4))):
        dtype = draw(st.sampled_from(dtypes))
        tail = draw(st.sampled_from([(), (3,), (2, 5)]))
        name = f"column_{number}"
        columns[name] = draw(hnp.arrays(dtype, (events, *tail)))
        quantities[name] = Quantity(draw(st.sampled_from(["ns", "mm", "1"])), f"number {number}, µ")
    status = draw(hnp.arrays(np.uint16, events))
    return EventTable(columns, quantities, status, {"seed": 7, "name": "é"})
