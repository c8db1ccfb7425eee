"""What comes in from notebooks: NumPy, pandas, Awkward Array, lists; checked once, here."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError

__all__ = ["counts", "groups_of", "labels", "selection_events"]


def _plain(values: Any, field: str) -> NDArray[Any]:
    try:
        # Data frames and regular Awkward arrays know how; a ragged one refuses.
        array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    except (TypeError, ValueError) as error:
        raise DataError(
            "is no regular array",
            field=field,
            value=type(values).__name__,
            remedy="give every event equally many numbers, or pad it",
        ) from error
    if array.dtype == object:
        raise DataError(
            "is no array of numbers", field=field, value=str(array.dtype), remedy="convert it first"
        )
    return array


def counts(values: Any, axes: int, field: str = "X") -> NDArray[np.integer]:
    """Return ADC counts as integers of *axes* axes, the event first.

    Raises
    ------
    DataError
        Other axes, no events, or values that are not finite or no whole numbers.
    """
    array = _plain(values, field)
    if array.ndim != axes or not len(array):
        shape = "(event, channel)" if axes == 2 else "(event, 2, sample)"
        raise DataError(f"must be {shape}", field=field, value=array.shape)
    if array.dtype.kind in "iu":
        return array
    if array.dtype.kind == "f":
        _require_finite(array, field, "leave such events out")
    if array.dtype.kind != "f" or not np.array_equal(array, np.rint(array)):
        raise DataError(
            "ADC counts are whole numbers",
            field=field,
            value=str(array.dtype),
            remedy="round them as the ADC does; a network scales its inputs by itself",
        )
    return array.astype(np.int64)


def labels(values: Any, events: int, field: str = "y") -> NDArray[np.float64]:
    """Return labels as floats, (event,) or (event, axis).

    Raises
    ------
    DataError
        Not one for each event, or values that are not finite.
    """
    array = _plain(values, field).astype(np.float64)
    if array.ndim not in {1, 2} or len(array) != events:
        raise DataError(f"there are {events} events", field=field, value=array.shape)
    _require_finite(array, field, "select events that have a label")
    return array


def _require_finite(array: NDArray[Any], field: str, remedy: str) -> None:
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        place = ", ".join(map(str, wrong[0]))
        raise DataError(
            f"{len(wrong):,} of {array.size:,} values are not finite, the first at [{place}]",
            field=field,
            value=float(array[tuple(wrong[0])]),
            remedy=remedy,
        )


def groups_of(values: Any, events: int) -> NDArray[np.int64] | None:
    """Return one number (event,) per group, such as a source position; None where none are given.

    Groups may be named by one column or by several, (event,) or (event, column).
    """
    if values is None:
        return None
    array = _plain(values, "groups")
    if array.ndim not in {1, 2} or len(array) != events:
        raise DataError(f"there are {events} events", field="groups", value=array.shape)
    _, number = np.unique(array, axis=0, return_inverse=True)
    return np.asarray(number, np.int64).reshape(-1)


def selection_events(
    events: int, groups: NDArray[np.int64] | None, fraction: Any, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the events to train on and those that every choice is made on: whole groups.

    Without groups single events are drawn: fine where they are independent, too kind where many
    share a source position.

    Raises
    ------
    ConfigError
        *fraction* is no number.
    DataError
        Fewer than two events or groups, or a fraction that leaves one part empty.
    """
    if not isinstance(fraction, Real):
        raise ConfigError(
            "needs a number between 0 and 1", field="selection_fraction", value=fraction
        )
    of_event = np.arange(events) if groups is None else groups
    names = np.unique(of_event)
    chosen = round(float(fraction) * len(names))
    if len(names) < 2 or not 0 < chosen < len(names):
        raise DataError(
            f"{len(names)} {'events' if groups is None else 'groups'} give no two parts",
            field="selection_fraction",
            value=fraction,
            remedy="give more of them, or a fraction between 0 and 1",
        )
    drawn = np.random.default_rng(seed).choice(names, chosen, replace=False)
    selected = np.isin(of_event, drawn)
    return np.flatnonzero(~selected), np.flatnonzero(selected)
