"""A small BGO study: held against stamped photons and against a network that knows the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import load_detector
from pulsefront.evaluate import t_interval
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings
from pulsefront.simulate.light.map import light_map_for
from pulsefront.studies.kinds.timing.photon_limit import photon_limit
from pulsefront.studies.run import run_study
from studies_small import TIMING_CHANGES, small


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cherenkov")
    changes = {**TIMING_CHANGES, "events_per_offset": "400", "events": "400", "bin_ps": "100.0"}
    # A share of its own, a diagnosis and a confidence of its own: each has ended a run before, or
    # was not told, once all the work was done.
    changes |= {"core_fraction": "0.5", "replicates": "100\nconfidence = 0.9"}
    text = small("timing_bgo_cherenkov", changes)
    text += "\n[diagnosis]\nlearning_curve = [0.5]\nfolds = 2\nsham = false\n"
    (folder / "study.toml").write_text(text)
    return run_study(folder / "study.toml", folder / "run", lambda _: None)


def test_stamped_photons_are_better_than_any_pickoff(run: Path) -> None:
    test = json.loads((run / "results.json").read_text())["test"]
    limit = test["limit"]
    assert limit["kind"] == "photons"
    assert 1.0 < limit["cherenkov_photoelectrons"] < 3.0
    best = test["estimators"][test["best_baseline"]]["ctr_fwhm_ps"]
    assert 100.0 < limit["bound_ctr_fwhm_ps"] < best
    network = test["estimators"]["network"]["ctr_fwhm_ps"]
    gap = 100 * (best - network) / (best - limit["bound_ctr_fwhm_ps"])
    assert limit["gap_closed_percent"] == pytest.approx(gap)


def test_network_that_was_told_the_truth_is_reported(run: Path) -> None:
    told = json.loads((run / "results.json").read_text())["test"]["truth_reference"]
    assert told["hidden"] == [64, 32]
    assert told["ctr_fwhm_ps_low"] <= told["ctr_fwhm_ps"] <= told["ctr_fwhm_ps_high"]
    assert "was told the simulation" in (run / "report.html").read_text()


def test_search_looks_at_the_peak(run: Path) -> None:
    search = json.loads((run / "results.json").read_text())["search"]
    assert search["metric"] == "central_50_width_ns"


def test_the_peaks_width_is_named_in_the_diagnosis(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    assert results["diagnosis"]["metric"] == "central_50_width_ns"
    assert "width of the central 50 % (ns)" in (run / "report.html").read_text()


def test_the_stated_confidence_reaches_every_text_and_interval(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "90 % bootstrap intervals" in page
    assert "mean with 90 % t interval" in page
    assert "initializations with its 90 % t interval" in page
    # What is left at 95 % is the one-sided margin test of the search.
    assert page.count("95 %") == page.count("one-sided 95 %")
    results = json.loads((run / "results.json").read_text())
    assert "90%" in results["checklist"]["metrics"]["interval_method"]
    found = results["test"]["initializations"]["final"]["ctr_fwhm_ps"]
    ninety = t_interval(found["each"], 0.9)
    assert found["mean_low"] == pytest.approx(ninety.low)
    assert found["mean_high"] == pytest.approx(ninety.high)


def test_photon_limit_widens_with_the_spread_of_single_photons(tmp_path: Path) -> None:
    detector = load_detector("bgo_pair_3x3x15")
    settings = CoincidenceSettings().light_map.model_copy(
        update={"transit_times": True, "photons": 1000}
    )
    light_map = light_map_for(detector, settings, cache=tmp_path)
    depth = np.random.default_rng(1).uniform(1, 14, 500)
    blurred = detector.model_copy(
        update={
            "photosensor": detector.photosensor.model_copy(update={"sptr_sigma_ps": 200.0}),
        }
    )
    sharp, wide = (
        photon_limit(each, light_map, depth, 1, 40.0).ctr_fwhm_ps for each in (detector, blurred)
    )
    assert sharp < 300.0 < wide
