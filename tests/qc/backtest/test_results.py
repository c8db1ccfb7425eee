"""Results of a back-test: saved and read back, by every version that wrote them."""

from __future__ import annotations

import json

import pytest

from pulsefront.errors import ConfigError
from pulsefront.files import write_json
from pulsefront.qc.backtest.backtest import backtest
from pulsefront.qc.backtest.results import read_backtest
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.pages.backtest import backtest_page
from pulsefront.report import render
from strategies_qc import tiny_samples

PLAN = BacktestSettings(
    folds=3, candidates=("age", "hazard"), null_repeats=3, bootstrap_replicates=40, confidence=0.8
)


@pytest.fixture(scope="module")
def result():
    return backtest(tiny_samples(), PLAN)


def without(content, *keys):
    """Return a copy of *content* without what the keys lead to."""
    content = json.loads(json.dumps(content))
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    return content


def test_result_comes_back_the_same_from_its_file(result, tmp_path):
    write_json(tmp_path / "backtest.json", result.plain())
    assert read_backtest(tmp_path / "backtest.json") == result


def test_result_of_before_levels_were_kept_is_read(result, tmp_path):
    older = without(result.plain(), "protocol", "confidence")
    for kind in result.nulls:
        older = without(older, "nulls", kind, "confidence")
    write_json(tmp_path / "a.json", older)
    read = read_backtest(tmp_path / "a.json")
    assert read.protocol.confidence == 0.95
    assert {null.confidence for null in read.nulls.values()} == {0.99}


def test_result_that_lacks_a_part_is_refused_by_its_name(result, tmp_path):
    write_json(tmp_path / "a.json", without(result.plain(), "models", "hazard", "brier"))
    with pytest.raises(ConfigError, match=r"models\.hazard\.brier: .*qc backtest again"):
        read_backtest(tmp_path / "a.json")


def test_stated_level_is_the_one_of_every_interval_and_text(result):
    wide = backtest(tiny_samples(), PLAN.model_copy(update={"confidence": 0.99}))
    narrow_range = result.chosen.average_precision
    wide_range = wide.models[result.chosen_model].average_precision
    assert wide_range.low < narrow_range.low < narrow_range.high < wide_range.high
    page = render(backtest_page(result, facts={}))
    assert "80% intervals by bootstrap over scanners" in page
    assert "(80% interval)" in page
    assert "With 99% intervals over the repeats" in page  # of sham labels, which have their own
    assert "95%" not in page


def test_a_chart_that_found_more_than_the_model_in_use_is_told_first(result):
    hazard = result.models["hazard"]
    points = hazard.at_false_alerts_per_unit_year
    poor = {r: p.model_copy(update={"failures_found": 0}) for r, p in points.items()}
    rich = {r: p.model_copy(update={"failures_found": 1}) for r, p in points.items()}
    models = {
        "ewma": hazard.model_copy(update={"at_false_alerts_per_unit_year": rich}),
        "hazard": hazard.model_copy(update={"at_false_alerts_per_unit_year": poor}),
    }
    below = result.model_copy(update={"models": models, "chosen_model": "hazard"})
    page = render(backtest_page(below, facts={}))
    assert page.count("the chart was the better one") == len(points)
    above = below.model_copy(
        update={"models": {"ewma": models["hazard"], "hazard": models["ewma"]}}
    )
    assert "the chart was the better one" not in render(backtest_page(above, facts={}))
