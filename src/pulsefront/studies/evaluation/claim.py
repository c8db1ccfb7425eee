"""A claim measured on some events, and whether events are enough to measure it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from pulsefront.errors import ConfigError, DataError
from pulsefront.evaluate import Interval
from pulsefront.events.container import EventTable
from pulsefront.studies.evaluation.frozen import FrozenNetwork
from pulsefront.studies.evaluation.records import ClaimFound, ClaimPower, Verdict
from pulsefront.studies.evaluation.settings import Claim, EvaluationSet
from pulsefront.studies.kinds.base import ExternalMeasures
from pulsefront.studies.metrics import Metric

__all__ = [
    "Pilot",
    "claim_in_words",
    "judge",
    "measure_claim",
    "pilot_of",
    "power_for",
    "refuse_too_few",
]

FROZEN = " (frozen)"
"""After the baseline's name: estimators that iterate for every event are compared with as well."""


@dataclass(frozen=True)
class Pilot:
    """Value or gain that a claim is about, of the development study's test events.

    Its variance has a part that falls with the number of events and one that falls with that of
    positions, where these are resampled as wholes.
    """

    value: float
    events: int
    positions: int
    variance_within: float
    variance_between: float

    def standard_error(self, events: int, positions: int | None = None) -> float:
        """Return it for another number of events; at as many positions where left out."""
        share = 1.0 if positions is None else self.positions / max(positions, 1)
        return math.sqrt(
            self.variance_within * self.events / events + self.variance_between * share
        )

    def needed(self, variance: float, positions: int | None = None) -> tuple[int, int]:
        """Return the events, and the positions that they lie at, which bring it to *variance*.

        At *positions* if that is possible; otherwise at more, with as many events at each as here.
        """
        at = self.positions if positions is None else max(positions, 1)
        left = variance - self.variance_between * self.positions / at
        if left > 0:
            return max(2, math.ceil(self.variance_within * self.events / left)), at
        total = self.variance_within + self.variance_between
        at = math.ceil(self.positions * total / variance)
        return max(2, math.ceil(self.events * total / variance)), at


def claim_in_words(claim: Claim, metric: Metric, baseline: str) -> str:
    """Return the claim as a sentence."""
    if claim.bound is not None:
        return (
            f"the network's {metric.words} lies {claim.direction} {claim.bound:g} {metric.unit} "
            f"(one-sided alpha {claim.alpha:g})"
        )
    margin = claim.margin_percent or 0.0
    if margin < 0:
        return (
            f"the network's {metric.words} is not more than {-margin:g} % "
            f"{'above' if claim.direction == 'below' else 'below'} that of {baseline} "
            f"(one-sided alpha {claim.alpha:g})"
        )
    more = f"by more than {margin:g} % " if margin > 0 else ""
    return (
        f"the network's {metric.words} lies {more}{claim.direction} that of {baseline} "
        f"(one-sided alpha {claim.alpha:g})"
    )


def measure_claim(
    frozen: FrozenNetwork, events: EventTable, claim: Claim, metric: Metric
) -> tuple[Interval, ExternalMeasures]:
    """Return the value or gain that the claim is about, and all else that was measured.

    Raises
    ------
    DataError
        The events cannot tell the metric, or are too few for an interval.
    """
    rival = f"{frozen.baseline}{FROZEN}"
    measures = frozen.kind.evaluate_external(
        events, frozen.outputs(events), {rival: frozen.baseline_estimates(events)}
    )
    network, gains = measures.estimators["network"], measures.gain_over_baselines
    if claim.bound is not None and metric.key in network:
        return network[metric.key], measures
    if claim.bound is None and metric.key in gains:
        gain = gains[metric.key].gain_percent
        return (gain if claim.direction == "below" else _turned(gain)), measures
    raise DataError(
        "these events do not tell the metric of the claim",
        field="claim.metric",
        value=metric.key,
        remedy=f"they tell {', '.join(network.intervals if claim.bound is not None else gains)}",
    )


def judge(tested: Interval, claim: Claim) -> ClaimFound:
    """Return what an interval says of the claim."""
    if claim.bound is None:
        threshold = claim.margin_percent or 0.0
        holds, fails = tested.low > threshold, tested.high < threshold
    else:
        threshold = claim.bound
        below, above = tested.high < threshold, tested.low > threshold
        holds, fails = (below, above) if claim.direction == "below" else (above, below)
    verdict: Verdict = "confirmed" if holds else "contradicted" if fails else "not confirmed"
    return ClaimFound(verdict=verdict, tested=tested, threshold=threshold)


