"""Quality control of scanners: logs in, failure probabilities out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pulsefront.cli.qc_support import (
    CANDIDATES,
    PUBLIC,
    backtest_public,
    candidates_of,
    day_of,
    fleet_of_simulation,
    fleet_of_store,
    read_truth,
    write_page,
)
from pulsefront.errors import ConfigError
from pulsefront.progress import progress

__all__ = ["app"]

app = typer.Typer(
    help="Predict scanner failures from quality-control logs, with the right to say no.",
    no_args_is_help=True,
)

Db = Annotated[str, typer.Option("--db", help="Database: a SQLite file, or postgresql://…")]
Lead = Annotated[int, typer.Option(min=0, help="Days of warning needed.")]
Horizon = Annotated[int, typer.Option(min=1, help="Days after the lead that a score looks ahead.")]
Folds = Annotated[int, typer.Option(min=2, help="Parts that units are cut in.")]
Seed = Annotated[int, typer.Option(help="Seed of folds, samples and bootstrap.")]

EXIT_ALERTS, EXIT_PARTIAL = 1, 6

_MODELS_HELP = "Candidates to compare, from the simplest on, with commas."


@app.command("init")
def init(
    site_dir: Annotated[Path, typer.Argument(help="Folder to make or complete.")],
) -> None:
    """Make a site's folder: site.toml, systemd service and timer, crontab line."""
    from pulsefront.qc.nightly.site_folder import init_site

    for path in init_site(site_dir):
        typer.echo(f"wrote {path}")
    typer.echo("next: describe your scanners in site.toml, copy logs into logs/, then")
    typer.echo("  pulsefront qc ingest, backtest, train; and enable the timer or the crontab line")


@app.command("ingest")
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    db: Db,
    site: Annotated[Path | None, typer.Option(help="The site's file, site.toml.")] = None,
) -> None:
    """Read QC logs into the store; each record once, whatever cannot be read with its reason.

    Exit codes: 0 all files read, 2 usage, 3 data invalid, 5 another job works on the store,
    6 some files were refused and the others read.
    """
    from pulsefront.qc.site import Site
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.store.ingest import find_files
    from pulsefront.qc.store.ingest import ingest as run_ingest

    settings = Site.from_toml(site) if site else Site()
    files = find_files(paths)
    with Store(db) as store, progress("reading", "bytes") as report:
        result = run_ingest(
            store, files, settings, site_folder=site.parent if site else Path(), report=report
        )
    counts = result.counts
    known = sum(file.known for file in result.files)
    typer.echo(f"{len(result.files)} files, {known} known already, {len(result.refused)} refused")
    typer.echo(
        f"records: {counts.new} new, {counts.duplicate} duplicate, {counts.late} late, "
        f"{counts.quarantined} quarantined"
    )
    for file in result.files:
        for note in file.notes:
            typer.echo(f"note: {file.path.name} {note}", err=True)
    for file in result.refused:
        typer.echo(f"refused: {file.path}: {file.refused}", err=True)
    if result.refused:
        raise typer.Exit(EXIT_PARTIAL)


