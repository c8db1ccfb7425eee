"""Quality control of scanners: logs in, failure probabilities out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pulsefront.cli import (
    qc_alerts,
    qc_federate,
    qc_forget,
    qc_inputs,
    qc_models,
    qc_night,
    qc_rehearse,
    qc_report,
    qc_score,
)
from pulsefront.cli.qc_support import (
    CANDIDATES,
    MODELS_HELP,
    PUBLIC,
    Confidence,
    Folds,
    Horizon,
    Lead,
    Seed,
    UsePrior,
    backtest_public,
    candidates_of,
    history_of_simulation,
    history_of_store,
    history_of_tables,
    tell_backtest,
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
app.command("forget")(qc_forget.forget)
app.command("new-mapping")(qc_inputs.new_mapping)
app.command("train")(qc_models.train)
app.command("score")(qc_score.score)
app.command("night")(qc_night.night)
app.command("rehearse")(qc_rehearse.rehearse)
app.command("report")(qc_report.report)
app.add_typer(qc_alerts.app, name="alerts")
app.add_typer(qc_models.app, name="models")
app.add_typer(qc_federate.app, name="federate")


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
    models: Annotated[str, typer.Option(help=MODELS_HELP)] = ",".join(CANDIDATES),
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
        str,
        typer.Option(
            help=f"Instead of --db: a public set, {' or '.join(PUBLIC)}; or, with --mapping, a "
            "folder of failure tables or one file."
        ),
    ] = "",
    mapping: Annotated[
        Path | None,
        typer.Option(help="TOML file that names the tables and columns of --public."),
    ] = None,
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
    *,
    prior: UsePrior = True,
    curve: Annotated[
        bool, typer.Option("--curve", help="Also tell what is found by 1, 3, 6 … scanners.")
    ] = False,
) -> None:
    """Prove on your own history what a model would have found, beside charts and age.

    With --fleet the history is simulated, with --public it is a public set of machine failures,
    or tables of failures of any origin that --mapping explains.
    """
    if sum(map(bool, (db, fleet, public))) != 1:
        raise ConfigError(
            "a back-test needs one history",
            field="--db, --fleet, --public",
            remedy="give exactly one of the three",
        )
    if mapping is not None and not public:
        raise ConfigError(
            "a mapping explains tables", field="--mapping", value=mapping,
            remedy="give their folder with --public",
        )  # fmt: skip
    if public and mapping is None:
        backtest_public(public, data, out, seed, confidence)
        return
    from pulsefront.files import write_json
    from pulsefront.qc.backtest.backtest import backtest as run_backtest
    from pulsefront.qc.backtest.fleet_size import FLEET_SIZES
    from pulsefront.qc.features.labels import Target
    from pulsefront.qc.models.choice.protocol import BacktestSettings
    from pulsefront.qc.simulate.fleet import read_failures

    settings = BacktestSettings(
        folds=folds,
        null_repeats=null_repeats,
        seed=seed,
        candidates=candidates_of(models),
        confidence=confidence,
        prior=prior,
    )
    target = Target(lead_days, horizon_days)
    if mapping is not None:
        history = history_of_tables(Path(public), mapping, target)
    elif fleet:
        history = history_of_simulation(fleet, fleet_seed, target, settings.train_until)
    else:
        delay_s = round(assumed_delay_hours * 3600)
        history = history_of_store(db, target, settings.train_until, assumed_delay_s=delay_s)
    causes = read_failures(truth) if truth else history.truth
    with progress("back-testing", "steps") as report:
        result = run_backtest(
            history.fleet, settings, truth=causes, sizes=FLEET_SIZES if curve else (),
            report=report,
        )  # fmt: skip
    write_json(out / "backtest.json", result.plain())
    write_page(result, out / "backtest.html", history.source)
    tell_backtest(result, out / "backtest.html")


@app.command("copy")
def copy(
    source: Annotated[str, typer.Argument(help="Store to copy: a SQLite file, or postgresql://…")],
    target: Annotated[str, typer.Argument(help="Empty database to copy it into.")],
) -> None:
    """Copy a whole store into an empty one, such as SQLite into PostgreSQL, and compare them.

    Exit codes: 0 all rows are there, 2 usage, 3 the target is not empty or the copy differs,
    5 another job works on one of the two.
    """
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.store.transfer import copy_store

    with (
        Store(source, must_exist=True) as old, Store(target) as new,
        progress("copying", "rows") as report,
    ):  # fmt: skip
        copied = copy_store(old, new, report=report)
    for name, rows in copied.rows.items():
        typer.echo(f"{name}: {rows} rows")
    typer.echo(f"{copied.total} rows copied and compared")


@app.command("demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder to fill.")],
    fleet: Annotated[str, typer.Option(help="Fleet that ships, or a TOML file.")] = "demo",
) -> None:
    """Show the whole path on a small simulated fleet, in a minute or two."""
    from pulsefront.qc.demo import demo as run_demo

    with progress("demonstration", "steps", seconds_between_lines=0.0) as report:
        done = run_demo(out, fleet_name=fleet, report=report)
    typer.echo(
        f"{done.records} records read, {done.model} model, {done.alerts} alerts, "
        f"{done.abstained} components without decision; open {done.page}"
    )
