"""Packed numbers come out as they went in; readings within a hundredth of their spread."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.evaluate.intervals import Interval
from pulsefront.qc.pages.night.data import LimitSpan
from pulsefront.qc.pages.night.packing import QUARTER_S, pack, packed_night
from strategies_night import AS_OF, chart, history, page, part, unit, unpack
from strategies_qc import DAY


@given(st.lists(st.integers(-(2**53), 2**53)))
def test_packed_numbers_come_out_as_they_went_in(numbers):
    assert unpack(pack(numbers)) == numbers


def test_steady_series_cost_a_sign_a_number():
    assert len(pack(np.arange(0, 4 * 365, 4))) == 365


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 1e4, 1e12])
@pytest.mark.parametrize("offset", [0.0, 511.0, -1e5])
def test_readings_keep_a_hundredth_of_their_spread(scale, offset):
    random = np.random.default_rng(3)
    values = offset * scale + scale * random.normal(size=200)
    packed = packed_night(page(unit("A", charts=(chart(value=values, measured_s=times(200)),))))
    _, _, _, decimals, text, *_ = packed["units"][0]["charts"][0]
    found = np.array(unpack(text)) / 10.0**decimals
    spread = np.subtract(*np.percentile(values, [75, 25]))
    # Sixteen digits of a number far from zero are all that there is.
    assert np.abs(found - values).max() <= max(spread / 90.0, 1e-14 * np.abs(values).max())


def times(size: int):
    return AS_OF - np.arange(size)[::-1] * DAY


@pytest.mark.parametrize("values", [[3.0] * 9, [0.0] * 9, [1e300, 2.0, 3.0], [5e-324, 0.0], [7.0]])
def test_readings_without_spread_or_with_a_wild_one_are_packed_all_the_same(values):
    size = len(values)
    one = chart(
        value=np.array(values), measured_s=times(size), known_s=times(size),
        limits=(LimitSpan(0, *[np.nan] * 5),), mean=np.nan, sigma=np.nan, ewma=np.nan,
    )  # fmt: skip
    packed = packed_night(page(unit("A", charts=(one,))))
    json.dumps(packed, allow_nan=False)
    _, _, moments, decimals, text, limits, mean, *_ = packed["units"][0]["charts"][0]
    wild = max(values)
    assert np.array(unpack(text)) / 10.0**decimals == pytest.approx(values, abs=1e-6 + 1e-15 * wild)
    assert mean is None
    assert limits == [[0, None, None, None, None, None]]
    quarters = unpack(packed["units"][0]["times"][moments])
    assert np.allclose(
        np.array(quarters) * QUARTER_S + packed["start"], times(size), atol=QUARTER_S
    )


def test_texts_and_times_that_repeat_stand_once():
    charts = tuple(chart(f"block{k}", seed=k) for k in range(6))
    packed = packed_night(page(unit("A", charts=charts), unit("B", charts=charts)))
    assert packed["tests"] == [("photopeak_kev", "keV")]
    assert all(len(each["times"]) == 1 for each in packed["units"])
    assert packed["words"].count("north") == 1


def test_components_far_from_an_alert_are_told_without_reasons():
    parts = [part(component=f"block{k}") for k in range(5)]
    parts.append(part("no decision", reasons="in service", component="block9"))
    packed = packed_night(page(unit("A", *parts)))
    told = [packed["words"][entry[3]] for entry in packed["units"][0]["parts"]]
    assert [bool(reasons) for reasons in told] == [True, True, True, False, False, True]


def test_what_lies_ahead_is_told_of_components_that_matter():
    ahead = tuple(Interval(p, p / 2, 2 * p, 0.95) for p in (0.01, 0.02, 0.04, 0.08))
    parts = [part(component=f"block{k}", ahead=ahead if k else ()) for k in range(5)]
    packed = packed_night(page(unit("A", *parts)))
    assert packed["ahead"] == (7, 14, 28, 60)
    told = [entry[6] for entry in packed["units"][0]["parts"]]
    assert told[0] is None
    assert told[1][0] == [0.01, 0.005, 0.02]
    assert [len(each) if each else 0 for each in told] == [0, 4, 4, 0, 0]


def test_past_nights_without_decision_are_left_out():
    nights = history(0.3, 10)
    packed = packed_night(page(unit("A", part(history=nights))))
    days, share, low, high = map(unpack, packed["units"][0]["parts"][0][5])
    known = [night for night in nights if night.probability is not None]
    assert [packed["start"] + day * DAY for day in days] == [night.as_of_s for night in known]
    assert 10.0 ** (np.array(share) / 100) == pytest.approx(
        [n.probability for n in known], rel=0.02
    )
    assert len(low) == len(high) == 9


def test_score_without_interval_is_told_as_such():
    nights = (replace(history(0.3, 2)[0], low=None, high=None),)
    packed = packed_night(page(unit("A", part(history=nights))))
    assert unpack(packed["units"][0]["parts"][0][5][2]) == [-999]
