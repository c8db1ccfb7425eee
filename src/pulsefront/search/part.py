"""What a network takes of the part that its budget names, at its rate: the best design of it."""

from __future__ import annotations

from dataclasses import dataclass

from pulsefront.errors import BudgetError, ConfigError
from pulsefront.firmware.fit import (
    Choice,
    Demand,
    choose,
    cut_of,
    demand_of,
    highest_rate,
)
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.resources import ResourceEstimate
from pulsefront.search.budget import Budget

__all__ = ["PartResources", "demand_of_budget", "part_of"]

BLOCK_RAM_KBIT = 18


@dataclass(frozen=True)
class PartResources:
    """Prices a model as the best of the designs that could build it, see `firmware.fit.choose`.

    Multipliers, reuse factors and the route are chosen anew for each model: its cost is that of
    the design which keeps rate, latency and part with the least of the part.
    """

    demand: Demand

    def choice(self, model: FixedPointModel) -> Choice:
        """Return the best design of *model*, estimated."""
        return choose(model, self.demand)

    def __call__(self, model: FixedPointModel) -> ResourceEstimate:
        """Return what the best design of *model* takes."""
        choice = self.choice(model)
        design = choice.design
        use = max(choice.shares.values()) if choice.fits else choice.shortfall
        return ResourceEstimate(
            lut=design.used["lut"],
            ff=design.used["ff"],
            dsp=design.used["dsp"],
            bram_18k=-(-design.used["block_ram_kbit"] // BLOCK_RAM_KBIT),
            latency_cycles=design.latency_cycles,
            interval_cycles=design.interval_cycles,
            origin=design.origin,
            spread=design.spread,
            block_ram_kbit=design.used["block_ram_kbit"],
            latency_ns=choice.latency_ns,
            part_use=use,
        )

    def error(self, model: FixedPointModel) -> BudgetError:
        """Return that *model*, the smallest that was reached, does not fit the part."""
        choice = self.choice(model)
        demand = self.demand
        return BudgetError(
            f"part_use of {demand.label} at {demand.rate_hz:g} events/s",
            limit=1.0,
            best=round(choice.shortfall, 3),
            remedy=f"{choice.reason}; {cut_of(model, choice, highest_rate(model, demand))}",
        )


def demand_of_budget(budget: Budget) -> Demand | None:
    """Return what a budget asks of a part; None where it names none.

    Raises
    ------
    ConfigError
        There is no such board, a count of its part is not known, or the rate is above its clock.
    """
    if budget.board is None or budget.events_per_second is None:
        return None
    found = demand_of(
        budget.board,
        budget.events_per_second,
        latency_ns=budget.latency_ns,
        limits=budget.room,
    )
    if found.clocks < 1:
        raise ConfigError(
            "is more than one event a clock, which no design takes",
            field="events_per_second",
            value=budget.events_per_second,
            remedy=f"at most {found.clock_mhz * 1e6:g}, the clock of {budget.board}",
        )
    return found


def part_of(budget: Budget) -> PartResources | None:
    """Return how a budget's part prices a network; None where it names none."""
    demand = demand_of_budget(budget)
    return None if demand is None else PartResources(demand)
