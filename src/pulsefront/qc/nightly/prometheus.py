"""Figures of a scoring run for Prometheus' textfile collector.

No clock time is in it, so that a repeated run writes the same bytes; the collector itself exports
the age of the file (``node_textfile_mtime_seconds``), which is what to watch for a dead job.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, Info, generate_latest

from pulsefront.qc.nightly.run import ScoreRun

__all__ = ["textfile"]


def textfile(run: ScoreRun) -> str:
    """Return the metrics of a run in the text exposition format."""
    metrics = {
        "last_success_as_of_seconds": ("As-of instant of the last finished run.", run.as_of_s),
        "units": ("Units with known QC.", len({row.unit_id for row in run.rows})),
        "scored": ("Components with a decision.", len(run.rows) - run.abstained),
        "abstained": ("Components without a decision.", run.abstained),
        "alerts": ("Components with an alert.", run.alerts),
        "failed_units": ("Units that could not be scored.", len(run.failed_units)),
        "quarantined": ("Rows in quarantine.", run.quarantined),
    }
    registry = CollectorRegistry()
    for name, (meaning, value) in metrics.items():
        Gauge(f"pulsefront_qc_{name}", meaning, registry=registry).set(value)
    names = {"run_id": run.run_id, "model_hash": run.model_hash}
    Info("pulsefront_qc_run", "Names of the last finished run.", registry=registry).info(names)
    return generate_latest(registry).decode()
