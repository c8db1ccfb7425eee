"""One way to build a model, and how it stands to what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pulsefront.firmware.fit.demand import RESOURCES, Demand

__all__ = ["FREE_SHARE", "ROUTES", "Choice", "Design", "Route", "percent", "quantity"]

Route = Literal["unrolled", "time-shared", "hls4ml Latency", "hls4ml Resource"]

ROUTES: dict[Route, str] = {
    "unrolled": "rtl_unrolled",
    "time-shared": "rtl",
    "hls4ml Latency": "hls4ml",
    "hls4ml Resource": "hls4ml",
}
"""Ways to build a model, with the target of ``pulsefront export`` that writes each."""

FREE_SHARE = 0.5
"""Of a part's DSP blocks, what a design may take before it counts."""


@dataclass(frozen=True)
class Design:
    """One way to build a model, for some part.

    Attributes
    ----------
    strategy
        One of `ROUTES`.
    io
        ``parallel``: an event a clock or at once; ``stream``: one element after the other.
    pipelining
        Where registers are, in words.
    multipliers, dsp_multipliers, registers_behind
        Time-shared: of each layer; how many of all ask for a DSP block; and the registers behind
        each, see `parts.PartKind`.
    reuse_factors
        hls4ml: of each layer.
    interval_cycles, latency_cycles
        Clocks between two events, and from an event in to its result out.
    used
        By name, see `RESOURCES`.
    pace
        What sets the interval, in words; empty where nothing slower than a clock does.
    spread
        Factor either way within which 9 of 10 counts of other designs lay; empty: never counted.
    origin
        ``estimated``, or the tool that counted.
    """

    strategy: Route
    io: Literal["parallel", "stream"]
    pipelining: str
    interval_cycles: int
    latency_cycles: int
    used: Mapping[str, int]
    multipliers: Mapping[str, int] = field(default_factory=dict)
    dsp_multipliers: int = 0
    registers_behind: int = 0
    reuse_factors: Mapping[str, int] = field(default_factory=dict)
    pace: str = ""
    spread: Mapping[str, float] = field(default_factory=dict)
    origin: str = "estimated"

    @property
    def sharing(self) -> str:
        """How multipliers are shared, in words."""
        if self.multipliers:
            return f"{sum(self.multipliers.values())} multipliers"
        if any(factor > 1 for factor in self.reuse_factors.values()):
            return f"reuse {', '.join(map(str, self.reuse_factors.values()))}"
        return ""

    @property
    def export_options(self) -> tuple[str, ...]:
        """Options of ``pulsefront export`` that write this design."""
        words = ["--target", ROUTES[self.strategy]]
        for name, count in self.multipliers.items():
            words += ["--multipliers", f"{name}={count}"]
        if self.multipliers:
            words += ["--dsp-multipliers", str(self.dsp_multipliers)]
        if self.strategy.startswith("hls4ml"):
            words += ["--strategy", self.strategy.removeprefix("hls4ml ")]
        for name, factor in self.reuse_factors.items():
            if factor > 1:
                words += ["--reuse-factor", f"{name}={factor}"]
        return tuple(words)


