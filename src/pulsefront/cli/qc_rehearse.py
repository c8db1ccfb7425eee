"""pulsefront qc rehearse: a month of nights with faults, before a hospital relies on the job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulsefront.progress import progress

__all__ = ["rehearse"]

_FAILED = 3


def rehearse(
    out: Annotated[Path, typer.Option(help="Folder to fill: rehearsal.html, .json, the months.")],
    nights: Annotated[int, typer.Option(min=8, max=60, help="Nights of the month.")] = 31,
    kills: Annotated[
        int, typer.Option(min=0, help="Jobs that are killed at random moments.")
    ] = 100,
    scanners: Annotated[int, typer.Option(min=1, help="Scanners of each of the three sites.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of files, faults and moments.")] = 13,
) -> None:
    """Rehearse a month on simulated files: qc night is killed, starved and misled, night by night.

    Afterwards the store, the scores, the alerts and what people were told must equal those of the
    same month without faults. Takes some ten minutes on an idle machine.

    Exit codes: 0 everything is equal, 2 usage, 3 something differs.
    """
    from pulsefront import __version__
    from pulsefront.files import write_json, write_text
    from pulsefront.qc.rehearsal.page import figures_of, rehearsal_page, result_json
    from pulsefront.qc.rehearsal.rehearse import RehearsalSettings
    from pulsefront.qc.rehearsal.rehearse import rehearse as run
    from pulsefront.report import render

    settings = RehearsalSettings(nights=nights, kills=kills, scanners_a_site=scanners, seed=seed)
    with progress("rehearsing", "nights") as report:
        result = run(out, settings, report=report)
    write_json(out / "rehearsal.json", result_json(result))
    facts = {"Seed": str(seed), "Version": f"pulsefront {__version__}"}
    write_text(out / "rehearsal.html", render(rehearsal_page(result, facts)))
    for name, value in figures_of(result):
        typer.echo(f"{name:<58} {value:>12}")
    typer.echo(f"see {out / 'rehearsal.html'}")
    if not result.passed:
        typer.echo("the months differ: see the page, and the stores beside it", err=True)
        raise typer.Exit(_FAILED)
