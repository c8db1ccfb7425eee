"""What to cut where no design of a model keeps what is asked."""

from __future__ import annotations

import math

import numpy as np

from pulsefront.firmware.fit.demand import RESOURCES
from pulsefront.firmware.fit.design import Choice, quantity
from pulsefront.fixed_point.layers import ChosenDense
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.specification import Specification

__all__ = ["cut_of"]


def cut_of(model: Specification, choice: Choice, highest_rate_hz: float | None) -> str:
    """Return what would make the nearest *choice* fit, in words.

    *highest_rate_hz* is the rate up to which some design fits; None where none does at any.
    """
    short, demand, worst = choice.shortfalls, choice.demand, choice.worst
    ways = []
    if worst == "rate" and demand.clocks < 1:
        ways.append(f"raise the clock to {demand.rate_hz / 1e6:,.6g} MHz")
    elif worst == "rate":
        clock = demand.clock_mhz * choice.design.interval_cycles / demand.cycles
        clocks = f"from {choice.design.interval_cycles} clocks an event to {demand.cycles}"
        ways += [
            f"cut {choice.design.pace} {clocks}: fewer inputs or outputs",
            f"raise the clock from {demand.clock_mhz:.4g} to {clock:.4g} MHz",
        ]
    elif worst == "latency":
        clock = demand.clock_mhz * short[worst]
        ways += [
            "remove a layer or its inputs",
            f"raise the clock from {demand.clock_mhz:.4g} to {clock:.4g} MHz",
            f"allow {choice.latency_ns:,.0f} ns",
        ]
    else:
        share = math.ceil(100 * (1 - 1 / short[worst]))
        name, count, whole = _most_work(model)
        ways.append(
            f"{RESOURCES[worst]}: cut about {share} % of the multiplications, "
            f"{count:,} of {whole:,} are in {name}"
        )
    if highest_rate_hz is not None:
        ways.append(f"lower the rate to {quantity(highest_rate_hz)} events/s")
    elif worst in RESOURCES:
        ways.append("take a larger part; no rate fits this one")
    return "; or ".join(ways)


def _most_work(model: Specification) -> tuple[str, int, int]:
    """Return the layer with most multiplications by a weight that is not zero, theirs and all."""
    work = {}
    for step in model.steps:
        layer = step.layer
        if isinstance(layer, ChosenDense):
            # A multiplier is there for a weight that is not zero in any set.
            work[layer.name] = int(np.count_nonzero(layer.weights.any(axis=0)))
        elif isinstance(layer, MatrixLayer):
            rows = step.exact.size // layer.n_out
            work[layer.name] = int(np.count_nonzero(layer.weights)) * rows
    if not work:
        return "no layer", 0, 0
    name = max(work, key=lambda one: work[one])
    return name, work[name], sum(work.values())
