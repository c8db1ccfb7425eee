"""The design of a model that keeps a part, a rate and a latency with the least of the part.

Every route is tried that can build the model for the part: unrolled and time-shared Verilog, and
hls4ml's latency and resource strategies, each shared as far as rate and latency allow. What is used
of the part is estimated, or counted by yosys where that is asked for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pulsefront.errors import ConfigError, ExportError, UnsupportedLayer
from pulsefront.firmware.board import Board
from pulsefront.firmware.fit.cut import cut_of
from pulsefront.firmware.fit.demand import RESOURCES, Demand, demand_of
from pulsefront.firmware.fit.design import ROUTES, Choice, Design, Route
from pulsefront.firmware.fit.hls import hls_latency, hls_resource
from pulsefront.firmware.fit.table import Fit
from pulsefront.firmware.fit.verilog import plan_of, time_shared, unrolled
from pulsefront.firmware.hls4ml.refuse import refuse_unwritable
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.firmware.rtl.projects.time_shared import write_rtl
from pulsefront.firmware.rtl.projects.unrolled import write_unrolled
from pulsefront.firmware.rtl.resources.count import count_resources, family_of
from pulsefront.firmware.rtl.time_shared.plan import refuse_serial
from pulsefront.firmware.rtl.unrolled.trace import refuse_untraceable
from pulsefront.firmware.vectors import golden_vectors
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["FIT_BOARDS", "choose", "counted", "fit", "fit_table", "highest_rate"]

FIT_BOARDS = ("ice40_up5k", "ecp5_25", "arty_a7_35", "arty_a7_100", "ecp5_85")
"""The parts of a table where none is named."""

MAKERS: dict[Route, Callable[[FixedPointModel, Demand], list[Design]]] = {
    "unrolled": unrolled,
    "time-shared": time_shared,
    "hls4ml Latency": hls_latency,
    "hls4ml Resource": hls_resource,
}

BACKENDS = {"amd": "Vitis", "intel": "Quartus"}
"""Of hls4ml, by the vendor of the part."""

SEARCH_STEPS = 16
"""Halvings of the range of rates in the search for the highest that fits."""


def fit_table(
    model: FixedPointModel,
    boards: Sequence[str | Path | Board] = FIT_BOARDS,
    rates_hz: Sequence[float] = (1e5, 1e6, 1e7),
    *,
    clock_mhz: float | None = None,
    latency_ns: float | None = None,
    routes: Sequence[Route] | None = None,
    count: bool = False,
) -> Fit:
    """Return a choice for every board and rate; see `fit`.

    A part that none of several routes builds for is named beside the others.

    Raises
    ------
    ConfigError
        There are no boards or no rates, or none of the parts can be built for; or as `fit`.
    """
    for name, asked in {"board": boards, "rate": rates_hz}.items():
        if not asked:
            raise ConfigError("names nothing to choose for", field=name, remedy="give at least one")
    unbuilt: dict[str, str] = {}
    choices: list[Choice] = []
    for board in boards:
        demands = [
            demand_of(board, rate, clock_mhz=clock_mhz, latency_ns=latency_ns) for rate in rates_hz
        ]
        left_out = _left_out(model, demands[0].board, routes)
        if len(left_out) == len(routes or ROUTES):
            unbuilt[demands[0].label] = _listed(left_out)
            continue
        choices += [_fitted(model, one, routes, count=count) for one in demands]
    if not choices:
        label, why = next(iter(unbuilt.items()))
        raise _unbuilt(label, why)
    return Fit(model.name, tuple(choices), unbuilt)


def fit(
    model: FixedPointModel,
    board: str | Path | Board,
    rate_hz: float,
    *,
    clock_mhz: float | None = None,
    latency_ns: float | None = None,
    limits: Mapping[str, int] | None = None,
    routes: Sequence[Route] | None = None,
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
        Of the design; None: the board's. Whether a part reaches it, only placement tells.
    latency_ns
        Longest time from an event in to its result out; None: any.
    limits
        What may be used of ``lut``, ``ff``, ``dsp`` or ``block_ram_kbit``; the whole part where
        not named.
    routes
        Of `ROUTES`, those to try; None: all.
    count
        Let yosys count the chosen design where it is Verilog; else everything is estimated.

    Returns
    -------
    The choice that fits with the smallest largest share, with the best of every other route;
    where none fits, the nearest, and what to cut.

    Raises
    ------
    ConfigError
        A number is not positive, a count of the part is not known, or no route can build it.
    ToolMissing
        *count* is asked for and yosys, or alkaid for an unrolled design, is not installed.
    """
    demand = demand_of(board, rate_hz, clock_mhz=clock_mhz, latency_ns=latency_ns, limits=limits)
    return _fitted(model, demand, routes, count=count)


