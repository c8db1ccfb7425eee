"""Results of a finished study in MLflow, where a group keeps those of all its training there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.files import hash_file
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.records import ModelRecord
from pulsefront.studies.tidy import tidy_results

__all__ = ["log_to_mlflow", "require_mlflow"]

FILES = ("results.json", "report.html", "model_card.md", "data_card.md", "study.toml")
"""Of a run directory, that are kept as artifacts beside the model."""

RESULTS_TAG = "pulsefront.results_sha256"

_COUNTS = {
    "model": ("weight_bytes", "macs", "ebops"),
    "verification": ("integers_compared", "mismatches"),
}
"""Of the results, what is logged beside the metrics of the test."""

_PARTS = ("events_train", "events_selection", "events_test")

_NOT_IN_NAMES = re.compile(r"[^\w\-. :/]", re.ASCII)
"""Signs that MLflow refuses in names of metrics."""


def require_mlflow() -> Any:
    """Return the package ``mlflow``.

    Raises
    ------
    ToolMissing
        It is not installed; pulsefront never brings it.
    """
    try:
        import mlflow
    except ModuleNotFoundError:
        raise ToolMissing(
            "mlflow",
            needed_for="results in MLflow",
            install="install it with: pip install mlflow",
        ) from None
    return mlflow


def log_to_mlflow(
    directory: str | Path, experiment: str, *, tracking_uri: str | None = None
) -> str:
    """Log a finished run directory to MLflow and return the identifier of MLflow's run.

    Metrics are the rows of `tidy_results`, ``TEST SET/ESTIMATOR/metric_unit`` with ``_low`` and
    ``_high`` of the interval, bytes, operations and differing integers; parameters say study, seed,
    detector, network and numbers of events; artifacts are report, results, both cards, the study
    and the model. The same results are logged once: a second call returns the run of the first.

    Parameters
    ----------
    experiment
        Name of the experiment; it is made where there is none.
    tracking_uri
        Where MLflow keeps its runs; as MLflow itself decides where left out, by
        ``MLFLOW_TRACKING_URI``.

    Raises
    ------
    ToolMissing
        MLflow is not installed.
    DataError
        The directory holds no results of a study.
    ExportError
        MLflow refuses, or is not there.
    """
    mlflow = require_mlflow()
    directory = Path(directory)
    tidy_results(directory)  # refuses what holds no results
    content = json.loads((directory / "results.json").read_bytes())
    figures, parameters = _figures(directory, content), _parameters(content)
    tags = {
        RESULTS_TAG: hash_file(directory / "results.json"),
        "pulsefront.study_sha256": content["study_sha256"],
        "pulsefront.version": content["environment"]["pulsefront"],
    }
    try:
        client = mlflow.MlflowClient(tracking_uri=tracking_uri)
        known = client.get_experiment_by_name(experiment)
        number = client.create_experiment(experiment) if known is None else known.experiment_id
        logged = client.search_runs(
            [number],
            f"tags.`{RESULTS_TAG}` = '{tags[RESULTS_TAG]}' and attributes.status = 'FINISHED'",
        )
        if logged:
            return str(logged[0].info.run_id)
        run = client.create_run(number, run_name=content["study"], tags=tags)
        run_id = str(run.info.run_id)
        entities = mlflow.entities
        client.log_batch(
            run_id,
            metrics=[entities.Metric(*row, run.info.start_time, 0) for row in figures.items()],
            params=[entities.Param(*row) for row in parameters.items()],
        )
        for path in (*(directory / name for name in FILES), RunFolders(directory / "steps").model):
            client.log_artifact(run_id, str(path))
        client.set_terminated(run_id)
    except mlflow.exceptions.MlflowException as error:
        raise ExportError(
            f"MLflow refuses: {str(error).splitlines()[0]}",
            field="mlflow",
            value=experiment,
            remedy="the run itself is complete; see to MLFLOW_TRACKING_URI and log it again",
        ) from error
    return run_id


def _figures(directory: Path, content: Mapping[str, Any]) -> dict[str, float]:
    """Return every metric that is a number, by its name."""
    found: dict[str, float] = {}
    for row in tidy_results(directory).to_dict("records"):
        name = _NOT_IN_NAMES.sub("_", f"{row['test_set']}/{row['estimator']}/{row['metric']}")
        for suffix, value in (("", row["value"]), ("_low", row["low"]), ("_high", row["high"])):
            found[name + suffix] = math.nan if value is None else float(value)
    for part, names in _COUNTS.items():
        found |= {f"{part}/{name}": float(content[part][name]) for name in names}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _parameters(content: Mapping[str, Any]) -> dict[str, str]:
    model = ModelRecord.model_validate(content["model"])
    return {
        **{name: str(content[name]) for name in ("study", "kind", "seed")},
        "network": str(model.architecture),
        "weight_bits": ", ".join(map(str, model.architecture.weight_bits or ())),
        "inputs_kept": str(len(model.kept_inputs)),
        **{name: str(content["data"][name]) for name in _PARTS},
    }
