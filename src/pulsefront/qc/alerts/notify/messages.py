"""What is said in a message: one change of an alert, several of them, or a digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pulsefront.qc.alerts.records import Alert, AlertChange
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["MessageContent", "change_content", "digest_content", "plain", "rest_content"]

_MOST_LISTED = 200
_TODO = {
    "opened": "Look at the component's QC; acknowledge it: pulsefront qc alerts ack {n} --why …",
    "updated": "Look again: the risk is not what it was.",
    "woken": "Look again, or close it: pulsefront qc alerts close {n} --why …",
}


@dataclass(frozen=True)
class MessageContent:
    """A message before it is dressed for a channel; ``facts`` are what a program reads."""

    subject: str
    text: str
    facts: dict[str, Any]


def plain(text: str) -> str:
    """Return text in one line without control characters: names come out of logs."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def change_content(alert: Alert, change: AlertChange, page_url: str) -> MessageContent:
    """Return what is said of one change of an alert."""
    who = f" by {change.who}" if change.who else ""
    lines = [
        f"{change.kind.capitalize()}{who}: {alert.name}",
        *([f"Site: {alert.site}"] if alert.site else []),
        f"Night: {iso_date(change.as_of_s - DAY_S)}",
        f"Why: {change.why}",
        *_risk(alert),
        f"State: {_state(alert)}",
    ]
    if change.kind in _TODO:
        lines.append(f"To do: {_TODO[change.kind].format(n=alert.alert_id)}")
    subject = f"[pulsefront] {change.kind}: {alert.name}"
    return MessageContent(plain(subject), _text(lines, page_url), _facts(alert, change))


def rest_content(
    pairs: Sequence[tuple[Alert, AlertChange]], as_of_s: int, page_url: str
) -> MessageContent:
    """Return what is said of the changes of a night beyond those told one by one."""
    day = iso_date(as_of_s - DAY_S)
    lines = [f"{len(pairs)} more changes of alerts in the night of {day}:"]
    lines += [f"- {change.kind}: {alert.name}: {change.why}" for alert, change in _some(pairs)]
    facts = {"kind": "changes", "as_of": day, "changes": [_facts(*pair) for pair in pairs]}
    subject = f"[pulsefront] {len(pairs)} more changes of alerts, {day}"
    return MessageContent(subject, _text(lines, page_url), facts)


def digest_content(alerts: Sequence[Alert], as_of_s: int, page_url: str) -> MessageContent:
    """Return what is said of all alerts that are not closed."""
    day = iso_date(as_of_s - DAY_S)
    living = [alert for alert in alerts if alert.state != "closed"]
    living.sort(key=lambda alert: (-alert.probability, alert.name))
    lines = [f"{len(living)} alerts are not closed as of {day}." if living else
             f"No alert is open as of {day}."]  # fmt: skip
    lines += [
        f"- {alert.alert_id}: {alert.name}, probability {alert.probability:.3f}, "
        f"{_state(alert)}, since {iso_date(alert.opened_s - DAY_S)}: {alert.reasons}"
        for alert in _some(living)
    ]
    facts = {"kind": "digest", "as_of": day, "alerts": [_of_alert(alert) for alert in living]}
    subject = f"[pulsefront] {len(living)} alerts not closed, {day}"
    return MessageContent(subject, _text(lines, page_url), facts)


def _some(items: Sequence[Any]) -> Sequence[Any]:
    return items[:_MOST_LISTED]


def _text(lines: Sequence[str], page_url: str) -> str:
    told = [plain(line) for line in lines]
    return "\n".join([*told, *([f"Page: {page_url}"] if page_url else [])]) + "\n"


def _risk(alert: Alert) -> list[str]:
    text = (
        f"Probability of failure: {alert.probability:.3f} "
        f"({alert.probability_low:.3f} to {alert.probability_high:.3f}), "
        f"threshold {alert.threshold:.3f}"
    )
    return [text, *([f"Because: {alert.reasons}"] if alert.reasons else [])]


def _state(alert: Alert) -> str:
    if alert.state == "snoozed" and alert.snoozed_until_s:
        return f"snoozed until {iso_date(alert.snoozed_until_s - DAY_S)}"
    return alert.state


def _of_alert(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "site": alert.site,
        "unit_id": alert.unit_id,
        "component_id": alert.component_id,
        "state": alert.state,
        "opened": iso_date(alert.opened_s - DAY_S),
        "probability": alert.probability,
        "probability_low": alert.probability_low,
        "probability_high": alert.probability_high,
        "threshold": alert.threshold,
        "reasons": alert.reasons,
        "outcome": alert.outcome,
        "model_hash": alert.model_hash,
    }


def _facts(alert: Alert, change: AlertChange) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "change_id": change.change_id,
        "as_of": iso_date(change.as_of_s - DAY_S),
        "who": change.who,
        "why": change.why,
        **_of_alert(alert),
    }
