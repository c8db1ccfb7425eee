"""The simulated fleet: reproducible, at the stated rates, with detectable causes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pulsefront.errors import ConfigError
from pulsefront.qc.features.sources import load_history
from pulsefront.qc.simulate.fleet import simulate_units, write_fleet
from pulsefront.qc.simulate.settings import FleetSettings, load_fleet
from pulsefront.qc.site import Site
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import find_files, ingest
from strategies_qc import DAY, history_of, tiny_fleet, tiny_units


def test_fleets_that_ship_load():
    assert load_fleet("reference").scanners == 100
    assert load_fleet("reference").days == 1826
    assert load_fleet("demo").scanners == 16


def test_unknown_key_of_a_fleet_names_the_near_one(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(
        'name = "x"\nseed = 1\nstart = 2020-01-01\nyears = 1.0\nmodule = 3\n'
        'sites = [{name = "a", scanners = 1}]\n[failures]\n'
    )
    with pytest.raises(ConfigError, match="did you mean 'modules'"):
        FleetSettings.from_toml(path)


def test_same_settings_give_the_same_fleet_and_another_seed_another():
    first = next(iter(simulate_units(tiny_fleet(scanners=2, years=0.5))))
    again = next(iter(simulate_units(tiny_fleet(scanners=2, years=0.5))))
    other = next(iter(simulate_units(tiny_fleet(scanners=2, years=0.5, seed=9))))
    assert first.measurements.equals(again.measurements)
    assert not first.measurements.equals(other.measurements)


def test_reference_fleet_fails_at_the_published_rate():
    """About 0.3 module replacements a scanner-year, over a third of the fleet."""
    settings = load_fleet("reference")
    small = settings.model_copy(
        update={"sites": tuple(s.model_copy(update={"scanners": 20}) for s in settings.sites)}
    )
    truth = pd.concat([u.failures for u in simulate_units(small)])
    modules = truth[(truth["component_id"] != "") & ~truth["prevented"].astype(bool)]
    assert 0.2 < len(modules) / (60 * settings.years) < 0.45


def test_every_failure_is_in_the_service_log_and_the_reverse():
    for unit in tiny_units():
        logged = unit.services[unit.services["kind"] == "corrective"]
        end = unit.measurements["measured_at"].max()
        known = unit.failures[~unit.failures["prevented"] & (unit.failures["failed_at"] < end)]
        assert set(known["failed_at"]) <= set(logged["reported_at"])
        assert len(logged) <= (~unit.failures["prevented"]).sum()


def test_a_cause_shows_in_its_own_test_and_not_before_its_onset():
    seen = 0
    for unit in tiny_units(scanners=12, years=3.0):
        frame = unit.measurements
        for row in unit.failures.to_dict("records"):
            if row["cause"] != "efficiency_loss" or row["prevented"]:
                continue
            mine = frame[(frame["component_id"] == row["component_id"])
                         & (frame["test"] == "block_efficiency")]  # fmt: skip
            last = mine[mine["measured_at"] < row["failed_at"]].tail(1)
            before = mine[mine["measured_at"] < row["onset_at"]].tail(20)
            if len(last) and len(before) == 20 and row["detectable_at"]:
                seen += 1
                assert before["value"].mean() - last["value"].iloc[0] > 8.0
                assert row["onset_at"] < row["detectable_at"] < row["failed_at"]
    assert seen >= 3


def test_nothing_is_known_before_it_is_measured_and_some_logs_are_late():
    late = 0
    for unit in tiny_units():
        delay = unit.measurements["available_at"] - unit.measurements["measured_at"]
        assert (delay >= 0).all()
        late += int((delay > DAY).sum())
    assert late > 0


def test_weekends_without_qc_where_the_site_has_none():
    unit = tiny_units()[0]  # of the site east
    weekday = (unit.measurements["measured_at"] // DAY + 3) % 7
    assert weekday.max() == 4
    unit = tiny_units()[-1]  # of the site west
    weekday = (unit.measurements["measured_at"] // DAY + 3) % 7
    assert weekday.max() == 6


def test_written_fleet_reads_back_to_the_same_history(tmp_path):
    settings = tiny_fleet(scanners=2, years=0.6)
    write_fleet(settings, tmp_path)
    site = Site.from_toml(tmp_path / "site.toml")
    with Store(tmp_path / "qc.db") as store:
        result = ingest(store, find_files([tmp_path / "logs"]), site)
        assert result.counts.quarantined == result.counts.duplicate == 0
        for unit in simulate_units(settings):
            read, made = load_history(store, unit.unit_id), history_of(unit)
            assert read.series == made.series
            for name in ("value", "measured_at", "available_at", "start"):
                assert np.array_equal(getattr(read, name), getattr(made, name))
            assert np.array_equal(
                read.limits[read.context], made.limits[made.context], equal_nan=True
            )
            same = ["component_id", "kind", "reported_at", "completed_at", "logged_at"]
            assert read.services[same].equals(made.services[same])
            assert read.events["code"].tolist() == made.events["code"].tolist()
