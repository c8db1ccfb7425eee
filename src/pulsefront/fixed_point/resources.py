"""What a fixed-point model would take on an FPGA: estimated LUTs, flip-flops, DSPs and cycles.

No tool has seen the design: these are counts of plain circuits (see circuits.py), for ranking
networks and for budgets. A `ResourceModel` that synthesizes can take the place of
`estimate_resources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, get_args

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.circuits import Build, Circuit, Strategy
from pulsefront.fixed_point.format import Overflow, Rounding
from pulsefront.fixed_point.layers.base import LayerStep
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["LayerResources", "ResourceEstimate", "ResourceModel", "estimate_resources"]

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

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
    """

    lut: int
    ff: int
    dsp: int
    bram_18k: int
    latency_cycles: int
    interval_cycles: int
    origin: str = "estimated"
    layers: tuple[LayerResources, ...] = ()


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
) -> ResourceEstimate:
    """Estimate what *model* takes on an FPGA.

    Parameters
    ----------
    strategy
        ``Latency``: constants unrolled; ``distributed_arithmetic``: the same with shared partial
        sums and no DSPs; ``Resource``: general multipliers where they are reused.
    reuse_factor
        How often one multiplier is used per event and position: one number, or by layer (1 for
        those not named); without effect on distributed arithmetic. A convolution runs its positions
        in turn, as hls4ml's does.
    clock_period_ns
        Sets how many levels of adders lie between two registers.

    Raises
    ------
    ConfigError
        The strategy is not known, or a number is not positive.
    """
    layers = tuple(
        _layer(step, _build(strategy, _reuse_of(step, reuse_factor), clock_period_ns))
        for step in model.steps
    )
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
    )


def _reuse_of(step: LayerStep, reuse_factor: int | Mapping[str, int]) -> int:
    if isinstance(reuse_factor, Mapping):
        return reuse_factor.get(step.layer.name, 1)
    return reuse_factor


def _build(strategy: str, reuse_factor: int, clock_period_ns: float) -> Build:
    known = next((one for one in STRATEGIES if one == strategy), None)
    if known is None:
        raise ConfigError(
            "unknown strategy",
            field="strategy",
            value=strategy,
            remedy=f"use one of {', '.join(STRATEGIES)}",
        )
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
    ff = circuit.ff + step.result.size * step.result.format.width + end
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
    whole = to.container
    lut = 0
    if step.exact.format.fraction > whole.fraction and to.rounding is not Rounding.TRN:
        lut += whole.width
    if step.exact.format.integer > whole.integer and to.overflow is not Overflow.WRAP:
        lut += whole.width
    return lut * elements
