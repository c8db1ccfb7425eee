"""Figures of the newest night for Prometheus' textfile collector, by site.

No clock time is in it, so that a repeated run writes the same bytes; the collector itself exports
the age of the file (``node_textfile_mtime_seconds``), which is what to watch for a dead job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)

from pulsefront.qc.nightly.night import NightReport

__all__ = ["textfile"]

_PREFIX = "pulsefront_qc_"


def textfile(night: NightReport) -> str:
    """Return the metrics of a night in the text exposition format."""
    registry = CollectorRegistry()
    registry.register(_Figures(night))
    return generate_latest(registry).decode()


class _Figures:
    """The metrics of a night. prometheus_client's own counters would add the time of the clock."""

    def __init__(self, night: NightReport) -> None:
        self.night = night

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        night, run = self.night, self.night.run
        site_of = night.site_of
        sites = sorted({site_of.get(row.unit_id, "") for row in run.rows})

        def of(units: Iterable[str]) -> Mapping[str, int]:
            counts = Counter(site_of.get(unit_id, "") for unit_id in units)
            return {site: counts[site] for site in {*sites, *counts}}

        decided = [row.unit_id for row in run.rows if row.decision != "no decision"]
        by_site = {
            "units": ("Units with known QC.", of({row.unit_id for row in run.rows})),
            "scored": ("Components with a decision.", of(decided)),
            "abstained": (
                "Components without a decision.",
                of(row.unit_id for row in run.rows if row.decision == "no decision"),
            ),
            "at_threshold": (
                "Components whose score is at the threshold or above, told already or not.",
                of(row.unit_id for row in run.rows if row.decision == "alert"),
            ),
            "alerts": (
                "Alerts that are not closed.",
                of(alert.unit_id for alert in night.alerts if alert.state != "closed"),
            ),
            "failed_units": ("Units that could not be scored.", of(run.failed_units)),
        }
        instant = ("As-of instant of the newest night that was scored.", run.as_of_s)
        yield _gauge("last_success_as_of_seconds", *instant)
        for name, (meaning, values) in by_site.items():
            family = GaugeMetricFamily(_PREFIX + name, meaning, labels=["site"])
            for site in sorted(values):
                family.add_metric([site], values[site])
            yield family
        opened = CounterMetricFamily(
            f"{_PREFIX}alerts_opened", "Alerts opened since the first night.", labels=["site"]
        )
        for site in sorted({*sites, *night.opened_so_far}):
            opened.add_metric([site], night.opened_so_far.get(site, 0))
        yield opened
        yield _gauge("quarantined", "Rows in quarantine.", run.quarantined)
        drifted = len(night.drift.drifted) if night.drift else 0
        yield _gauge("inputs_drifted", "Inputs of the model beyond their threshold.", drifted)
        info = InfoMetricFamily(f"{_PREFIX}run", "Names of the newest night's run.")
        names = {
            "run_id": run.run_id, "model": run.model_name, "model_hash": run.model_hash,
            "code": run.code, "data_hash": run.data_hash,
        }  # fmt: skip
        info.add_metric([], names)
        yield info


def _gauge(name: str, meaning: str, value: int) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, meaning, value=value)
