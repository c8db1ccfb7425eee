"""Hard limits on what a network may cost."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from pulsefront.config import FrozenModel
from pulsefront.errors import BudgetError, ConfigError
from pulsefront.networks.cost import NetworkCost

__all__ = ["Budget"]

OF_PART = ("board", "events_per_second", "latency_ns", "block_ram_kbit", "count_gates")
"""Keys that ask for a part; a budget without them is written without them."""

RESOURCES = ("lut", "ff", "dsp", "block_ram_kbit")
"""Limits that tell, beside a board, how much of it may be used."""


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
    board: str | None = None
    """part that the network has to fit at the rate: name of a file in firmware_export/boards, or
    its path. LUTs, flip-flops, DSPs and cycles are then those of the design that pulsefront fit
    chooses, and lut, ff, dsp and block_ram_kbit say what it may use where not the whole part"""
    events_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """rate that the design has to take, with board"""
    latency_ns: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """longest time from an event in to its result out, with board"""
    block_ram_kbit: int | None = Field(default=None, ge=0)
    """block RAM that may be used, with board; the whole part where absent"""
    count_gates: bool | None = None
    """whether yosys counts the design of the final network for the report, with board; minutes"""

    @model_validator(mode="after")
    def _part_and_rate(self) -> Self:
        if self.board is not None and self.events_per_second is not None:
            return self
        missing = "events_per_second" if self.board is not None else "board"
        if self.board is None and self.events_per_second is None:
            missing = "board and events_per_second"
        for name in OF_PART:
            if getattr(self, name) is not None:
                raise ValueError(f"{name} needs {missing} beside it")
        return self

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what asks for a part where none is asked for."""
        return {
            name: value
            for name, value in handler(self).items()
            if value is not None or name not in OF_PART
        }

    @property
    def limits(self) -> dict[str, float]:
        """Name → limit of what is limited; with a board its use, at most 1, for all of the part.

        Raises
        ------
        ConfigError
            Nothing is limited.
        """
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        if self.board is not None:
            part = (*OF_PART, *RESOURCES)
            given = {name: value for name, value in given.items() if name not in part}
            given["part_use"] = 1.0
        if not given:
            raise ConfigError(
                "a budget limits nothing",
                field="budget",
                remedy=f"give at least one of {', '.join(type(self).model_fields)}",
            )
        return given

    @property
    def room(self) -> dict[str, int]:
        """What the design may use of the board, by name, where that is less than all of it."""
        given = {name: getattr(self, name) for name in RESOURCES}
        return {name: value for name, value in given.items() if value is not None}

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
