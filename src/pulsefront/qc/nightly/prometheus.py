"""Figures of a scoring run for Prometheus' textfile collector.

No clock time is in it, so that a repeated run writes the same bytes; the collector itself exports
the age of the file (``node_textfile_mtime_seconds``), which is what to watch for a dead job.
"""

from __future__ import annotations

from pulsefront.qc.nightly.run import ScoreRun

__all__ = ["textfile"]


def textfile(run: ScoreRun) -> str:
    """Return the metrics of a run in the text exposition format."""
    units = {row.unit_id for row in run.rows}
    metrics = [
        ("last_success_as_of_seconds", "As-of instant of the last finished run", run.as_of_s),
        ("units", "Units with known QC", len(units)),
        ("scored", "Components with a decision", len(run.rows) - run.abstained),
        ("abstained", "Components without a decision", run.abstained),
        ("alerts", "Components with an alert", run.alerts),
        ("failed_units", "Units that could not be scored", len(run.failed_units)),
        ("quarantined", "Rows in quarantine", run.quarantined),
    ]
    lines = []
    for name, meaning, value in metrics:
        lines += [
            f"# HELP pulsefront_qc_{name} {meaning}.",
            f"# TYPE pulsefront_qc_{name} gauge",
            f"pulsefront_qc_{name} {value}",
        ]
    lines += [
        "# HELP pulsefront_qc_run_info Names of the last finished run.",
        "# TYPE pulsefront_qc_run_info gauge",
        f'pulsefront_qc_run_info{{run_id="{run.run_id}",model_hash="{run.model_hash}"}} 1',
    ]
    return "\n".join(lines) + "\n"
