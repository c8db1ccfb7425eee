"""Quality control of scanners: logs in, failure probabilities out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pulsefront.cli import qc_inputs
from pulsefront.cli.qc_support import (
    CANDIDATES,
    PUBLIC,
    backtest_public,
    candidates_of,
    day_of,
    history_of_simulation,
    history_of_store,
    tell_backtest,
    tell_scores,
    write_page,
)
from pulsefront.errors import ConfigError
from pulsefront.progress import progress

__all__ = ["app"]

app = typer.Typer(
    help="Predict scanner failures from quality-control logs, with the right to say no.",
    no_args_is_help=True,
)


@app.callback()
def private() -> None:
    """Predict scanner failures from quality-control logs, with the right to say no."""
    os.umask(0o027)  # what is written is for its owner and the group


app.command("init")(qc_inputs.init)
app.command("ingest")(qc_inputs.ingest)
app.command("quarantine")(qc_inputs.quarantine)
app.command("forget")(qc_inputs.forget)
app.command("new-mapping")(qc_inputs.new_mapping)

Db = Annotated[str, typer.Option("--db", help="Database: a SQLite file, or postgresql://…")]
Lead = Annotated[int, typer.Option(min=0, help="Days of warning needed.")]
Horizon = Annotated[int, typer.Option(min=1, help="Days after the lead that a score looks ahead.")]
Folds = Annotated[int, typer.Option(min=2, help="Parts that units are cut in.")]
Seed = Annotated[int, typer.Option(help="Seed of folds, samples and bootstrap.")]
Confidence = Annotated[float, typer.Option(min=0.51, max=0.999, help="Level of all intervals.")]

EXIT_ALERTS, EXIT_PARTIAL = 1, 6

_MODELS_HELP = "Candidates to compare, from the simplest on, with commas."


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
    assumed_delay_hours: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="How long after a reading it was known, where it came in a load and nothing says.",
        ),
    ] = 0.0,
    seed: Seed = 0,
    confidence: Confidence = 0.95,
) -> None:
    """Prove on your own history what a model would have found, beside charts and age.

    With --fleet the history is simulated, with --public it is a public set of machine failures.
    """
    if sum(map(bool, (db, fleet, public))) != 1:
        raise ConfigError(
            "a back-test needs one history",
            field="--db, --fleet, --public",
            remedy="give exactly one of the three",
        )
    if public:
        backtest_public(public, data, out, seed, confidence)
        return
    from pulsefront.files import write_json
    from pulsefront.qc.backtest.backtest import backtest as run_backtest
    from pulsefront.qc.features.labels import Target
    from pulsefront.qc.models.folds import BacktestSettings
    from pulsefront.qc.simulate.fleet import read_failures

    settings = BacktestSettings(
        folds=folds,
        null_repeats=null_repeats,
        seed=seed,
        candidates=candidates_of(models),
        confidence=confidence,
    )
    target = Target(lead_days, horizon_days)
    if fleet:
        history = history_of_simulation(fleet, fleet_seed, target, settings.train_until)
    else:
        delay_s = round(assumed_delay_hours * 3600)
        history = history_of_store(db, target, settings.train_until, assumed_delay_s=delay_s)
    causes = read_failures(truth) if truth else history.truth
    with progress("back-testing", "steps") as report:
        result = run_backtest(history.fleet, settings, truth=causes, report=report)
    write_json(out / "backtest.json", result.plain())
    write_page(result, out / "backtest.html", history.source)
    tell_backtest(result, out / "backtest.html")


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
    confidence: Confidence = 0.95,
    onnx: Annotated[
        Path | None,
        typer.Option(help="ONNX file to write too, of a hazard, age or network model; needs onnx."),
    ] = None,
) -> None:
    """Train the model for use: the simplest that no other beats on unseen units at later times."""
    from pulsefront.files import write_text
    from pulsefront.qc.features.labels import Target
    from pulsefront.qc.models.fit import fit_model
    from pulsefront.qc.models.folds import BacktestSettings
    from pulsefront.qc.models.model_file import save_model
    from pulsefront.qc.models.onnx_export import require_onnx, save_onnx
    from pulsefront.qc.pages.training import train_page
    from pulsefront.report import render

    if onnx:
        require_onnx()
    settings = BacktestSettings(
        folds=folds, seed=seed, candidates=candidates_of(models), confidence=confidence
    )
    history = history_of_store(db, Target(lead_days, horizon_days), 0.7)
    with progress("training", "folds") as report:
        fitted = fit_model(history.fleet, settings, name=model, report=report)
    model_hash = save_model(fitted, out)
    write_text(out.with_suffix(".html"), render(train_page(fitted, model_hash)))
    typer.echo(
        f"{fitted.name} model {model_hash[:16]} in {out}; its report: {out.with_suffix('.html')}"
    )
    if onnx:
        save_onnx(fitted, onnx)
        typer.echo(f"wrote {onnx}")


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
    tell_scores(run)
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
    from pulsefront.qc.backtest.results import read_backtest

    page = out or result.with_suffix(".html")
    write_page(read_backtest(result), page, str(result))
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
        f"{done.records} records read, {done.model} model, {done.alerts} alerts, "
        f"{done.abstained} components without decision; open {done.page}"
    )