@app.command("backtest")
def backtest(
    out: Annotated[Path, typer.Option(help="Folder for backtest.json and backtest.html.")],
    db: Annotated[
        str, typer.Option("--db", help="Database: a SQLite file, or postgresql://…")
    ] = "",
    lead_days: Lead = 2,
    horizon_days: Horizon = 28,
    folds: Folds = 5,
    null_repeats: Annotated[int, typer.Option(min=0, help="Repeats of each sham label.")] = 20,
    models: Annotated[str, typer.Option(help=_MODELS_HELP)] = ",".join(CANDIDATES),
    truth: Annotated[
        Path | None, typer.Option(help="failures.csv of a simulated fleet, to tell causes.")
    ] = None,
    fleet: Annotated[
        str, typer.Option(help="Instead of --db: a fleet to simulate, reference or a TOML file.")
    ] = "",
    fleet_seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the simulated fleet, if not its own.")
    ] = None,
    public: Annotated[
        str, typer.Option(help=f"Instead of --db: a public set, {' or '.join(PUBLIC)}.")
    ] = "",
    data: Annotated[
        Path | None, typer.Option(help="Folder with the files of the public set.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Prove on your own history what a model would have found, beside charts and age.

    With --fleet the history is simulated, with --public it is a public set of machine failures.
    """
    from pulsefront.files import write_json

    if sum(map(bool, (db, fleet, public))) != 1:
        raise ConfigError(
            "a back-test needs one history",
            field="--db, --fleet, --public",
            remedy="give exactly one of the three",
        )
    if public:
        backtest_public(public, data, out, seed)
        return
    from pulsefront.qc.backtest.backtest import backtest as run_backtest
    from pulsefront.qc.models.folds import BacktestSettings

    settings = BacktestSettings(
        folds=folds, null_repeats=null_repeats, seed=seed, candidates=candidates_of(models)
    )
    if fleet:
        history, causes, what = fleet_of_simulation(
            fleet, fleet_seed, lead_days, horizon_days, settings.train_until
        )
    else:
        history, causes, what = (
            fleet_of_store(db, lead_days, horizon_days, settings.train_until),
            None,
            db,
        )
    if truth:
        causes = read_truth(truth)
    with progress("back-testing", "steps") as report:
        result = run_backtest(history, settings, truth=causes, report=report)
    write_json(out / "backtest.json", result)
    write_page(result, out / "backtest.html", what)
    point = next(
        iter(result["models"][result["chosen_model"]]["at_false_alerts_per_unit_year"].items())
    )
    typer.echo(
        f"{result['chosen_model']}: {point[1]['failures_found']} of {point[1]['failures']} "
        f"failures found at {point[0]} false alert per unit-year; see {out / 'backtest.html'}"
    )


@app.command("train")
def train(
    db: Db,
    out: Annotated[Path, typer.Option(help="Model file to write.")],
    model: Annotated[
        str, typer.Option(help="Candidate to use; chosen by comparison if left out.")
    ] = "",
    models: Annotated[str, typer.Option(help=_MODELS_HELP)] = ",".join(CANDIDATES),
    lead_days: Lead = 2,
    horizon_days: Horizon = 28,
    folds: Folds = 5,
    seed: Seed = 0,
) -> None:
    """Train the model for use: the simplest that no other beats on unseen units at later times."""
    from pulsefront.files import write_text
    from pulsefront.qc.models.fit import fit_model
    from pulsefront.qc.models.folds import BacktestSettings
    from pulsefront.qc.models.model_file import save_model
    from pulsefront.qc.pages.training import train_page
    from pulsefront.report import render

    settings = BacktestSettings(folds=folds, seed=seed, candidates=candidates_of(models))
    fleet = fleet_of_store(db, lead_days, horizon_days, 0.7)
    with progress("training", "folds") as report:
        fitted = fit_model(fleet, settings, name=model, report=report)
    model_hash = save_model(fitted, out)
    write_text(out.with_suffix(".html"), render(train_page(fitted, model_hash)))
    typer.echo(
        f"{fitted.name} model {model_hash[:16]} in {out}; its report: {out.with_suffix('.html')}"
    )


@app.command("score")
def score(
    db: Db,
    model: Annotated[Path, typer.Option(help="Model file of pulsefront qc train.")],
    as_of: Annotated[
        str,
        typer.Option(help="Day, YYYY-MM-DD, today or yesterday: what was known at its end (UTC)."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for CSV, JSON and the metrics file.")],
    false_alerts: Annotated[
        float, typer.Option(help="Rate of false alerts per unit-year that sets the threshold.")
    ] = 1.0,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compute and write nothing.")] = False,
    from_first: Annotated[
        bool,
        typer.Option(
            "--from-first", help="Read from the first record on; the same scores, but slower."
        ),
    ] = False,
    exit_on_alerts: Annotated[
        bool, typer.Option("--exit-on-alerts", help="Exit with 1 where there is an alert.")
    ] = False,
) -> None:
    """Score every component as of a day; running it again gives the same bytes.

    Exit codes: 0 done, 1 alerts (with --exit-on-alerts), 2 usage, 3 data invalid, 4 model invalid,
    5 another job works on the store, 6 some units could not be scored.
    """
    from pulsefront.qc.models.model_file import load_model
    from pulsefront.qc.nightly.score import score as run_score
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.times import end_of_day

    instant = end_of_day(day_of(as_of))
    loaded = load_model(model)
    with Store(db, must_exist=True) as store, progress("scoring", "units") as report:
        run = run_score(
            store, loaded, instant, out,
            false_alerts_per_unit_year=false_alerts, dry_run=dry_run, from_first=from_first,
            report=report,
        )  # fmt: skip
    typer.echo(
        f"run {run.run_id}: {len(run.rows) - run.abstained} components scored, "
        f"{run.abstained} without decision, {run.alerts} alerts; {run.records_read} records read"
    )
    for row in run.rows:
        if row["decision"] == "alert":
            name = row["component_id"] or "whole unit"
            typer.echo(
                f"alert: {row['unit_id']} {name} p={row['probability']:.3f}: {row['reasons']}"
            )
    for unit_id, reason in run.failed_units.items():
        typer.echo(f"not scored: {unit_id}: {reason}", err=True)
    if run.failed_units:
        raise typer.Exit(EXIT_PARTIAL)
    if exit_on_alerts and run.alerts:
        raise typer.Exit(EXIT_ALERTS)


@app.command("report")
def report(
    result: Annotated[Path, typer.Argument(help="backtest.json of pulsefront qc backtest.")],
    out: Annotated[
        Path | None, typer.Option(help="Page to write, beside the JSON if left out.")
    ] = None,
) -> None:
    """Draw the page of a back-test again from its JSON."""
    try:
        content = json.loads(result.read_text(encoding="utf-8"))
        content["protocol"], content["models"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(
            "is no result of a back-test", file=result, remedy="run pulsefront qc backtest"
        ) from None
    page = out or result.with_suffix(".html")
    try:
        write_page(content, page, str(result))
    except KeyError as error:
        raise ConfigError(
            "lacks a part of the page; another version wrote it",
            file=result,
            field=str(error.args[0]),
            remedy="run pulsefront qc backtest again",
        ) from None
    typer.echo(f"wrote {page}")


@app.command("demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder to fill.")],
    fleet: Annotated[str, typer.Option(help="Fleet that ships, or a TOML file.")] = "demo",
) -> None:
    """Show the whole path on a small simulated fleet, within a minute."""
    from pulsefront.qc.demo import demo as run_demo

    with progress("demonstration", "steps", seconds_between_lines=0.0) as report:
        done = run_demo(out, fleet_name=fleet, report=report)
    typer.echo(
        f"{done['records']} records read, {done['model']} model, {done['alerts']} alerts, "
        f"{done['abstained']} components without decision; open {done['report']}"
    )
