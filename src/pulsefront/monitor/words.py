"""What a check found, in words: what moved, by how much, since when, and what moves it so."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from pulsefront.evaluate.sequential import Verdict
from pulsefront.monitor.check import PREFIX, Checked

__all__ = ["amount", "cause", "findings", "is_gain"]

DEAD, FAR = -0.95, 0.3
"""Relative gains below which an input is dead, and beyond which it hardly drifted there."""


def is_gain(name: str) -> bool:
    """Return whether a quantity is the gain of one input."""
    return name.startswith(PREFIX)


def _is_ratio(name: str) -> bool:
    """Return whether a shift is the logarithm of a ratio."""
    return name.endswith((", position", ", width", ", spread", "event rate"))


def amount(verdict: Verdict, unit: str = "") -> str:
    """Return a shift with its standard error, in per cent or in the output's unit."""
    name = verdict.name
    if name.endswith(", mean"):
        return f"{verdict.shift:+.3g} ± {verdict.error:.2g} {unit}".rstrip()
    shift = exp(min(verdict.shift, 50.0)) - 1 if _is_ratio(name) else verdict.shift
    scale = exp(min(verdict.shift, 50.0)) if _is_ratio(name) else 1.0
    kind = "percentage points" if "share" in name or "flagged" in name else "%"
    return f"{100 * shift:+.2f} ± {100 * verdict.error * scale:.2f} {kind}"


def cause(verdict: Verdict) -> str:
    """Return what a shift of this quantity stands for."""
    name = verdict.name
    if is_gain(name):
        if verdict.shift < DEAD:
            return "dead"
        if abs(verdict.shift) > FAR:
            return "far from the reference: nearly dead, hot, or another channel"
        return "gain or baseline of this input alone"
    if name.endswith(", position"):
        return "all inputs alike: temperature, bias voltage, light yield or coupling"
    if name.endswith(", width"):
        return "energy resolution: noise, gains that differ, pile-up"
    if name.endswith(", share of events"):
        return "spectrum: background, scatter, pile-up, trigger"
    if name.startswith("output "):
        return "what the network says: follows from the inputs, or from where the events lie"
    if name == "flagged events":
        return "saturation, pile-up, bad baselines"
    return "source or rate"


def findings(checked: Checked, times: Sequence[str], unit: str = "") -> list[str]:
    """Return a sentence for everything that moved, gains first, for they explain the rest.

    Where too many gains differ to be told apart, what all inputs have in common explains more: it
    comes first, and the gains are told in one sentence; a dead input is named all the same.

    Parameters
    ----------
    times
        Of the checks that were judged, the newest last.
    """
    gains = [one for one in checked.moved if is_gain(one.name)]
    others = [one for one in checked.moved if not is_gain(one.name)]
    dead = [one for one in gains if one.shift < DEAD]
    moved = [*dead, *others] if checked.many else [*gains, *others]
    sentences = [
        f"{one.name}: {amount(one, unit)} ({cause(one)}), since {times[one.since or 0]}; "
        f"{abs(one.sigmas):.1f} standard errors, limit {one.limit_sigmas:.1f}"
        for one in moved
    ]
    if checked.many:
        sentences.append(
            f"{len(gains)} inputs differ, more than can be told apart: another detector, new "
            "gains, other pulses, or events from other places than those of the reference"
        )
    return sentences