def _fitted(
    model: FixedPointModel, demand: Demand, routes: Sequence[Route] | None, *, count: bool
) -> Choice:
    best = choose(model, demand, routes)
    if count:
        best = counted(model, best)
    if best.fits:
        return best
    return replace(best, cut=cut_of(model, best, highest_rate(model, demand, routes)))


def choose(model: FixedPointModel, demand: Demand, routes: Sequence[Route] | None = None) -> Choice:
    """Return the best choice of *routes* for a *demand*, all estimated, the others with it.

    Raises
    ------
    ConfigError
        No route can build the model for the part.
    """
    left_out = _left_out(model, demand.board, routes)
    found: list[Choice] = []
    for route in routes or ROUTES:
        if route in left_out:
            continue
        made = [Choice(demand, one) for one in MAKERS[route](model, demand)]
        found.append(min(made, key=lambda one: one.worth))
    if not found:
        raise _unbuilt(demand.label, _listed(left_out))
    found.sort(key=lambda one: one.worth)
    return replace(found[0], others=tuple(found[1:]), left_out=left_out)


def _left_out(
    model: FixedPointModel, board: Board, routes: Sequence[Route] | None
) -> dict[str, str]:
    """Return the routes that cannot build *model* for *board*, each with why."""
    left_out: dict[str, str] = {}
    for route in routes or ROUTES:
        try:
            _refuse(route, model, board)
        except (ExportError, UnsupportedLayer) as error:
            left_out[route] = str(error)
    return left_out


def _listed(left_out: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in left_out.items())


def _unbuilt(label: str, why: str) -> ConfigError:
    return ConfigError(
        f"cannot be built for that part by any route: {why}", field="board", value=label
    )


def _refuse(route: Route, model: FixedPointModel, board: Board) -> None:
    """Refuse a route that cannot build *model* for *board*."""
    if route in ("unrolled", "time-shared"):
        family_of(board.part)
        if route == "unrolled":
            refuse_untraceable(model)
        else:
            refuse_serial(model)
        return
    if board.vendor not in BACKENDS:
        raise ExportError(f"is not written for parts of {board.vendor}", field="hls4ml")
    strategy = route.removeprefix("hls4ml ")
    refuse_unwritable(model, HlsSettings(BACKENDS[board.vendor], strategy))


def highest_rate(
    model: FixedPointModel, demand: Demand, routes: Sequence[Route] | None = None
) -> float | None:
    """Return the highest rate below the one asked for at which a design fits; None: none is."""
    low, high = 1, demand.cycles
    while not choose(model, replace(demand, rate_hz=demand.clock_mhz * 1e6 / high), routes).fits:
        low, high = high, 4 * high
        if demand.clock_mhz * 1e6 / high < 1:
            return None
    for _ in range(SEARCH_STEPS):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        rate = demand.clock_mhz * 1e6 / middle
        if choose(model, replace(demand, rate_hz=rate), routes).fits:
            high = middle
        else:
            low = middle
    return demand.clock_mhz * 1e6 / high


def counted(model: FixedPointModel, choice: Choice) -> Choice:
    """Return *choice* with yosys' counts in place of the estimate, where it is Verilog.

    Raises
    ------
    ToolMissing
        yosys, or alkaid for an unrolled design, is not installed.
    """
    design, part = choice.design, choice.demand.board.part
    if design.strategy not in ("unrolled", "time-shared"):
        return choice
    with tempfile.TemporaryDirectory(prefix="pulsefront-fit-") as folder:
        sets = golden_vectors(model)
        if design.strategy == "unrolled":
            written = write_unrolled(model, folder, sets)
            top = written.top
            design = replace(design, latency_cycles=written.latency_cycles)
        else:
            top = write_rtl(model, folder, sets, multipliers=plan_of(model, design)).top
        counts = count_resources(folder, top, part).counts
    used = {name: int(getattr(counts, name)) for name in RESOURCES}
    return replace(choice, design=replace(design, used=used, spread={}, origin=counts.origin))