def pilot_of(frozen: FrozenNetwork, claim: Claim, metric: Metric) -> Pilot:
    """Return value and spread on the test events of the development study."""
    events = frozen.kind.test_events(frozen.folders)
    whole, measures = measure_claim(frozen, events, claim, metric)
    total = _standard_error(whole, claim) ** 2
    within = total
    if "grid_index" in events.columns:
        alone = np.column_stack([np.arange(len(events)), np.zeros(len(events), np.int64)])
        apart = events.with_columns({"grid_index": alone}, {})
        single, _ = measure_claim(frozen, apart, claim, metric)
        within = min(total, _standard_error(single, claim) ** 2)
    if claim.standard_error is None or claim.standard_error_events is None:
        return Pilot(
            whole.value, len(events), measures.test_positions, within, max(0.0, total - within)
        )
    return Pilot(
        whole.value,
        claim.standard_error_events,
        measures.test_positions,
        claim.standard_error**2,
        0.0,
    )


def _standard_error(interval: Interval, claim: Claim) -> float:
    return (interval.high - interval.low) / (2 * float(special.ndtri(1 - claim.alpha)))


def power_for(
    pilot: Pilot,
    claim: Claim,
    chosen: EvaluationSet,
    usable: int | None,
    positions: int | None = None,
) -> ClaimPower:
    """Return the chance to confirm the claim with so many usable events.

    The estimate is taken as normal about its expected value (the one-sided z test); what stands
    between positions shrinks only with more of these.
    """
    expected = pilot.value if claim.expected is None else claim.expected
    row = ClaimPower(
        set_name=chosen.name,
        expected=expected,
        expected_from="the development study" if claim.expected is None else "the plan",
        usable_events=usable,
        positions=positions,
    )
    if claim.bound is None:
        room = expected - (claim.margin_percent or 0.0)
    else:
        room = claim.bound - expected if claim.direction == "below" else expected - claim.bound
    z_alpha, z_power = float(special.ndtri(1 - claim.alpha)), float(special.ndtri(claim.power))
    if room > 0:
        target = (room / (z_alpha + z_power)) ** 2
        needed, at = pilot.needed(target, positions)
        row = row.model_copy(update={"needed": needed, "needed_positions": at})
    if usable is None:
        return row
    error = pilot.standard_error(usable, positions)
    power = float(special.ndtr(room / error - z_alpha)) if error > 0 else float(room > 0)
    return row.model_copy(
        update={
            "standard_error": error,
            "power": power,
            "enough": power >= claim.power,
        }
    )


def refuse_too_few(row: ClaimPower, claim: Claim, number: int) -> None:
    """Refuse a set that cannot show the claim, unless the plan says that it may.

    Raises
    ------
    ConfigError
        Its power is below that asked for.
    """
    if row.enough is not False or claim.underpowered:
        return
    if row.needed is None:
        raise ConfigError(
            f"is not what {row.expected_from} expects ({row.expected:.4g}): no number of events "
            "would confirm it",
            field="claim.bound" if claim.bound is not None else "claim.margin_percent",
            value=claim.bound if claim.bound is not None else claim.margin_percent,
            remedy="state another claim or claim.expected before the data are opened, or set "
            "claim.underpowered = true",
        )
    usable, needed, at = row.usable_events or 0, row.needed, row.needed_positions or 0
    few_positions = row.positions is not None and at > row.positions
    where = f" at {row.positions:,} positions or offsets" if few_positions else ""
    problem = (
        f"{usable:,} usable events of {row.set_name!r}{where} confirm the claim with a chance "
        f"of {row.power:.2f}, and {claim.power:g} is asked for: "
    )
    if few_positions:
        problem += (
            f"the positions are too few, or the claim is too tight for them; about {at:,} are "
            f"needed, with {needed:,} events in all"
        )
        more = (
            "measure at more positions; a simulated set lies between the training positions of the "
            "development study, whose smaller scan.pitch_mm or more offsets give more"
        )
    else:
        problem += f"about {needed:,} at {at:,} positions or offsets are needed"
        more = "give more events"
    raise ConfigError(
        problem,
        field=f"external.{number}.events",
        value=row.usable_events,
        remedy=f"{more}; or claim less, {_within_reach(row, claim)}; or set claim.underpowered = "
        "true, and the report says so first",
    )


def _within_reach(row: ClaimPower, claim: Claim) -> str:
    """Return the claim that such a set confirms with the power asked for."""
    z = float(special.ndtri(1 - claim.alpha) + special.ndtri(claim.power))
    room = z * (row.standard_error or 0.0)
    if claim.bound is None:
        return f"claim.margin_percent = {_rounded(row.expected - room, up=False):g}"
    lower = claim.direction == "below"
    return f"claim.bound = {_rounded(row.expected + room * (1 if lower else -1), up=lower):g}"


def _rounded(value: float, *, up: bool) -> float:
    """Return a number in three digits that asks for no more than *value* does."""
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 1.0
    return (math.ceil if up else math.floor)(value / step) * step


def _turned(gain: Interval) -> Interval:
    return Interval(-gain.value, -gain.high, -gain.low, gain.confidence)