@dataclass(frozen=True)
class Choice:
    """A design on a part at a rate; *others* are the best of the routes that were not taken.

    *left_out* says by route why it cannot be taken at all, *cut* what to cut where nothing fits.
    """

    demand: Demand
    design: Design
    others: tuple[Choice, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    cut: str = ""

    @property
    def strategy(self) -> Route:
        """The route of the design."""
        return self.design.strategy

    @property
    def export_options(self) -> tuple[str, ...]:
        """Options of ``pulsefront export`` that write the design for its board."""
        named = self.demand.label != self.demand.board.name
        board = ("--board", self.demand.label) if named else ()
        return (*board, *self.design.export_options)

    @property
    def events_per_second(self) -> float:
        """The rate that the design takes."""
        return self.demand.clock_mhz * 1e6 / self.design.interval_cycles

    @property
    def latency_ns(self) -> float:
        """Time from an event in to its result out."""
        return self.demand.nanoseconds(self.design.latency_cycles)

    @property
    def shares(self) -> dict[str, float]:
        """Resources by name, as parts of what may be used."""
        room, used = self.demand.room, self.design.used
        return {name: _ratio(used[name], room[name]) for name in RESOURCES}

    @property
    def shortfalls(self) -> dict[str, float]:
        """How many times too much of each resource, too slow and too late the design is.

        Nothing above 1 is a design that fits.
        """
        found = {**self.shares, "rate": self.design.interval_cycles / self.demand.clocks}
        if self.demand.latency_ns is not None:
            found["latency"] = self.latency_ns / self.demand.latency_ns
        return found

    @property
    def burden(self) -> float:
        """The largest share, by which designs that fit are compared.

        DSP blocks count beyond half of the part alone: below it they cost nothing that anything
        else wants, while look-up tables in their place are slower and harder to route.
        """
        shares = self.shares
        if shares["dsp"] <= FREE_SHARE:
            shares["dsp"] = 0.0
        return max(shares.values())

    @property
    def fits(self) -> bool:
        """Whether the design keeps all that is asked."""
        return self.shortfall <= 1

    @property
    def worst_share(self) -> float:
        """The largest share at the upper end of the range that is told for the estimate."""
        spread = self.design.spread
        return max(share * spread.get(name, 1.0) for name, share in self.shares.items())

    @property
    def shortfall(self) -> float:
        """The largest of the `shortfalls`."""
        return max(self.shortfalls.values())

    @property
    def worst(self) -> str:
        """The name of the largest of the `shortfalls`; of events faster than the clock, the rate.

        Such a rate no part keeps, however large: nothing else is worth naming.
        """
        if self.demand.clocks < 1:
            return "rate"
        short = self.shortfalls
        return max(short, key=lambda name: short[name])

    @property
    def limit(self) -> str:
        """The resource of which most is used, or what stands in the way of rate or latency."""
        if self.shortfalls["rate"] > 1:
            return f"rate: {self.design.pace}"
        if self.worst == "latency" and not self.fits:
            return "latency"
        shares = self.shares
        return RESOURCES[max(shares, key=lambda name: shares[name])]

    @property
    def worth(self) -> tuple[bool, bool, float, float]:
        """Order among designs: what fits with the least of the part, then what comes nearest.

        Of those that fit, the ones whose estimate was never compared with a tool come last.
        """
        share = self.burden
        if not self.fits:
            return True, False, self.shortfall, share
        unknown = self.design.origin == "estimated" and not self.design.spread
        return False, unknown, share, share

    def __str__(self) -> str:
        name = self.demand.board.name
        numbers = f"({self.design.origin})"
        rate = f"{quantity(self.demand.rate_hz)} events/s"
        if self.fits:
            shares = self.shares
            most = max(shares, key=lambda one: shares[one])
            whole = self.demand.room["lut"] == self.demand.board.lut
            of = "LUTs" if whole else f"the {self.demand.room['lut']:,} LUTs allowed"
            words = f"fits {name} at {rate} with {percent(shares['lut'])} of {of}"
            if most != "lut":
                words += f" and {percent(shares[most])} of {RESOURCES[most]}"
            if self.worst_share > 1:
                words += f", up to {percent(self.worst_share)} within the range of the estimate"
            return f"{words}, {self.latency_ns:,.0f} ns {numbers}"
        return f"does not fit {name} at {rate}: {self.reason} {numbers}"

    @property
    def reason(self) -> str:
        """What stands in the way, in words and numbers; empty where the design fits."""
        worst = self.worst
        if self.shortfalls[worst] <= 1:
            return ""
        if worst == "rate" and self.demand.clocks < 1:
            return f"no design takes more than one event a clock, {self.demand.clock_mhz:.4g} MHz"
        if worst == "rate":
            return (
                f"{self.strategy} takes {quantity(self.events_per_second)} events/s: "
                f"{self.design.pace} needs {self.design.interval_cycles} clocks, and "
                f"{self.demand.cycles} are there at {self.demand.clock_mhz:.4g} MHz"
            )
        if worst == "latency":
            return (
                f"{self.strategy} takes {self.latency_ns:,.0f} ns where "
                f"{self.demand.latency_ns:,.0f} are allowed"
            )
        return (
            f"{self.strategy} takes {self.design.used[worst]:,} {RESOURCES[worst]} where "
            f"{self.demand.room[worst]:,} are there"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the choice as JSON-ready data."""
        design, demand = self.design, self.demand
        return {
            "board": demand.label,
            "part": demand.board.part,
            "rate_hz": demand.rate_hz,
            "clock_mhz": demand.clock_mhz,
            "latency_limit_ns": demand.latency_ns,
            "fits": self.fits,
            "strategy": design.strategy,
            "io": design.io,
            "pipelining": design.pipelining,
            "multipliers": dict(design.multipliers),
            "dsp_multipliers": design.dsp_multipliers,
            "reuse_factors": dict(design.reuse_factors),
            "interval_cycles": design.interval_cycles,
            "latency_cycles": design.latency_cycles,
            "latency_ns": self.latency_ns,
            "events_per_second": self.events_per_second,
            "used": dict(design.used),
            "available": dict(demand.room),
            "shares": self.shares,
            "spread": dict(design.spread),
            "limit": self.limit,
            "origin": design.origin,
            "export": list(self.export_options),
            "cut": self.cut,
            "left_out": dict(self.left_out),
            "others": [one.to_json() for one in self.others],
        }


def _ratio(used: int, room: int) -> float:
    if room == 0:
        return 0.0 if used == 0 else float("inf")
    return used / room


def quantity(rate_hz: float) -> str:
    """Return a rate with three digits and the letter of its thousands."""
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # From where three digits would round to a thousand of the next smaller letter.
        if rate_hz >= 0.9995 * scale:
            return f"{rate_hz / scale:.3g} {letter}"
    return f"{rate_hz:.3g}"


def percent(share: float) -> str:
    """Return a share in percent; one that would be rounded to nothing is below 1."""
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
