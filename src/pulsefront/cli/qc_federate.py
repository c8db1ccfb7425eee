"""Several sites, one hazard model: plans go out, sums come back, no record moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.progress import progress

if TYPE_CHECKING:
    from pulsefront.qc.federate.documents import FederatedResult, FederationPlan, PlanSettings

__all__ = ["app"]

app = typer.Typer(
    help="Fit one hazard model over several sites without moving a record.", no_args_is_help=True
)

PlanFile = Annotated[Path, typer.Argument(help="The plan as it is now, plan.json.")]
Db = Annotated[str, typer.Option("--db", help="The site's database.")]
Lead = Annotated[int, typer.Option(min=0, help="Days of warning needed.")]
Horizon = Annotated[int, typer.Option(min=1, help="Days after the lead that a score looks ahead.")]
TrainUntil = Annotated[
    float, typer.Option(min=0.1, max=0.9, help="Share of each site's time that trains.")
]
CalibrateUntil = Annotated[
    float, typer.Option(min=0.1, max=0.99, help="Share of it after which sites judge.")
]
Folds = Annotated[int, typer.Option(min=2, help="Parts that each site's scanners are cut in.")]
Seed = Annotated[int, typer.Option(help="Seed of folds, samples and bootstrap.")]


@app.command("plan")
def plan(
    out: Annotated[Path, typer.Option(help="Plan to write, plan.json.")],
    lead_days: Lead = 2,
    horizon_days: Horizon = 28,
    train_until: TrainUntil = 0.6,
    calibrate_until: CalibrateUntil = 0.75,
    folds: Folds = 5,
    seed: Seed = 0,
) -> None:
    """Make the first plan; send it to every site."""
    settings = _settings(lead_days, horizon_days, train_until, calibrate_until, folds, seed)
    from pulsefront.qc.federate.documents import FederationPlan

    _write_plan(FederationPlan(settings=settings), out)


@app.command("site")
def site(
    plan: PlanFile,
    db: Db,
    name: Annotated[str, typer.Option(help="The site's name among the others.")],
    out: Annotated[Path, typer.Option(help="Contribution to write, to be sent back.")],
) -> None:
    """Answer a plan with sums over this site's component-days; look at the file, then send it."""
    from pulsefront.files import write_json
    from pulsefront.qc.federate.documents import read_plan
    from pulsefront.qc.federate.rows import site_fleet
    from pulsefront.qc.federate.site import answer
    from pulsefront.qc.store.database import Store

    now = read_plan(plan)
    with Store(db, must_exist=True) as store, progress("features", "units") as report:
        fleet = site_fleet(store, now, report=report)
    sent = answer(fleet, now, name)
    write_json(out, sent.model_dump(mode="json"))
    typer.echo(f"wrote {out}: the {sent.kind} of {name}; send it to the coordinator")


@app.command("combine")
def combine(
    plan: PlanFile,
    contributions: Annotated[list[Path], typer.Argument(help="What every site sent for it.")],
    out: Annotated[Path, typer.Option(help="Next plan to write; may be the old one's path.")],
) -> None:
    """Add up what the sites sent and write the next plan; at the end also result.json and .html."""
    from pulsefront.qc.federate.coordinate import combine as run_combine
    from pulsefront.qc.federate.coordinate import result_of
    from pulsefront.qc.federate.documents import SiteJudgement, read_contribution, read_plan

    answers = [read_contribution(path) for path in contributions]
    following = run_combine(read_plan(plan), answers)
    _write_plan(following, out)
    if following.stage == "done":
        judgements = [each for each in answers if isinstance(each, SiteJudgement)]
        _write_result(result_of(following, judgements), out.parent, "the sites' own histories")


