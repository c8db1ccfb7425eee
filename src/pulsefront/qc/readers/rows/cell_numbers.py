"""The cells of a table that should be numbers: their values, or why they have none.

A unit of measurement behind a number is taken for a check: it is read away where the table or its
mapping says that the row is measured in it, and refuses the row where they say another one or say
nothing. Taken in silence, ``511 keV`` and ``0.511 MeV`` would be one series.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pulsefront.qc.readers.rows.row_table import RowTable, Texts
from pulsefront.qc.readers.text.numbers import parse_numbers, split_cell, two_readings

__all__ = ["numbers_of_cells", "same_unit", "unit_of_cell"]

_CORRECT = "correct the row at its source and export it again"
_NUMBER_HELP = "correct the value, or give decimal_comma in the mapping"
_DECIMAL_HELP = "give decimal_comma = true or false in the mapping: whether a comma is decimal"
_SPACES_HELP = "write it without spaces: only groups of three digits are taken for thousands"


class _Problem(NamedTuple):
    reason: str
    remedy: str


def numbers_of_cells(
    table: RowTable, name: str, *, units: Texts, decimal_comma: bool | None
) -> npt.NDArray[np.float64]:
    """Return the numbers of a quantity, NaN where there is none; note what is wrong in *table*.

    Parameters
    ----------
    units
        The unit of measurement of each row, empty where nothing says it.
    """
    texts = table.texts[name].tolist()
    values, good = parse_numbers(texts, decimal_comma=decimal_comma)
    problems: dict[_Problem, list[int]] = {}
    for k in np.flatnonzero(~good).tolist():
        found = _read(texts[k], str(units[k]), name, decimal_comma=decimal_comma)
        if isinstance(found, _Problem):
            problems.setdefault(found, []).append(k)
        else:
            values[k] = found
    for problem, rows in problems.items():
        where = np.zeros(len(texts), dtype=np.bool_)
        where[rows] = True
        table.refuse(where, problem.reason, problem.remedy)
    return values


def unit_of_cell(text: str) -> str:
    """Return the unit of measurement behind a number, empty where there is none."""
    cell = split_cell(text)
    return cell.unit if cell else ""


def same_unit(one: str, other: str) -> bool:
    """Return whether two texts mean one unit; ``kev`` is ``keV``, but ``MW`` is not ``mW``."""
    first, second = (unicodedata.normalize("NFKC", text.strip()) for text in (one, other))
    return first == second or (
        first[:1] == second[:1] != "" and first.casefold() == second.casefold()
    )


def _read(text: str, unit: str, name: str, *, decimal_comma: bool | None) -> float | _Problem:
    """Return the number of a cell that is not one by itself, or what is wrong with it."""
    cell = split_cell(text)
    number = cell.number if cell else text
    values, good = parse_numbers([number], decimal_comma=decimal_comma)
    if not good[0]:
        return _no_number(number, name)
    if cell is None:
        return float(values[0])
    if not unit:
        return _Problem(
            f"{name} is in {cell.unit!r}, and nothing else says what it is measured in",
            f'give measurement_unit = "{cell.unit}" of the test or under fixed in the mapping; the '
            "column of the values under columns takes the units from its cells",
        )
    if not same_unit(cell.unit, unit):
        return _Problem(f"{name} is in {cell.unit!r} instead of {unit!r}", _CORRECT)
    return float(values[0])


def _no_number(number: str, name: str) -> _Problem:
    readings = two_readings(number)
    if readings:
        return _Problem(f"{name} {number!r} is {' or '.join(readings)}", _DECIMAL_HELP)
    inner = number.strip()
    spaced = any(sign.isspace() for sign in inner) and inner.translate(_NO_SPACES).isdecimal()
    return _Problem(f"{name} is no number", _SPACES_HELP if spaced else _NUMBER_HELP)


_NO_SPACES = {ord(sign): None for sign in " \u00a0\u2009\u202f.,+-"}
