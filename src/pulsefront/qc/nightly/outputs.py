"""The files of a night: scores as CSV and JSON, and figures for Prometheus."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pulsefront.files import write_json, write_text
from pulsefront.qc.nightly.prometheus import textfile
from pulsefront.qc.nightly.run import SCORE_COLUMNS, ScoreRun
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["write_outputs"]


def write_outputs(run: ScoreRun, model: str, out: Path) -> None:
    """Write the files of a run into *out*, each whole; *model* is the model's name."""
    # An as-of instant is the end of a day: the files carry that day.
    day = iso_date(run.as_of_s - DAY_S)
    rows = [{**row.as_dict(), "as_of": day} for row in run.rows]
    write_text(out / f"scores_{day}.csv", _csv(rows))
    write_json(
        out / f"scores_{day}.json",
        {
            "run_id": run.run_id,
            "as_of": day,
            "model": model,
            "model_hash": run.model_hash,
            "data_hash": run.data_hash,
            "confidence": run.confidence,
            "scored": len(run.rows) - run.abstained,
            "abstained": run.abstained,
            "alerts": run.alerts,
            "quarantined": run.quarantined,
            "failed_units": run.failed_units,
            "scores": rows,
        },
    )
    write_text(out / "pulsefront_qc.prom", textfile(run))


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, SCORE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
