"""The best-practice checklist of a report, each line with the section that holds its evidence."""

from __future__ import annotations

from collections.abc import Mapping

from pulsefront.evaluate import fill_checklist
from pulsefront.report import Checklist, ChecklistItem

__all__ = ["checklist_with_evidence"]


def checklist_with_evidence(
    record: Mapping[str, Mapping[str, object]], evidence: Mapping[str, str]
) -> Checklist:
    """Return the topics answered by *record*; *evidence* has the section of each by its key."""
    return Checklist(
        [
            ChecklistItem(
                answer.topic.title,
                answer.topic.question,
                answer.text,
                answer.done,
                evidence[answer.topic.key],
            )
            for answer in fill_checklist(record)
        ]
    )
