"""What consoles, log books and people write for results and kinds of service."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pulsefront.qc.records import SERVICE_KINDS

__all__ = ["STATUS_WORDS", "kind_of_service"]

STATUS_WORDS = {
    "ok": "pass", "pass": "pass", "passed": "pass", "tolerance": "warn", "warn": "warn",
    "warning": "warn", "action": "fail", "fail": "fail", "failed": "fail", "skipped": "skipped",
    "no tol": "", "not done": "skipped", "": "",
}  # fmt: skip

# Whole words or the beginnings of words; the first line that has one of them decides. What is said
# of planned work comes before what is said of repairs: "preventive maintenance, fan replaced".
_STEMS = (
    ("preventive", ("prevent", "pm", "planned", "scheduled", "routine", "wartung")),
    ("corrective", ("unscheduled", "unplanned", "repair", "corrective", "breakdown", "failure",
                    "fault", "emergency", "replacement", "reparatur")),
    ("upgrade", ("upgrade", "update", "software", "install", "commission", "firmware")),
    ("calibration", ("calibrat", "setup", "tuning", "normali", "kalibrier")),
)  # fmt: skip


def kind_of_service(word: str, own: Mapping[str, str]) -> str:
    """Return the kind of service that a word means, empty where nobody knows.

    ``own`` are a site's words, in any case, and what they mean.
    """
    lower = word.strip().lower()
    for theirs, kind in own.items():
        if theirs.strip().lower() == lower:
            return kind
    if lower in SERVICE_KINDS:
        return lower
    words = re.findall(r"[^\W\d_]+", lower)
    for kind, stems in _STEMS:
        if any(_begins(word, stem) for word in words for stem in stems):
            return kind
    return ""


def _begins(word: str, stem: str) -> bool:
    return word == stem if len(stem) < 3 else word.startswith(stem)
