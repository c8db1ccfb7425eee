"""A network that came from elsewhere: the model, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError, VerificationFailed
from pulsefront.fixed_point import Assignment, FixedPointFormat, FixedPointModel
from pulsefront.fixed_point.real_values import input_assignment, real_assigned
from pulsefront.fixed_point.specification import Arrays
from pulsefront.imports.calibrate import Widths, calibrated, is_quantized, on_grids
from pulsefront.imports.event_axes import in_model_axes
from pulsefront.imports.fold import folded, with_sums_for_means
from pulsefront.imports.graph import Cast, Matrix, RealNetwork, Reals
from pulsefront.imports.grids import formats_of_values
from pulsefront.imports.lower import lower

__all__ = ["Imported", "Origin", "OriginDifference", "finished"]

LEAST_TO_CALIBRATE = 100
"""Fewer events are said: the largest of a thousand lies beyond the largest of as few as these."""

_ON_GRID = 1e-3
"""Steps by which float32 may leave a step that a number was cast to."""

Origin = Callable[[Mapping[str, Reals]], Sequence[Reals]]
"""The network where it came from: real arrays by the graph's names of inputs, channels last, to the
real arrays of its outputs in their order, channels last."""


@dataclass(frozen=True)
class OriginDifference:
    """How an output's integers differ from those of the origin.

    *largest_steps* is the largest difference in steps of the output; *first* the first integer that
    differs: its event, what the origin says, what the model says. *relative_rms* is the root mean
    square of the difference beside that of the origin. *off_grid* is how far the origin's numbers
    lie from steps of the output, at most a half: an origin that casts its output is on them.
    """

    output: str
    events: int
    integers: int
    different: int
    largest_steps: float
    relative_rms: float
    off_grid: float
    first: tuple[int, int, int] | None

    def __str__(self) -> str:
        counted = f"{self.output}: {self.integers:,} integers of {self.events:,} events"
        if not self.different and self.off_grid < _ON_GRID:
            return f"{counted}, none differs"
        if not self.different:
            return (
                f"{counted}, none differs from the origin's numbers rounded to steps; these lie "
                f"between steps, by up to {self.off_grid:.2g}"
            )
        return (
            f"{counted}, {self.different:,} differ, by up to {self.largest_steps:g} steps and "
            f"{100 * self.relative_rms:.2g} % (root mean square)"
        )


@dataclass(frozen=True, eq=False)
class Imported:
    """A fixed-point model made from a network of another package.

    Attributes
    ----------
    model
        What `pulsefront.firmware.export_model` and all commands take.
    origin
        The network as it was, in its own package's arithmetic.
    calibrated
        Whether its formats were chosen here: its integers are then not those of the origin.
    changes
        What had to be changed, in sentences; empty where nothing was.
    turned
        Inputs whose axes were exchanged: (channel, position) of the origin is (position, channel),
        (channel, row, column) the same with the positions row after row.
    axes
        By input, the shape of an event in the origin, where the model has another.
    assignments
        How the origin rounds and limits what enters, for inputs where it does.
    steps
        By input, what a number of the origin is divided by first: the part of a scale that is no
        power of two.
    """

    model: FixedPointModel
    origin: Origin
    calibrated: bool
    changes: tuple[str, ...] = ()
    turned: frozenset[str] = frozenset()
    axes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    assignments: Mapping[str, Assignment] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)

    def integers(
        self, data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]
    ) -> dict[str, npt.NDArray[np.int64]]:
        """Return real *data* in the origin's order of axes as the model's input integers.

        Rounded and limited as the origin does it; where it does not say, to the nearest step,
        or down where a step is several counts.
        """
        found = {}
        reals = self._reals(data)
        for one in self.model.inputs:
            to = self.assignments.get(one.name, input_assignment(one.format))
            assigned = real_assigned(reals[one.name], to)
            found[one.name] = np.ldexp(assigned, one.format.fraction).astype(np.int64)
        return found

    def compare(self, integers: Arrays) -> tuple[OriginDifference, ...]:
        """Run model and origin on raw integers of the inputs and count the integers that differ.

        An origin that computes in float32 is off by itself where a sum needs more than 24 bits.
        """
        arrays = self.model.input_arrays(integers)
        forms = {one.name: one.format for one in self.model.inputs}
        return self._differences(
            arrays, {name: forms[name].values(one) for name, one in arrays.items()}
        )

    def compare_data(
        self, data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]
    ) -> tuple[OriginDifference, ...]:
        """Run the origin on real *data* as they are, and the model on what becomes of them.

        Data that the input's format rounds or limits, where the origin does not, count as they
        come out: `compare` gives both the same integers.
        """
        return self._differences(self.model.input_arrays(self.integers(data)), self._reals(data))

    def _reals(self, data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]) -> dict[str, Reals]:
        """Return *data* in the model's order of axes and in its own steps of scale."""
        shapes = {one.name: one.shape for one in self.model.inputs}
        arrays = in_model_axes(data, shapes, self.turned, self.axes)
        return {
            name: np.asarray(array, np.float64) / self.steps.get(name, 1.0)
            for name, array in arrays.items()
        }

    def _differences(
        self, integers: Mapping[str, npt.NDArray[Any]], reals: Mapping[str, Reals]
    ) -> tuple[OriginDifference, ...]:
        found = self.model.emulator.run(dict(integers))
        return tuple(
            _difference(name, found[name], expected, self.model.output_formats[name])
            for name, expected in zip(self.model.outputs, self.origin(reals), strict=True)
        )

    def check(self, integers: Arrays) -> tuple[OriginDifference, ...]:
        """Compare, and raise where an integer differs.

        It asks whether the import kept the integers. A network whose formats were chosen here had
        none: judge that by ``relative_rms`` of `compare` or `compare_data`.

        Raises
        ------
        PrecisionError
            Integers differ because they were chosen here, and how far the outputs lie apart.
        VerificationFailed
            Names the output, the event and both integers.
        """
        found = self.compare(integers)
        wrong = [(one, one.first) for one in found if one.first is not None]
        if wrong and self.calibrated:
            apart = ", ".join(f"{one.output} {100 * one.relative_rms:.2g} %" for one in found)
            raise PrecisionError(
                "the formats were chosen here, so that integers differ by construction from those "
                f"of the network in floats; outputs lie apart by (root mean square) {apart}",
                remedy="judge relative_rms of compare(integers); more bits bring it down",
            )
        for one, (event, expected, got) in wrong:
            raise VerificationFailed(
                "the imported model",
                reference="the network it was made of",
                vector=event,
                output=one.output,
                expected=expected,
                got=got,
                mismatches=one.different,
                compared=one.integers,
                remedy="compare(integers) counts them; kept scales and sums of more than 24 bits "
                "in float32 differ where a rounding hangs on them, all else must not",
            )
        return found


