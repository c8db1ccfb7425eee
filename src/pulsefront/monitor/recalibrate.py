"""Gains of all channels of a detector, relative to those of a reference.

The scores of `pulsefront.monitor.gains` tell what moved a channel whatever the others did. Here all
channels may have moved at once: gains are solved for together (generalized least squares), and
again on charges that are corrected by what was found, until nothing is left. No label is read, nor
does the place of the source matter, as long as events are spread over the detector as those of the
reference.

What all channels have in common (light yield, bias voltage) is no gain of one: it comes from the
photopeak of the sum. An offset does to the charges of a source nearly what a gain does, and is
measured where there is no light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.monitor.gains import (
    LEAST_RATIO,
    REFERENCE_ERRORS,
    gain_jacobian,
    mixing_of,
    scores_of,
)

__all__ = ["MOST_ERROR", "ChannelGains", "channel_gains", "share_elsewhere"]

Float = NDArray[np.float64]

ROUNDS = 20
SETTLED = 3e-4
"""Largest change of a gain in a round from which on gains have settled."""

MOST_ERROR = 0.02
"""Standard error of a gain: where events tell one less well, they are too few."""

MOST_ELSEWHERE = 0.03
"""Share of events, beyond chance, whose brightest channel would have to be another for channels to
be brightest as often as in the reference: `python tests/benchmarks/other_places.py` shows how wrong
gains are with it."""

LEAST_EVENTS = 2000
"""Fewer do not tell the covariance of the scores of 64 channels."""


@dataclass(frozen=True)
class ChannelGains:
    """Gains of the channels of a detector, from so many *events*.

    Attributes
    ----------
    gains
        (channel,) relative to the reference, 1 on average over the light.
    errors
        (channel,) standard errors; NaN of a channel that is dead, or was in the reference: its gain
        is left at 1.
    """

    gains: Float
    errors: Float
    events: int

    @property
    def untold(self) -> NDArray[np.intp]:
        """Channels whose gain cannot be told."""
        return np.flatnonzero(np.isnan(self.errors))


def channel_gains(reference: NDArray[np.integer], charges: NDArray[np.integer]) -> ChannelGains:
    """Return the gains with which *charges* look like the *reference*.

    Both are photopeak events, (event, channel) ADC counts.

    Raises
    ------
    DataError
        Another number of channels, too few events to tell a gain, gains that do not settle, or
        events that are spread over the detector in another way than those of the reference.
    """
    wanted, channels = reference.shape[1], charges.shape[1]
    if wanted != channels:
        raise DataError(
            f"holds {channels} channels, the reference {wanted}",
            field="events",
            remedy="give events of the detector that the export was made for",
        )
    if len(charges) < LEAST_EVENTS:
        raise DataError(
            f"{len(charges):,} photopeak events are too few for {channels} gains",
            field="events",
            remedy=f"give at least {LEAST_EVENTS:,} of them, better 20,000",
        )
    live = np.flatnonzero((np.ptp(reference, axis=0) > 0) & (np.ptp(charges, axis=0) > 0))
    known = _reference_of(reference[:, live])
    gains, errors = np.ones(channels), np.full(channels, np.nan)
    raw = np.asarray(charges[:, live], np.float64)
    for _ in range(ROUNDS):
        corrected = raw / gains[live]
        step = known.solve(corrected)
        gains[live] *= 1.0 + np.clip(step, -0.5, 0.5)
        light = corrected.mean(axis=0)
        gains[live] /= float(gains[live] @ light / light.sum())
        errors[live] = known.errors(len(charges)) * gains[live]
        if np.abs(step).max() < SETTLED:
            break
    else:
        raise DataError(
            "gains do not settle: the light is not spread as that of the reference",
            field="events",
            remedy="give a flood or a scan over the whole face, as the reference was",
        )
    _refuse_large_errors(known, len(charges))
    _refuse_other_places(reference[:, live], raw / gains[live])
    return ChannelGains(gains, errors, len(charges))


@dataclass(frozen=True)
class _Reference:
    """What scores a reference has, and how gains of all its channels move them."""

    mixing: Float
    sizes: Float
    total: float
    means: Float
    directions: Float
    """(score, channel): what weighs the scores of an event"""
    inverse: Float
    """(channel, channel): of one event, the covariance of the gains"""
    events: int

    def solve(self, charges: Float) -> Float:
        """Return gains less 1, (channel,)."""
        scaled = charges * (self.total / charges.sum(axis=1).mean())
        moved = scores_of(scaled, self.mixing, self.sizes).mean(axis=0) - self.means
        return np.asarray(self.inverse @ (self.directions.T @ moved), np.float64)

    def errors(self, events: float) -> Float:
        """Return the standard error of each gain from so many events, the reference's with it."""
        each = 1.0 / events + REFERENCE_ERRORS / self.events
        return np.asarray(np.sqrt(np.diag(self.inverse) * each), np.float64)


