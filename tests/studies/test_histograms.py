"""Residuals as histograms of `hist`: every event in a bin, and lines where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError, ToolMissing
from pulsefront.studies.histograms import residual_histogram


def run_with(folder: Path, **arrays: np.ndarray) -> Path:
    target = folder / "steps" / "evaluate"
    target.mkdir(parents=True)
    np.savez(target / "arrays.npz", **arrays)
    return folder


def test_every_residual_of_positions_is_in_a_bin_of_its_estimator_and_axis(tmp_path: Path) -> None:
    pytest.importorskip("hist")
    random = np.random.default_rng(5)
    network = random.normal(0, 1, (1000, 3))
    anger = random.normal(2, 3, (1000, 3))
    anger[7] = np.nan
    run = run_with(
        tmp_path,
        truth_mm=network,
        **{"residual_network_mm": network, "residual_Anger logic_mm": anger},
    )
    found = residual_histogram(run, bins=40)
    assert found.axes.name == ("estimator", "axis", "residual_mm")
    assert found["network", "y", :].sum(flow=True) == 1000
    assert found["Anger logic", "x", :].sum(flow=True) == 999
    edges = found.axes["residual_mm"].edges
    assert edges[0] == -edges[-1]
    for axis, column in zip(("x", "y", "depth"), network.T, strict=True):
        counted, _ = np.histogram(column, edges)
        # the last bin of NumPy holds its upper end, where no number lies
        np.testing.assert_array_equal(found["network", axis, :].values(), counted)


def test_residuals_of_times_have_no_axis(tmp_path: Path) -> None:
    pytest.importorskip("hist")
    run = run_with(tmp_path, residual_network_ps=np.arange(-50.0, 50.0))
    found = residual_histogram(run, bins=10)
    assert found.axes.name == ("estimator", "residual_ps")
    assert found.sum(flow=True) == 100


def test_what_has_no_residuals_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("hist")
    with pytest.raises(DataError, match="holds no test of a study"):
        residual_histogram(tmp_path)
    with pytest.raises(DataError, match="holds no residuals"):
        residual_histogram(run_with(tmp_path, truth_mm=np.zeros(3)))


def test_without_hist_the_line_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "hist", None)
    with pytest.raises(ToolMissing, match="pip install hist"):
        residual_histogram(tmp_path)
