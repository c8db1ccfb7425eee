"""Which design of a model fits a part at an event rate: unrolled, or so many multipliers.

For each part and rate: an unrolled design, a new event every clock, where it fits; else the
time-shared one with the fewest multipliers that meets the rate. What is used of the part is
estimated, or counted by yosys where that is asked for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pulsefront.errors import BudgetError, ConfigError
from pulsefront.firmware.board import Board, load_board
from pulsefront.firmware.rtl.estimate import (
    SPREAD,
    Estimate,
    estimate_time_shared,
    estimate_unrolled,
)
from pulsefront.firmware.rtl.parts import kind_of
from pulsefront.firmware.rtl.plan import SharedPlan, plan_for_interval
from pulsefront.firmware.rtl.project import write_rtl
from pulsefront.firmware.rtl.resources import count_resources, family_of
from pulsefront.firmware.text_table import text_table
from pulsefront.firmware.vectors import golden_vectors
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["FIT_BOARDS", "Choice", "Fit", "fit", "fit_table"]

FIT_BOARDS = ("ice40_up5k", "ecp5_25", "arty_a7_35", "arty_a7_100", "ecp5_85")
"""The parts of a table where none is named."""

NAMES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "block_ram_kbit": "RAM"}
"""Of the resources, as a table names them."""


@dataclass(frozen=True)
class Choice:
    """One design on one part.

    Attributes
    ----------
    strategy
        ``unrolled`` or ``time-shared``.
    multipliers, dsp_multipliers
        By layer, and how many of them ask for a DSP block; empty where unrolled.
    events_per_second
        At *clock_mhz*.
    used, shares
        Resources by name, and their part of what the part has.
    limit
        The resource of which most is used, or what sets the rate.
    origin
        ``estimated``, or the tool that counted.
    """

    board: str
    rate_hz: float
    clock_mhz: float
    strategy: str
    multipliers: Mapping[str, int]
    dsp_multipliers: int
    interval_cycles: int
    latency_ns: float
    used: Mapping[str, int]
    shares: Mapping[str, float]
    limit: str
    origin: str

    @property
    def events_per_second(self) -> float:
        """The rate that the design takes."""
        return self.clock_mhz * 1e6 / self.interval_cycles

    @property
    def fits(self) -> bool:
        """Whether the design meets the rate within the part."""
        return max(self.shares.values()) <= 1 and self.events_per_second >= self.rate_hz


@dataclass(frozen=True)
class Fit:
    """The choices of a model: one for each part and rate."""

    model: str
    choices: tuple[Choice, ...]

    def table(self) -> str:
        """Return the choices as a text table, and a line on what the numbers are."""
        head = (
            "board", "rate wanted", "fits", "design", "multipliers", "LUT", "FF", "DSP", "RAM",
            "events/s", "latency", "limited by", "numbers",
        )  # fmt: skip
        rows = [_row(one) for one in self.choices]
        text = text_table(head, rows, right=frozenset({1, 4, 5, 6, 7, 8, 9, 10}))
        shared, unrolled = (SPREAD[one]["lut"] for one in ("time-shared", "unrolled"))
        return (
            f"{text}\nPercentages are of the part. Estimated: no tool has counted that design; "
            f"9 of 10 others took\nwithin a factor {shared:.1f} of the LUTs estimated for "
            f"time-shared ones, {unrolled:.1f} for unrolled ones."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the choices as JSON-ready data."""
        return {
            "model": self.model,
            "choices": [
                {**asdict(one), "events_per_second": one.events_per_second, "fits": one.fits}
                for one in self.choices
            ],
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
        best = min(self.choices, key=lambda one: max(_shortfall(one).values()))
        name, ratio = max(_shortfall(best).items(), key=lambda item: item[1])
        if name == "rate":
            raise BudgetError(
                "events_per_second",
                limit=best.rate_hz,
                best=best.events_per_second,
                remedy="lower the rate, raise the clock, or prune inputs of the first layer",
            )
        raise BudgetError(
            f"{name} of {best.board}",
            limit=best.used[name] / best.shares[name],
            best=best.used[name],
            remedy=f"the nearest choice takes {ratio:.2f} times what the part has; prune the "
            "network, lower the rate, or take a larger part",
        )


def _worth(one: Choice) -> tuple[bool, float]:
    """Return the order of choices: what fits with the least, then what comes nearest."""
    if one.fits:
        return False, max(one.shares.values())
    return True, max(_shortfall(one).values())


def _shortfall(one: Choice) -> dict[str, float]:
    return {**one.shares, "rate": one.rate_hz / one.events_per_second}


def _row(one: Choice) -> tuple[str, ...]:
    lanes = sum(one.multipliers.values())
    return (
        one.board,
        _quantity(one.rate_hz),
        "yes" if one.fits else "no",
        one.strategy,
        str(lanes) if lanes else "",
        *(f"{one.used[key]:,} ({100 * one.shares[key]:.0f} %)" for key in ("lut", "ff", "dsp")),
        f"{100 * one.shares['block_ram_kbit']:.0f} %",
        _quantity(one.events_per_second),
        f"{one.latency_ns:,.0f} ns",
        one.limit,
        one.origin,
    )


def _quantity(rate_hz: float) -> str:
    for scale, letter in ((1e6, "M"), (1e3, "k")):
        if rate_hz >= scale:
            return f"{rate_hz / scale:.3g} {letter}"
    return f"{rate_hz:.3g}"


def fit_table(
    model: FixedPointModel,
    boards: Sequence[str | Board] = FIT_BOARDS,
    rates_hz: Sequence[float] = (1e5, 1e6, 1e7),
    *,
    clock_mhz: float | None = None,
    count: bool = False,
) -> Fit:
    """Return a choice for every board and rate; see `fit`."""
    return Fit(
        model.name,
        tuple(
            fit(model, board, rate, clock_mhz=clock_mhz, count=count)
            for board in boards
            for rate in rates_hz
        ),
    )


def fit(
    model: FixedPointModel,
    board: str | Board,
    rate_hz: float,
    *,
    clock_mhz: float | None = None,
    count: bool = False,
) -> Choice:
    """Return the design of *model* that fits *board* at *rate_hz* with the least of the part.

    Parameters
    ----------
    board
        Name of a shipped board, path of a TOML file, or a `Board`.
    rate_hz
        Events per second.
    clock_mhz
        Of the design; None: the board's.
    count
        Let yosys count the chosen design where it is time-shared; else everything is estimated.

    Returns
    -------
    The choice that fits with the smallest largest share; where none fits, the nearest.

    Raises
    ------
    ConfigError
        A number is not positive, or a count of the part is not known.
    ToolMissing
        *count* is asked for and yosys is not installed.
    """
    part = board if isinstance(board, Board) else load_board(board)
    clock = 1e3 / part.clock_period_ns if clock_mhz is None else clock_mhz
    if rate_hz <= 0 or clock <= 0:
        raise ConfigError("is not positive", field="rate or clock", value=min(rate_hz, clock))
    for field in ("lut", "flip_flop", "dsp", "block_ram_kbit"):
        if getattr(part, field) == 0:
            raise ConfigError(
                "is not known, so that nothing can be fitted", field=field, value=part.name
            )
    label = board if isinstance(board, str) else part.name
    choices = [_unrolled(model, part, label, rate_hz, clock)]
    # With no DSP blocks, with half of them, and with all: which is scarce, the part decides.
    cycles = max(int(clock * 1e6 / rate_hz), 1)
    designs: list[SharedPlan] = []
    for dsp in (0, part.dsp // 2, part.dsp):
        design = plan_for_interval(model, cycles, dsp=dsp)
        if design not in designs:
            designs.append(design)
    choices += [_time_shared(model, part, label, rate_hz, clock, one) for one in designs]
    number = min(
        range(len(choices)),
        key=lambda one: _worth(choices[one]),
    )
    best = choices[number]
    return _counted(model, part, best, designs[number - 1]) if count and number else best


def _unrolled(
    model: FixedPointModel, part: Board, label: str, rate_hz: float, clock: float
) -> Choice:
    used = estimate_unrolled(model, kind_of(family_of(part.part)))
    latency = used.latency_cycles * 1e3 / clock
    return _choice(part, label, rate_hz, clock, "unrolled", None, 1, latency, used)


def _time_shared(
    model: FixedPointModel,
    part: Board,
    label: str,
    rate_hz: float,
    clock: float,
    design: SharedPlan,
) -> Choice:
    used = estimate_time_shared(model, design, kind_of(family_of(part.part)))
    latency = design.latency_cycles * 1e3 / clock
    return _choice(
        part, label, rate_hz, clock, "time-shared", design, design.interval_cycles, latency, used
    )


def _choice(
    part: Board,
    label: str,
    rate_hz: float,
    clock: float,
    strategy: str,
    design: SharedPlan | None,
    interval: int,
    latency_ns: float,
    used: Estimate,
) -> Choice:
    counts = {name: getattr(used, name) for name in NAMES}
    shares = _shares(counts, part)
    limit = _scarcest(shares)
    if design is not None and clock * 1e6 / interval < rate_hz:
        limit = f"rate: {design.limit}"
    matrices = {} if design is None else design.matrices
    return Choice(
        board=str(label),
        rate_hz=rate_hz,
        clock_mhz=clock,
        strategy=strategy,
        multipliers={name: one.lanes for name, one in matrices.items()},
        dsp_multipliers=0 if design is None else design.dsp,
        interval_cycles=interval,
        latency_ns=latency_ns,
        used=counts,
        shares=shares,
        limit=limit,
        origin="estimated",
    )


def _shares(used: Mapping[str, int], part: Board) -> dict[str, float]:
    whole = {
        "lut": part.lut,
        "ff": part.flip_flop,
        "dsp": part.dsp,
        "block_ram_kbit": part.block_ram_kbit,
    }
    return {name: used[name] / whole[name] for name in whole}


def _scarcest(shares: Mapping[str, float]) -> str:
    return NAMES[max(shares, key=lambda one: shares[one])]


def _counted(model: FixedPointModel, part: Board, choice: Choice, design: SharedPlan) -> Choice:
    """Return *choice* with yosys' counts in place of the estimate."""
    with tempfile.TemporaryDirectory(prefix="pulsefront-fit-") as folder:
        project = write_rtl(model, folder, golden_vectors(model), multipliers=design)
        counts = count_resources(folder, project.top, part.part).counts
    used = counts.model_dump(include=set(NAMES))
    shares = _shares(used, part)
    limit = choice.limit if choice.limit.startswith("rate") else _scarcest(shares)
    return replace(choice, used=used, shares=shares, limit=limit, origin=counts.origin)
