"""What several of the QC commands share: the history to work on, and the pages to write."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.errors import ConfigError
from pulsefront.progress import progress

if TYPE_CHECKING:
    import pandas as pd

    from pulsefront.qc.backtest.results import BacktestResult
    from pulsefront.qc.features.labels import Target
    from pulsefront.qc.features.samples import Fleet

__all__ = [
    "CANDIDATES",
    "MODELS_HELP",
    "PUBLIC",
    "Confidence",
    "Db",
    "Folds",
    "History",
    "Horizon",
    "Lead",
    "Seed",
    "UsePrior",
    "Who",
    "Why",
    "backtest_public",
    "candidates_of",
    "day_of",
    "history_of_simulation",
    "history_of_store",
    "history_of_tables",
    "name_of_user",
    "tell_backtest",
    "write_page",
]

# As in qc.models.learners.training and public_sets, which are not imported for a help text.
CANDIDATES = (
    "age", "shewhart", "ewma", "cusum", "hazard", "network", "boosting", "prior", "blend",
)  # fmt: skip
PUBLIC = ("cmapss_fd001", "cmapss_fd002", "cmapss_fd003", "cmapss_fd004", "ai4i2020")


Db = Annotated[str, typer.Option("--db", help="Database: a SQLite file, or postgresql://…")]
Lead = Annotated[int, typer.Option(min=0, help="Days of warning needed.")]
Horizon = Annotated[int, typer.Option(min=1, help="Days after the lead that a score looks ahead.")]
Folds = Annotated[int, typer.Option(min=2, help="Parts that units are cut in.")]
Seed = Annotated[int, typer.Option(help="Seed of folds, samples and bootstrap.")]
UsePrior = Annotated[
    bool, typer.Option("--prior/--no-prior", help="Start from the model that ships.")
]
Confidence = Annotated[float, typer.Option(min=0.51, max=0.999, help="Level of all intervals.")]
Who = Annotated[str, typer.Option(help="Your name, that of the account if left out.")]
Why = Annotated[str, typer.Option(help="The reason, in a few words.")]

MODELS_HELP = "Candidates to compare, from the simplest on, with commas."


def backtest_public(name: str, data: Path | None, out: Path, seed: int, confidence: float) -> None:
    """Back-test on a public set; write its JSON and its page."""
    from pulsefront import __version__
    from pulsefront.files import write_json, write_text
    from pulsefront.qc.backtest.public_sets import public_backtest
    from pulsefront.qc.pages.public_sets import public_page
    from pulsefront.report import render

    if name not in PUBLIC and Path(name).exists():
        raise ConfigError(
            "tables of failures need a mapping that explains them",
            field="--mapping",
            remedy="give a TOML file; pulsefront new failure_tables begins one",
        )
    if name not in PUBLIC:
        raise ConfigError(
            "no such public set",
            field="--public",
            value=name,
            remedy=f"choose {' or '.join(PUBLIC)}",
        )
    if data is None:
        raise ConfigError(
            "the files of the public set are not part of this package",
            field="--data",
            remedy="give the folder that holds them",
        )
    with progress("back-testing", "steps") as report:
        result = public_backtest(name, data, seed=seed, confidence=confidence, report=report)
    write_json(out / f"{name}.json", result.plain())
    facts = {"Data": name, "Version": f"pulsefront {__version__}"}
    write_text(out / f"{name}.html", render(public_page(result, facts)))
    typer.echo(
        f"{result.chosen}: area under the PR curve {result.failure.pr_auc:.3f}, "
        f"calibration error {result.failure.calibration_error:.4f}; "
        f"see {out / f'{name}.html'}"
    )


@dataclass(frozen=True)
class History:
    """Features and labels to work on, where they come from, and what a simulation knows."""

    fleet: Fleet
    source: str
    truth: pd.DataFrame | None = None


def history_of_store(
    db: str, target: Target, daily_from: float, *, assumed_delay_s: int = 0
) -> History:
    """Return all that a store holds."""
    from pulsefront.qc.features.sources import stored_fleet
    from pulsefront.qc.store.database import Store

    with Store(db, must_exist=True) as store, progress("features", "units") as report:
        fleet = stored_fleet(
            store, target, daily_from=daily_from, assumed_delay_s=assumed_delay_s, report=report
        )
        return History(fleet, db)


def history_of_simulation(
    name: str, fleet_seed: int | None, target: Target, daily_from: float
) -> History:
    """Return a simulated fleet and its failures."""
    from pulsefront.qc.features.sources import simulated_fleet
    from pulsefront.qc.simulate.settings import load_fleet

    settings = load_fleet(name)
    if fleet_seed is not None:
        settings = settings.model_copy(update={"seed": fleet_seed})
    with progress("simulating", "units") as report:
        fleet, truth = simulated_fleet(settings, target, daily_from=daily_from, report=report)
    return History(fleet, f"simulated fleet {settings.name!r}, seed {settings.seed}", truth)


def history_of_tables(tables: Path, mapping: Path, target: Target) -> History:
    """Return what the tables in a folder, or the one of a file, tell by a mapping."""
    from pulsefront.qc.backtest.failure_fleet import fleet_of_tables
    from pulsefront.qc.backtest.failure_mapping import FailureTables

    plan = FailureTables.from_toml(mapping)
    folder = tables if tables.is_dir() else tables.parent
    with progress("features", "units") as report:
        fleet = fleet_of_tables(plan, folder, target, report=report)
    return History(fleet, f"{plan.name}, not of scanners")


def write_page(result: BacktestResult, path: Path, data: str) -> None:
    """Write the page of a back-test."""
    from pulsefront import __version__
    from pulsefront.files import write_text
    from pulsefront.qc.pages.backtest import backtest_page
    from pulsefront.report import render

    facts = {"Data": data, "Version": f"pulsefront {__version__}"}
    write_text(path, render(backtest_page(result, facts=facts)))


def tell_backtest(result: BacktestResult, page: Path) -> None:
    """Say in a line what the model in use would have found."""
    rate, point = next(iter(result.chosen.at_false_alerts_per_unit_year.items()))
    typer.echo(
        f"{result.chosen_model}: {point.failures_found} of {point.failures} "
        f"failures found at {rate} false alert per unit-year; see {page}"
    )
    protocol = result.protocol
    if protocol.assumed_records:
        typer.echo(
            f"note: of {protocol.assumed_records:,} records that came in a load of history it had "
            "to be assumed when they became known: "
            f"{protocol.assumed_delay_hours:g} hours after they were measured",
            err=True,
        )


def candidates_of(text: str) -> tuple[str, ...]:
    """Return the candidates that a list with commas names."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    wrong = [name for name in names if name not in CANDIDATES]
    if wrong or not names:
        raise ConfigError(
            "no such candidate",
            field="models",
            value=text,
            remedy=f"choose among {', '.join(CANDIDATES)}",
        )
    return names


def day_of(text: str) -> str:
    """Return a day as YYYY-MM-DD, today and yesterday too."""
    today = datetime.fromtimestamp(time.time(), UTC).date()
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    return named[text].isoformat() if text in named else text


def name_of_user() -> str:
    """Return the name of the account."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
