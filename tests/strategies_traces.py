"""Bytes of oscilloscope files, written field by field from the vendors' manuals."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

WFM_TYPES = {"i2": 0, "i4": 1, "u4": 2, "u8": 3, "f4": 4, "f8": 5, "u1": 6, "i1": 7}
LONG = (
    ":WFMPRE:NR_PT {n};:WFMPRE:BYT_NR {w};BIT_NR {bits};ENCDG {enc};BN_FMT {form};BYT_OR {order};"
    'WFID "{source}, DC coupling, 5.0V/div; odd";NR_PT {n};PT_FMT {points};XUNIT "s";'
    'XINCR 400.0E-12;XZERO {zero};PT_OFF 0;YUNIT "V";YMULT {mult};YOFF -12.5E+1;YZERO 2.0E-1;'
    "VSCALE 5.0;:CURVE "
)
SHORT = (
    ":WFMP:NR_P {n};:WFMP:BYT_N {w};BIT_N {bits};ENC {enc};BN_F {form};BYT_O {order};"
    'WFI "{source}, DC coupling, 5.0V/div; odd";NR_P {n};PT_F {points};XUN "s";'
    'XIN 400.0E-12;XZE {zero};PT_O 0;YUN "V";YMU {mult};YOF -12.5E+1;YZE 2.0E-1;'
    "VSCALE 5.0;:CURV "
)


def isf_bytes(
    codes: np.ndarray,
    *,
    preamble: str = LONG,
    order: str = ">",
    source: str = "Ch1",
    envelope: bool = False,
    mult: str = "1.5625E-4",
    zero: str = "-8.0E-8",
    text: bool = False,
) -> bytes:
    """Return one curve of (sample,) codes, an integer array of one or two bytes."""
    width = codes.dtype.itemsize
    told = preamble.format(
        n=len(codes),
        w=width,
        bits=8 * width,
        enc="ASCII" if text else "BINARY",
        form="RI" if codes.dtype.kind == "i" else "RP",
        order="MSB" if order == ">" else "LSB",
        source=source,
        points="ENV" if envelope else "Y",
        mult=mult,
        zero=zero,
    ).encode()
    if text:
        return told + ",".join(map(str, codes.tolist())).encode()
    raw = codes.astype(codes.dtype.newbyteorder(order)).tobytes()
    digits = str(len(raw)).encode()
    return told + b"#" + str(len(digits)).encode() + digits + raw


def wfm_bytes(
    waveforms: np.ndarray,
    *,
    version: int = 3,
    order: str = "<",
    around: tuple[int, int] = (16, 16),
    summary: int = 0,
    scale: tuple[float, float] = (0.5e-3, 0.125),
    axes: tuple[int, int] = (1, 1),
    storage: int = 0,
    tail: bytes = b"",
) -> bytes:
    """Return a .wfm file of (frame, sample) numbers; samples *around* them are for display."""
    frames, samples = waveforms.shape
    kind = waveforms.dtype.newbyteorder(order)
    before, after = (count * kind.itemsize for count in around)
    user = struct.pack(f"{order}d20sd{'d' if version == 3 else 'I'}dd", 1, b"V", 0, 1, 50, 0)

    def axis(scale: float, offset: float, unit: bytes, rest: bytes) -> bytes:
        begun = struct.pack(f"{order}ddI20s4d", scale, offset, samples, unit, 0, 0, 1, 0)
        return begun + rest + user

    code = WFM_TYPES[kind.str[1:]]
    voltage = axis(*scale, b"V", struct.pack(f"{order}2i5I", code, storage, 0, 0, 0, 0, 0))
    time = axis(4e-10, -1e-8, b"s", struct.pack(f"{order}I", 0))
    unused = struct.pack(f"{order}2i5I", 9, 6, 0, 0, 0, 0, 0)
    updates = [
        struct.pack(f"{order}Iddi", 0, 0.25 * (i % 4), (0.125 * i) % 1, 1_700_000_000 + i // 8)
        for i in range(frames)
    ]
    end = before + samples * kind.itemsize
    curve = struct.pack(f"{order}Iih5I", 0, 0, 0, 0, before, end, end + after, end + after)
    header = b"".join(
        [
            struct.pack(f"{order}iI8x8xiiIIIi8xIIIII", int(frames > 1), 1, 5, 0, 1, *axes, 2,
                        1, 1, 1, frames, frames),
            struct.pack(f"{order}H", summary) if version > 1 else b"",
            struct.pack(f"{order}iQ", 0, 0),
            voltage,
            axis(0.0, 0.0, b"", unused),
            time,
            axis(0.0, 0.0, b"", struct.pack(f"{order}I", 0)),
            struct.pack(f"{order}Iii", 1, 1, 0),
            struct.pack(f"{order}Iii", 0, 3, 3),
            updates[0],
            curve,
        ]
    )  # fmt: skip
    tables = b"".join(updates[1:]) + curve * (frames - 1)
    curve_at = 78 + len(header) + len(tables)
    buffer = b"".join(
        b"\x11" * before + row.astype(kind).tobytes() + b"\x22" * after for row in waveforms
    )
    left = curve_at + len(buffer) + 8 - 15
    static = struct.pack(
        f"{order}2s8sBiBiifdf32sIH", b"\x0f\x0f" if order == "<" else b"\xf0\xf0",
        f":WFM#00{version}".encode(), 7, left, kind.itemsize, curve_at, 1, 0, 1, 0, b"source 1",
        frames - 1, len(header),
    )  # fmt: skip
    checksum = struct.pack(f"{order}Q", sum(header + tables + buffer))
    return static + header + tables + buffer + checksum + tail


def isf_file(curves: Sequence[bytes]) -> tuple[bytes, tuple[int, ...]]:
    """Return curves in a row, and where each begins and the last ends."""
    starts = np.cumsum([0, *map(len, curves)])
    return b"".join(curves), tuple(int(start) for start in starts)


def lh5_file(path: Path, waves: Sequence[np.ndarray]) -> None:
    """Write vectors as LEGEND does: an LH5 table ch1/raw with energy and waveform (t0, dt, values).

    Layout from the LEGEND data format specifications, HDF5.
    """
    reals = "array<1>{real}"
    with h5py.File(path, "w") as file:
        raw = file.create_group("ch1/raw")
        raw.attrs["datatype"] = "table{energy,waveform}"
        raw.create_dataset("energy", data=np.arange(len(waves))).attrs["datatype"] = reals
        table = raw.create_group("waveform")
        table.attrs["datatype"] = "table{t0,dt,values}"
        for name, number in (("t0", 0.0), ("dt", 16.0)):
            column = table.create_dataset(name, data=np.full(len(waves), number))
            column.attrs.update({"datatype": reals, "units": "ns"})
        values = table.create_group("values")
        values.attrs["datatype"] = "array<1>{array<1>{real}}"
        ends = np.cumsum([len(wave) for wave in waves]).astype(np.uint32)
        values.create_dataset("cumulative_length", data=ends).attrs["datatype"] = reals
        numbers = np.concatenate(list(waves))
        values.create_dataset("flattened_data", data=numbers).attrs["datatype"] = reals
