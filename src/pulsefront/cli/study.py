"""The main job: run a study; and a page of measured files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pulsefront.cli.data_options import Channels

__all__ = ["compare", "gallery", "run"]

MOST_NAMED = 20


def run(
    study: Annotated[
        Path,
        typer.Argument(
            help="Study file (TOML), or the name of one that ships, such as timing_lyso_pair.",
            metavar="STUDY.toml",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Run directory. Default: out/ and the study's name."),
    ] = None,
    external: Annotated[
        list[Path] | None,
        typer.Option(
            "--external",
            help="Measured events to test on beside the study's own: a manifest of point-source "
            "scans or a labelled event store; may be repeated.",
            metavar="MANIFEST",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that train networks; threads of this one if not given."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, e.g. tcp://host:8786, to train there."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Train on cpu, cuda or cuda:N instead of what the study says."),
    ] = None,
    mlflow: Annotated[
        str | None,
        typer.Option(
            "--mlflow",
            help="Log what came out to this experiment of MLflow, where that is installed; "
            "MLFLOW_TRACKING_URI says where it is kept.",
            metavar="EXPERIMENT",
        ),
    ] = None,
) -> None:
    """Run a study: data, baselines, network, ablation, firmware, proof and report.

    An evaluation study runs a frozen export on external data instead: the plan is written, then
    the data are opened, and nothing is fitted.

    A run that was stopped goes on where it was when the same command is given again; steps that
    are done are not repeated. The result is the same for any workers; one that is lost costs
    only the networks that it held.
    """
    from pulsefront.cli.executors import workers_for
    from pulsefront.errors import ConfigError
    from pulsefront.events.external import ExternalData
    from pulsefront.studies.evaluation.settings import EvaluationStudy
    from pulsefront.studies.load import load_any_study
    from pulsefront.studies.run import run_study
    from pulsefront.studies.settings import ExternalSet
    from pulsefront.studies.tracking import log_to_mlflow, require_mlflow

    if mlflow is not None:
        require_mlflow()
    loaded, file = load_any_study(study)
    if isinstance(loaded, EvaluationStudy):
        from pulsefront.studies.evaluation.run import run_evaluation

        if mlflow is not None:
            raise ConfigError(
                "results of an evaluation are not logged",
                field="--mlflow",
                remedy="log the runs that it evaluates",
            )
        _refuse_beside_plan(external=external, workers=workers, scheduler=scheduler, device=device)
        directory = run_evaluation(loaded, file, out, lambda line: typer.echo(line, err=True))
        _told(directory)
        return
    sets = [
        ExternalSet(name=path.stem, measured=ExternalData(path=path.absolute()))
        for path in external or []
    ]
    with workers_for(workers, scheduler) as found:
        directory = run_study(
            study,
            out,
            say=lambda line: typer.echo(line, err=True),
            external=sets,
            workers=found,
            device=device,
        )
    _told(directory)
    if mlflow is not None:
        # Of a server that is not there MLflow would say so after minutes, if not told otherwise.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        typer.echo(f"MLflow: run {log_to_mlflow(directory, mlflow)} of {mlflow}")


def _told(directory: Path) -> None:
    typer.echo(f"Report: {directory / 'report.html'}")
    typer.echo(f"Numbers: {directory / 'results.json'}")


def _refuse_beside_plan(**options: object) -> None:
    """Refuse what an evaluation's plan would not know of, or has no use for."""
    from pulsefront.errors import ConfigError

    given = next((name for name, value in options.items() if value), None)
    if given is not None:
        raise ConfigError(
            "an evaluation study trains nothing, and all its data stand in its plan",
            field=f"--{given}",
            remedy="leave it out; sets are [[external]] tables of the study file",
        )


def compare(
    *,
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Run directories of studies on the same events; the first is the one "
            "that the others are compared with."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare the networks of finished runs: the same test events, paired differences, cost.

    Only events that are in the test part of every run are used.
    """
    from pulsefront.files import write_text
    from pulsefront.studies.compare import compare_runs
    from pulsefront.studies.pages.compare import comparison_lines, comparison_page

    found = compare_runs(runs)
    if out is not None:
        write_text(out, comparison_page(found))
    typer.echo(found.model_dump_json(indent=2) if as_json else comparison_lines(found))


def gallery(
    folder: Annotated[Path, typer.Argument(help="Folder with measured files, searched deeply.")],
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("measured.html"),
    channels: Channels = None,
) -> None:
    """Draw every measured file of FOLDER on one page: contents, status counts, pulses.

    What it leaves out, tables and files of no known format, stands at the end with the reason.
    """
    from pulsefront.events.channels import parse_channels
    from pulsefront.progress import progress
    from pulsefront.studies.pages.gallery import write_gallery

    chosen = () if channels is None else parse_channels(channels)
    with progress("gallery", "files") as report:
        found = write_gallery(folder, out, channels=chosen, report=report)
    left_out = f", {len(found.left_out)} left out" if found.left_out else ""
    count = len(found.items)
    typer.echo(f"{count} file{'' if count == 1 else 's'} in {out}{left_out}")
    for one in found.left_out[:MOST_NAMED]:
        typer.echo(f"left out: {one.name}: {one.reason}")
    if len(found.left_out) > MOST_NAMED:
        typer.echo(f"… and {len(found.left_out) - MOST_NAMED} more, named in {out}")