@app.command("model")
def model(
    plan: PlanFile,
    db: Db,
    out: Annotated[Path, typer.Option(help="Model file to write, for pulsefront qc score.")],
) -> None:
    """Write the model of all sites for one of them, with its own base rate and thresholds."""
    from pulsefront.qc.federate.documents import read_plan
    from pulsefront.qc.federate.model import site_model
    from pulsefront.qc.federate.rows import site_fleet
    from pulsefront.qc.models.files.model_file import save_model
    from pulsefront.qc.store.database import Store

    now = read_plan(plan)
    with Store(db, must_exist=True) as store, progress("features", "units") as report:
        fleet = site_fleet(store, now, report=report)
    model_hash = save_model(site_model(fleet, now), out)
    typer.echo(f"model {model_hash[:16]} of {len(now.sites)} sites in {out}")
    typer.echo(f"try it beside the site's own: pulsefront qc models register {out} --db …")


@app.command("simulate")
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for plan.json, result.json and result.html.")],
    fleet: Annotated[str, typer.Option(help="Fleet to simulate, by name or TOML file.")] = "demo",
    lead_days: Lead = 2,
    horizon_days: Horizon = 28,
    train_until: TrainUntil = 0.6,
    calibrate_until: CalibrateUntil = 0.75,
    folds: Folds = 5,
    seed: Seed = 0,
) -> None:
    """Run a federation of the sites of a simulated fleet, beside the fit on pooled records."""
    settings = _settings(lead_days, horizon_days, train_until, calibrate_until, folds, seed)
    from pulsefront.qc.federate.documents import FederationPlan
    from pulsefront.qc.federate.simulate import federate, simulated_sites
    from pulsefront.qc.simulate.settings import load_fleet

    described = load_fleet(fleet)
    sites = simulated_sites(described)
    with progress("federating", "rounds") as report:
        found = federate(sites, FederationPlan(settings=settings), report=report)
    _write_plan(found.plan, out / "plan.json")
    source = f"simulated fleet {described.name!r}, seed {described.seed}"
    _write_result(found.result, out, source)


def _settings(
    lead_days: int,
    horizon_days: int,
    train_until: float,
    calibrate_until: float,
    folds: int,
    seed: int,
) -> PlanSettings:
    from pulsefront.errors import ConfigError
    from pulsefront.qc.federate.documents import PlanSettings

    if calibrate_until <= train_until:
        raise ConfigError(
            "must be later than --train-until",
            field="--calibrate-until",
            value=calibrate_until,
            remedy=f"give more than {train_until:g}",
        )
    return PlanSettings(
        lead_days=lead_days, horizon_days=horizon_days, train_until=train_until,
        calibrate_until=calibrate_until, folds=folds, seed=seed,
    )  # fmt: skip


def _write_plan(plan: FederationPlan, out: Path) -> None:
    from pulsefront.files import write_json

    write_json(out, plan.model_dump(mode="json"))
    asks = {
        "describe": "the sites now describe their tests and counts",
        "fit": f"the sites now send their sums about {len(plan.features)} features",
        "judge": "the model is settled; the sites now judge it",
        "done": "nothing more to send; qc federate model makes each site's model file",
    }
    typer.echo(f"wrote {out}: round {plan.round}, {asks[plan.stage]}")


def _write_result(result: FederatedResult, folder: Path, source: str) -> None:
    from pulsefront import __version__
    from pulsefront.files import write_json, write_text
    from pulsefront.qc.pages.federate import federated_page
    from pulsefront.report import render

    write_json(folder / "result.json", result.model_dump(mode="json"))
    facts = {"Data": source, "Version": f"pulsefront {__version__}"}
    write_text(folder / "result.html", render(federated_page(result, facts)))
    for each in result.judgements:
        gain = each.gain.interval(result.confidence, 1000.0)
        typer.echo(f"{each.site}: gain in log loss × 1000 over its own model {gain}")
    typer.echo(f"all sites: {result.gain.interval(result.confidence, 1000.0)}")
    typer.echo(f"see {folder / 'result.html'}")
