"""Fitted classical estimators come back from their files to the bit, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.estimators.position.anger import fit_anger
from pulsefront.estimators.position.light_response import fit_light_response
from pulsefront.estimators.position.neighbours import fit_nearest_neighbours
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.frozen import freeze_estimator, thaw_estimator
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.load import load_study


def test_frozen_times_are_those_that_were_compared(timing_run: Path) -> None:
    folders = RunFolders(timing_run / "steps")
    kind = kind_of(load_study(timing_run / "study.toml")[0])
    test = kind.test_events(folders)
    rows = json.loads(folders.baselines.read_bytes())
    with np.load(folders.estimates) as arrays:
        found = {
            row["name"]: (arrays[str(k)], folders.frozen_estimator(k)) for k, row in enumerate(rows)
        }
    frozen = {name for name, (_, path) in found.items() if path.is_file()}
    assert set(found) - frozen == {"boosted trees"}
    for name in frozen:
        estimates, path = found[name]
        again = kind.estimate_with(thaw_estimator(path), test)
        np.testing.assert_array_equal(again, estimates, err_msg=name)


def test_frozen_positions_are_those_of_the_fitted_estimator(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    sensors = np.array([(x, y) for y in (-6.0, -2.0, 2.0, 6.0) for x in (-6.0, -2.0, 2.0, 6.0)])
    truth = np.column_stack([random.uniform(-7, 7, (900, 2)), random.uniform(0, 10, 900)])
    distance = ((truth[:, None, :2] - sensors) ** 2).sum(axis=2)
    charges = random.poisson(4000 / (20 + distance + truth[:, 2:] ** 2)).astype(np.uint16)
    parts = (charges[:600], truth[:600], charges[600:], truth[600:])
    extent = ((-8.0, 8.0), (-8.0, 8.0), (0.0, 10.0))
    for number, fitted in enumerate(
        (
            fit_anger(*parts, sensors),
            fit_nearest_neighbours(*parts, most_references=500, most_selection=200, seed=1),
            fit_light_response(*parts, extent_mm=extent),
        )
    ):
        path = tmp_path / f"{number}.npz"
        assert freeze_estimator(fitted, path)
        again = thaw_estimator(path)
        np.testing.assert_array_equal(again.estimate(charges), fitted.estimate(charges))


def test_what_is_no_record_of_ours_is_neither_written_nor_read(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    assert not freeze_estimator(Path("x"), path)
    assert not path.exists()
    about = {
        "format": "pulsefront frozen estimator 1",
        "estimator": {"class": "subprocess:Popen", "fields": {"args": {"tuple": ["true"]}}},
    }
    np.savez(path, about=np.array(json.dumps(about)))
    with pytest.raises(DataError, match="holds no frozen estimator"):
        thaw_estimator(path)
