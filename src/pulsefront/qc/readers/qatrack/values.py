"""What cells of QATrack+ reports mean: tolerances, skipped tests, answers that are no number."""

from __future__ import annotations

import re

import numpy as np

from pulsefront.qc.readers.text.numbers import parse_numbers

__all__ = ["hours_of", "is_yes", "tolerance_limits", "why_no_number"]

_TOLERANCE = re.compile(r"\s*(Absolute|Percent)\s*\(([^)]*)\)", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")
_DURATION = re.compile(r"\s*(?:(\d+)\s+days?,?\s*)?(\d+):(\d{1,2})(?::(\d{1,2})(?:\.\d+)?)?\s*")
_YES = {"true", "yes", "1"}
_YES_OR_NO = {"yes", "no", "true", "false"}


def tolerance_limits(text: str, reference: float) -> tuple[float, float, float, float]:
    """Return (action low, tolerance low, tolerance high, action high) in the unit of the value.

    QATrack+ writes differences from the reference: ``Absolute(-2, -1, 1, 2)``, or
    ``Percent(-3%, -2%, 2%, 3%)`` of it. A side may be ``None`` or ``--``.
    """
    nothing = (np.nan,) * 4
    match = _TOLERANCE.match(text)
    if not match or np.isnan(reference):
        return nothing
    parts = [part.strip().rstrip("%") for part in match[2].split(",")]
    if len(parts) != 4:
        return nothing
    values, good = parse_numbers(["" if part in {"None", "--"} else part for part in parts])
    if not good.all():
        return nothing
    scale = abs(reference) / 100.0 if match[1].lower() == "percent" else 1.0
    low2, low1, high1, high2 = (float(reference + scale * v) for v in values)
    return low2, low1, high1, high2


def is_yes(text: str) -> bool:
    """Return whether a cell affirms."""
    return text.strip().lower() in _YES


def why_no_number(value: str, tolerance: str) -> str:
    """Return what an answer is that is no number and need not be one, empty for any other.

    A test with a numerical tolerance needs a number: what is none there is a fault of the row.
    """
    kind = tolerance.strip().lower()
    if kind.startswith("boolean"):
        return "yes or no"
    if kind.startswith(("m.c.", "multiple choice")):
        return "choice"
    if _TOLERANCE.match(tolerance) or _NUMBER.fullmatch(value):
        return ""
    answer = value.strip().lower()
    if not answer:
        return "no value"
    return "yes or no" if answer in _YES_OR_NO else "text"


def hours_of(text: str) -> str:
    """Return a duration such as ``3:30:00`` or ``1 day, 2:00:00`` in hours; others as they are."""
    match = _DURATION.fullmatch(text)
    if not match:
        return text
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return repr(days * 24 + hours + minutes / 60 + seconds / 3600)
