"""Numbers as consoles, spreadsheets and people write them.

What can be read in one way only is read; what can be read in two is refused with both. A dot or a
comma is the decimal sign of a number, unless three digits follow it and one to three precede it:
``1.512`` is 1.512 or 1512. The other numbers of the file tell which, where they all have one sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["DecimalVotes", "NumberCell", "parse_numbers", "split_cell", "two_readings"]

_SPACES = " \u00a0\u2009\u202f"  # plain, no-break, thin, narrow no-break
_MINUS = "\u2212"
_GROUPED = re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:([{_SPACES}])\d{{3}}(?:\1\d{{3}})*)(?:[.,]\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+")
_DOT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_COMMA_GROUP = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_DOT_NUMBER = re.compile(r"[+-]?\d+\.\d+(?:[eE][+-]?\d+)?")
_CELL = re.compile(
    rf"\s*(?P<number>[+{_MINUS}-]?\d(?:[\d.,{_SPACES}]*\d)?(?:[eE][+{_MINUS}-]?\d+)?)"
    r"\s*(?P<unit>[^\W\d_][^\s\d]{0,11}|[%‰°][^\W\d_]{0,3})\s*"
)
_MANY = 5  # so many times as often is no slip: the rule of the order of dates


class NumberCell(NamedTuple):
    """A number and the unit of measurement behind it, as they are written."""

    number: str
    unit: str


def split_cell(text: str) -> NumberCell | None:
    """Return the parts of a cell such as ``511 keV`` or ``2.1%``; None where it is no such cell."""
    match = _CELL.fullmatch(text)
    return NumberCell(match["number"], match["unit"]) if match else None


class DecimalVotes:
    """What the numbers of a file tell of its decimal sign, gathered piece by piece."""

    def __init__(self) -> None:
        self._commas, self._dots = 0, 0
        self._open_commas, self._open_dots = 0, 0

    def add(self, texts: Iterable[str]) -> None:
        """Take some cells into account."""
        for text in texts:
            if "," not in text and "." not in text:
                continue
            cell = split_cell(text)
            number = (cell.number if cell else text).strip().replace(_MINUS, "-")
            if _COMMA_NUMBER.fullmatch(number):
                is_open = _COMMA_GROUP.fullmatch(number) is not None
                self._open_commas += is_open
                self._commas += not is_open
            elif _DOT_NUMBER.fullmatch(number):
                is_open = _DOT_GROUPS.fullmatch(number) is not None
                self._open_dots += is_open
                self._dots += not is_open

    @property
    def undecided(self) -> bool:
        """Whether there are only numbers so far that can be read in two ways."""
        return not (self._commas or self._dots) and bool(self._open_commas or self._open_dots)

    def decimal_comma(self) -> bool | None:
        """Return whether a comma is the decimal sign; None where both signs are."""
        commas, dots = self._commas, self._dots
        if not commas and not dots:
            commas, dots = self._open_commas, self._open_dots
            return None if commas and dots else commas > 0
        if commas and dots and max(commas, dots) < _MANY * min(commas, dots):
            return None
        return commas > dots


def parse_numbers(
    texts: Sequence[str], *, decimal_comma: bool | None = False
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the numbers, NaN where the text is empty, and whether each text could be read.

    ``2.767e+007`` is a number, and so are ``−5`` with the sign U+2212 and ``1 511`` in groups of
    three digits; with *decimal_comma*, so are ``1,5`` and ``1.234,5``, but not ``1.234``, which may
    mean either. Where *decimal_comma* is None both signs occur: ``1,5`` and ``1.5`` are numbers,
    ``1,234`` is none. Infinity and NaN written out are none, nor is ``1_000``.
    """
    array = np.asarray(texts, dtype=object)
    if decimal_comma is False:
        try:
            values = array.astype(np.float64)
        except ValueError:
            pass
        else:
            if not any("_" in text for text in texts):
                return np.asarray(values), np.isfinite(values)
    values = np.full(len(array), np.nan)
    good = np.ones(len(array), dtype=np.bool_)
    for k, text in enumerate(texts):
        cleaned = _plain(text, decimal_comma=decimal_comma)
        if cleaned:
            try:
                values[k] = np.nan if "_" in cleaned else float(cleaned)
            except ValueError:
                good[k] = False
            else:
                good[k] = bool(np.isfinite(values[k]))
    values[~good] = np.nan
    return values, good


def two_readings(text: str) -> tuple[str, str] | None:
    """Return the two numbers that a text may mean, None where it may not."""
    number = text.strip().replace(_MINUS, "-")
    if _COMMA_GROUP.fullmatch(number) or (_DOT_GROUPS.fullmatch(number) and number.count(".") == 1):
        return number.replace(",", "."), number.replace(",", "").replace(".", "")
    return None


def _plain(text: str, *, decimal_comma: bool | None) -> str:
    """Return a number as Python writes it; what it cannot read is none."""
    number = text.strip().replace(_MINUS, "-")
    grouped = _GROUPED.fullmatch(number)
    if grouped:
        number = number.replace(grouped[1], "")
    if decimal_comma is False:
        return number
    if "," not in number:
        return "?" if _DOT_GROUPS.fullmatch(number) and not grouped else number
    if "." in number:
        number = number.replace(".", "") if _THOUSANDS.fullmatch(number) else "?"
    elif decimal_comma is None and _COMMA_GROUP.fullmatch(number) and not grouped:
        return "?"
    return number.replace(",", ".")