def _difference(
    name: str, found: npt.NDArray[np.int64], expected: Reals, form: FixedPointFormat
) -> OriginDifference:
    steps = np.ldexp(np.asarray(expected, np.float64).reshape(found.shape), form.fraction)
    wanted = np.rint(steps)
    off = np.abs(found - wanted)
    wrong = np.argwhere(off != 0)
    index = tuple(wrong[0]) if len(wrong) else ()
    size = float(np.sqrt(np.mean(steps**2))) if steps.size else 0.0
    return OriginDifference(
        name,
        events=len(found),
        integers=int(found.size),
        different=len(wrong),
        largest_steps=float(off.max(initial=0.0)),
        relative_rms=float(np.sqrt(np.mean((found - steps) ** 2))) / size if size else 0.0,
        off_grid=float(np.abs(steps - wanted).max(initial=0.0)),
        first=(int(index[0]), int(wanted[index]), int(found[index])) if index else None,
    )


def finished(
    graph: RealNetwork,
    origin: Origin,
    *,
    data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None = None,
    input_format: FixedPointFormat | None = None,
    widths: Widths | None = None,
    turned: frozenset[str] = frozenset(),
    axes: Mapping[str, tuple[int, ...]] | None = None,
    steps: Mapping[str, float] | None = None,
    with_factors: bool = False,
) -> Imported:
    """Return a real graph as a fixed-point model, calibrated with *data* where it has no formats.

    *turned*, *axes* and *steps* are those of `Imported`. *with_factors* puts weights that lie on no
    grid on one of ``widths.factors`` bits.

    Raises
    ------
    PrecisionError
        It has none and there are no data, or see `lower.lower`.
    """
    if input_format is not None:
        inputs = tuple(replace(one, format=one.format or input_format) for one in graph.inputs)
        graph = replace(graph, inputs=inputs)
    graph = folded(graph)
    widths = widths or Widths()
    if with_factors:
        graph = on_grids(graph, widths.factors)
    whole = is_quantized(graph)
    if whole and widths.formats:
        raise PrecisionError(
            "the network is quantized and keeps its own formats",
            field="formats",
            value=", ".join(widths.formats),
            remedy="leave them out",
        )
    if not whole and data is None:
        _refuse_half_quantized(graph)
        raise PrecisionError(
            "the network is not quantized: its weights or tensors have no formats",
            remedy="give data to calibrate with, or quantize it where it was trained",
        )
    if data is not None:
        arrays = in_model_axes(data, {one.name: one.shape for one in graph.inputs}, turned, axes)
        graph = calibrated(graph if whole else with_sums_for_means(graph), arrays, widths)
    assignments = _assignments(graph)
    model, changes = lower(graph)
    # Of a network that is calibrated, biases have no integers of their own to keep.
    told = (*graph.changes, *changes) if whole else graph.changes
    told += _rounded_elsewhere(assignments)
    if not whole and data is not None:
        told += _few_events(min(map(len, arrays.values())))
    return Imported(
        model,
        origin,
        calibrated=not whole,
        changes=told,
        turned=turned,
        axes=axes or {},
        assignments=assignments,
        steps=steps or {},
    )


