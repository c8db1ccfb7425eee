"""From real numbers to formats and raw integers, where they fit exactly and not otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
)

__all__ = [
    "format_of_scale",
    "input_assignment",
    "raw_integers",
    "real_assigned",
    "round_half_up",
    "rounded_reals",
]

Reals = npt.NDArray[np.float64]


def round_half_up(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return floor(value + ½) of real values: the rounding that formats call RND.

    The same of raw integers is `format.assign`; of torch's tensors, which this room does not
    know, `networks.round_half_up`.
    """
    rounded: npt.NDArray[np.float64] = np.floor(np.asarray(values, dtype=np.float64) + 0.5)
    return rounded


def format_of_scale(
    width: int, scale: float, *, signed: bool = True, field: str | None = None
) -> FixedPointFormat:
    """Return the format of *width* bits whose step is *scale*, as quantized tensors give it.

    Raises
    ------
    PrecisionError
        The scale is no power of two, which no shift of bits expresses; the message names *field*.
    """
    mantissa, exponent = np.frexp(scale) if np.isfinite(scale) else (0.0, 0)
    if mantissa != 0.5:
        near = 2.0 ** round(float(np.log2(scale))) if np.isfinite(scale) and scale > 0 else None
        raise PrecisionError(
            "the scale is no power of two",
            field=field,
            value=scale,
            remedy="quantize again with a power-of-two scale"
            + (f", such as {near:g}" if near else ""),
        )
    # scale = 2^(exponent − 1) = 2^−fraction
    return FixedPointFormat(width, width + int(exponent) - 1, signed)


def input_assignment(form: FixedPointFormat) -> Assignment:
    """Return how real numbers enter an input of a format: the nearest step, limited to its ends.

    Where a step is several counts, as behind ``drop_bits`` of a study, the lowest bits are left
    out instead: a shift, which rounds down, as in training and in a front end.
    """
    rounding = Rounding.TRN if form.fraction < 0 else Rounding.RND_CONV
    return Assignment(form, rounding, Overflow.SAT)


def raw_integers(values: Sequence[float] | npt.ArrayLike, to: FixedPointFormat) -> Integers:
    """Return the raw integers of real *values* that lie exactly on the grid of *to*.

    Raises
    ------
    PrecisionError
        A value is not finite, lies between two steps of the format, or outside it.
    """
    scaled = np.ldexp(np.asarray(values, dtype=np.float64), to.fraction)
    if not np.all(np.isfinite(scaled)):
        raise PrecisionError("a value is not finite", field=str(to))
    if np.any(scaled != np.rint(scaled)):
        wrong = np.asarray(values)[scaled != np.rint(scaled)].flat[0]
        raise PrecisionError(
            f"a value is no multiple of {to.step:g}",
            field=str(to),
            value=float(wrong),
            remedy="quantize it to the format first",
        )
    if scaled.size and not to.holds(int(scaled.min()), int(scaled.max())):
        wrong = max(scaled.flat, key=abs) * to.step
        raise PrecisionError("a value lies outside the format", field=str(to), value=float(wrong))
    integers: Integers = scaled.astype(np.int64)
    return integers


def rounded_reals(scaled: Reals, rounding: Rounding) -> Reals:
    """Return real numbers rounded to whole ones."""
    found: Reals
    match rounding:
        case Rounding.TRN:
            found = np.floor(scaled)
        case Rounding.TRN_ZERO:
            found = np.trunc(scaled)
        case Rounding.RND:
            found = np.floor(scaled + 0.5)
        case Rounding.RND_MIN_INF:
            found = np.ceil(scaled - 0.5)
        case Rounding.RND_CONV:
            found = np.rint(scaled)
        case Rounding.RND_INF:
            found = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
        case Rounding.RND_ZERO:
            found = np.copysign(np.ceil(np.abs(scaled) - 0.5), scaled)
    return found


def real_assigned(values: Reals, to: Assignment) -> Reals:
    """Return real *values* (…, channel) after an assignment, as real numbers.

    The integer form is `fixed_point.format.assign`; this one takes what lies on no grid at all.
    """
    formats = to.formats
    fraction = np.array([one.fraction for one in formats])
    scaled = rounded_reals(np.ldexp(np.asarray(values, np.float64), fraction), to.rounding)
    low = np.array([one.minimum for one in formats], np.float64)
    high = np.array([one.maximum for one in formats], np.float64)
    match to.overflow:
        case Overflow.SAT:
            limited = np.clip(scaled, low, high)
        case Overflow.SAT_SYM:
            limited = np.clip(scaled, [one.symmetric_minimum for one in formats], high)
        case Overflow.SAT_ZERO:
            limited = np.where((scaled < low) | (scaled > high), 0.0, scaled)
        case Overflow.WRAP:
            limited = np.mod(scaled - low, high - low + 1) + low
    return np.asarray(np.ldexp(limited, -fraction))
