"""The command that simulates a detector."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pulsefront.cli.executors import workers_for
from pulsefront.errors import ConfigError

__all__ = ["simulate"]


class What(StrEnum):
    """What is recorded."""

    auto = "auto"
    scan = "scan"
    coincidences = "coincidences"


def simulate(
    detector: Annotated[
        str, typer.Argument(help="A detector TOML file, or the name of one that ships.")
    ],
    out: Annotated[Path, typer.Option(help="The event store to write (HDF5).")],
    *,
    events: Annotated[
        int | None, typer.Option(help="Events in all, shared between the positions.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 1,
    what: Annotated[
        What,
        typer.Option(help="Charges of a scan, waveforms of a pair, or what the detector reads."),
    ] = What.auto,
    settings: Annotated[
        Path | None,
        typer.Option(help="TOML file with the settings of the scan or the coincidences."),
    ] = None,
    perturb: Annotated[
        list[str] | None,
        typer.Option(help="Name of a mismatch, e.g. gain_map or misalignment; may be repeated."),
    ] = None,
    full_tracing: Annotated[
        bool,
        typer.Option("--full-tracing", help="Trace every photon: no light map; slow."),
    ] = False,
    readout: Annotated[
        str | None,
        typer.Option(
            help="What is recorded: sum (waveforms only), pixels, row_column, charge_division, or "
            "the waveforms of photosensors, e.g. 0,5,12."
        ),
    ] = None,
    photons: Annotated[
        Path | None,
        typer.Option(
            help="Instead: record the waveforms of photons that another simulation detected, a "
            "table with the columns event and time_ns."
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML file that says which arrays of that table these are.")
    ] = None,
    light_maps: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps light maps for other runs; else they are removed."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; threads on all cores if not given.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, e.g. tcp://host:8786.")
    ] = None,
) -> None:
    """Simulate DETECTOR: gamma rays, light, photosensors, ADC. Goes on where it was killed."""
    from pulsefront.progress import progress
    from pulsefront.simulate.run.campaign import run_to_file, shard_folder

    with workers_for(workers, scheduler) as found:
        executor = found.executor
        if photons is not None:
            from pulsefront.simulate.photons import photon_plan

            plan = photon_plan(
                detector, photons, mapping=mapping, perturbations=perturb or [], seed=seed
            )
        else:
            from pulsefront.simulate.choose import choose_plan

            if events is None:
                raise ConfigError(
                    "is missing", field="--events", remedy="say how many, or name --photons"
                )
            with progress("light map", "photons") as report:
                plan = choose_plan(
                    detector,
                    what=what.value,
                    settings=settings,
                    perturbations=perturb or [],
                    full_tracing=full_tracing,
                    readout=readout,
                    seed=seed,
                    events=events,
                    cache=light_maps or shard_folder(out) / "light_maps",
                    executor=executor,
                    report=report,
                )
        with progress("simulate", "events") as report:
            count = run_to_file(plan, out, executor=executor, report=report)
    typer.echo(f"{count:,} events in {out}")
