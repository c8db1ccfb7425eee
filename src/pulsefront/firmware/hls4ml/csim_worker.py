"""Runs a compiled C simulation in a process of its own: it may call exit, or crash.

Called as a script by csim.py, with the library, the function, and one ``.npy`` file per port;
needs NumPy alone. The output files are overwritten with what the function gives.
"""

from __future__ import annotations

import ctypes
import sys

import numpy as np


def main(library: str, function: str, inputs: int, *files: str) -> None:
    """Call *function* once per event on the columns in *files*, the first *inputs* read-only."""
    call = getattr(ctypes.CDLL(library), function)
    ports = [np.load(file) for file in files]
    call.restype = None
    call.argtypes = [ctypes.c_void_p] * len(ports)
    starts = [port.ctypes.data for port in ports]
    strides = [port.strides[0] for port in ports]
    for event in range(len(ports[0])):
        call(*(start + event * stride for start, stride in zip(starts, strides, strict=True)))
    for file, port in zip(files[inputs:], ports[inputs:], strict=True):
        np.save(file, port)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
