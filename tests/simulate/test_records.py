"""Records: kernels and Python read the same fields by name."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from pulsefront.simulate.records import record_array, record_type, typed


class Part(NamedTuple):
    length_mm: float
    count: int


class Whole(NamedTuple):
    scale: float
    is_cut: bool
    table: np.ndarray


@njit
def total(parts: Sequence[Part], whole: Whole) -> float:
    length = 0.0
    for part in parts:
        length += part.count * part.length_mm
    return length * whole.scale + whole.table[0]


def test_a_kernel_reads_an_array_of_records_as_python_does() -> None:
    parts = record_array(Part, [Part(1.5, 2), Part(0.5, 3)])
    assert record_type(Part).names == ("length_mm", "count")
    assert [(part.length_mm, part.count) for part in parts] == [(1.5, 2), (0.5, 3)]
    whole = Whole(2.0, False, np.array([0.25]))
    assert total(parts, whole) == total.py_func(parts, whole) == 9.25
    again = pickle.loads(pickle.dumps(parts))
    assert total(again, whole) == 9.25


def test_numbers_get_the_types_that_the_record_declares() -> None:
    """Else a kernel would be compiled once more for every mixture of types."""
    whole = typed(Whole(2, 0, np.zeros(1)))  # type: ignore[arg-type]
    assert (type(whole.scale), type(whole.is_cut)) == (float, bool)
    parts = typed(Part(np.float64(2.5), np.int64(3)))  # type: ignore[arg-type]
    assert (type(parts.length_mm), type(parts.count)) == (float, int)
