"""One check: every quantity against the reference, and which inputs explain what is found.

An input that is dead or has another gain spoils the predictions of its neighbours. So the input
that stands out most is taken out first and all others are judged again without it, until none
stands out; where many do, it is not the inputs that changed but what they look at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.sequential import ShiftEstimate, Verdict, judge
from pulsefront.monitor.batch import WatchedEvents
from pulsefront.monitor.gains import fit_gain_test
from pulsefront.monitor.profile import Profile, Watched
from pulsefront.monitor.shares import (
    count_estimates,
    figure_estimate,
    output_figures,
    peak_figures,
)

__all__ = ["MONTH_OF_HOURS", "Checked", "check"]

MONTH_OF_HOURS = 720.0
"""Checks between false alarms: one a month where checks are hourly."""

FEWEST_TAKEN_OUT = 3
"""So many inputs are taken out one by one, or a quarter of all where that is more."""

STILL = 0.02
"""An input whose spread is below this share of the reference's stands still."""

FAR_SIGMAS, CANDIDATES, EXPLAINING_EVENTS = 20.0, 5, 20_000
"""An input that stands out by more standard errors is not taken at its word: so many that stand
out most are tried, with so many events of the reference."""

PREFIX = "gain of "

Estimates = dict[str, ShiftEstimate | None]
"""Quantity → its estimate; None where it cannot be told."""

Past = Mapping[str, Sequence[ShiftEstimate | None]]


@dataclass(frozen=True)
class Checked:
    """What a check found.

    ``estimates`` go to the history; ``verdicts`` hold the quantities in order of how far they
    stand out. ``many`` is whether more inputs stand out than can be told apart.
    """

    estimates: Estimates
    verdicts: tuple[Verdict, ...]
    many: bool
    vectors: int

    @property
    def moved(self) -> tuple[Verdict, ...]:
        """What has moved."""
        return tuple(verdict for verdict in self.verdicts if verdict.moved)

    @property
    def untold(self) -> tuple[str, ...]:
        """What could not be compared, such as a photopeak of which events are too few."""
        return tuple(name for name, one in self.estimates.items() if one is None)


def check(
    profile: Profile,
    batch: WatchedEvents,
    past: Past | None = None,
    checks_between_false_alarms: float = MONTH_OF_HOURS,
) -> Checked:
    """Compare *batch* with the reference.

    Parameters
    ----------
    past
        Quantity → its estimates at earlier checks, oldest first, as `CheckHistory.past` gives them.
    checks_between_false_alarms
        How rare false alarms are to be, in checks.

    Raises
    ------
    DataError
        The batch does not fit the network.
    """
    profile.usable(batch)
    past = past or {}
    whole, watched = _whole_batch(profile, batch), profile.watched(batch)
    count = len(whole) + len(watched.names)

    def judged(estimates: Estimates) -> list[Verdict]:
        history = {name: [*past.get(name, ()), one] for name, one in estimates.items()}
        return judge(history, checks_between_false_alarms, comparisons=count)

    gains, many = _gains(watched, judged)
    estimates = {**whole, **gains}
    verdicts = sorted(judged(estimates), key=lambda one: -abs(one.sigmas) / one.limit_sigmas)
    return Checked(estimates, tuple(verdicts), many, len(batch.inputs))


def _whole_batch(profile: Profile, batch: WatchedEvents) -> Estimates:
    """Return the estimates of everything that is one number of the batch."""
    reference = profile.reference
    found: Estimates = {}
    for spectrum, figure in peak_figures(reference):
        charges = batch.spectra.get(spectrum)
        found[figure.name] = None if charges is None else figure_estimate(figure, charges)
    old, new = profile.outputs(reference.inputs), profile.outputs(batch.inputs)
    for column, name in enumerate(profile.output_names):
        for figure in output_figures(name, old[:, column]):
            found[figure.name] = figure_estimate(figure, new[:, column])
    return {**found, **count_estimates(reference, batch)}


def _gains(
    watched: Watched, judged: Callable[[Estimates], list[Verdict]]
) -> tuple[Estimates, bool]:
    """Return the estimate of every gain, and whether too many stand out."""
    names = [f"{PREFIX}{name}" for name in watched.names]
    most = max(FEWEST_TAKEN_OUT, len(names) // 4)
    found: Estimates = dict.fromkeys(names)
    columns, still = _live(watched)
    if still.any():
        whole = fit_gain_test(watched.reference, columns).estimates(watched.new)
        for column in columns[still[columns]]:
            one = whole.get(int(column))
            found[names[column]] = None if one is None else replace(one, shift=-1.0)
        columns = columns[~still[columns]]
    for left in range(most, -1, -1):
        test = fit_gain_test(watched.reference, columns)
        estimates = _named(test.estimates(watched.new), names)
        found |= estimates
        moved = sorted(
            (one for one in judged(estimates) if one.moved), key=lambda one: -abs(one.sigmas)
        )
        if not moved or len(columns) <= 2:
            return found, False
        if left == 0:
            return found, True
        worst = names.index(moved[0].name)
        if abs(moved[0].sigmas) > FAR_SIGMAS:
            worst = _explaining(watched, columns, [names.index(one.name) for one in moved])
        found[names[worst]] = test.refined(watched.new, worst)
        columns = columns[columns != worst]
    raise AssertionError("the last round returns")


def _named(told: Mapping[int, ShiftEstimate], names: Sequence[str]) -> Estimates:
    return {names[column]: estimate for column, estimate in told.items()}


def _explaining(watched: Watched, columns: NDArray[np.int64], moved: Sequence[int]) -> int:
    """Return which of the inputs that stand out explains the others: without it they do least.

    A gain far from the reference spoils what its neighbours are predicted to be by more than a
    linear estimate tells, and one of them may stand out more than the input itself.
    """
    reference = watched.reference[:EXPLAINING_EVENTS]

    def left(candidate: int) -> float:
        rest = fit_gain_test(reference, columns[columns != candidate]).estimates(watched.new)
        return sum(min(one.shift**2 / one.variance, 1e6) for one in rest.values())

    return min(moved[:CANDIDATES], key=left)


def _live(watched: Watched) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the inputs that vary in the reference, and of all whether they stand still now.

    An input that stands still has no gain to estimate: it is dead, whatever it is stuck at.
    """
    before, now = watched.reference.std(axis=0), watched.new.std(axis=0)
    return np.flatnonzero(before > 0), (before > 0) & (now < STILL * before)
