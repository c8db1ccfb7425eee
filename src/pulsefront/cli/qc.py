"""Quality control of scanners: logs in, failure probabilities out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

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

# As in pulsefront.qc.training, which is not imported for a help text.
_CANDIDATES = ("age", "shewhart", "ewma", "cusum", "hazard", "network", "boosting")
_MODELS_HELP = "Candidates to compare, from the simplest on, with commas."


@app.command("init")
def init(
    site_dir: Annotated[Path, typer.Argument(help="Folder to make or complete.")],
) -> None:
    """Make a site's folder: site.toml, systemd service and timer, crontab line."""
    from pulsefront.qc.site_folder import init_site

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
    from pulsefront.qc.ingest import find_files
    from pulsefront.qc.ingest import ingest as run_ingest
    from pulsefront.qc.site import Site
    from pulsefront.qc.store import Store

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
    db: Db,
    out: Annotated[Path, typer.Option(help="Folder for backtest.json and backtest.html.")],
    lead_days: Lead = 2,
    horizon_days: Horizon = 28,
    folds: Folds = 5,
    null_repeats: Annotated[int, typer.Option(min=0, help="Repeats of each sham label.")] = 20,
    models: Annotated[str, typer.Option(help=_MODELS_HELP)] = ",".join(_CANDIDATES),
    truth: Annotated[
        Path | None, typer.Option(help="failures.csv of a simulated fleet, to tell causes.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Prove on your own history what a model would have found, beside charts and age."""
    import pandas as pd

    from pulsefront.files import write_json
    from pulsefront.qc.backtest import backtest as run_backtest
    from pulsefront.qc.folds import BacktestSettings

    settings = BacktestSettings(
        folds=folds, null_repeats=null_repeats, seed=seed, candidates=_candidates(models)
    )
    fleet = _fleet(db, lead_days, horizon_days, settings.train_until)
    causes = pd.read_csv(truth, keep_default_na=False) if truth else None
    with progress("back-testing", "steps") as report:
        result = run_backtest(fleet, settings, truth=causes, report=report)
    write_json(out / "backtest.json", result)
    _write_page(result, out / "backtest.html", db)
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
    models: Annotated[str, typer.Option(help=_MODELS_HELP)] = ",".join(_CANDIDATES),
    lead_days: Lead = 2,
    horizon_days: Horizon = 28,
    folds: Folds = 5,
    seed: Seed = 0,
) -> None:
    """Train the model for use: the simplest that no other beats on unseen units at later times."""
    from pulsefront.files import write_text
    from pulsefront.qc.fit import fit_model
    from pulsefront.qc.folds import BacktestSettings
    from pulsefront.qc.model_file import save_model
    from pulsefront.qc.train_page import train_page
    from pulsefront.report import render

    settings = BacktestSettings(folds=folds, seed=seed, candidates=_candidates(models))
    fleet = _fleet(db, lead_days, horizon_days, 0.7)
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
    exit_on_alerts: Annotated[
        bool, typer.Option("--exit-on-alerts", help="Exit with 1 where there is an alert.")
    ] = False,
) -> None:
    """Score every component as of a day; running it again gives the same bytes.

    Exit codes: 0 done, 1 alerts (with --exit-on-alerts), 2 usage, 3 data invalid, 4 model invalid,
    5 another job works on the store, 6 some units could not be scored.
    """
    from pulsefront.qc.model_file import load_model
    from pulsefront.qc.score import score as run_score
    from pulsefront.qc.store import Store
    from pulsefront.qc.times import end_of_day

    instant = end_of_day(_day(as_of))
    loaded = load_model(model)
    with Store(db, must_exist=True) as store, progress("scoring", "units") as report:
        run = run_score(
            store, loaded, instant, out,
            false_alerts_per_unit_year=false_alerts, dry_run=dry_run, report=report,
        )  # fmt: skip
    typer.echo(
        f"run {run.run_id}: {len(run.rows) - run.abstained} components scored, "
        f"{run.abstained} without decision, {run.alerts} alerts"
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
    _write_page(content, page, str(result))
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


def _fleet(db: str, lead_days: int, horizon_days: int, daily_from: float):  # type: ignore[no-untyped-def]
    from pulsefront.qc.history_store import load_histories, outline
    from pulsefront.qc.labels import Target
    from pulsefront.qc.samples import build_fleet
    from pulsefront.qc.store import Store

    with Store(db, must_exist=True) as store, progress("features", "units") as report:
        return build_fleet(
            load_histories(store), Target(lead_days, horizon_days),
            daily_from=daily_from, outline=outline(store), report=report,
        )  # fmt: skip


def _write_page(result: dict, path: Path, data: str) -> None:  # type: ignore[type-arg]
    from pulsefront import __version__
    from pulsefront.files import write_text
    from pulsefront.qc.backtest_page import backtest_page
    from pulsefront.report import render

    facts = {"Data": data, "Version": f"pulsefront {__version__}"}
    write_text(path, render(backtest_page(result, facts=facts)))


def _candidates(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    wrong = [name for name in names if name not in _CANDIDATES]
    if wrong or not names:
        raise ConfigError(
            "no such candidate",
            field="models",
            value=text,
            remedy=f"choose among {', '.join(_CANDIDATES)}",
        )
    return names


def _day(text: str) -> str:
    today = datetime.now(UTC).date()
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    return named[text].isoformat() if text in named else text
