"""Results of a run in MLflow itself: each figure once, as the run has it.

``pip install mlflow`` adds what is asked.
"""

from __future__ import annotations

import json

import pytest

from pulsefront.errors import DataError, ExportError
from pulsefront.studies.run import run_study
from pulsefront.studies.tidy import tidy_results
from pulsefront.studies.tracking import log_to_mlflow
from studies_small import TIMING_CHANGES, small

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]


def test_a_run_is_logged_once_with_every_figure(tmp_path, monkeypatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)  # where MLflow puts the files of a store of its own
    (tmp_path / "study.toml").write_text(small("timing_lyso_pair", TIMING_CHANGES))
    run = run_study(tmp_path / "study.toml", tmp_path / "run", lambda _: None)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    number = log_to_mlflow(run, "bench", tracking_uri=uri)
    assert log_to_mlflow(run, "bench", tracking_uri=uri) == number
    client = mlflow.MlflowClient(uri)
    found = client.get_run(number)
    table = tidy_results(run)
    own = table[(table["test_set"] == "own") & (table["estimator"] == "network")]
    assert len(own) >= 3
    for row in own.to_dict("records"):
        assert found.data.metrics[f"own/network/{row['metric']}"] == row["value"]
    results = json.loads((run / "results.json").read_text())
    assert found.data.metrics["model/weight_bytes"] == results["model"]["weight_bytes"]
    assert found.data.metrics["verification/mismatches"] == 0
    assert found.data.params["seed"] == str(results["seed"])
    kept = {one.path for one in client.list_artifacts(number)}
    assert {"report.html", "results.json", "model_card.md", "data_card.md", "model.json"} <= kept
    with pytest.raises(DataError, match="no results of a study"):
        log_to_mlflow(tmp_path, "bench", tracking_uri=uri)
    with pytest.raises(ExportError, match=r"MLflow refuses.*the run itself is complete"):
        log_to_mlflow(run, "", tracking_uri=uri)
