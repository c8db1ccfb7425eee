"""
A month of nights: quality control of scanners
==============================================

Daily QC of a small simulated fleet: logs as sites write them, a store that takes each record once,
and the drift of one module before it failed. What a model finds is a back-test's question:
``pulsefront qc demo`` answers it for such a fleet, ``pulsefront qc backtest`` for yours.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from pulsefront.qc.simulate.fleet import read_failures, write_fleet
from pulsefront.qc.simulate.settings import load_fleet
from pulsefront.qc.site import Site
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import ingest

folder = Path(tempfile.mkdtemp())
settings = load_fleet("demo")  # six of its scanners, for one year
settings = settings.model_copy(update={"sites": settings.sites[:1], "years": 1.0})
files = write_fleet(settings, folder)

# %%
# The night reads all files that are there. What it has already is not taken again.

site = Site.from_toml(folder / "site.toml")
with Store(folder / "qc.db") as store:
    for night in (1, 2):
        counts = ingest(store, files, site, site_folder=folder).counts
        print(f"night {night}: {counts.new:,} new records, {counts.quarantined} refused")

# %%
# A simulation knows what failed, when its wear began, and when it could be seen.

failures = read_failures(folder / "failures.csv")
drift = failures[failures["cause"] == "gain_drift"].iloc[-1]
print(f"{drift.unit_id}, {drift.component_id}: gain drift")

# %%
# The last month of that module: the photopeak leaves its tolerance days before the failure. The
# chart is an exponentially weighted mean over about a week, with limits from the time before.

readings = pd.read_csv(folder / "logs" / f"{drift.unit_id}_measurements.csv")
chosen = (readings["component_id"] == drift.component_id) & (readings["test"] == "photopeak_kev")
peak = readings[chosen]
day = pd.to_datetime(peak["measured_at"])
failed, began = (pd.to_datetime(at, unit="s", utc=True) for at in (drift.failed_at, drift.onset_at))
before = (day > began - pd.Timedelta(days=60)) & (day < began)
mean, sigma = peak["value"][before].mean(), peak["value"][before].std()
shown = (day > failed - pd.Timedelta(days=45)) & (day <= failed)
weight = 0.25
chart = peak["value"].ewm(alpha=weight).mean()
limit = 3 * sigma * (weight / (2 - weight)) ** 0.5
outside = day[shown & (day > began) & ((chart - mean).abs() > limit)]
print(f"outside the chart from {(failed - outside.iloc[0]).days} days before the failure on")

figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
axes.plot(day[shown], peak["value"][shown], ".", color="grey", label="reading")
axes.plot(day[shown], chart[shown], color="black", label="weighted mean")
axes.axhspan(mean - limit, mean + limit, alpha=0.2, label="limits of the chart")
axes.axhline(peak["tolerance_low"].iloc[0], linestyle=":", color="tab:orange", label="tolerance")
axes.axhline(peak["tolerance_high"].iloc[0], linestyle=":", color="tab:orange")
axes.axvline(began, linestyle="--", color="tab:blue", label="wear begins")
axes.axvline(failed, linestyle="--", color="tab:red", label="failure")
axes.set(ylabel="photopeak (keV)")
axes.legend(loc="upper left", fontsize="small")
figure.autofmt_xdate()
plt.show()
