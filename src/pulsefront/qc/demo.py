"""The whole path on a small simulated fleet: logs, store, model, back-test, nights, two pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsefront import __version__
from pulsefront.files import write_json, write_text
from pulsefront.progress import Report, silent
from pulsefront.qc.backtest.backtest import backtest
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import Fleet, split_time
from pulsefront.qc.features.sources import stored_fleet
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.files.model_file import FailureModel, load_model, save_model
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.nightly.score import score_night
from pulsefront.qc.pages.backtest import backtest_page
from pulsefront.qc.pages.night.write import PAGE_FILE, write_night
from pulsefront.qc.pages.scores import score_section
from pulsefront.qc.simulate.fleet import read_failures, write_fleet
from pulsefront.qc.simulate.settings import load_fleet
from pulsefront.qc.site import Site
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.times import DAY_S
from pulsefront.report import render

__all__ = ["DemoResult", "demo"]

_STEPS = 5
_NIGHTS = 14


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration came to, and its page."""

    records: int
    quarantined: int
    model: str
    alerts: int
    abstained: int
    page: Path


def demo(out: Path, *, fleet_name: str = "demo", report: Report = silent) -> DemoResult:
    """Simulate a fleet, ingest its logs, back-test, train and score it; write their pages.

    *out* is filled with ``fleet/`` (the logs as sites would export them), ``qc.db``, ``model.zip``,
    ``backtest.json``, ``scores/``, ``report.html`` and the page of the last night, ``night.html``.
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
        fleet = stored_fleet(store, Target(), daily_from=plan.train_until)
        truth = read_failures(out / "fleet" / "failures.csv")
        result = backtest(fleet, plan, truth=truth)
        write_json(out / "backtest.json", result.plain())
        report(3, _STEPS)
        save_model(fit_model(fleet, plan, name=result.chosen_model), out / "model.zip")
        report(4, _STEPS)
        model = load_model(out / "model.zip")
        last_s = _night_to_show(fleet, model)
        for as_of_s in range(last_s - (_NIGHTS - 1) * DAY_S, last_s + 1, DAY_S):
            night = score_night(store, model, as_of_s, out / "scores")
        run = night.run
        write_night(store, night, out / PAGE_FILE, model=model)
    facts = {
        "Data": f"simulated fleet {settings.name!r}, seed {settings.seed}",
        "Version": f"pulsefront {__version__}",
        "Model": f"{run.model_hash[:16]}",
    }
    page = backtest_page(result, facts=facts, extra=[score_section(run)])
    write_text(out / "report.html", render(page))
    report(_STEPS, _STEPS)
    return DemoResult(
        records=ingested.counts.new,
        quarantined=ingested.counts.quarantined,
        model=result.chosen_model,
        alerts=run.alerts,
        abstained=run.abstained,
        page=out / "report.html",
    )


def _night_to_show(fleet: Fleet, model: FailureModel) -> int:
    """Return the night of the last third on which most components are at their threshold."""
    samples = fleet.samples
    late = samples.as_of_s >= split_time(fleet, 2.0 / 3.0)
    log_odds = model.estimator.log_odds(samples.values[late])
    at_threshold = model.calibration.probability(log_odds) >= model.thresholds["1"]
    nights, index = np.unique(samples.as_of_s[late], return_inverse=True)
    return int(nights[np.bincount(index, at_threshold, len(nights)).argmax()])
