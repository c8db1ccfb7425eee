"""Findings in words, the page and the metrics."""

import numpy as np
import pytest

from pulsefront.monitor import CheckHistory, check
from pulsefront.monitor.metrics import textfile
from pulsefront.monitor.page import check_page
from pulsefront.monitor.words import findings
from strategies_monitor import batch, profile


@pytest.fixture(scope="module")
def known():
    return profile(10_000)


def checked(known, fresh):
    found = check(known, fresh)
    kept = CheckHistory(known.sha256).added(found, fresh, source="new.h5", at="2026-11-29T10:00:00")
    return found, kept


def test_a_dead_channel_comes_first_and_is_called_dead(known):
    gains = np.ones(16)
    gains[6] = 0
    found, kept = checked(known, batch(seed=3, gains=gains))
    told = findings(found, [one.at for one in kept.checks])
    assert told[0].startswith("gain of channel 6: -")
    assert "(dead), since 2026-11-29T10:00:00" in told[0]
    page = check_page(known, found, kept, checks_between_false_alarms=720)
    assert "gain of channel 6" in page
    assert "<svg" in page or "<img" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_quiet_check_says_so(known):
    found, kept = checked(known, batch(seed=4))
    assert findings(found, [one.at for one in kept.checks]) == []
    assert "Nothing has moved." in check_page(known, found, kept, checks_between_false_alarms=720)


def test_light_is_told_in_per_cent(known):
    found, kept = checked(known, batch(seed=5, light=0.9))
    told = findings(found, [one.at for one in kept.checks])
    first = next(line for line in told if line.startswith("photopeak, position"))
    percent = float(first.split(":")[1].split()[0])
    assert percent == pytest.approx(-10, abs=0.6)
    assert "temperature" in first


def test_metrics_hold_every_quantity_and_no_clock(known):
    found, kept = checked(known, batch(seed=4))
    text = textfile(known, found, kept)
    assert 'pulsefront_monitor_moved{model="anger"} 0.0' in text
    assert text.count("pulsefront_monitor_shift_over_limit{") == len(found.verdicts)
    assert text == textfile(known, found, kept)


def test_many_inputs_are_told_once(known):
    spread = np.random.default_rng(5).normal(1, 0.1, 16)
    found, kept = checked(known, batch(seed=6, gains=spread))
    told = findings(found, [one.at for one in kept.checks])
    assert "more than can be told apart" in told[-1]
    assert not [line for line in told if line.startswith("gain of")]


def test_a_dead_input_is_named_among_many_that_differ(known):
    spread = np.random.default_rng(5).normal(1, 0.1, 16)
    spread[6] = 0.0
    found, kept = checked(known, batch(seed=6, gains=spread))
    assert found.many
    told = findings(found, [one.at for one in kept.checks])
    assert [line.split(":")[0] for line in told if line.startswith("gain of")] == [
        "gain of channel 6"
    ]
    assert "more than can be told apart" in told[-1]
