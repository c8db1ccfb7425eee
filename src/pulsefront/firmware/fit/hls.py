"""Designs that hls4ml writes, with a reuse factor for every layer."""

from __future__ import annotations

from collections.abc import Mapping

from pulsefront.firmware.fit.demand import Demand
from pulsefront.firmware.fit.design import Design, Route
from pulsefront.firmware.hls4ml.layers import most_reuse
from pulsefront.fixed_point.layers import LayerStep
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.resources import ResourceEstimate, estimate_resources

__all__ = ["hls_latency", "hls_resource", "reuse_factors_of"]

BLOCK_RAM_KBIT = 18


def hls_latency(model: FixedPointModel, demand: Demand) -> list[Design]:
    """Return the design of hls4ml's latency strategy with the largest reuse that is in time."""
    return _designs(model, demand, "Latency", "hls4ml Latency")


def hls_resource(model: FixedPointModel, demand: Demand) -> list[Design]:
    """Return the design of hls4ml's resource strategy with the largest reuse that is in time.

    No tool has counted such designs: the estimate is that of plain circuits.
    """
    return _designs(model, demand, "Resource", "hls4ml Resource")


def reuse_factors_of(step: LayerStep, strategy: str) -> list[int]:
    """Return the reuse factors that hls4ml takes for a layer as they are, smallest first.

    Under ``Resource`` they divide the multiplications evenly, and beyond the inputs of a sum they
    are whole multiples of them (hls4ml 1.3.0, ``FPGABackend._validate_reuse_factor``).
    """
    layer = step.layer
    assert isinstance(layer, MatrixLayer)
    size, inputs = layer.weights.size, layer.weights.size // layer.n_out
    factors = range(1, most_reuse(layer, strategy) + 1)
    if strategy == "Latency":
        return list(factors)

    def is_taken(factor: int) -> bool:
        if size % factor:
            return False
        if factor >= inputs:
            return factor % inputs == 0
        return -(-size // min(inputs, factor)) % layer.n_out == 0

    return [factor for factor in factors if is_taken(factor)]


def _designs(model: FixedPointModel, demand: Demand, strategy: str, route: Route) -> list[Design]:
    steps = [one for one in model.steps if isinstance(one.layer, MatrixLayer)]
    possible = {one.layer.name: reuse_factors_of(one, strategy) for one in steps}
    rows = {one.layer.name: _rows(one) for one in steps}

    def built(cycles: int) -> tuple[Mapping[str, int], ResourceEstimate]:
        factors = {
            # One row of a convolution after the other; 1 where not even that is in time.
            name: max((one for one in known if rows[name] * one <= cycles), default=1)
            for name, known in possible.items()
        }
        return factors, estimate_resources(
            model,
            strategy=strategy,
            reuse_factor=factors,
            clock_period_ns=1e3 / demand.clock_mhz,
            family=demand.board.family,
        )

    cycles = demand.cycles
    factors, found = built(cycles)
    limit = demand.latency_ns
    while limit is not None and cycles > 1 and demand.nanoseconds(found.latency_cycles) > limit:
        cycles = cycles * 3 // 4
        more, faster = built(cycles)
        if faster.latency_cycles < found.latency_cycles:
            factors, found = more, faster
    slowest = max(found.layers, key=lambda one: one.interval_cycles)
    return [
        Design(
            route,
            "parallel",
            "registers where a period ends, as high-level synthesis schedules",
            found.interval_cycles,
            found.latency_cycles,
            {
                "lut": found.lut,
                "ff": found.ff,
                "dsp": found.dsp,
                "block_ram_kbit": found.bram_18k * BLOCK_RAM_KBIT,
            },
            reuse_factors=factors,
            pace=f"layer {slowest.layer}",
            spread=found.spread,
        )
    ]


def _rows(step: LayerStep) -> int:
    layer = step.layer
    assert isinstance(layer, MatrixLayer)
    return step.exact.size // layer.n_out
