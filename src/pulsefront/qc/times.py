"""Dates and times as QC exports write them, turned into seconds since 1970 UTC.

A wrong date is worse than a missing one: what cannot be read for certain gets a reason instead of
a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.errors import ConfigError
from pulsefront.qc.month_names import month_of

__all__ = [
    "DAY_S",
    "DateOrder",
    "check_date_format",
    "date_digits",
    "end_of_day",
    "find_zone",
    "iso_date",
    "iso_time",
    "parse_times",
]

DAY_S = 86_400
"""Seconds of a day; as-of instants lie at the end of a UTC day."""

DateOrder = Literal["ymd", "dmy", "mdy"]

_ZONE = r"Z|UTC|GMT|WES?T|CES?T|MES?Z|EES?T"
_CLOCK = (
    r"(?:[T,\s]+(?P<hour>\d{1,2})[:.h](?P<minute>\d{1,2})(?:[:.](?P<second>\d{1,2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp])?\.?\s?[Mm]?\.?)?"
    r"\s*(?P<offset>" + _ZONE + r"|[+-]\d{2}(?::?\d{2})?)?\s*"
)
_KANJI = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日")
_WEEKDAY = r"\s*(?:[^\W\d]{2,12}\.?,?\s+)?"
_DIGITS = re.compile(
    r"\s*(?P<one>\d{1,4})\s*[-/.]\s*(?P<two>\d{1,2})\s*[-/.]\s*(?P<three>\d{1,4})" + _CLOCK
)
_COMPACT = re.compile(
    r"\s*(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
    r"(?:[T\s_-]?(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:\.\d+)?)?)?"
    r"(?P<half>)\s*(?P<offset>" + _ZONE + r"|[+-]\d{2}(?::?\d{2})?)?\s*"
)
_DAY_FIRST = re.compile(
    _WEEKDAY
    + r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?[-\s/.]*(?:de\s+)?(?P<name>[^\W\d]{3,12})\.?"
    r"[-\s/.,]*(?:de\s+)?(?P<year>\d{4}|\d{2})" + _CLOCK
)
_MONTH_FIRST = re.compile(
    _WEEKDAY + r"(?P<name>[^\W\d]{3,12})\.?[-\s/.]*(?P<day>\d{1,2})(?:st|nd|rd|th)?[-\s/.,]+"
    r"(?P<year>\d{4}|\d{2})" + _CLOCK
)
_YEAR_FIRST = re.compile(
    r"\s*(?P<year>\d{4})[-\s/.]*(?P<name>[^\W\d]{3,12})\.?[-\s/.]*(?P<day>\d{1,2})" + _CLOCK
)
_CTIME = re.compile(  # Thu Oct  1 07:00:00 2026
    _WEEKDAY + r"(?P<name>[^\W\d]{3,12})\.?\s+(?P<day>\d{1,2})\s+(?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d))?(?P<half>)\s+(?P<offset>" + _ZONE + r"|[+-]\d{4})?\s*(?P<year>\d{4})\s*"
)

OFFSETS_H = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2,
    "EET": 2, "EEST": 3,
}  # fmt: skip
"""Names of zones that stand for one offset, in hours; EST, CST and IST stand for several."""


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


def iso_time(seconds: float) -> str:
    """Return an instant as YYYY-MM-DDThh:mm:ssZ."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def date_digits(text: str) -> tuple[str, str, str] | None:
    """Return the three numbers that a date begins with, as they are written; None without them."""
    match = _DIGITS.match(text)
    return (match["one"], match["two"], match["three"]) if match else None


def check_date_format(text: str) -> None:
    """Refuse what is no format of dates: ``%d-%b-%Y %H:%M`` as `strptime` has it, excel, unix.

    Raises
    ------
    ValueError
        It is none of them, or says neither year, month nor day.
    """
    if text in {"excel", "unix"}:
        return
    # Before anything is read by it: a day without a year is of no year that Python would name.
    if not _says_year(text):
        raise ValueError(f"{text!r} is no format of dates: it says no year, such as %d-%b-%Y")
    try:
        datetime.strptime(datetime(2001, 2, 3).strftime(text), text)
    except (ValueError, re.error) as error:  # the second where it says a part twice
        raise ValueError(f"{text!r} is no format of dates: {error}") from None


def _says_year(text: str) -> bool:
    """Return whether a format of dates has a year; ``%%Y`` is a sign and a letter."""
    parts = set(re.findall(r"%[-#]?(.)", text))
    return bool(parts & set("YyG")) or (bool(parts & set("cx")) and "d" not in parts)


