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


# --- small whole files of every own format -------------------------------------------------------


def wavedump_text_bytes(waveforms: np.ndarray) -> bytes:
    """Return the text of a WaveDump file."""
    parts = []
    for number, waveform in enumerate(waveforms):
        parts.append(
            f"Record Length: {len(waveform)}\nBoardID: 31\nChannel: 2\nEvent Number: {number}\n"
            f"Pattern: 0x0001\nTrigger Time Stamp: {1000 + 77 * number}\nDC offset (DAC): 0x0CCC\n"
        )
        parts.append("".join(f"{int(sample)}\n" for sample in waveform))
    return "".join(parts).encode()


def compass_bytes(
    waveforms: np.ndarray | list[np.ndarray], *, content: int = 0b1101, header: bool = True
) -> bytes:
    """Return the bytes of a CoMPASS file whose records hold what the bits of *content* say."""
    parts = [(0xCAE0 | content).to_bytes(2, "little")] if header else []
    for number, waveform in enumerate(waveforms):
        parts.append(np.array([1, number % 2], "<u2").tobytes())
        parts.append(np.array(10**6 * (number + 1), "<u8").tobytes())
        if content & 1:
            parts.append(np.array(100 + number, "<u2").tobytes())
        if content & 2:
            parts.append(np.array(511.5 + number, "<f8").tobytes())
        if content & 4:
            parts.append(np.array(50 + number, "<u2").tobytes())
        parts.append(np.array(0x4000, "<u4").tobytes())
        if content & 8:
            parts.append(b"\x01" + np.array(len(waveform), "<u4").tobytes())
            parts.append(np.asarray(waveform, "<u2").tobytes())
    return b"".join(parts)


def drs4_bytes(
    events: int = 3,
    *,
    boards: tuple[int, ...] = (1,),
    widths: np.ndarray | None = None,
    cells: list[int] | None = None,
    waveforms: np.ndarray | None = None,
) -> bytes:
    """Return the bytes of a DRS4 file; *boards* gives the channels of each board."""
    random = np.random.default_rng(4)
    channels = sum(boards)
    if widths is None:
        widths = random.uniform(0.1, 0.4, (channels, 1024))
    if waveforms is None:
        waveforms = random.integers(30000, 34000, (events, channels, 1024))
    parts = [b"DRS2TIME"]
    pairs, number = [], 0
    for board, count in enumerate(boards):
        parts.append(b"B#" + np.array(2700 + board, "<u2").tobytes())
        for channel in range(count):
            parts.append(f"C00{channel + 1}".encode() + widths[number].astype("<f4").tobytes())
            pairs.append((board, channel, number))
            number += 1
    for event in range(events):
        date = np.array([2026, 11, 21, 8, 30, 0, event], "<u2").tobytes()
        parts.append(b"EHDR" + np.array(event + 1, "<u4").tobytes() + date + b"\x00\x00")
        for board in range(len(boards)):
            cell = cells[event] if cells else int(random.integers(0, 1024))
            parts.append(b"B#" + np.array(2700 + board, "<u2").tobytes())
            parts.append(b"T#" + np.array(cell, "<u2").tobytes())
            for _, channel, n in [pair for pair in pairs if pair[0] == board]:
                parts.append(f"C00{channel + 1}".encode() + np.array(9, "<u4").tobytes())
                parts.append(waveforms[event, n].astype("<u2").tobytes())
    return b"".join(parts)


def wavecatcher_bytes(waveforms: np.ndarray, *, measurements: bool = False) -> bytes:
    """Return the bytes of a WaveCatcher file of (event, channel, sample) samples."""
    events, channels, samples = waveforms.shape
    lines = (
        "=== DATA FILE SAVED WITH SOFTWARE VERSION: V2.10.1 ===\n"
        "=== WAVECATCHER SYSTEM OF TYPE 2 WITH 18 CHANNELS AND GAIN: 1.0 ===\n"
        "=== Rate coincidence masks (4 bits) for ch 0 to 15: 1 2 4 8 ===\n"
        f"=== DATA SAMPLES [{samples}] in Volts == NB OF CHANNELS ACQUIRED: {channels} == "
        f"Sampling Period: 312.5 ps == INL Correction: 1 == MEASUREMENTS: {int(measurements)} ===\n"
    )
    parts = [lines.encode()]
    for event in range(events):
        parts.append(np.array(event + 1, "<i4").tobytes() + np.array(1.6e9 + event).tobytes())
        parts.append(np.array([2026, 11, 21, 8, 30, 0, event], "<u4").tobytes())
        parts.append(np.array(10**6 * event, "<u8").tobytes())
        parts.append(np.array(channels, "<i4").tobytes())
        for channel in range(channels):
            parts.append(np.array([channel + 9, event + 1, 16 * event], "<i4").tobytes())
            if measurements:
                parts.append(np.arange(6, dtype="<f4").tobytes())
            parts.append(waveforms[event, channel].astype("<i2").tobytes())
    return b"".join(parts)


