"""The dashboard for Grafana asks for the figures that the job writes, and for no others."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from itertools import combinations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pulsefront.qc.nightly.prometheus import textfile
from pulsefront.qc.nightly.score import score_night
from pulsefront.qc.store.database import Store
from strategies_qc import DAY

NAME = re.compile(r"pulsefront_qc_\w+")
FILTERED = re.compile(r'(pulsefront_qc_\w+)\{site=~"\$site"\}')


@pytest.fixture(scope="module")
def dashboard() -> dict:
    return json.loads((files("pulsefront.qc.nightly") / "grafana.json").read_text("utf-8"))


@pytest.fixture
def written(site) -> dict[str, set[str]]:
    """The labels of each figure of a night."""
    with Store(site.db) as store:
        night = score_night(store, site.model, site.last_s - 40 * DAY, None)
    samples = [
        s for family in text_string_to_metric_families(textfile(night)) for s in family.samples
    ]
    return {sample.name: set(sample.labels) for sample in samples}


def queries(dashboard) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def test_dashboard_shows_every_figure_of_the_job_and_no_other(dashboard, written):
    asked = {name for query in queries(dashboard) for name in NAME.findall(query)}
    assert asked == set(written)


def test_figures_of_sites_are_filtered_by_site_and_the_others_are_not(dashboard, written):
    for query in queries(dashboard):
        filtered = FILTERED.findall(query)
        for name in NAME.findall(query):
            assert (name in filtered) == ("site" in written.get(name, set())), query
    sites = next(v for v in dashboard["templating"]["list"] if v["name"] == "site")
    asked = re.fullmatch(r"label_values\((\w+), site\)", sites["definition"])
    assert "site" in written[asked[1]]


def test_age_of_the_metrics_file_names_the_file_that_the_job_writes(dashboard):
    from pulsefront.qc.nightly.outputs import METRICS_FILE

    patterns = [re.findall(r'file=~"(.*?)"', query) for query in queries(dashboard)]
    [pattern] = [found[0] for found in patterns if found]
    assert re.fullmatch(pattern.replace("\\\\", "\\"), f"/srv/metrics/{METRICS_FILE}")


def test_panels_have_numbers_of_their_own_and_do_not_lie_on_each_other(dashboard):
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
    assert all(panel["title"] for panel in panels)
