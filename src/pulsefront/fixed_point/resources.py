"""What a fixed-point model would take on an FPGA: estimated LUTs, flip-flops, DSPs and cycles.

No tool has seen the design. hls4ml's latency strategy is priced as its synthesis reports are
(hls.py), the others as plain circuits (circuits.py); ``docs/estimates.md`` tells how near each came
to what tools count. A `ResourceModel` that synthesizes can take the place of `estimate_resources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Protocol, TypeVar, get_args

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.circuits import Build, Circuit, Strategy
from pulsefront.fixed_point.format import Overflow, Rounding
from pulsefront.fixed_point.hls import (
    FITTED,
    SPREAD,
    Family,
    Flags,
    HlsConstants,
    HlsTarget,
    MatrixWork,
    Multipliers,
    elements_read,
    matrix_work,
    price_matrix,
    price_other,
)
from pulsefront.fixed_point.layers.base import LayerStep
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.model import FixedPointModel

__all__ = [
    "LatencyWork",
    "LayerResources",
    "ResourceEstimate",
    "ResourceModel",
    "estimate_resources",
    "latency_work",
    "price_latency",
]

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
FAMILIES: tuple[Family, ...] = get_args(Family)

ADDER_LEVEL_NS = 2.0
"""Time of one adder with its routing, as high-level synthesis reckons. Two levels in a period of
5 ns give a 16-64-32-32-5 network 16 cycles, 80 ns; hls4ml's design of it takes "on the scale of
100 ns" (Duarte et al. 2018, abstract)."""

DSP_CYCLES = 2


@dataclass(frozen=True)
class LayerResources:
    """Resources of one layer; see `ResourceEstimate` for the meaning of each figure."""

    layer: str
    kind: str
    lut: int
    ff: int
    dsp: int
    bram_18k: int
    latency_cycles: int
    interval_cycles: int


@dataclass(frozen=True)
class ResourceEstimate:
    """Resources and timing of a design.

    Attributes
    ----------
    lut, ff, dsp, bram_18k
        Six-input look-up tables, flip-flops, DSP blocks and 18-kbit block RAMs.
    latency_cycles
        Cycles from the first input to the last output of an event; 0 where that is wires alone.
    interval_cycles
        Cycles between two events.
    origin
        ``estimated``, or the tool that synthesized the design.
    layers
        The same by layer, where known.
    spread
        Factor either way within which 9 of 10 counts of other designs lay, by name; empty where
        none were counted.
    block_ram_kbit, latency_ns, part_use
        Where the design is one for a part and a rate (`firmware.fit`): block RAM, time from an
        event to its result, and the largest share of what it may use; None elsewhere.
    """

    lut: int
    ff: int
    dsp: int
    bram_18k: int
    latency_cycles: int
    interval_cycles: int
    origin: str = "estimated"
    layers: tuple[LayerResources, ...] = ()
    spread: Mapping[str, float] = field(default_factory=dict)
    block_ram_kbit: int | None = None
    latency_ns: float | None = None
    part_use: float | None = None

    def range_of(self, name: str) -> tuple[int, int] | None:
        """Return the range of a figure such as ``lut``; None where nothing is known of it."""
        if name not in self.spread:
            return None
        count: int = getattr(self, name)
        return int(count / self.spread[name]), ceil(count * self.spread[name])


class ResourceModel(Protocol):
    """Anything that tells what a model takes: this module's estimate, or a synthesis tool."""

    def __call__(self, model: FixedPointModel) -> ResourceEstimate:
        """Return the resources of *model*."""
        ...


def estimate_resources(
    model: FixedPointModel,
    *,
    strategy: Strategy | str = "Latency",
    reuse_factor: int | Mapping[str, int] = 1,
    clock_period_ns: float = 5.0,
    family: Family | str = "ultrascale+",
    multipliers: Multipliers = "auto",
    routed: bool = False,
) -> ResourceEstimate:
    """Estimate what *model* takes on an FPGA.

    Parameters
    ----------
    strategy
        ``Latency``: hls4ml's, constants unrolled; ``distributed_arithmetic``: the same with shared
        partial sums and no DSPs; ``Resource``: general multipliers where they are reused.
    reuse_factor
        How often one multiplier is used per event and position: one number, or by layer (1 for
        those not named); without effect on distributed arithmetic. A convolution runs its positions
        in turn, as hls4ml's does.
    clock_period_ns
        Sets what lies between two registers.
    family, multipliers, routed
        Under ``Latency``: the device family, where multipliers go, and whether to estimate what is
        left after placement and routing instead of what high-level synthesis reports.

    Raises
    ------
    ConfigError
        The strategy or the family is not known, or a number is not positive.
    """
    _known(strategy, STRATEGIES, "strategy")
    known_family = _known(family, FAMILIES, "family")

    read = elements_read(model.steps, model.outputs)
    target = HlsTarget(known_family, clock_period_ns, multipliers, routed)

    def price(step: LayerStep) -> LayerResources:
        build = _build(strategy, _reuse_of(step, reuse_factor), clock_period_ns)
        if build.strategy != "Latency":
            return _layer(step, build)
        work = latency_work(step, build, target, read[step.result.name])
        return price_latency(step, work, target)

    layers = tuple(price(step) for step in model.steps)
    ready = {one.name: 0 for one in model.inputs}
    for step, one in zip(model.steps, layers, strict=True):
        ready[one.layer] = one.latency_cycles + max(ready[name] for name in step.layer.inputs)
    return ResourceEstimate(
        lut=sum(one.lut for one in layers),
        ff=sum(one.ff for one in layers),
        dsp=sum(one.dsp for one in layers),
        bram_18k=sum(one.bram_18k for one in layers),
        latency_cycles=max(ready[name] for name in model.outputs),
        interval_cycles=max(one.interval_cycles for one in layers),
        layers=layers,
        spread=SPREAD if strategy == "Latency" else {},
    )