def petsys_bytes(
    events: int = 20,
    *,
    form: str = "petsys-single",
    hits_per_group: int = 1,
    step_ps: int = 10**9,
) -> bytes:
    """Return the bytes of a PETsys list-mode file; groups number their hits, as PETsys does."""
    random = np.random.default_rng(5)
    parts = []
    for event in range(events):
        number = event % hits_per_group
        group, count = event - number, min(hits_per_group, events - (event - number))
        for side in range(2 if form == "petsys-coincidence" else 1):
            if form == "petsys-group":
                parts.append(bytes([count, number]))
            elif form == "petsys-coincidence":
                parts.append(bytes([1, 0]))
            time_ps = step_ps * (group + 1) + 300 * side + 40 * number
            parts.append(np.array(time_ps, "<i8").tobytes())
            parts.append(np.array(random.uniform(400, 600), "<f4").tobytes())
            parts.append(np.array(random.integers(0, 1024), "<i4").tobytes())
    return b"".join(parts)


def lecroy_bytes(
    waveforms: np.ndarray, *, prefix: bytes = b"#9000001234", order: str = "<"
) -> bytes:
    """Return the bytes of a LeCroy trace of (segment, sample) int8 or int16 words."""
    segments, samples = waveforms.shape
    width = waveforms.dtype.itemsize
    triggers = 16 * segments if segments > 1 else 0
    descriptor = bytearray(346)
    descriptor[0:8] = b"WAVEDESC"
    descriptor[16:26] = b"LECROY_2_3"
    descriptor[76:84] = b"LECROYWR"

    def put(at: int, kind: str, value: float) -> None:
        content = np.array(value, f"{order}{kind}").tobytes()
        descriptor[at : at + len(content)] = content

    put(32, "i2", width - 1)
    put(34, "i2", int(order == "<"))
    for at, value in ((36, 346), (48, triggers), (60, segments * samples * width)):
        put(at, "i4", value)
    put(116, "i4", segments * samples)
    put(144, "i4", segments)
    for at, value in ((156, 1e-3), (160, 0.25), (176, 1e-9)):
        put(at, "f4", value)
    put(180, "f8", -3e-7)
    descriptor[304:308] = bytes([30, 8, 21, 11])  # minute, hour, day, month of the trigger
    put(308, "i2", 2026)
    pairs = np.stack([np.arange(segments) * 1e-3, np.full(segments, -3e-7)], axis=1)
    times = pairs.astype(f"{order}f8").tobytes() if triggers else b""
    words = waveforms.astype(waveforms.dtype.newbyteorder(order)).tobytes()
    return prefix + bytes(descriptor) + times + words


def petsird_scanner(
    elements: tuple[tuple[int, int], ...] = ((4, 3),), energy_bins: int = 5, tof_bins: int = 9
):
    """Return a header of modules that are nowhere: (modules, elements in each) of every type."""
    import petsird

    still = petsird.RigidTransformation(matrix=np.eye(3, 4, dtype=np.float32))
    corners = [petsird.Coordinate(c=np.full(3, i, np.float32)) for i in range(8)]
    box = petsird.BoxSolidVolume(shape=petsird.BoxShape(corners=corners), material_id=1)
    replicated = [
        petsird.ReplicatedDetectorModule(
            object=petsird.DetectorModule(
                detecting_elements=petsird.ReplicatedBoxSolidVolume(
                    object=box, transforms=[still] * each
                )
            ),
            transforms=[still] * modules,
        )
        for modules, each in elements
    ]
    types = len(elements)
    tof = petsird.BinEdges(edges=np.linspace(-90, 90, tof_bins + 1, dtype=np.float32))
    energy = petsird.BinEdges(edges=np.linspace(400, 650, energy_bins + 1, dtype=np.float32))
    scanner = petsird.ScannerInformation(
        model_name="made up",
        scanner_geometry=petsird.ScannerGeometry(replicated_modules=replicated),
        tof_bin_edges=[[tof] * (i + 1) for i in range(types)],
        tof_resolution=[[30.0] * (i + 1) for i in range(types)],
        event_energy_bin_edges=[energy] * types,
        energy_resolution_at_511=[0.1] * types,
        prompt_event_policy=petsird.CoincidencePolicy.REJECT_HIGHER_MULTIPLES,
    )
    return petsird.Header(scanner=scanner)


def petsird_bytes(blocks: list, header=None) -> tuple[bytes, tuple[int, ...]]:
    """Return the bytes of a PETSIRD file as petsird writes it, and where each block begins.

    The last number is where the mark of the end is.
    """
    import io

    import petsird

    lengths = []
    for count in range(len(blocks) + 1):
        stream = io.BytesIO()
        with petsird.BinaryPETSIRDWriter(stream) as writer:
            writer.write_header(header or petsird_scanner())
            writer.write_time_blocks(block for block in blocks[:count])
        lengths.append(len(stream.getvalue()) - 1)
    return stream.getvalue(), tuple(lengths)


def petsird_pairs(events: int = 12, per_block: int = 1) -> list:
    """Return blocks of coincidences of the first type of modules of `petsird_scanner`."""
    import petsird

    random = np.random.default_rng(8)
    blocks = []
    for number in range(events // per_block):
        pairs = [
            petsird.CoincidenceEvent(
                detection_bins=sorted(map(int, random.integers(0, 60, 2)), reverse=True),
                tof_idx=int(random.integers(0, 9)),
            )
            for _ in range(per_block)
        ]
        interval = petsird.TimeInterval(start=300 + number, stop=301 + number)
        block = petsird.EventTimeBlock(time_interval=interval, prompt_events=[[pairs]])
        blocks.append(petsird.TimeBlock.EventTimeBlock(block))
    return blocks
