"""What a record keeps of the network's output, and the range in which it is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ConfigError
from pulsefront.firmware.front_end.record.fields import Field
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.settings import ChainSettings, Doubt
from pulsefront.fixed_point.format import FixedPointFormat, Integers
from pulsefront.fixed_point.specification import Specification

__all__ = ["OutputLimits", "flag_bits", "output_limits", "undecided_mask", "with_no_decision"]


@dataclass(frozen=True)
class OutputLimits:
    """Raw integers between which each element of the output is believed, both ends included."""

    name: str
    format: FixedPointFormat
    low: tuple[int, ...]
    high: tuple[int, ...]

    def fields(self, form: FixedPointFormat) -> tuple[Field, ...]:
        """Return the fields of a record that hold the output: its name, numbered if several."""
        if len(self.low) == 1:
            return (Field(self.name, form.width, form.signed),)
        return tuple(
            Field(f"{self.name}_{index}", form.width, form.signed) for index in range(len(self.low))
        )

    def outside(self, outputs: Integers) -> npt.NDArray[np.bool_]:
        """Return whether any element of outputs (event, element) lies outside."""
        inside = (outputs >= np.array(self.low)) & (outputs <= np.array(self.high))
        return np.asarray(~inside.all(axis=1))


def output_limits(model: Specification, settings: ChainSettings) -> OutputLimits:
    """Return the limits of a model's only output, in its unit or from its format.

    Raises
    ------
    ConfigError
        There are more or fewer ranges than elements, or one does not ascend; or the only output is
        said to be an error, or an error has a limit where none is foretold.
    """
    (name,) = model.outputs
    tensor = model.tensors[name]
    form, size = tensor.format, tensor.size
    if not settings.error_output:
        if settings.largest_error is not None:
            raise ConfigError(
                f"{model.name} foretells no error",
                field="largest_error",
                value=settings.largest_error,
                remedy="leave it out, or train the network with [uncertainty]",
            )
        return _limits_of(name, form, size, settings.output_range)
    if size < 2:
        raise ConfigError(
            f"{model.name} has one output, which is no error of another", field="error_output"
        )
    found = _limits_of(name, form, size - 1, settings.output_range)
    highest = form.maximum - 1
    if settings.largest_error is not None:
        largest = math.floor(math.ldexp(settings.largest_error, form.fraction))
        step = math.ldexp(1.0, -form.fraction)
        if not 1 <= largest <= form.maximum:
            raise ConfigError(
                f"{model.name} foretells errors from {step:g} to {form.maximum * step:g}",
                field="largest_error",
                value=settings.largest_error,
                remedy="choose one between them, or leave it out",
            )
        highest = min(largest, highest)
    # A scale below 1 counts as 1: no error is too small.
    return OutputLimits(name, form, (*found.low, form.minimum), (*found.high, highest))


def _limits_of(
    name: str, form: FixedPointFormat, size: int, ranges: Sequence[tuple[float, float]] | None
) -> OutputLimits:
    if ranges is None:
        # At its ends a format that saturates tells nothing.
        return OutputLimits(name, form, (form.minimum + 1,) * size, (form.maximum - 1,) * size)
    if len(ranges) != size or any(low > high for low, high in ranges):
        raise ConfigError(
            f"needs a range for each of the {size} outputs, the lower end first",
            field="output_range",
            value=tuple(ranges),
        )
    return OutputLimits(
        name,
        form,
        tuple(max(math.ceil(math.ldexp(low, form.fraction)), form.minimum) for low, _ in ranges),
        tuple(min(math.floor(math.ldexp(high, form.fraction)), form.maximum) for _, high in ranges),
    )


def flag_bits(*, tests: bool) -> int:
    """Return the width of the flags, with or without tests of the inputs."""
    return 10 if tests else 8


def undecided_mask(undecided: Sequence[Doubt]) -> int:
    """Return the bits of the flags with which nothing is decided."""
    return sum(int(Flag[one.upper()]) for one in set(undecided))


def with_no_decision(flags: Integers, undecided: Sequence[Doubt]) -> Integers:
    """Return *flags* (event,) with the last of them set where one of *undecided* is."""
    doubtful = (flags & undecided_mask(undecided)) != 0
    return np.asarray(flags | np.where(doubtful, int(Flag.NO_DECISION), 0))
