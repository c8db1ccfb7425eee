"""The command that finds a design for a part and a rate."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["fit"]


class RouteName(StrEnum):
    """Ways to build a model."""

    unrolled = "unrolled"
    time_shared = "time-shared"
    hls4ml_latency = "hls4ml-latency"
    hls4ml_resource = "hls4ml-resource"


def fit(
    model: Annotated[Path, typer.Argument(help="A fixed-point model, model.json.")],
    *,
    board: Annotated[
        list[str] | None,
        typer.Option(
            "--board",
            "-b",
            help="Name of a shipped board, or a TOML file; several allowed.",
            show_default="ECP5-25/85, Artix-7 35T/100T, iCE40 UP5K",
        ),
    ] = None,
    rate: Annotated[
        list[float] | None,
        typer.Option(
            "--rate",
            "-r",
            help="Events per second; several allowed.",
            show_default="1e5, 1e6, 1e7",
        ),
    ] = None,
    clock: Annotated[
        float | None,
        typer.Option("--clock", help="Clock in MHz.", show_default="the board's"),
    ] = None,
    latency: Annotated[
        float | None,
        typer.Option("--latency-ns", help="Longest time from event to result.", show_default="any"),
    ] = None,
    route: Annotated[
        list[RouteName] | None,
        typer.Option("--route", help="A way to build; several allowed.", show_default="all"),
    ] = None,
    count: Annotated[
        bool, typer.Option("--count", help="Let yosys count the designs chosen, where Verilog.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for fit.json, fit.png and fit.svg."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the choices as JSON.")] = False,
) -> None:
    """Find the design of a model that fits a part at an event rate.

    Unrolled or time-shared Verilog, or hls4ml's latency or resource strategy, with multipliers or
    reuse factors for each layer; what it takes of the part, what limits, and how to write it.
    Exits non-zero where nothing fits, and says what is nearest and what to cut.
    """
    from pulsefront.firmware.fit import ROUTES, fit_table
    from pulsefront.firmware.fit.choose import FIT_BOARDS
    from pulsefront.firmware.fit.write import write_fit
    from pulsefront.fixed_point import FixedPointModel

    result = fit_table(
        FixedPointModel.load(model),
        board or FIT_BOARDS,
        rate or (1e5, 1e6, 1e7),
        clock_mhz=clock,
        latency_ns=latency,
        routes=[one for one in ROUTES if one.lower().replace(" ", "-") in (route or [])] or None,
        count=count,
    )
    if out is not None:
        write_fit(result, out)
    typer.echo(json.dumps(result.to_json(), indent=2) if as_json else result.table())
    result.raise_on_failure()
