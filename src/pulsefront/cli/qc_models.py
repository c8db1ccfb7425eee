"""pulsefront qc train and qc models: models made, tried, promoted, rolled back and judged."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.cli.qc_support import (
    CANDIDATES,
    MODELS_HELP,
    Confidence,
    Db,
    Folds,
    Horizon,
    Lead,
    Seed,
    UsePrior,
    Who,
    Why,
    candidates_of,
    history_of_store,
    name_of_user,
)
from pulsefront.progress import progress

if TYPE_CHECKING:
    from pulsefront.qc.documents import Range
    from pulsefront.qc.models.files.registry import Role
    from pulsefront.qc.models.life.worth import ModelLife, PeriodFigures

__all__ = ["app", "train"]

app = typer.Typer(
    help="The store's models: champion, challenger, and what they have been worth.",
    no_args_is_help=True,
)

Beginning = Annotated[str, typer.Argument(help="Beginning of its hash; the challenger if empty.")]


def train(
    db: Db,
    out: Annotated[Path, typer.Option(help="Model file to write.")],
    model: Annotated[
        str, typer.Option(help="Candidate to use; chosen by comparison if left out.")
    ] = "",
    models: Annotated[str, typer.Option(help=MODELS_HELP)] = ",".join(CANDIDATES),
    lead_days: Lead = 2,
    horizon_days: Horizon = 28,
    folds: Folds = 5,
    seed: Seed = 0,
    confidence: Confidence = 0.95,
    onnx: Annotated[
        Path | None,
        typer.Option(help="ONNX file to write too, of a hazard, age or network model; needs onnx."),
    ] = None,
    who: Who = "",
    why: Annotated[str, typer.Option(help="Why it was trained, in a few words.")] = "",
    *,
    prior: UsePrior = True,
    file_only: Annotated[
        bool, typer.Option("--file-only", help="Write the file; leave the store's models alone.")
    ] = False,
) -> None:
    """Train the model for use: the blend, unless a control chart finds more on unseen units.

    The first model of a store is its champion, whose scores open alerts. A later one is the
    challenger: it is scored beside the champion every night, until somebody promotes it.
    """
    from pulsefront.files import write_text
    from pulsefront.qc.features.labels import Target
    from pulsefront.qc.models.choice.protocol import BacktestSettings
    from pulsefront.qc.models.files.model_file import save_model
    from pulsefront.qc.models.files.onnx_export import require_onnx, save_onnx
    from pulsefront.qc.models.files.registry import register
    from pulsefront.qc.models.fit import fit_model
    from pulsefront.qc.pages.training import train_page
    from pulsefront.qc.store.database import Store
    from pulsefront.report import render

    if onnx:
        require_onnx()
    settings = BacktestSettings(
        folds=folds, seed=seed, candidates=candidates_of(models), confidence=confidence,
        prior=prior,
    )  # fmt: skip
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
    if file_only:
        return
    with Store(db, must_exist=True) as store:
        role = register(store, fitted, who=who or name_of_user(), why=why)
    _tell_role(role)


@app.command("register")
def register(
    file: Annotated[Path, typer.Argument(help="Model file, of qc train or qc federate model.")],
    db: Db,
    why: Annotated[str, typer.Option(help="Why it is tried, in a few words.")] = "",
    who: Who = "",
) -> None:
    """Keep a model file in the store: the first model as champion, a later one as challenger.

    Exit codes: 0 done, 2 usage, 3 no store, 4 the file is damaged or its tests are not the store's,
    5 another job works on the store.
    """
    from pulsefront.qc.models.files import registry
    from pulsefront.qc.models.files.model_file import load_model
    from pulsefront.qc.store.database import Store

    found = load_model(file)
    with Store(db, must_exist=True) as store:
        role = registry.register(store, found, who=who or name_of_user(), why=why)
    typer.echo(f"{found.name} model {found.file_hash[:16]}")
    _tell_role(role)


@app.command("list")
def list_models(db: Db) -> None:
    """List the models, what was decided about them and why."""
    from pulsefront.qc.alerts.notify.messages import plain
    from pulsefront.qc.models.files.registry import registered_models
    from pulsefront.qc.store.database import Store

    with Store(db, must_exist=True) as store:
        found = registered_models(store)
    if not found:
        typer.echo("no models: run pulsefront qc train")
    for model in found:
        role = f", {model.role}" if model.role else ""
        typer.echo(f"{model.model_hash[:16]} {plain(model.name)}{role}")
        for change in model.changes:
            at = datetime.fromtimestamp(change.made_s, UTC).strftime("%Y-%m-%d %H:%M")
            why = f": {change.why}" if change.why else ""
            typer.echo(plain(f"- {at} UTC {change.kind} by {change.who}{why}"))


@app.command("promote")
def promote(db: Db, why: Why, model: Beginning = "", who: Who = "") -> None:
    """Make the challenger, or another model, the champion from the next night on."""
    from pulsefront.qc.models.files import registry
    from pulsefront.qc.store.database import Store

    with Store(db, must_exist=True) as store:
        done = registry.promote(store, model, who=who or name_of_user(), why=why)
    typer.echo(f"{done.name} model {done.model_hash[:16]} is the champion")


@app.command("rollback")
def rollback(db: Db, why: Why, who: Who = "") -> None:
    """Make the champion before the present one the champion again."""
    from pulsefront.qc.models.files import registry
    from pulsefront.qc.store.database import Store

    with Store(db, must_exist=True) as store:
        done = registry.roll_back(store, who=who or name_of_user(), why=why)
    typer.echo(f"{done.name} model {done.model_hash[:16]} is the champion again")


@app.command("drop")
def drop(db: Db, why: Why, model: Beginning = "", who: Who = "") -> None:
    """Score the challenger no more; it stays in the store."""
    from pulsefront.qc.models.files import registry
    from pulsefront.qc.store.database import Store

    with Store(db, must_exist=True) as store:
        done = registry.drop(store, model, who=who or name_of_user(), why=why)
    typer.echo(f"{done.name} model {done.model_hash[:16]} is scored no more")


@app.command("prior")
def make_prior(
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    fleets: Annotated[int, typer.Option(min=1, help="Simulated fleets to learn from.")] = 120,
    scanners: Annotated[int, typer.Option(min=3, help="Scanners of each, a multiple of 3.")] = 12,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first fleet.")] = 1,
) -> None:
    """Make the prior model anew, from simulated fleets of many kinds.

    The one that ships was made with the defaults. It has seen no real scanner.
    """
    from pulsefront.qc.models.learners.prior import train_prior, write_prior

    with progress("simulating", "fleets") as report:
        made = train_prior(fleets=fleets, scanners=scanners, first_seed=first_seed, report=report)
    write_prior(made, out)
    typer.echo(f"{made.failures} failures of {made.fleets} simulated fleets; wrote {out}")


@app.command("horizons")
def make_horizons(
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    fleets: Annotated[int, typer.Option(min=2, help="Simulated fleets to learn from.")] = 60,
    scanners: Annotated[int, typer.Option(min=6, help="Scanners of each, a multiple of 3.")] = 15,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first fleet.")] = 8100,
) -> None:
    """Measure anew what to expect of the chances by days ahead, on simulated fleets of many kinds.

    What ships was made with the defaults. No real scanner is in it.
    """
    from pulsefront.qc.models.horizons.measure import measure_horizons
    from pulsefront.qc.models.horizons.shape import write_horizons

    with progress("simulating", "fleets") as report:
        made = measure_horizons(
            fleets=fleets, scanners=scanners, first_seed=first_seed, report=report
        )
    write_horizons(made, out)
    typer.echo(f"{made.prior.failures} failures of {made.fleets} simulated fleets; wrote {out}")


@app.command("life")
def life(
    db: Db,
    confidence: Confidence = 0.95,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Tell what each model that scored has been worth, quarter by quarter, by the service log."""
    from pulsefront.qc.nightly.lives import lives_of
    from pulsefront.qc.store.database import Store

    with Store(db, must_exist=True) as store:
        found = lives_of(store, confidence=confidence)
    if as_json:
        typer.echo(json.dumps([one.plain() for one in found], indent=2))
        return
    if not found:
        typer.echo("no outcome is known yet: it takes the lead, the horizon and the log's delay")
    for one in found:
        _tell_life(one)


def _tell_role(role: Role) -> None:
    typer.echo(f"it is the store's {role}")
    if role == "challenger":
        typer.echo("it opens no alerts until: pulsefront qc models promote --why …")


def _tell_life(life: ModelLife) -> None:
    role = f", {life.role}" if life.role else ""
    typer.echo(f"{life.name} model {life.model_hash[:16]}{role}")
    for figures in (*life.periods, life.total):
        typer.echo("  " + _figures(figures, life.confidence))


def _figures(f: PeriodFigures, confidence: float) -> str:
    def told(value: Range) -> str:
        found = value.interval(confidence)
        if found is None:
            return "not known"
        return f"{found:.3g}" if isinstance(found, float) else str(found)

    return (
        f"{f.period}: {f.alerts} alerts, {f.alerts_true} true, {f.alerts_too_late} too late, "
        f"{f.alerts_false} false, {f.alerts_undecided} undecided; precision {told(f.precision)}; "
        f"false alerts per unit-year {told(f.false_alerts_per_unit_year)}; "
        f"median lead {told(f.lead_days)} days; {f.failures_found} of {f.failures} failures found; "
        f"failures observed over expected {told(f.observed_over_expected)}"
    )
