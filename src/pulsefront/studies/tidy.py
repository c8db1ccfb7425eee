"""The figures of finished studies as one tidy table: a row for each estimator, metric and set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulsefront.errors import DataError
from pulsefront.studies.metrics import metric_named

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["tidy_results"]

COLUMNS = (
    "study", "kind", "seed", "study_sha256", "test_set", "test_events", "estimator", "metric",
    "unit", "value", "low", "high",
)  # fmt: skip


def tidy_results(runs: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Return the figures of runs; ``.to_parquet(PATH)`` of it keeps them.

    Parameters
    ----------
    runs
        One or several run directories, or their ``results.json``.

    Returns
    -------
    One row per study, test set (``own`` or the name of an external one), estimator and metric, with
    the ends of the 95 % interval that the study states, NaN where there is none.

    Raises
    ------
    DataError
        There is no such file, or it holds no results of a study.
    """
    import pandas as pd

    paths = [runs] if isinstance(runs, str | Path) else list(runs)
    rows = [row for path in paths for row in _rows(Path(path))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    file = path / "results.json" if path.is_dir() else path
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
        study = {name: results[name] for name in COLUMNS[:4]}
        sets = {"own": results["test"]}
        sets.update({one["name"]: one for one in results["test"].get("external") or ()})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "holds no results of a study",
            file=file,
            remedy="name a directory that pulsefront run has finished",
        ) from error
    for name, one in sets.items():
        for estimator, figures in (one.get("estimators") or {}).items():
            for metric, unit, value in _metrics(figures):
                yield {
                    **study,
                    "test_set": name,
                    "test_events": one.get("test_events"),
                    "estimator": estimator,
                    "metric": metric,
                    "unit": unit,
                    "value": value,
                    "low": figures.get(f"{metric}_low"),
                    "high": figures.get(f"{metric}_high"),
                }


def _metrics(figures: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Yield key, unit and value of what is a metric, not the end of an interval."""
    for key, value in figures.items():
        try:
            yield key, metric_named(key).unit, value
        except ValueError:
            continue
