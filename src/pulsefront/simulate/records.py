"""Records that kernels read by name.

A class of annotated numbers is the schema of a record. Single records are NamedTuples, which a
kernel is handed by value; many of one kind lie in a structured array, of which a kernel sees one
element as a bare pointer, without the counting of references that a row of a plain array costs.
Either way a kernel says ``slab.top_mm``, and mypy knows whether there is such a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar, cast, get_type_hints

import numpy as np

__all__ = ["record_array", "record_type", "typed"]

Record = TypeVar("Record", bound=NamedTuple)


def record_type(schema: type[Any]) -> np.dtype[np.void]:
    """Return the structured type with the fields of *schema*: float64, or int64 where integer."""
    hints = get_type_hints(schema)
    fields = [(name, np.int64 if kind is int else np.float64) for name, kind in hints.items()]
    # Of `numpy.record`, so that Python reads fields by name as kernels do.
    return np.dtype((np.record, fields))


def record_array(schema: type[Record], rows: Iterable[Record]) -> Sequence[Record]:
    """Return *rows* as a structured array, which kernels and mypy read as a sequence of records."""
    return cast("Sequence[Record]", np.array(list(rows), record_type(schema)))


def typed(record: Record) -> Record:
    """Return *record* with its numbers of the types that it declares.

    A kernel is compiled for the types that it meets: an integer where a float is declared would
    have it compiled anew.
    """
    numbers = {
        name: kind(getattr(record, name))
        for name, kind in get_type_hints(type(record)).items()
        if kind in {int, float, bool}
    }
    return record._replace(**numbers)
