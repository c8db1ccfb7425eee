"""How a model becomes a time-shared design: multipliers per layer, buffers, clocks per event.

The design is a chain of streams, one element a clock. A layer with P multipliers takes its
columns P at a time (``pf_matrix.v``); the slowest layer sets the interval between two events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from pulsefront.errors import ExportError, UnsupportedLayer
from pulsefront.firmware.rtl.language.verilog import address_bits
from pulsefront.fixed_point.format import FixedPointFormat, by_channel
from pulsefront.fixed_point.layers import (
    Add,
    ChosenDense,
    Concatenate,
    ImageWindows,
    InputTables,
    Layer,
    LayerStep,
)
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.layers.pooling import WindowLayer
from pulsefront.fixed_point.specification import Specification
from pulsefront.fixed_point.tensors import Tensor

__all__ = [
    "WEIGHTED",
    "MatrixLanes",
    "SharedPlan",
    "plan",
    "plan_for_interval",
    "queue_bits",
    "refuse_serial",
    "window_cycles",
]

WEIGHTED = (MatrixLayer, ChosenDense)
"""Layers with weights, which have multipliers."""

FINISH_CYCLES = 2
"""Registers of the rounding and of the overflow at the end of a layer."""

MATRIX_CYCLES = 10
"""From the last element that a group needs to its first sum, with the buffer and the drain."""

QUEUED_CYCLES = 2
"""From a number that chooses weights to the first element of its event, through its queue."""

GATHER_CYCLES = 4
"""From the last element of an image to the first of its windows, and between two images."""


@dataclass(frozen=True)
class MatrixLanes:
    """One dense or convolution layer: *lanes* multipliers, *dsp_lanes* of them DSP blocks.

    *rows* windows of *length* elements, *outputs* sums of each; *groups* passes over a window.
    *registers_behind* every multiplier, more than the one that it has: none or one. Weights are of
    one of *sets*, by a number that must be there before an event enters where there are several.
    """

    rows: int
    length: int
    outputs: int
    lanes: int
    dsp_lanes: int
    registers_behind: int = 0
    sets: int = 1

    @property
    def groups(self) -> int:
        """Times that each window is read."""
        return -(-self.outputs // self.lanes)

    @property
    def tail(self) -> int:
        """Sums of the last group."""
        return self.outputs - (self.groups - 1) * self.lanes

    @property
    def cycles(self) -> int:
        """Clocks per event."""
        return self.rows * ((self.groups - 1) * self._turn(self.lanes) + self._turn(self.tail))

    @property
    def latency_cycles(self) -> int:
        """Clocks from the last element of an event in to its last sum out, at most."""
        if self.rows > 1:
            return self.cycles + self.tail + MATRIX_CYCLES + self.registers_behind
        # The first group follows the elements as they come.
        before = (self.groups - 1) * self._turn(self.lanes)
        return before + self.tail + MATRIX_CYCLES + self.registers_behind

    def _turn(self, sums: int) -> int:
        return max(self.length, sums + 1)


@dataclass(frozen=True)
class SharedPlan:
    """A time-shared design: what each layer with weights has, and the clocks of the whole.

    Attributes
    ----------
    model
        Name of the model.
    matrices
        By layer.
    interval_cycles
        Clocks between two events at full speed.
    latency_cycles
        Clocks from an event's first element in to its last element out, at most, at full speed.
    limit
        What sets the interval: a layer, or a tensor whose elements take as many clocks.
    ready_cycles
        By tensor, clocks from an event's first element in to the tensor's last element, at most.
    """

    model: str
    matrices: Mapping[str, MatrixLanes]
    interval_cycles: int
    latency_cycles: int
    limit: str
    ready_cycles: Mapping[str, int]

    @property
    def multipliers(self) -> int:
        """Multipliers in all."""
        return sum(one.lanes for one in self.matrices.values())

    @property
    def dsp(self) -> int:
        """Multipliers that ask for a DSP block."""
        return sum(one.dsp_lanes for one in self.matrices.values())


def plan(
    model: Specification,
    multipliers: int | Mapping[str, int] = 1,
    *,
    dsp: int | None = None,
    registers_behind: int = 0,
) -> SharedPlan:
    """Return the design of *model* with *multipliers* per layer, one number or by layer.

    More multipliers than a layer has outputs are of no use and left out. With *dsp*, as many of
    all multipliers ask for a DSP block, those of the widest products first; None: all.
    *registers_behind* the multipliers are for parts whose blocks do not add: see
    `parts.PartKind`.

    Raises
    ------
    ExportError
        A number is not positive, or a name is that of no layer with weights.
    """
    names = [one.layer.name for one in model.steps if isinstance(one.layer, WEIGHTED)]
    if isinstance(multipliers, Mapping):
        for name in multipliers:
            if name not in names:
                raise ExportError(
                    "has no multipliers",
                    field=name,
                    remedy=f"layers with weights: {', '.join(names)}",
                )
    matrices = {}
    for step in model.steps:
        if not isinstance(step.layer, WEIGHTED):
            continue
        name = step.layer.name
        wanted = multipliers.get(name, 1) if isinstance(multipliers, Mapping) else multipliers
        if wanted < 1:
            raise ExportError("a layer has at least one multiplier", field=name, value=wanted)
        matrices[name] = _matrix(step, wanted, registers_behind)
    return _timed(model, _with_dsp(model, matrices, dsp))


def plan_for_interval(
    model: Specification, cycles: int, *, dsp: int | None = None, registers_behind: int = 0
) -> SharedPlan:
    """Return the design with the fewest multipliers whose interval is at most *cycles*.

    Where none is that fast, each layer has as many as it can use, and the interval is above.
    """
    lanes = {}
    for step in model.steps:
        if not isinstance(step.layer, WEIGHTED):
            continue
        outputs = step.layer.n_out
        # No other number has fewer multipliers for its number of groups.
        useful = sorted({-(-outputs // groups) for groups in range(1, outputs + 1)})
        cycles_of = {one: _matrix(step, one).cycles for one in useful}
        fitting = [one for one in useful if cycles_of[one] <= cycles]
        fastest = min(zip(cycles_of.values(), useful, strict=True))[1]
        lanes[step.layer.name] = fitting[0] if fitting else fastest
    return plan(model, lanes, dsp=dsp, registers_behind=registers_behind)


def _matrix(step: LayerStep, wanted: int, registers_behind: int = 0) -> MatrixLanes:
    layer = step.layer
    assert isinstance(layer, WEIGHTED)
    outputs = layer.n_out
    lanes = min(wanted, outputs)
    rows = step.exact.size // outputs
    sets = layer.sets if isinstance(layer, ChosenDense) else 1
    length = layer.weights.size // (outputs * sets)
    return MatrixLanes(rows, length, outputs, lanes, lanes, registers_behind, sets)


def _with_dsp(
    model: Specification, matrices: dict[str, MatrixLanes], dsp: int | None
) -> dict[str, MatrixLanes]:
    if dsp is None:
        return matrices
    widths = {step.layer.name: _product_width(step) for step in model.steps}
    left, found = dsp, dict(matrices)
    for name in sorted(matrices, key=lambda one: -widths[one]):
        given = min(left, matrices[name].lanes)
        found[name] = replace(matrices[name], dsp_lanes=given)
        left -= given
    return found


def _product_width(step: LayerStep) -> int:
    layer = step.layer
    if not isinstance(layer, WEIGHTED):
        return 0
    return step.sources[0].format.width + max(one.width for one in _weight_formats(layer))


def _weight_formats(layer: MatrixLayer | ChosenDense) -> tuple[FixedPointFormat, ...]:
    return by_channel(layer.weight_format, layer.n_out)


def _timed(model: Specification, matrices: dict[str, MatrixLanes]) -> SharedPlan:
    sizes = {one.name: prod(one.shape) for one in model.tensors.values()}
    busy = {f"the elements of {name}": size for name, size in sizes.items()}
    latency = {one.name: sizes[one.name] for one in model.inputs}
    for step in model.steps:
        name = step.layer.name
        if name in matrices:
            busy[f"layer {name} with {matrices[name].lanes} multipliers"] = matrices[name].cycles
        elif isinstance(step.layer, WindowLayer):
            busy[f"layer {name}"] = window_cycles(step)
        elif isinstance(step.layer, ImageWindows):
            busy[f"the windows of {name}"] = step.result.size + GATHER_CYCLES
        start = max(latency[one.name] for one in step.sources)
        latency[name] = start + _latency(step, matrices)
    limit = max(busy, key=lambda one: busy[one])
    whole = max(latency[name] for name in model.outputs)
    return SharedPlan(model.name, matrices, busy[limit], whole + FINISH_CYCLES, limit, latency)


def _latency(step: LayerStep, matrices: Mapping[str, MatrixLanes]) -> int:
    layer: Layer = step.layer
    if layer.name in matrices:
        # An event enters once its number is there.
        waits = step.sources[0].size + QUEUED_CYCLES if isinstance(layer, ChosenDense) else 0
        return waits + matrices[layer.name].latency_cycles + FINISH_CYCLES
    if isinstance(layer, WindowLayer):
        return window_cycles(step) + MATRIX_CYCLES + FINISH_CYCLES
    if isinstance(layer, ImageWindows):
        return step.result.size + GATHER_CYCLES + FINISH_CYCLES
    if isinstance(layer, Concatenate | Add):
        return step.result.size + 2 * FINISH_CYCLES
    return FINISH_CYCLES


def refuse_serial(model: Specification) -> None:
    """Refuse a model that cannot take one element after the other.

    Raises
    ------
    UnsupportedLayer
        Tables of its own for every input stand side by side.
    """
    for layer in model.layers:
        if isinstance(layer, InputTables):
            raise UnsupportedLayer(
                layer.name,
                problem="tables of chosen inputs are not written time-shared",
                remedy="export it unrolled, with --target rtl_unrolled",
            )


def queue_bits(step: LayerStep, source: Tensor, plan: SharedPlan) -> int:
    """Return the binary logarithm of the elements of *source* that wait where *step* joins it.

    One event, and those that come before the slowest source has given its own: a shorter queue
    would stop what both sources read.
    """
    slowest = max(plan.ready_cycles[one.name] for one in step.sources)
    behind = slowest - plan.ready_cycles[source.name]
    events = 1 + -(-behind // plan.interval_cycles)
    return address_bits(max(source.size * events, 2))


def window_cycles(step: LayerStep) -> int:
    """Return the clocks per event of a sum or maximum over windows."""
    assert isinstance(step.layer, WindowLayer)
    return step.exact.size * step.layer.size
