"""Formats that are known by their first bytes and not read here: what converts them."""

from __future__ import annotations

from pathlib import Path

from pulsefront.errors import UnsupportedFormat

__all__ = ["refuse_known"]

# (offset or None for anywhere in the first 4 kB, bytes, name, what to do)
SIGNATURES: tuple[tuple[int | None, bytes, str, str], ...] = (
    (0, b"\x00\x80\x4d\x49", "a MIDAS run", "convert it with midas (PyPI) or manalyzer to ROOT"),
    (8, b"<?xml", "ORCA data", "convert it with daq2lh5 (PyPI legend-daq2lh5) to LH5"),
    (None, b"FlashCamV", "FlashCam data", "convert it with daq2lh5 (PyPI legend-daq2lh5) to LH5"),
    (0, b"LAMA", "data of SIS3316 by llamaDAQ", "convert it with daq2lh5 to LH5"),
    (28, b"\x00\x01\xda\xc0", "an EVIO file", "convert it with the tools of CODA to ROOT or HDF5"),
    (28, b"\xc0\xda\x01\x00", "an EVIO file", "convert it with the tools of CODA to ROOT or HDF5"),
    (0, b"TDSm", "a LabVIEW TDMS file", "convert it with nptdms (PyPI) to HDF5"),
    (0, b"MATLAB 5.0", "a MATLAB file", "save it as version 7.3, which is HDF5"),
    (0, b"AG", "a Keysight binary trace", "save it as CSV on the oscilloscope"),
    (0, b"\xa5\xa5", "a Rigol binary trace", "save it as CSV, or convert it with RigolWFM (PyPI)"),
    (0, b"\x1f\x8b", "compressed by gzip", "unpack it with gunzip"),
    (0, b"BZh", "compressed by bzip2", "unpack it with bunzip2"),
    (0, b"\xfd7zXZ", "compressed by xz", "unpack it with unxz"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by Zstandard", "unpack it with unzstd"),
    (0, b"\x04\x22\x4d\x18", "compressed by LZ4", "unpack it with unlz4"),
    (0, b"SQLite format 3", "a SQLite database", "export its table as CSV"),
)


def refuse_known(head: bytes, path: Path) -> None:
    """Raise where *head* begins a known format that is not read here.

    Raises
    ------
    UnsupportedFormat
        It names the format and what to convert it with.
    """
    for offset, signature, name, remedy in SIGNATURES:
        if offset is None:
            found = signature in head[:4096]
        else:
            found = head[offset : offset + len(signature)] == signature
        if found:
            raise UnsupportedFormat(f"is {name}, which is not read here", file=path, remedy=remedy)
