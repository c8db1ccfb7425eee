"""Histories: kept whole, of one profile, nothing counted twice."""

import pytest

from pulsefront.errors import ConfigError, DataError
from pulsefront.monitor import CheckHistory, check
from pulsefront.monitor.history import MOST_CHECKS, read_history
from strategies_monitor import batch, profile


@pytest.fixture(scope="module")
def known():
    return profile(5000)


@pytest.fixture(scope="module")
def checked(known):
    return check(known, batch(1000, 5))


def test_a_check_is_kept_and_read_again(known, checked, tmp_path):
    file = tmp_path / "h.json"
    assert read_history(file, known).checks == ()
    kept = CheckHistory(known.sha256).added(
        checked, batch(1000, 5), source="a.h5", at="2026-11-29T10"
    )
    kept.write(file)
    read = read_history(file, known)
    assert read == kept
    past = read.past()
    assert set(past) == set(checked.estimates)
    first = next(name for name, one in checked.estimates.items() if one is not None)
    assert past[first][0].shift == pytest.approx(checked.estimates[first].shift, rel=1e-5)
    assert past[first][0].degrees_of_freedom == checked.estimates[first].degrees_of_freedom


def test_the_same_events_are_refused(known, checked):
    kept = CheckHistory(known.sha256).added(
        checked, batch(1000, 5), source="a.h5", at="2026-11-29T10"
    )
    kept.refuse_again(batch(1000, 6), "b.h5")
    with pytest.raises(DataError, match="nothing is counted twice"):
        kept.refuse_again(batch(1000, 5), "b.h5")


def test_a_check_before_the_newest_is_refused(known, checked):
    kept = CheckHistory(known.sha256).added(
        checked, batch(1000, 5), source="a.h5", at="2026-11-29T10"
    )
    with pytest.raises(ConfigError, match="newest check"):
        kept.added(checked, batch(1000, 6), source="b.h5", at="2026-11-29T09")


def test_a_history_of_another_profile_or_a_broken_one_is_refused(known, tmp_path):
    file = tmp_path / "h.json"
    CheckHistory("0" * 64).write(file)
    with pytest.raises(DataError, match="another profile"):
        read_history(file, known)
    file.write_text(file.read_text()[:-10])
    with pytest.raises(DataError, match="no history"):
        read_history(file, known)


def test_old_checks_are_dropped(known, checked):
    kept = CheckHistory(known.sha256)
    record = kept.added(checked, batch(1000, 5), source="a", at="2026-11-29T10").checks
    long = CheckHistory(known.sha256, record * MOST_CHECKS)
    more = long.added(checked, batch(1000, 6), source="b", at="2026-11-29T11")
    assert len(more.checks) == MOST_CHECKS
    assert more.checks[-1].source == "b"
