"""Vectors of several lengths in HDF5: of LH5, and of HDF5's own variable-length type.

LH5 (LEGEND) keeps them as a group of ``flattened_data``, the numbers of all vectors in a row, and
``cumulative_length``, where each vector ends in it (LEGEND data format specifications, HDF5,
"Vector of vectors"). The events of a store have one length, so those of the length that most have
are kept and the others named, unless a mapping file asks for a length with ``samples``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.events.readers.base import ReadOptions, first_named, left_out

__all__ = ["FlatVectors", "Ragged", "VariableVectors", "kept_events", "vectors_of"]

ENDS, NUMBERS = "cumulative_length", "flattened_data"
ROWS = 1 << 14
NOT_THERE = -1


class Ragged(Protocol):
    """Vectors, one an event.

    Attributes
    ----------
    shape
        (event,)
    dtype
        Of their numbers.
    """

    @property
    def shape(self) -> tuple[int]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def lengths(self) -> NDArray[np.int64]:
        """Return (event,) lengths; -1 where the file lacks numbers of a vector."""

    def rows(self, start: int, stop: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the numbers of some events in a row, and the lengths of these events."""


@dataclass(frozen=True)
class FlatVectors:
    """Vectors in the form of LH5."""

    ends: h5py.Dataset
    numbers: h5py.Dataset

    @property
    def shape(self) -> tuple[int]:
        """(event,)"""
        return (int(self.ends.shape[0]),)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        found: np.dtype[Any] = self.numbers.dtype
        return found

    def lengths(self) -> NDArray[np.int64]:
        """Return (event,) lengths; -1 where the file lacks numbers of a vector.

        Raises
        ------
        DataError
            A vector would end before it begins.
        """
        ends = self.ends[:].astype(np.int64)
        lengths = np.diff(ends, prepend=0)
        if (lengths < 0).any():
            raise DataError(
                f"the vector of event {int(np.argmax(lengths < 0))} ends before it begins",
                file=self.ends.file.filename,
                field=self.ends.name,
            )
        return np.where(ends > self.numbers.shape[0], NOT_THERE, lengths)

    def rows(self, start: int, stop: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the numbers of some events in a row, and the lengths of these events."""
        before = max(start - 1, 0)
        ends = self.ends[before:stop].astype(np.int64)
        begin = int(ends[0]) if start else 0
        ends = ends[1:] if start else ends
        found = self.numbers[begin : int(ends[-1]) if len(ends) else begin]
        return found, np.diff(ends, prepend=begin)


@dataclass(frozen=True)
class VariableVectors:
    """Vectors of HDF5's variable-length type."""

    data: h5py.Dataset

    @property
    def shape(self) -> tuple[int]:
        """(event,)"""
        return (int(self.data.shape[0]),)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        found: np.dtype[Any] = np.dtype(h5py.check_vlen_dtype(self.data.dtype))
        return found

    def lengths(self) -> NDArray[np.int64]:
        """Return (event,) lengths."""
        count = self.shape[0]
        found = np.zeros(count, np.int64)
        for start in range(0, count, ROWS):
            part = self.data[start : start + ROWS]
            found[start : start + ROWS] = [len(vector) for vector in part]
        return found

    def rows(self, start: int, stop: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the numbers of some events in a row, and the lengths of these events."""
        part = self.data[start:stop]
        lengths = np.array([len(vector) for vector in part], np.int64)
        numbers = np.concatenate(list(part)) if len(part) else np.zeros(0)
        return numbers.astype(self.dtype, copy=False), lengths


def vectors_of(item: Any) -> Ragged | None:
    """Return the vectors that a group or dataset of HDF5 holds; None where it holds none."""
    if isinstance(item, h5py.Dataset):
        kind = h5py.check_vlen_dtype(item.dtype)
        plain = item.ndim == 1 and kind is not None and np.dtype(kind).kind in "biuf"
        return VariableVectors(item) if plain else None
    if not isinstance(item, h5py.Group):
        return None
    ends, numbers = item.get(ENDS), item.get(NUMBERS)
    if not (isinstance(ends, h5py.Dataset) and isinstance(numbers, h5py.Dataset)):
        return None
    whole = ends.ndim == 1 and ends.dtype.kind in "iu" and numbers.ndim == 1
    return FlatVectors(ends, numbers) if whole else None


@dataclass(frozen=True)
class KeptEvents:
    """Events that are kept, as runs of (first, end), and the length of every ragged array.

    Attributes
    ----------
    mask
        (event,) bool.
    samples
        Array → length of its vectors.
    odd
        (event,) bool: vectors that are filled up or cut to that length.
    """

    mask: NDArray[np.bool_]
    samples: Mapping[str, int]
    odd: NDArray[np.bool_]

    def of(self, name: str, vectors: Ragged, start: int, stop: int) -> NDArray[Any]:
        """Return the (event, sample) numbers of the kept events from *start* to *stop*."""
        samples = self.samples[name]
        mask = self.mask[start:stop]
        # Of vectors that the file lacks, or that lie beyond them, nothing is read.
        stop = start + int(np.max(np.flatnonzero(mask), initial=-1)) + 1
        mask = mask[: stop - start]
        if not len(mask):
            return np.zeros((0, samples), vectors.dtype)
        numbers, lengths = vectors.rows(start, stop)
        if (lengths == samples).all():
            found = numbers.reshape(len(lengths), samples)
            return found if mask.all() else found[mask]
        if (lengths[mask] == samples).all():
            picked: NDArray[Any] = numbers[np.repeat(mask, lengths)]
            return picked.reshape(int(mask.sum()), samples)
        filled = np.zeros((int(mask.sum()), samples), vectors.dtype)
        begins = np.cumsum(lengths) - lengths
        for row, event in enumerate(np.flatnonzero(mask)):
            part = numbers[begins[event] : begins[event] + min(int(lengths[event]), samples)]
            filled[row, : len(part)] = part
        return filled


def kept_events(
    path: Path,
    ragged: Mapping[str, Ragged],
    wished: Mapping[str, int | None],
    options: ReadOptions,
) -> KeptEvents:
    """Return which events are kept: those of the length that most have, or of any if one is wished.

    Parameters
    ----------
    wished
        Array → length that its vectors are filled up or cut to.

    Raises
    ------
    DataError
        No event is whole.
    TruncatedFile
        Events are left out, if reading is strict.
    """
    names = list(ragged)
    lengths = np.stack([ragged[name].lengths() for name in names], axis=1)
    there = (lengths != NOT_THERE).all(axis=1)
    fixed = np.array([wished.get(name) or 0 for name in names])
    compared = np.where(fixed > 0, 0, lengths)[there]
    kinds, first, counts = np.unique(compared, axis=0, return_index=True, return_counts=True)
    if not len(kinds):
        raise DataError("has no whole event", file=path, field=", ".join(names))
    # Empty vectors are no waveforms; of lengths that equally many have, the one that comes first.
    empty = (kinds == 0).all(axis=1)
    most = kinds[np.lexsort((first, -counts, empty))[0]]
    mask = there & (np.where(fixed > 0, 0, lengths) == most).all(axis=1)
    samples = np.where(fixed > 0, fixed, most)
    _tell(path, names, lengths, samples, mask, options)
    odd = mask & (lengths != samples).any(axis=1)
    return KeptEvents(mask, dict(zip(names, samples.tolist(), strict=True)), odd)


def _tell(
    path: Path,
    names: Sequence[str],
    lengths: NDArray[np.int64],
    samples: NDArray[np.int64],
    mask: NDArray[np.bool_],
    options: ReadOptions,
) -> None:
    """Name the events that are left out, by number and length."""
    out = np.flatnonzero(~mask)
    if not len(out):
        return

    def length_of(event: np.integer) -> str:
        found = lengths[event]
        return "cut" if NOT_THERE in found else ", ".join(map(str, found))

    named = first_named((f"event {event} ({length_of(event)})" for event in out), len(out))
    usual = ", ".join(f"{s} of {name}" for name, s in zip(names, samples, strict=True))
    problem = (
        f"{len(out)} of {len(mask)} events are left out, whose vectors have other lengths than "
        f"{usual}: {named}"
    )
    left_out(path, options, byte_offset=0, events_kept=int(mask.sum()), problem=problem)
