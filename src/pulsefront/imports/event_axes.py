"""Events as somebody has them, in the axes of the network they were made for, brought to ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError

__all__ = ["EventsMismatch", "in_model_axes"]

Shape = tuple[int, ...]


class EventsMismatch(PrecisionError):
    """The events that were given are not those that the network reads."""


def in_model_axes(
    data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]],
    shapes: Mapping[str, Shape],
    turned: frozenset[str] = frozenset(),
    axes: Mapping[str, Shape] | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """Return events in the origin's order of axes as (event, …) of the model, by input.

    Parameters
    ----------
    data
        An array, or one by the name of each input where there are several.
    shapes
        Of the model's inputs, (channel,) or (position, channel), by name.
    turned
        Inputs that have the channel first in the origin.
    axes
        The shape of an event in the origin, by input; as in *shapes* where left out. Rows and
        columns may also come as positions, row after row.

    Raises
    ------
    EventsMismatch
        There are no events, an input is missing, or an array has another shape.
    """
    arrays = _by_name(data, list(shapes))
    return {
        name: _turned(
            name, arrays[name], shape, (axes or {}).get(name, shape), first=name in turned
        )
        for name, shape in shapes.items()
    }


def _by_name(
    data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]], names: Sequence[str]
) -> dict[str, npt.NDArray[Any]]:
    if not isinstance(data, Mapping):
        if len(names) != 1:
            raise EventsMismatch(
                f"the network has {len(names)} inputs",
                remedy=f"give a mapping with the keys {', '.join(names)}",
            )
        data = {names[0]: data}
    absent = [name for name in names if name not in data]
    if absent:
        raise EventsMismatch("the data lack an input", field=absent[0], value=tuple(data))
    arrays = {name: np.asarray(data[name]) for name in names}
    for name, array in arrays.items():
        if array.dtype.kind not in "iufb":
            raise EventsMismatch(
                "holds no real numbers", field=name, value=str(array.dtype),
                remedy="give an array of integers or floats",
            )  # fmt: skip
    return arrays


def _turned(
    name: str, array: npt.NDArray[Any], shape: Shape, own: Shape, *, first: bool
) -> npt.NDArray[Any]:
    given = array.shape[1:]
    if array.ndim and not len(array):
        raise EventsMismatch("there are no events", field=name, value=array.shape)
    if len(shape) == 1:
        # Flat in the model: (event, 8, 8) can be meant in one way only where the origin is flat.
        known = given in (own, shape) or (len(own) == 1 and int(np.prod(given)) == shape[0])
    else:
        positions, channels = shape
        known = given in (own, (channels, positions) if first else shape)
    if not array.ndim or not known:
        raise EventsMismatch(
            f"needs (event, {', '.join(map(str, own))}), the network's own order of axes",
            field=name,
            value=array.shape,
        )
    if first:
        array = np.moveaxis(array, 1, -1)
    return array.reshape(len(array), *shape)
