"""Days, shares and names as the page of the night says them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pulsefront.qc.times import DAY_S

__all__ = [
    "counted",
    "date_words",
    "day_words",
    "listed",
    "nights_since",
    "odds",
    "percent",
    "short_date",
    "span_words",
]

_MOST_NAMES = 6


def date_words(seconds: float) -> str:
    """Return the UTC date of an instant as *23 November 2026*."""
    day = datetime.fromtimestamp(int(seconds), UTC)
    return f"{day.day} {day:%B %Y}"


def day_words(seconds: float) -> str:
    """Return the UTC date of an instant as *Monday, 23 November 2026*."""
    return f"{datetime.fromtimestamp(int(seconds), UTC):%A}, {date_words(seconds)}"


def span_words(first_s: float, last_s: float) -> str:
    """Return two UTC dates as *between 2 and 29 December 2026*."""
    first, last = date_words(first_s), date_words(last_s)
    for same in range(2, 0, -1):
        tail = " ".join(last.split()[-same:])
        if first.endswith(tail):
            return f"between {first.removesuffix(tail).strip()} and {last}"
    return f"between {first} and {last}"


def short_date(seconds: float) -> str:
    """Return the UTC date of an instant as *23 Nov*."""
    day = datetime.fromtimestamp(int(seconds), UTC)
    return f"{day.day} {day:%b}"


def percent(share: float) -> str:
    """Return a probability in per cent: two digits, but never 0 or 100 for what is neither."""
    value = 100.0 * share
    if share <= 0.0 or share >= 1.0:
        return f"{value:.0f}"
    if value < 0.1:
        return "< 0.1"
    if value > 99.0:
        return f"{min(value, 99.9):.1f}"
    return f"{value:.0f}" if value >= 10.0 else f"{value:.1f}"


def odds(share: float) -> str:
    """Return a probability as people count: *1 in 12*, *3 in 10*, *9 in 10*."""
    if share >= 0.95:
        return "more than 9 in 10"
    if share >= 0.35:
        return f"{round(10.0 * share)} in 10"
    if share < 0.001:
        return "less than 1 in 1000"
    return f"1 in {round(1.0 / share)}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, *1 scanner* or *2 scanners*."""
    return f"{number:,} {one if number == 1 else many or one + 's'}".replace(
        ",", "\N{NARROW NO-BREAK SPACE}"
    )


def listed(names: Sequence[str], most: int = _MOST_NAMES) -> str:
    """Return names as *A, B and C*, or the first ones and how many more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def nights_since(as_of_s: int, then_s: int) -> int:
    """Return how many nights lie between two as-of instants."""
    return int((as_of_s - then_s) // DAY_S)