def _refuse_large_errors(known: _Reference, events: int) -> None:
    """Refuse events, or a reference, too few to tell a gain to `MOST_ERROR`."""
    worst = float(known.errors(events).max())
    if worst <= MOST_ERROR:
        return
    alone = float(known.errors(np.inf).max())
    if alone > 0.9 * MOST_ERROR:
        needed = int(np.ceil(known.events * 2.0 * (alone / MOST_ERROR) ** 2))
        raise DataError(
            f"its {known.events:,} events tell a gain to ±{100 * alone:.1f} % at best",
            field="profile",
            remedy=f"make it of {needed:,} photopeak events or more: pulsefront monitor profile",
        )
    needed = int(np.ceil(events * (worst**2 - alone**2) / (MOST_ERROR**2 - alone**2)))
    raise DataError(
        f"{events:,} photopeak events tell a gain to ±{100 * worst:.1f} % only",
        field="events",
        remedy=f"give at least {needed:,} of them",
    )


def _refuse_other_places(reference: NDArray[np.integer], corrected: Float) -> None:
    """Refuse events at other places than the reference's: gains would bear the difference."""
    elsewhere = share_elsewhere(reference, corrected)
    if elsewhere > MOST_ELSEWHERE:
        raise DataError(
            f"lie elsewhere than those of the reference, {100 * elsewhere:.0f} % of them: gains "
            "would be wrong by more than is said",
            field="events",
            remedy="irradiate what the reference saw, or make the profile of such a flood: "
            "pulsefront monitor profile RUN --events FLOOD",
        )


def share_elsewhere(reference: NDArray[np.integer], corrected: NDArray[np.number]) -> float:
    """Return the share of events at other places than the reference's, beyond chance.

    Both are charges (event, channel), gains corrected: which channel is brightest is compared.
    """
    often, now = (
        np.bincount(some.argmax(axis=1), minlength=some.shape[1]) / len(some)
        for some in (reference, corrected)
    )
    variance = often * (1.0 - often) * (1.0 / len(reference) + 1.0 / len(corrected))
    # Half the sum of absolute differences, less what two samples of one distribution have.
    chance = 0.5 * float(np.sqrt(2.0 / np.pi * variance).sum())
    return 0.5 * float(np.abs(now - often).sum()) - chance


def _reference_of(charges: NDArray[np.integer]) -> _Reference:
    x = np.asarray(charges, np.float64)
    mixing = mixing_of(x.T @ x / len(x))
    sizes = np.maximum(x.mean(axis=0), 1e-12)
    scores = scores_of(x, mixing, sizes)
    covariance = np.asarray(np.cov(scores, rowvar=False), np.float64)
    jacobian = gain_jacobian(x, mixing, sizes)
    directions = np.linalg.pinv(covariance, rcond=LEAST_RATIO, hermitian=True) @ jacobian
    # A gain that all have in common moves no score: that direction is left out.
    inverse = np.linalg.pinv(jacobian.T @ directions, rcond=LEAST_RATIO, hermitian=True)
    return _Reference(
        mixing,
        sizes,
        float(x.sum(axis=1).mean()),
        scores.mean(axis=0),
        np.asarray(directions, np.float64),
        np.asarray(inverse, np.float64),
        len(x),
    )
