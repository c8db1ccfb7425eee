"""How the samples of a file without a word about it are written: u8, u16 or f32.

Two readings of the same bytes can both look sane. A recorded signal is smooth at the scale of its
noise, and read with the wrong width it is not: bytes of another weight stand side by side. So
every reading is scored by the bits that its first differences need, per byte of the file, and the
reading that needs the fewest wins. Where two need the same, the even and the odd bytes decide: they
are alike in 8-bit samples, while the upper bytes of 16-bit ones hardly move. What then is still a
draw is an error that names the options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import UnsupportedFormat

__all__ = ["SAMPLE_DTYPES", "WidthChoice", "choose_width"]

SAMPLE_DTYPES = {"u16": "<u2", "f32": "<f4", "u8": "u1"}
DRAW_BITS = 0.2
"""Readings closer than this, in bits per byte, are a draw."""
SHAPE_BITS = 2.1
"""Bits that a difference of a known magnitude still needs: its sign and where in its octave."""
LIKE, UNLIKE = 1.5, 3.0
"""Ratio of the movement of odd and even bytes up to which they are alike, from which they are not.
"""


@dataclass(frozen=True)
class WidthChoice:
    """A sample type and why it was chosen, in one line."""

    sample_type: str
    reason: str


def choose_width(payloads: Sequence[NDArray[np.uint8]], path: Path) -> WidthChoice:
    """Return how the samples of some records are written, each given as its bytes.

    Raises
    ------
    UnsupportedFormat
        Two readings fit equally well.
    """
    scores = {name: _bits_per_byte(payloads, name) for name in SAMPLE_DTYPES}
    fitting = {name: bits for name, bits in scores.items() if bits is not None}
    told = ", ".join(f"{name} {bits:.1f}" for name, bits in fitting.items())
    best = min(fitting.values())
    near = [name for name, bits in fitting.items() if bits < best + DRAW_BITS]
    if len(near) == 1:
        reason = f"needs the fewest bits a byte ({told})" if len(fitting) > 1 else "alone fits"
        return WidthChoice(near[0], f"{near[0]} {reason}")
    if set(near) == {"u8", "u16"} and (found := _by_phases(payloads)) is not None:
        return found
    raise UnsupportedFormat(
        f"its samples read as {' or as '.join(near)} look alike",
        file=path,
        field="sample_type",
        value=_bits_told(fitting, near),
        remedy="say with --sample-type which they are",
    )


def _bits_told(scores: Mapping[str, float], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {scores[name]:.2f} bits a byte" for name in names)


def _bits_per_byte(payloads: Sequence[NDArray[np.uint8]], name: str) -> float | None:
    """Return the bits per byte that first differences need; None where it cannot be.

    The differences of floats are those of their bit patterns, in order: units in the last place.
    A two-sided geometric distribution whose logarithmic mean is g needs g bits and those of its
    shape, nothing where all differences are zero.
    """
    dtype = np.dtype(SAMPLE_DTYPES[name])
    if any(len(payload) % dtype.itemsize for payload in payloads):
        return None
    if name == "f32" and not _are_floats(payloads):
        return None
    logs = []
    for payload in payloads:
        if name == "f32":
            bits = payload.view("<i4").astype(np.int64)
            ordered = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
        else:
            ordered = payload.view(dtype).astype(np.int64)
        logs.append(np.log2(1.0 + np.abs(np.diff(ordered))))
    joined = np.concatenate(logs)
    if len(joined) == 0:
        return 8.0
    mean = float(joined.mean())
    shape = SHAPE_BITS * (1.0 - 2.0**-mean)
    return float((mean + shape) / dtype.itemsize)


def _are_floats(payloads: Sequence[NDArray[np.uint8]]) -> bool:
    """Return whether nearly all words are floats as a digitizer writes them, and not all zero."""
    words = np.concatenate([payload.view("<f4") for payload in payloads])
    with np.errstate(invalid="ignore"):
        size = np.abs(words.astype(np.float64))
        usable = np.isfinite(size) & (size < 1e6) & ((size > 1e-6) | (size == 0))
    return bool(usable.mean() > 0.9 and size[usable].any())


def _by_phases(payloads: Sequence[NDArray[np.uint8]]) -> WidthChoice | None:
    """Return the width that the movement of even and odd bytes tells; None where it does not."""
    even, odd = (
        float(np.mean([np.abs(np.diff(p[phase::2].astype(np.int64))).mean() for p in payloads]))
        if min(map(len, payloads)) >= 4
        else 0.0
        for phase in (0, 1)
    )
    if not max(even, odd):
        return None
    ratio = max(even, odd) / max(min(even, odd), 1e-9)
    if ratio <= LIKE:
        return WidthChoice("u8", "even and odd bytes move alike")
    if ratio >= UNLIKE and even > odd:
        return WidthChoice("u16", "odd bytes move less than even ones")
    return None
