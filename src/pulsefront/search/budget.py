"""Hard limits on what a network may cost."""

from __future__ import annotations

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.errors import BudgetError, ConfigError
from pulsefront.networks.cost import NetworkCost

__all__ = ["Budget"]


class Budget(FrozenModel):
    """Limits that the searched network must keep; what is absent is not limited."""

    weight_bytes: int | None = Field(default=None, ge=1)
    """weights and biases at their bit widths, in dense storage"""
    activation_bytes: int | None = Field(default=None, ge=1)
    """inputs and all results"""
    macs: int | None = Field(default=None, ge=1)
    """multiply-accumulates per event"""
    bops: int | None = Field(default=None, ge=1)
    """bit operations per event (`fixed_point.cost`)"""
    ebops: int | None = Field(default=None, ge=1)
    """effective bit operations per event: a zero bit costs nothing"""
    nonzero_weights: int | None = Field(default=None, ge=1)
    """constants that an unrolled build multiplies by"""
    lut: int | None = Field(default=None, ge=1)
    """look-up tables, estimated"""
    ff: int | None = Field(default=None, ge=1)
    """flip-flops, estimated"""
    dsp: int | None = Field(default=None, ge=0)
    """DSP slices, estimated"""
    latency_cycles: int | None = Field(default=None, ge=1)
    """clock cycles from input to output, estimated"""

    @property
    def limits(self) -> dict[str, int]:
        """Name → limit of what is limited.

        Raises
        ------
        ConfigError
            Nothing is limited.
        """
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        if not given:
            raise ConfigError(
                "a budget limits nothing",
                field="budget",
                remedy=f"give at least one of {', '.join(type(self).model_fields)}",
            )
        return given

    def fits(self, cost: NetworkCost) -> bool:
        """Whether *cost* keeps every limit; a float network keeps none of a built one."""
        return self.excess(cost) <= 0.0

    def excess(self, cost: NetworkCost) -> float:
        """Return how far *cost* lies above the tightest limit: 0.1 is 10 % above, 0 is within."""
        return max(self._excess_of(name, cost) for name in self.limits)

    def exceeded(self, cost: NetworkCost) -> tuple[str, ...]:
        """Return the names of the limits that *cost* does not keep."""
        return tuple(name for name in self.limits if self._excess_of(name, cost) > 0)

    def tightest(self, cost: NetworkCost) -> str:
        """Return the name of the limit that *cost* exceeds by the largest share."""
        return max(self.limits, key=lambda name: self._excess_of(name, cost))

    def _excess_of(self, name: str, cost: NetworkCost) -> float:
        limit, value = self.limits[name], getattr(cost, name)
        if value is None:
            return float("inf")
        return max(0.0, (float(value) - limit) / max(limit, 1))

    def require_possible(self, smallest: NetworkCost) -> None:
        """Refuse a budget below the smallest network there is.

        Raises
        ------
        BudgetError
            Names the limit and how near the smallest network comes.
        """
        for name, limit in self.limits.items():
            best = getattr(smallest, name)
            if best > limit:
                raise BudgetError(
                    name,
                    limit=limit,
                    best=best,
                    remedy=f"allow at least {best}, or start from a network with fewer layers",
                )