def _few_events(events: int) -> tuple[str, ...]:
    """Say that formats were chosen from few events."""
    if events >= LEAST_TO_CALIBRATE:
        return ()
    several = "" if events == 1 else "s"
    told = (
        f"formats were chosen from {events} event{several}: others may be cut off at their ranges, "
        "which comparing the same data does not show; give "
        f"{LEAST_TO_CALIBRATE} or more"
    )
    return (told,)


def _refuse_half_quantized(graph: RealNetwork) -> None:
    """Name the first weights that lie on no grid in a network whose tensors have formats."""
    if not any(isinstance(one, Cast) for one in graph.nodes):
        return
    for node in graph.nodes:
        if isinstance(node, Matrix) and formats_of_values(node.weights, node.origin) is None:
            raise PrecisionError(
                "tensors are quantized, and these weights lie on no grid of powers of two, such as "
                "those beside a batch normalization in floats",
                field=node.origin,
                remedy='of ONNX and torch keep the scales (--scales keep, scales="keep"), which '
                "puts such factors in 18 bits; or merge it into quantized weights where the "
                "network is trained, as QBatchNormDense of HGQ2 does",
            )


def _rounded_elsewhere(assignments: Mapping[str, Assignment]) -> tuple[str, ...]:
    """Say of which inputs the origin rounds counts to steps of several in a way no export does.

    A model takes integers: how they are made of real numbers is not part of it.
    """
    told = []
    for name, to in assignments.items():
        ours = input_assignment(to.container).rounding
        if to.container.fraction < 0 and to.rounding is not ours:
            told.append(
                f"input {name}: counts become steps of {to.container.step:g} by {to.rounding} "
                f"where the network comes from; an export that takes counts drops their lowest "
                f"bits, {ours}"
            )
    return tuple(told)


def _assignments(graph: RealNetwork) -> dict[str, Assignment]:
    """Return the casts that alone read an input, which gets its format from them."""
    found = {}
    for one in graph.inputs:
        readers = graph.readers(one.name)
        if one.format is None and len(readers) == 1 and isinstance(readers[0], Cast):
            found[one.name] = readers[0].to
    return found
