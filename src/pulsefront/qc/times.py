"""Dates and times as QC exports write them, turned into seconds since 1970 UTC.

A wrong date is worse than a missing one: what cannot be read for certain gets a reason instead of
a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.errors import ConfigError, QCDataError

__all__ = [
    "DAY_S",
    "DateOrder",
    "end_of_day",
    "find_zone",
    "infer_date_order",
    "iso_date",
    "parse_times",
]

DAY_S = 86_400
"""Seconds of a day; as-of instants lie at the end of a UTC day."""

DateOrder = Literal["ymd", "dmy", "mdy"]

_DATE = re.compile(
    r"\s*(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})"
    r"(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp])?[Mm]?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?\s*"
)


def find_zone(name: str) -> ZoneInfo:
    """Return the time zone of that name.

    Raises
    ------
    ConfigError
        The system knows no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            "unknown time zone",
            field="timezone",
            value=name,
            remedy="use a name such as Europe/Paris",
        ) from None


def end_of_day(day: str | date) -> int:
    """Return the last instant that counts as known on *day*: its end in UTC, in seconds."""
    try:
        parsed = date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError:
        raise ConfigError(
            "is no date", field="as-of", value=day, remedy="write it as YYYY-MM-DD"
        ) from None
    return (parsed.toordinal() - date(1970, 1, 1).toordinal() + 1) * DAY_S


def iso_date(seconds: float) -> str:
    """Return the UTC date of an instant as YYYY-MM-DD."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d")


def infer_date_order(texts: Sequence[str]) -> DateOrder:
    """Return the order of day, month and year that the dates of one file show.

    A day above 12 decides. Both orders may occur where somebody typed a date; then the more
    frequent one is taken, and the others are refused later on as impossible dates.

    Raises
    ------
    QCDataError
        No date of the file tells day from month.
    """
    votes = {"dmy": 0, "mdy": 0}
    seen = False
    for text in dict.fromkeys(texts):
        match = _DATE.match(text)
        if not match:
            continue
        seen = True
        if len(match[1]) == 4:
            return "ymd"
        if int(match[1]) > 12:
            votes["dmy"] += 1
        elif int(match[2]) > 12:
            votes["mdy"] += 1
    if seen and votes["dmy"] == votes["mdy"]:
        raise QCDataError(
            "the dates do not tell the day from the month",
            value=next(iter(texts)),
            remedy="give date_order = 'dmy' or 'mdy' in the mapping",
        )
    return "mdy" if votes["mdy"] > votes["dmy"] else "dmy"


def parse_times(
    texts: Sequence[str],
    *,
    zone: str = "UTC",
    order: DateOrder = "ymd",
    wall_clock: bool = False,
    later_if_twice: bool = False,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """Return seconds since 1970 UTC, and a reason per text: empty where it could be read.

    Parameters
    ----------
    texts
        Dates with or without time and offset.
    zone
        Where the clock hangs that wrote times without an offset.
    wall_clock
        Believe the digits and not the offset: some consoles write ``+01:00`` all year round while
        their clock follows summer time.
    later_if_twice
        Which of the two hours to take when clocks go back; the later one is the safe choice for
        the time at which something became known.
    """
    codes, uniques = pd.factorize(np.asarray(texts, dtype=object))
    seconds = np.zeros(len(uniques), dtype=np.int64)
    reasons = np.full(len(uniques), "", dtype=object)
    find_zone(zone)
    for k, text in enumerate(uniques):
        value = _parse(str(text), zone, order, wall_clock, later_if_twice)
        if isinstance(value, str):
            reasons[k] = value
        else:
            seconds[k] = value
    return seconds[codes], reasons[codes]


@lru_cache(maxsize=65_536)
def _parse(
    text: str,
    zone: str,
    order: DateOrder,
    wall_clock: bool,  # noqa: FBT001
    later_if_twice: bool,  # noqa: FBT001
) -> int | str:
    match = _DATE.fullmatch(text)
    if not match:
        return f"is no date: {text!r}" if text.strip() else "the date is missing"
    first, second, third = (int(match[k]) for k in (1, 2, 3))
    if len(match[1]) == 4:
        year, month, day = first, second, third
    elif order == "mdy":
        month, day, year = first, second, third
    else:
        day, month, year = first, second, third
    year += 2000 if year < 100 else 0
    hour = int(match[4] or 0)
    if match[7]:
        hour = hour % 12 + (12 if match[7] in "Pp" else 0)
    try:
        naive = datetime(year, month, day, hour, int(match[5] or 0), int(match[6] or 0))
    except ValueError:
        swapped = " (day and month swapped?)" if month > 12 >= day else ""
        return f"is no date in {order} order: {text!r}{swapped}"
    if match[8] and not wall_clock:
        return int((naive - datetime(1970, 1, 1)).total_seconds()) - _offset_s(match[8])
    local = naive.replace(tzinfo=ZoneInfo(zone), fold=1 if later_if_twice else 0)
    stamp = int(local.timestamp())
    if datetime.fromtimestamp(stamp, ZoneInfo(zone)).replace(tzinfo=None) != naive:
        return f"does not exist in {zone} (clocks went forward): {text!r}"
    return stamp


def _offset_s(text: str) -> int:
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "")
    size = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -size if text[0] == "-" else size
