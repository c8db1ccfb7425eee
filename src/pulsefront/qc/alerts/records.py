"""What is known of an alert: as it stands, and every change that brought it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Alert",
    "AlertChange",
    "AlertState",
    "ChangeKind",
    "Outcome",
]

AlertState = Literal["open", "acknowledged", "snoozed", "closed"]

Outcome = Literal["true", "too late", "false", "undecided"]
"""*true*: the component failed within (lead, lead + horizon] days; *too late*: within the lead;
*false*: it did not fail; *undecided*: not yet known, or a replacement came before."""

ChangeKind = Literal[
    "opened",
    "updated",
    "acknowledged",
    "snoozed",
    "woken",
    "closed",
    "outcome",
]
"""*updated*: the probability last told no longer lies in the interval; *woken*: a snooze ended;
*outcome*: a later service record decided what the alert was worth."""


@dataclass(frozen=True)
class Alert:
    """An alert of one component.

    Times are as-of instants, the end of a night's day, in seconds since 1970 UTC.

    Attributes
    ----------
    opened_s, quiet_until_s
        The night that opened it, and the first one on which the component may open another.
    closed_s
        The night of its closing, None while it is not closed.
    snoozed_until_s
        The night from which on people are told again, None where it is not snoozed.
    probability, probability_low, probability_high
        The score of the last night with a decision.
    opening_probability, highest_probability
        The score that opened it, and the highest since.
    suppressed
        Whether the component is in service: nobody is told anything meanwhile.
    closed_reason, outcome_reason
        In words; empty where there is nothing to say.
    lead_days
        From the opening to the failure, None where there was none.
    """

    alert_id: int
    unit_id: str
    component_id: str
    site: str
    state: AlertState
    opened_s: int
    quiet_until_s: int
    updated_s: int
    closed_s: int | None
    snoozed_until_s: int | None
    threshold: float
    probability: float
    probability_low: float
    probability_high: float
    opening_probability: float
    highest_probability: float
    reasons: str
    suppressed: bool
    acted_by: str
    acted_why: str
    closed_reason: str
    outcome: Outcome
    outcome_reason: str
    lead_days: float | None
    model_hash: str
    run_id: str

    @property
    def name(self) -> str:
        """The component in words."""
        return f"{self.unit_id} {self.component_id or 'whole unit'}"


@dataclass(frozen=True)
class AlertChange:
    """One change of an alert; changes are only ever added.

    ``as_of_s`` is the night that the store had reached, ``made_s`` the time of the clock; ``who``
    is empty where the nightly job made it. ``why`` is the reason in words.
    """

    change_id: int
    alert_id: int
    kind: ChangeKind
    state: AlertState
    as_of_s: int
    made_s: int
    who: str
    why: str
    probability: float | None
