"""Figures of finished studies in one table, each as the study states it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from pulsefront.errors import DataError
from pulsefront.studies.tidy import tidy_results


def results(name: str = "s", seed: int = 3) -> dict:
    row = {"ctr_fwhm_ps": 234.0, "ctr_fwhm_ps_low": 222.0, "ctr_fwhm_ps_high": 243.0}
    bare = {"ctr_fwhm_ps": 290.0, "something_else": 1.0}
    return {
        "study": name,
        "kind": "timing",
        "seed": seed,
        "study_sha256": "ab",
        "test": {
            "test_events": 1000,
            "estimators": {"network": row, "digital CFD": bare},
            "external": [
                {"name": "bench", "test_events": 50, "estimators": {"network": row}},
                {"name": "empty", "not_measured": "too few events"},
            ],
        },
    }


def write(folder: Path, content: object) -> Path:
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(content))
    return folder


def test_a_row_for_each_estimator_metric_and_set(tmp_path: Path) -> None:
    runs = [write(tmp_path / "a", results()), write(tmp_path / "b", results("t", 4))]
    table = tidy_results(runs)
    assert len(table) == 6
    first = table.iloc[0]
    assert (first["study"], first["test_set"], first["estimator"]) == ("s", "own", "network")
    assert (first["value"], first["low"], first["high"]) == (234.0, 222.0, 243.0)
    assert first["unit"] == "ps"
    assert set(table["metric"]) == {"ctr_fwhm_ps"}
    assert table[table["estimator"] == "digital CFD"]["low"].isna().all()
    assert set(table[table["test_set"] == "bench"]["test_events"]) == {50}
    one = tidy_results(tmp_path / "a" / "results.json")
    pd.testing.assert_frame_equal(one, table[:3])


def test_it_goes_through_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = tidy_results(write(tmp_path / "a", results()))
    table.to_parquet(tmp_path / "figures.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "figures.parquet"), table)


@pytest.mark.parametrize("content", ["{", "[]", '{"study": "s"}', None])
def test_what_holds_no_results_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(DataError, match="no results of a study"):
        tidy_results(tmp_path)
