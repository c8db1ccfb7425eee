"""The public sets: read as published, refused where they are not, judged without a look ahead."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.qc import app
from pulsefront.errors import ConfigError, QCDataError
from pulsefront.qc.backtest import public_sets, remaining_life
from pulsefront.qc.backtest.public_data import (
    find_set,
    read_ai4i,
    read_cmapss,
    same_condition,
    trailing_features,
)
from pulsefront.qc.backtest.public_sets import CANDIDATES, cmapss
from pulsefront.qc.backtest.remaining_life import LIFE_CANDIDATES


def engines(lives, seed):
    """Return rows of engines that wear out: 26 columns, as in the published files."""
    random = np.random.default_rng(seed)
    rows = []
    for unit, life in enumerate(lives, start=1):
        cycle = np.arange(1, life + 1)
        wear = np.exp((cycle - life) / 20.0)
        sensors = random.normal(0.0, 0.1, (life, 21)) + wear[:, None] * np.linspace(1, 2, 21)
        rows.append(np.column_stack([np.full(life, unit), cycle, np.zeros((life, 3)), sensors]))
    return np.vstack(rows)


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    """A folder with a set of the shape of C-MAPSS FD001, small enough for a test."""
    folder = tmp_path_factory.mktemp("data") / "cmapss_fd001"
    folder.mkdir()
    random = np.random.default_rng(0)
    np.savetxt(folder / "train_FD001.txt", engines(random.integers(60, 110, 20), 1))
    lives = random.integers(60, 110, 10)
    left = random.integers(5, 30, 10)
    whole = engines(lives, 2)
    keep = np.concatenate([np.arange(n) < n - k for n, k in zip(lives, left, strict=True)])
    np.savetxt(folder / "test_FD001.txt", whole[keep])
    np.savetxt(folder / "RUL_FD001.txt", left)
    return folder


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    """Boost for a moment only: the protocol is the same."""
    monkeypatch.setattr(public_sets, "_FAILURE_ROUNDS", 12)
    monkeypatch.setattr(remaining_life, "_LIFE_ROUNDS", 8)


def test_command_writes_json_and_a_page(small_set, tmp_path):
    arguments = ["backtest", "--public", "cmapss_fd001", "--data", str(small_set.parent),
                 "--out", str(tmp_path)]  # fmt: skip
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "cmapss_fd001.json").read_text())
    assert result["failure"]["pr_auc"] > 0.9
    assert set(result["choice"]) == set(CANDIDATES["cmapss_fd001"])
    assert result["chosen"] == max(result["choice"], key=result["choice"].get)
    assert set(result["remaining_life"]["choice"]) == set(LIFE_CANDIDATES)
    page = (tmp_path / "cmapss_fd001.html").read_text()
    assert "This is no scanner" in page
    assert "5 candidates were tried" in page
    assert re.search(r"network of 8 nodes</td>\s*<td[^>]*>0\.966", page)
    assert "operating conditions" not in page


@pytest.mark.slow
def test_truth_about_the_test_engines_does_not_reach_the_choice_or_the_predictions(
    small_set, tmp_path
):
    for path in small_set.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    np.savetxt(tmp_path / "RUL_FD001.txt", np.arange(10) + 5.0)
    one, other = cmapss(small_set), cmapss(tmp_path)
    assert one.choice == other.choice
    assert one.remaining_life.choice == other.remaining_life.choice
    assert one.remaining_life.predicted_cycles == other.remaining_life.predicted_cycles
    assert one.failure.pr_auc != other.failure.pr_auc


def test_features_of_a_cycle_do_not_change_when_later_cycles_are_added(small_set):
    train, _, _ = read_cmapss(small_set)
    whole = trailing_features(train)
    early = train[:, 1] <= 40
    assert np.allclose(whole[early], trailing_features(train[early]), rtol=0, atol=1e-9)


def test_sets_are_read_whole(shared_data):
    train, test, life = read_cmapss(shared_data("cmapss_fd001"))
    assert (train.shape, test.shape, life.shape) == ((20631, 26), (13096, 26), (100,))
    x, outcome = read_ai4i(shared_data("ai4i2020") / "ai4i2020.csv")
    assert x.shape == (10000, 10)
    assert outcome.sum() == 339
    assert np.isfinite(x).all()


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(QCDataError, match="as published"):
        find_set("ai4i2020", tmp_path)
    with pytest.raises(QCDataError):
        read_cmapss(tmp_path)
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(QCDataError):
        read_ai4i(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--public", "cmapss_fd001"), "not part of this package"),
        (("--public", "cmapps", "--data", "."), "cmapss_fd004 or ai4i2020"),
        ((), "exactly one"),
        (("--public", "ai4i2020", "--db", "qc.db"), "exactly one"),
    ],
)
def test_wrong_arguments_name_the_right_ones(tmp_path, arguments, message):
    done = CliRunner().invoke(app, ["backtest", "--out", str(tmp_path), *arguments])
    assert isinstance(done.exception, ConfigError)
    assert message in str(done.exception)


def test_sensors_of_six_conditions_are_told_as_of_one():
    random = np.random.default_rng(0)
    rows = engines([80, 90, 70], 5)
    condition = random.integers(6, size=len(rows))
    altitude = np.array([0.0, 10.0, 20.0, 25.0, 35.0, 42.0])[condition]
    flown = rows.copy()
    flown[:, 2] = altitude + random.uniform(-0.01, 0.01, len(rows))
    flown[:, 5:] = flown[:, 5:] * (1.0 + condition)[:, None] + 50.0 * condition[:, None]
    told, again = same_condition(flown, flown[:40])
    assert np.array_equal(told[:40], again)
    assert np.array_equal(told[:, :5], flown[:, :5])
    for sensor in (5, 25):
        assert np.corrcoef(told[:, sensor], rows[:, sensor])[0, 1] > 0.9
    assert same_condition(rows, rows)[0] is rows


@pytest.mark.slow
def test_other_sets_of_engines_are_read_by_their_names_and_short_engines_count(tmp_path):
    """One engine has 19 cycles."""
    train, test = engines([60, 19, 70, 66, 90, 31, 80], 1), engines([40, 19, 50], 2)
    for rows in (train, test):
        rows[:, 2] = np.array([0.0, 20.0])[rows[:, 1].astype(int) % 2]
        rows[:, 5:] += rows[:, 2:3]
    np.savetxt(tmp_path / "train_FD004.txt", train)
    np.savetxt(tmp_path / "test_FD004.txt", test)
    np.savetxt(tmp_path / "RUL_FD004.txt", [10.0, 20.0, 5.0])
    told = ["backtest", "--public", "cmapss_fd004", "--data", str(tmp_path), "--out", str(tmp_path)]
    done = CliRunner().invoke(app, told)
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "cmapss_fd004.json").read_text())
    assert len(result["remaining_life"]["predicted_cycles"]) == 3
    assert result["operating_conditions"] == 2
    page = (tmp_path / "cmapss_fd004.html").read_text()
    assert "Beside published figures" in page
    assert re.search(r"deep CNN \(Li 2018\)</td>\s*<td[^>]*>23\.31", page)
    assert "2 operating conditions" in page
    np.savetxt(tmp_path / "RUL_FD004.txt", [10.0, 20.0])
    with pytest.raises(QCDataError, match=r"2 engines, where test_FD004\.txt has 3"):
        read_cmapss(tmp_path, "FD004")
