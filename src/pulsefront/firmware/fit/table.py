"""The choices of a model over parts and rates: as a table, as JSON, as an error."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulsefront.errors import BudgetError
from pulsefront.firmware.fit.design import Choice, percent, quantity
from pulsefront.firmware.text_table import text_table

__all__ = ["Fit"]

HEAD = (
    "board", "rate wanted", "fits", "design", "shared", "LUT", "FF", "DSP", "RAM",
    "events/s", "latency", "limited by", "numbers",
)  # fmt: skip
RIGHT = frozenset({1, 5, 6, 7, 8, 9, 10})


@dataclass(frozen=True)
class Fit:
    """The choices of a model: one for each part and rate.

    *unbuilt* are parts that no route builds for, with the reasons.
    """

    model: str
    choices: tuple[Choice, ...]
    unbuilt: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> str:
        """Return the choices as a text table, and lines on what the numbers are.

        Of one choice alone the best of every other route follows it, and how to write it.
        """
        shown = list(self.choices)
        if len(shown) == 1:
            shown += shown[0].others
        lines = [text_table(HEAD, [_row(one) for one in shown], right=RIGHT), _legend(shown)]
        lines += [
            _wrapped(f"{label} is not in the table, for no route builds for it: {why}.")
            for label, why in self.unbuilt.items()
        ]
        for one in self.choices:
            if not one.fits:
                lines += [_wrapped(f"{one}."), _wrapped(f"To fit: {one.cut}.", "  ")]
        if len(self.choices) == 1:
            (one,) = self.choices
            lines += [_wrapped(f"{name} is left out: {why}.") for name, why in one.left_out.items()]
            if one.fits:
                words = " ".join(one.export_options)
                lines += [
                    _wrapped(f"{one}."),
                    f"Write it with: pulsefront export MODEL --out DIR {words}",
                ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the choices as JSON-ready data."""
        return {
            "model": self.model,
            "choices": [one.to_json() for one in self.choices],
            "unbuilt": dict(self.unbuilt),
        }

    def raise_on_failure(self) -> None:
        """Raise where no choice fits: the resource or the rate, and how near the best came.

        Raises
        ------
        BudgetError
            No design fits any of the parts at any of the rates.
        """
        if any(one.fits for one in self.choices):
            return
        best = min(self.choices, key=lambda one: one.shortfall)
        demand, name = best.demand, best.worst
        if name == "rate":
            key, limit, found = "events_per_second", demand.rate_hz, best.events_per_second
        elif name == "latency" and demand.latency_ns is not None:
            key, limit, found = "latency_ns", demand.latency_ns, best.latency_ns
        else:
            key = f"{name} of {demand.label}"
            limit, found = demand.room[name], best.design.used[name]
        raise BudgetError(key, limit=limit, best=found, remedy=best.cut)


def _row(one: Choice) -> tuple[str, ...]:
    used, shares = one.design.used, one.shares
    return (
        one.demand.label,
        quantity(one.demand.rate_hz),
        _fits(one),
        one.strategy,
        one.design.sharing,
        *(f"{used[key]:,} ({percent(shares[key])})" for key in ("lut", "ff", "dsp")),
        percent(shares["block_ram_kbit"]),
        quantity(one.events_per_second),
        f"{one.latency_ns:,.0f} ns",
        one.limit,
        one.design.origin,
    )


def _legend(shown: Sequence[Choice]) -> str:
    """Return what the numbers are and how far estimates were off, for the routes in a table."""
    told: dict[str, str] = {}
    for one in shown:
        if one.design.origin != "estimated":
            continue
        spread = one.design.spread
        known = f"within a factor {spread['lut']:.1f}" if spread else "not known"
        told[one.strategy] = f"{one.strategy} {known}"
    text = "Percentages are of what may be used of the part."
    if told:
        text += (
            " Estimated: no tool has counted that design; of 9 of 10 designs that one has counted, "
            f"the LUTs lay near the estimate as follows: {', '.join(told.values())}."
        )
    doubtful = [one for one in shown if _fits(one) == "perhaps"]
    if doubtful:
        text += (
            " Perhaps: it fits by its estimate, but would not if it took as much more as that; "
            "--count tells, where it is Verilog."
        )
    return _wrapped(text)


def _fits(one: Choice) -> str:
    return "no" if not one.fits else "yes" if one.worst_share <= 1 else "perhaps"


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, 100, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
