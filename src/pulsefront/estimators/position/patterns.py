"""Light patterns of many photosensors: checks, shares of the light, rows of tuning tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError

__all__ = [
    "CrystalTrial",
    "PositionTrial",
    "check_charges",
    "check_crystals",
    "check_events",
    "fewest_wrong",
    "least_error",
    "light_shares",
    "root_shares",
    "same_axes",
    "same_sensors",
    "subset",
]

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class PositionTrial:
    """One row of a tuning table: median error on the selection events."""

    parameters: Mapping[str, Any]
    median_error_mm: float


@dataclass(frozen=True)
class CrystalTrial:
    """One row of a tuning table: share of selection events given the wrong crystal."""

    parameters: Mapping[str, Any]
    wrong: float


def least_error(table: Sequence[PositionTrial]) -> int:
    """Return the row of the smallest median error, the first of several."""
    return int(np.argmin([row.median_error_mm for row in table]))


def fewest_wrong(table: Sequence[CrystalTrial]) -> int:
    """Return the row of the smallest share of wrong crystals, the first of several."""
    return int(np.argmin([row.wrong for row in table]))


def check_events(
    charges: ArrayLike, position_mm: ArrayLike, what: str, *, axes: tuple[int, ...] = (2, 3)
) -> tuple[Float32, Float]:
    """Return charges and positions of *what* events as arrays, or raise `DataError`.

    Positions have one of the numbers of *axes*: x and y alone where no depth is known.
    """
    light = check_charges(charges)
    position = np.asarray(position_mm, dtype=np.float64)
    fits = position.ndim == 2 and len(position) == len(light) and position.shape[1] in axes
    if not fits or not np.isfinite(position).all():
        raise DataError(
            f"{what} positions must be finite x, y{'' if 2 in axes else ', z'} of each event",
            field="position_mm",
            value=position.shape,
            remedy=f"there are {len(light)} events",
        )
    if len(light) == 0:
        raise DataError(f"there are no {what} events", field="charges")
    return light, position


def check_crystals(charges: ArrayLike, crystal: NDArray[np.integer]) -> Float32:
    """Return charges as an array, or raise `DataError` where there is not one crystal for each."""
    light = check_charges(charges)
    if crystal.shape != (len(light),) or len(light) == 0:
        raise DataError(
            "one crystal per event is needed", field="element", value=(light.shape, crystal.shape)
        )
    return light


def check_charges(charges: ArrayLike) -> Float32:
    """Return (event, photosensor) charges as an array, or raise `DataError`."""
    light = np.asarray(charges, dtype=np.float32)
    if light.ndim != 2 or not np.isfinite(light).all():
        raise DataError(
            "charges must be finite numbers of shape (event, photosensor)",
            field="charges",
            value=light.shape,
        )
    return light


def same_axes(position: Float, other: Float) -> None:
    """Raise `DataError` where only one of two sets of positions knows the depth."""
    if position.shape[1] != other.shape[1]:
        raise DataError(
            "training and selection positions must have the same axes",
            field="position_mm",
            value=(position.shape[1], other.shape[1]),
        )


def same_sensors(light: Float32, sensors: int) -> None:
    """Raise `DataError` where charges are of another number of photosensors than *sensors*."""
    if light.shape[1] != sensors:
        raise DataError(
            "charges of another number of photosensors than at fitting",
            field="charges",
            value=light.shape[1],
            remedy=f"give {sensors}",
        )


def light_shares(light: Float32) -> Float32:
    """Return each photosensor's share of the event's light; equal shares where there is none."""
    total = light.sum(axis=1, keepdims=True)
    even = np.float32(1 / light.shape[1])
    shares = np.full(light.shape, even, np.float32)
    np.divide(light, total, out=shares, where=total > 0)
    return shares


def root_shares(light: Float32) -> Float32:
    """Return the root of each photosensor's share of the light; negative charges count as none."""
    return np.asarray(np.sqrt(light_shares(np.maximum(light, 0))), dtype=np.float32)


def subset(random: np.random.Generator, count: int, most: int) -> NDArray[np.int64]:
    """Return at most *most* of *count* indices, drawn without replacement, in their order."""
    if count <= most:
        return np.arange(count)
    return np.sort(random.choice(count, most, replace=False))