def parse_times(
    texts: Sequence[str],
    *,
    zone: str = "UTC",
    order: DateOrder = "ymd",
    wall_clock: bool = False,
    later_if_twice: bool = False,
    formats: tuple[str, ...] = (),
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """Return seconds since 1970 UTC, and a reason per text: empty where it could be read.

    Parameters
    ----------
    texts
        Dates with or without time and offset, months as numbers or by name.
    zone
        Where the clock hangs that wrote times without an offset.
    wall_clock
        Believe the digits and not the offset: some consoles write ``+01:00`` all year round while
        their clock follows summer time.
    later_if_twice
        Which of the two hours to take when clocks go back; the later one is the safe choice for
        the time at which something became known.
    formats
        The only formats to try, as `check_date_format` knows them; everything if empty.
    """
    codes, uniques = pd.factorize(np.asarray(texts, dtype=object))
    seconds = np.zeros(len(uniques), dtype=np.int64)
    reasons = np.full(len(uniques), "", dtype=object)
    find_zone(zone)
    for k, text in enumerate(uniques):
        value = _parse(str(text), zone, order, wall_clock, later_if_twice, formats)
        if isinstance(value, str):
            reasons[k] = value
        else:
            seconds[k] = value
    return seconds[codes], reasons[codes]


class _Written(NamedTuple):
    """What the clock on the wall showed, and the offset that was written beside it."""

    local: datetime
    offset_s: int | None


@lru_cache(maxsize=65_536)
def _parse(
    text: str,
    zone: str,
    order: DateOrder,
    wall_clock: bool,  # noqa: FBT001
    later_if_twice: bool,  # noqa: FBT001
    formats: tuple[str, ...] = (),
) -> int | str:
    written = _formatted(text, formats) if formats else _written(text, order)
    if isinstance(written, str):
        return written
    naive, offset_s = written
    if offset_s is not None and not wall_clock:
        return int((naive - datetime(1970, 1, 1)).total_seconds()) - offset_s
    local = naive.replace(tzinfo=ZoneInfo(zone), fold=1 if later_if_twice else 0)
    try:
        stamp = int(local.timestamp())
        back = datetime.fromtimestamp(stamp, ZoneInfo(zone)).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return f"is no date: {text!r}"
    if back != naive:
        return f"does not exist in {zone} (clocks went forward): {text!r}"
    return stamp


def _written(text: str, order: DateOrder) -> _Written | str:
    """Return what a text in any known form says, or why it says nothing."""
    text = _KANJI.sub(r"\1-\2-\3 ", text)
    digits = _DIGITS.fullmatch(text)
    if digits:
        return _of_digits(digits, text, order)
    compact = _COMPACT.fullmatch(text)
    if compact:
        return _dated(compact, text, int(compact["month"]))
    for form in (_DAY_FIRST, _MONTH_FIRST, _YEAR_FIRST, _CTIME):
        named = form.fullmatch(text)
        if named:
            month = month_of(named["name"])
            return _dated(named, text, month) if month else f"has no known month: {text!r}"
    return f"is no date: {text!r}" if text.strip() else "the date is missing"


def _of_digits(match: re.Match[str], text: str, order: DateOrder) -> _Written | str:
    if len(match["one"]) == 4:
        year, month, day = match["one"], match["two"], match["three"]
    elif order == "ymd":
        return f"does not begin with a year of four digits: {text!r}"
    elif order == "mdy":
        month, day, year = match["one"], match["two"], match["three"]
    else:
        day, month, year = match["one"], match["two"], match["three"]
    written = _clocked(match, year, int(month), int(day))
    if written is None:
        swapped = " (day and month swapped?)" if int(month) > 12 >= int(day) else ""
        return f"is no date in {order} order: {text!r}{swapped}"
    return written


def _dated(match: re.Match[str], text: str, month: int) -> _Written | str:
    return _clocked(match, match["year"], month, int(match["day"])) or f"is no date: {text!r}"


def _clocked(match: re.Match[str], year_text: str, month: int, day: int) -> _Written | None:
    """Return the instant that a match says, None where there is no such day or time."""
    if len(year_text) not in {2, 4}:
        return None
    year = int(year_text)
    if len(year_text) == 2:  # as POSIX has it
        year += 2000 if year < 69 else 1900
    hour, minute = int(match["hour"] or 0), int(match["minute"] or 0)
    if match["half"]:
        if hour > 12 and match["half"] in "Aa":
            return None  # 13:05 AM is no time
        hour = hour % 12 + (12 if match["half"] in "Pp" else 0)
    midnight = hour == 24 and minute == 0  # the end of the day
    try:
        naive = datetime(year, month, day, 0 if midnight else hour, minute)
        naive = naive.replace(second=int(match["second"] or 0)) + timedelta(days=midnight)
    except (ValueError, OverflowError):
        return None
    return _Written(naive, _offset_s(match["offset"]) if match["offset"] else None)


def _formatted(text: str, formats: tuple[str, ...]) -> _Written | str:
    """Return what a text says in one of some formats."""
    stripped = text.strip()
    for form in formats:
        try:
            if form == "unix":
                return _Written(datetime(1970, 1, 1) + timedelta(seconds=float(stripped)), 0)
            if form == "excel":  # days since the last day but one of 1899, as the wall clock had it
                days = timedelta(seconds=round(float(stripped.replace(",", ".")) * DAY_S))
                return _Written(datetime(1899, 12, 30) + days, None)
            found = datetime.strptime(stripped, form)
        except (ValueError, OverflowError):
            continue
        offset = found.utcoffset()
        naive = found.replace(tzinfo=None)
        return _Written(naive, None if offset is None else int(offset.total_seconds()))
    if not stripped:
        return "the date is missing"
    return f"is no date of the form {' or '.join(formats)}: {text!r}"


def _offset_s(text: str) -> int:
    if text in OFFSETS_H:
        return OFFSETS_H[text] * 3600
    digits = text[1:].replace(":", "").ljust(4, "0")
    size = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -size if text[0] == "-" else size
