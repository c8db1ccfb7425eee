"""Designs of this project's own Verilog: unrolled, or with multipliers shared in time."""

from __future__ import annotations

from bisect import bisect_right

from pulsefront.firmware.fit.demand import RESOURCES, Demand
from pulsefront.firmware.fit.design import FREE_SHARE, Design
from pulsefront.firmware.rtl.resources.count import family_of
from pulsefront.firmware.rtl.resources.estimate import (
    SPREAD,
    Estimate,
    estimate_time_shared,
    estimate_unrolled,
)
from pulsefront.firmware.rtl.resources.parts import kind_of
from pulsefront.firmware.rtl.time_shared.plan import SharedPlan, plan, plan_for_interval
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
            pace="one event a clock",
            spread=SPREAD["unrolled"],
        )
    ]


def time_shared(model: Specification, demand: Demand) -> list[Design]:
    """Return time-shared designs with the fewest multipliers that keep rate and latency.

    With no DSP blocks, with half of the part's, with as many as there are, and with so many that
    the shares of DSP blocks and of look-up tables are nearly the same.
    """
    kind = kind_of(family_of(demand.board.part))
    whole = _in_time(model, demand, kind.registers_behind)
    lanes = {name: one.lanes for name, one in whole.matrices.items()}

    def with_dsp(dsp: int) -> SharedPlan:
        return plan(model, lanes, dsp=dsp, registers_behind=kind.registers_behind)

    def shares(dsp: int) -> tuple[float, float]:
        """Return the shares of DSP blocks and of look-up tables."""
        used = estimate_time_shared(model, with_dsp(dsp), kind)
        return used.dsp / max(demand.room["dsp"], 1), used.lut / max(demand.room["lut"], 1)

    most = min(whole.multipliers, demand.room["dsp"])
    counts = range(most + 1)
    free = bisect_right(counts, FREE_SHARE, key=lambda dsp: shares(dsp)[0]) - 1
    even = bisect_right(counts, 0.0, key=lambda dsp: shares(dsp)[0] - shares(dsp)[1])
    plans = [with_dsp(dsp) for dsp in sorted({0, free, max(even - 1, 0), min(even, most), most})]
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
            registers_behind=kind.registers_behind,
            pace=one.limit,
            spread=SPREAD["time-shared"],
        )
        for one in plans
    ]


def plan_of(model: Specification, design: Design) -> SharedPlan:
    """Return the plan of a time-shared *design*."""
    return plan(
        model,
        design.multipliers,
        dsp=design.dsp_multipliers,
        registers_behind=design.registers_behind,
    )


def _in_time(model: Specification, demand: Demand, behind: int) -> SharedPlan:
    """Return the plan that just keeps the rate; where that is too late, one of more multipliers."""
    cycles = demand.cycles
    found = plan_for_interval(model, cycles, registers_behind=behind)
    limit = demand.latency_ns
    while limit is not None and cycles > 1 and demand.nanoseconds(found.latency_cycles) > limit:
        cycles = min(cycles, found.interval_cycles) * 3 // 4
        faster = plan_for_interval(model, max(cycles, 1), registers_behind=behind)
        if faster.latency_cycles < found.latency_cycles:
            found = faster
    return found


def _counts(used: Estimate) -> dict[str, int]:
    return {name: getattr(used, name) for name in RESOURCES}
