"""What several of the QC commands share: the history to work on, and the pages to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from pulsefront.errors import ConfigError
from pulsefront.progress import progress

__all__ = [
    "CANDIDATES",
    "PUBLIC",
    "backtest_public",
    "candidates_of",
    "day_of",
    "fleet_of_simulation",
    "fleet_of_store",
    "read_truth",
    "write_page",
]

# As in pulsefront.qc.models.training and public_sets, which are not imported for a help text.
CANDIDATES = ("age", "shewhart", "ewma", "cusum", "hazard", "network", "boosting")
PUBLIC = ("cmapss_fd001", "ai4i2020")


def backtest_public(name: str, data: Path | None, out: Path, seed: int) -> None:
    """Back-test on a public set; write its JSON and its page."""
    from pulsefront import __version__
    from pulsefront.files import write_json, write_text
    from pulsefront.qc.backtest.public_sets import public_backtest
    from pulsefront.qc.pages.public_sets import public_page
    from pulsefront.report import render

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
        result = public_backtest(name, data, seed=seed, report=report)
    write_json(out / f"{name}.json", result)
    facts = {"Data": name, "Version": f"pulsefront {__version__}"}
    write_text(out / f"{name}.html", render(public_page(result, facts)))
    typer.echo(
        f"{result['chosen']}: area under the PR curve {result['failure']['pr_auc']:.3f}, "
        f"calibration error {result['failure']['calibration_error']:.4f}; "
        f"see {out / f'{name}.html'}"
    )


def fleet_of_store(db: str, lead_days: int, horizon_days: int, daily_from: float):  # type: ignore[no-untyped-def]
    """Return features and labels of all that a store holds."""
    from pulsefront.qc.features.labels import Target
    from pulsefront.qc.features.samples import build_fleet
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.store.history import load_histories, outline

    with Store(db, must_exist=True) as store, progress("features", "units") as report:
        return build_fleet(
            load_histories(store), Target(lead_days, horizon_days),
            daily_from=daily_from, outline=outline(store), report=report,
        )  # fmt: skip


def fleet_of_simulation(  # type: ignore[no-untyped-def]
    name: str, fleet_seed: int | None, lead_days: int, horizon_days: int, daily_from: float
):
    """Return features and labels of a simulated fleet, its failures, and what it is."""
    from pulsefront.qc.features.labels import Target
    from pulsefront.qc.simulate.fleet import simulated_fleet
    from pulsefront.qc.simulate.settings import load_fleet

    settings = load_fleet(name)
    if fleet_seed is not None:
        settings = settings.model_copy(update={"seed": fleet_seed})
    with progress("simulating", "units") as report:
        fleet, truth = simulated_fleet(
            settings, Target(lead_days, horizon_days), daily_from=daily_from, report=report
        )
    return fleet, truth, f"simulated fleet {settings.name!r}, seed {settings.seed}"


def read_truth(path: Path):  # type: ignore[no-untyped-def]
    """Return the failures of a simulated fleet from their file."""
    import pandas as pd

    try:
        return pd.read_csv(path, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}", file=path, field="truth") from None


def write_page(result: dict, path: Path, data: str) -> None:  # type: ignore[type-arg]
    """Write the page of a back-test."""
    from pulsefront import __version__
    from pulsefront.files import write_text
    from pulsefront.qc.pages.backtest import backtest_page
    from pulsefront.report import render

    facts = {"Data": data, "Version": f"pulsefront {__version__}"}
    write_text(path, render(backtest_page(result, facts=facts)))


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
    today = datetime.now(UTC).date()
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    return named[text].isoformat() if text in named else text
