"""The files of a night: scores as CSV and JSON, and figures for Prometheus."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pulsefront.files import atomic_path
from pulsefront.qc.alerts.records import Alert
from pulsefront.qc.nightly.night import NightReport
from pulsefront.qc.nightly.prometheus import textfile
from pulsefront.qc.nightly.run import SCORE_COLUMNS
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["METRICS_FILE", "scores_file", "write_metrics", "write_outputs", "write_private"]

METRICS_FILE = "pulsefront_qc.prom"

_PRIVATE, _PUBLIC = 0o640, 0o644  # Prometheus' collector runs as somebody else
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def scores_file(out: Path, as_of_s: int) -> Path:
    """Return the path of a night's JSON, which is written last."""
    return out / f"scores_{iso_date(as_of_s - DAY_S)}.json"


def write_outputs(night: NightReport, out: Path) -> None:
    """Write the files of a night into *out*, each whole.

    The metrics file always tells the newest night: telling an earlier one again leaves it alone.
    """
    run = night.run
    # An as-of instant is the end of a day: the files carry that day.
    day = iso_date(run.as_of_s - DAY_S)
    rows = [{**row.as_dict(), "as_of": day} for row in run.rows]
    write_private(out / f"scores_{day}.csv", _csv(rows))
    content = {
        "run_id": run.run_id,
        "as_of": day,
        "model": run.model_name,
        "model_hash": run.model_hash,
        "code": run.code,
        "data_hash": run.data_hash,
        "threshold": run.threshold,
        "false_alerts_per_unit_year": run.false_alerts_per_unit_year,
        "confidence": run.confidence,
        "scored": len(run.rows) - run.abstained,
        "abstained": run.abstained,
        "at_threshold": run.alerts,
        "alerts_opened": night.opened,
        "alerts_not_closed": sum(alert.state != "closed" for alert in night.alerts),
        "quarantined": run.quarantined,
        "failed_units": run.failed_units,
        "alerts": [_alert(alert) for alert in night.alerts],
        "scores": rows,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    if night.newest:
        _write(out / METRICS_FILE, textfile(night), _PUBLIC)
    write_private(scores_file(out, run.as_of_s), text + "\n")  # the last one: all are there


def write_metrics(night: NightReport, out: Path) -> None:
    """Write the figures for Prometheus alone, of a night without scores."""
    _write(out / METRICS_FILE, textfile(night), _PUBLIC)


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner and the group may read, whole."""
    _write(path, text, _PRIVATE)


def _write(path: Path, text: str, mode: int) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(mode)


def _alert(alert: Alert) -> dict[str, Any]:
    times = ("opened_s", "quiet_until_s", "updated_s", "closed_s", "snoozed_until_s")
    content = {name: value for name, value in vars(alert).items() if name not in times}
    for name in times:
        instant = getattr(alert, name)
        content[name.removesuffix("_s")] = None if instant is None else iso_date(instant - DAY_S)
    return content


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, SCORE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def _harmless(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: names come out of logs."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
