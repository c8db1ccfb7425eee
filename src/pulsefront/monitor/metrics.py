"""The newest check for Prometheus' textfile collector."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from pulsefront.monitor.check import Checked
from pulsefront.monitor.history import CheckHistory
from pulsefront.monitor.profile import Profile

__all__ = ["textfile"]

PREFIX = "pulsefront_monitor_"


def textfile(profile: Profile, checked: Checked, history: CheckHistory) -> str:
    """Return the newest check in the text exposition format; no clock time is in it."""
    registry = CollectorRegistry()
    registry.register(_Figures(profile, checked, history))
    return generate_latest(registry).decode()


class _Figures:
    """The metrics of a check, every one labelled with the network's name."""

    def __init__(self, profile: Profile, checked: Checked, history: CheckHistory) -> None:
        self.model = profile.model.name
        self.checked, self.history = checked, history

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        for name, meaning, value in (
            ("moved", "Quantities that have moved from the reference.", len(self.checked.moved)),
            ("quantities", "Quantities compared.", len(self.checked.verdicts)),
            ("vectors", "Input vectors of the newest check.", self.checked.vectors),
            ("checks", "Checks in the history.", len(self.history.checks)),
        ):
            family = GaugeMetricFamily(PREFIX + name, meaning, labels=["model"])
            family.add_metric([self.model], value)
            yield family
        sigmas = GaugeMetricFamily(
            f"{PREFIX}shift_over_limit",
            "Shift of a quantity in units of its limit; beyond 1 it has moved.",
            labels=["model", "quantity"],
        )
        for one in self.checked.verdicts:
            sigmas.add_metric([self.model, one.name], one.sigmas / one.limit_sigmas)
        yield sigmas
