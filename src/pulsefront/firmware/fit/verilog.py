"""Designs of this project's own Verilog: unrolled, or with multipliers shared in time."""

from __future__ import annotations

from pulsefront.firmware.fit.demand import RESOURCES, Demand
from pulsefront.firmware.fit.design import Design
from pulsefront.firmware.rtl.estimate import (
    SPREAD,
    Estimate,
    estimate_time_shared,
    estimate_unrolled,
)
from pulsefront.firmware.rtl.parts import kind_of
from pulsefront.firmware.rtl.plan import SharedPlan, plan, plan_for_interval
from pulsefront.firmware.rtl.resources import family_of
from pulsefront.fixed_point.specification import Specification

__all__ = ["plan_of", "time_shared", "unrolled"]


def unrolled(model: Specification, demand: Demand) -> list[Design]:
    """Return the unrolled design: every constant has adders of its own, an event every clock."""
    used = estimate_unrolled(model, kind_of(family_of(demand.board.part)))
    return [
        Design(
            "unrolled",
            "parallel",
            "registers after every two adders, after rounding and after saturation",
            1,
            used.latency_cycles,
            _counts(used),
            spread=SPREAD["unrolled"],
        )
    ]


def time_shared(model: Specification, demand: Demand) -> list[Design]:
    """Return time-shared designs with the fewest multipliers that keep rate and latency.

    With no DSP blocks, half of the part's and all: which is scarce, the part decides.
    """
    kind = kind_of(family_of(demand.board.part))
    plans: list[SharedPlan] = []
    for dsp in (0, demand.room["dsp"] // 2, demand.room["dsp"]):
        found = _in_time(model, demand, dsp)
        if found not in plans:
            plans.append(found)
    return [
        Design(
            "time-shared",
            "stream",
            "layers follow one another on buffered streams, registers around every multiplier",
            one.interval_cycles,
            one.latency_cycles,
            _counts(estimate_time_shared(model, one, kind)),
            multipliers={name: lanes.lanes for name, lanes in one.matrices.items()},
            dsp_multipliers=one.dsp,
            pace=one.limit,
            spread=SPREAD["time-shared"],
        )
        for one in plans
    ]


def plan_of(model: Specification, design: Design) -> SharedPlan:
    """Return the plan of a time-shared *design*."""
    return plan(model, design.multipliers, dsp=design.dsp_multipliers)


def _in_time(model: Specification, demand: Demand, dsp: int) -> SharedPlan:
    """Return the plan that just keeps the rate; where that is too late, one of more multipliers."""
    cycles = demand.cycles
    found = plan_for_interval(model, cycles, dsp=dsp)
    limit = demand.latency_ns
    while limit is not None and cycles > 1 and demand.nanoseconds(found.latency_cycles) > limit:
        cycles = min(cycles, found.interval_cycles) * 3 // 4
        faster = plan_for_interval(model, max(cycles, 1), dsp=dsp)
        if faster.latency_cycles < found.latency_cycles:
            found = faster
    return found


def _counts(used: Estimate) -> dict[str, int]:
    return {name: getattr(used, name) for name in RESOURCES}
