"""The whole path on a small simulated fleet: logs, store, model, back-test, scores, one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pulsefront import __version__
from pulsefront.files import write_json, write_text
from pulsefront.progress import Report, silent
from pulsefront.qc.backtest.backtest import backtest
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import build_fleet
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.models.folds import BacktestSettings
from pulsefront.qc.models.model_file import load_model, save_model
from pulsefront.qc.nightly.score import score
from pulsefront.qc.pages.backtest import backtest_page
from pulsefront.qc.pages.scores import score_section
from pulsefront.qc.simulate.fleet import write_fleet
from pulsefront.qc.simulate.settings import load_fleet
from pulsefront.qc.site import Site
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.history import load_histories, outline
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.times import DAY_S, iso_date
from pulsefront.report import render

__all__ = ["demo"]

_STEPS = 5


def demo(out: Path, *, fleet_name: str = "demo", report: Report = silent) -> dict[str, Any]:
    """Simulate a fleet, ingest its logs, back-test, train and score it; write ``report.html``.

    *out* is filled with ``fleet/`` (the logs as sites would export them), ``qc.db``, ``model.zip``,
    ``backtest.json``, ``scores/`` and ``report.html``. Returns counts for a line on the terminal.
    """
    out.mkdir(parents=True, exist_ok=True)
    settings = load_fleet(fleet_name)
    write_fleet(settings, out / "fleet")
    report(1, _STEPS)
    site = Site.from_toml(out / "fleet" / "site.toml")
    with Store(out / "qc.db") as store:
        files = find_files([out / "fleet" / "logs"])
        ingested = ingest(store, files, site, site_folder=out / "fleet")
        report(2, _STEPS)
        plan = BacktestSettings(folds=4, null_repeats=8, bootstrap_replicates=200)
        fleet = build_fleet(
            load_histories(store), Target(), daily_from=plan.train_until, outline=outline(store)
        )
        truth = pd.read_csv(out / "fleet" / "failures.csv", keep_default_na=False)
        result = backtest(fleet, plan, truth=_with_seconds(truth))
        write_json(out / "backtest.json", result)
        report(3, _STEPS)
        save_model(fit_model(fleet, plan, name=result["chosen_model"]), out / "model.zip")
        report(4, _STEPS)
        model = load_model(out / "model.zip")
        as_of_s = fleet.last_s // DAY_S * DAY_S
        run = score(store, model, as_of_s, out / "scores")
    page = backtest_page(
        result,
        facts={
            "Data": f"simulated fleet {settings.name!r}, seed {settings.seed}",
            "Version": f"pulsefront {__version__}",
            "Model": f"{run.model_hash[:16]}",
        },
        extra=[score_section(run.rows, iso_date(as_of_s - DAY_S))],
    )
    write_text(out / "report.html", render(page))
    report(_STEPS, _STEPS)
    return {
        "records": ingested.counts.new,
        "quarantined": ingested.counts.quarantined,
        "model": result["chosen_model"],
        "alerts": run.alerts,
        "abstained": run.abstained,
        "report": out / "report.html",
    }


def _with_seconds(truth: pd.DataFrame) -> pd.DataFrame:
    """Return the truth with what the back-test reads; its times are seconds already."""
    return truth.astype({"onset_at": "int64", "failed_at": "int64"})