_Name = TypeVar("_Name", bound=str)


def _known(value: str, names: tuple[_Name, ...], field: str) -> _Name:
    found = next((one for one in names if one == value), None)
    if found is None:
        raise ConfigError(
            f"unknown {field}", field=field, value=value, remedy=f"use one of {', '.join(names)}"
        )
    return found


@dataclass(frozen=True)
class LatencyWork:
    """What a layer asks for under hls4ml's latency strategy, before any constant that is fitted.

    *matrix* is that of its weights, None where it has none; *lut* and *depth* are those of a plain
    circuit of all else, *result_bits* what is registered, *dsp* what else than a matrix takes.
    """

    matrix: MatrixWork | None
    lut: int
    depth: int
    result_bits: int
    dsp: int = 0


def latency_work(step: LayerStep, build: Build, target: HlsTarget, read: Flags) -> LatencyWork:
    """Return what the layer of *step* asks for; *read* are the elements of its result in use."""
    end = _assignment(step, step.result.size)
    matrix, lut, depth, dsp = None, end, int(end > 0), 0
    if isinstance(step.layer, MatrixLayer):
        matrix = matrix_work(step, reuse=build.reuse, target=target, read=read)
    else:
        circuit = step.layer.circuit(step, build)
        if circuit is not None:
            lut, depth, dsp = lut + circuit.lut, depth + circuit.depth, circuit.dsp
    bits = int(step.result.widths.reshape(-1)[read].sum()) if lut else 0
    return LatencyWork(matrix, round(lut * float(read.mean())), depth, bits, dsp)


def price_latency(
    step: LayerStep, work: LatencyWork, target: HlsTarget, constants: HlsConstants = FITTED
) -> LayerResources:
    """Return what the layer of *step* takes under hls4ml's latency strategy."""
    rest = price_other(work.lut, work.depth, work.result_bits, target, constants)
    if work.matrix is not None:
        sums = price_matrix(work.matrix, target, constants)
        cycles = sums.latency_cycles + rest.latency_cycles
        rest = replace(sums, lut=sums.lut + rest.lut, latency_cycles=cycles)
    return LayerResources(
        step.layer.name,
        step.layer.kind,
        rest.lut,
        rest.ff,
        rest.dsp + work.dsp,
        0,
        rest.latency_cycles,
        rest.interval_cycles,
    )


def _reuse_of(step: LayerStep, reuse_factor: int | Mapping[str, int]) -> int:
    if isinstance(reuse_factor, Mapping):
        return reuse_factor.get(step.layer.name, 1)
    return reuse_factor


def _build(strategy: str, reuse_factor: int, clock_period_ns: float) -> Build:
    known = _known(strategy, STRATEGIES, "strategy")
    if reuse_factor < 1:
        raise ConfigError("is at least 1", field="reuse_factor", value=reuse_factor)
    if not 0 < clock_period_ns < float("inf"):
        raise ConfigError("is positive", field="clock_period_ns", value=clock_period_ns)
    levels = max(1, int(clock_period_ns / ADDER_LEVEL_NS))
    return Build(known, 1 if known == "distributed_arithmetic" else reuse_factor, levels)


def _layer(step: LayerStep, build: Build) -> LayerResources:
    """Return a layer's circuit, the assignment at its end, and the registers of its result."""
    layer = step.layer
    found = layer.circuit(step, build)
    circuit = found or Circuit()
    end = _assignment(step, circuit.outputs or step.result.size)
    if found is None and not end:
        return LayerResources(layer.name, layer.kind, 0, 0, 0, 0, 0, 1)
    # Rounding is an adder more.
    depth = circuit.depth + int(end > 0)
    cycles = -(-depth // build.levels) + (DSP_CYCLES if circuit.dsp else 0) + circuit.turns - 1
    # The results of all turns wait in registers for the next layer.
    ff = circuit.ff + int(step.result.widths.sum()) + end
    return LayerResources(
        layer.name,
        layer.kind,
        circuit.lut + end,
        ff,
        circuit.dsp,
        circuit.bram_18k,
        cycles,
        circuit.turns,
    )


def _assignment(step: LayerStep, elements: int) -> int:
    """Return LUTs, and as many flip-flops, of rounding and overflow of *elements* at a time."""
    to = step.layer.assignment
    if to is None:
        return 0
    exact, lut = step.exact.format, 0
    for one in to.formats:
        if exact.fraction > one.fraction and to.rounding is not Rounding.TRN:
            lut += one.width
        if exact.integer > one.integer and to.overflow is not Overflow.WRAP:
            lut += one.width
    return round(lut / len(to.formats) * elements)
