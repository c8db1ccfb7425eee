"""Lines of numbers as text, read exactly and fast.

A field is a whole number (decimal, or hexadecimal after ``0x``), a real number with a point or a
comma, or empty. Whole numbers stay 64-bit integers: the picoseconds of a day exceed what a float64
holds exactly. Real numbers are rounded once, as they should be (`real_numbers`).

Own code and not pandas', which rounds as well but has one type for a column, refuses a line longer
than those before it, and leaves hexadecimal as text (``test_numbers.py``); nor does it tell at
which byte a line starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.events.readers.real_numbers import (
    EXACT_BELOW,
    EXACT_POWERS,
    NOT_SURE,
    SIGN_BIT,
    nearest_real,
)

__all__ = ["EMPTY", "NO_NUMBER", "REAL", "UNSIGNED", "WHOLE", "Fields", "parse_lines"]

WHOLE, REAL, EMPTY, LEFT_OVER, NO_NUMBER, UNSIGNED = range(6)
"""What a field is; a left-over one is read by Python, an unsigned one takes all 64 bits."""

TRUTHS = {"true": 1, "false": 0}
UNICODE = {
    sign.encode().decode("latin-1"): plain
    for sign, plain in (("\N{MINUS SIGN}", "-"), ("∞", "inf"))
}
"""Signs of numbers in UTF-8, as Latin-1 reads them, and what Python's float takes."""
NEWLINE, RETURN, SPACE, TAB, MINUS, PLUS = 10, 13, 32, 9, 45, 43
ZERO, NINE, LOWER_E, UPPER_E, LOWER_X, UPPER_X = 48, 57, 101, 69, 120, 88
LOWER_A, LOWER_F, UPPER_A, UPPER_F = 97, 102, 65, 70
QUOTE = 34


@dataclass(frozen=True)
class Fields:
    """Numbers of some lines.

    Attributes
    ----------
    whole
        (field,) int64; the number where ``kind`` is `WHOLE`, its bits where it is `UNSIGNED`.
    real
        (field,) float64; the number, NaN where the field is empty or no number.
    kind
        (field,) uint8: `WHOLE`, `UNSIGNED`, `REAL`, `EMPTY` or `NO_NUMBER`.
    starts
        (line + 1,) index of each line's first field; empty lines are left out.
    offsets
        (line + 1,) byte at which each line starts.
    """

    whole: NDArray[np.int64]
    real: NDArray[np.float64]
    kind: NDArray[np.uint8]
    starts: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of fields of each line."""
        return np.diff(self.starts)


def parse_lines(content: bytes, delimiter: str = ",", decimal: str = ".") -> Fields:
    """Read the numbers of whole lines.

    Parameters
    ----------
    delimiter
        One character; a blank stands for any run of blanks and tabs.
    decimal
        Point or comma.
    """
    raw = np.frombuffer(content, np.uint8)
    blanks = delimiter == " "
    lines = content.count(b"\n") + 1
    most = (len(content) // 2 if blanks else content.count(delimiter.encode())) + lines + 1
    whole = np.empty(most, np.int64)
    real = np.empty(most, np.float64)
    kind = np.empty(most, np.uint8)
    begin = np.empty(most, np.int64)
    end = np.empty(most, np.int64)
    starts = np.empty(lines + 1, np.int64)
    offsets = np.empty(lines + 1, np.int64)
    fields, found = _parse(
        raw,
        ord(delimiter),
        ord(decimal),
        whole,
        real,
        real.view(np.uint64),
        kind,
        begin,
        end,
        starts,
        offsets,
    )
    for i in np.flatnonzero(kind[:fields] == LEFT_OVER):
        word = content[begin[i] : end[i]].decode("latin-1").replace(decimal, ".")
        for written, plain in UNICODE.items():
            word = word.replace(written, plain)
        whole[i], real[i], kind[i] = _by_python(word)
    return Fields(
        whole[:fields], real[:fields], kind[:fields], starts[: found + 1], offsets[: found + 1]
    )


def _by_python(word: str) -> tuple[int, float, int]:
    """Return the whole number, the real one and the kind of a field that is not plain."""
    if "_" in word:
        return 0, np.nan, NO_NUMBER
    if word.lower() in TRUTHS:
        return TRUTHS[word.lower()], float(TRUTHS[word.lower()]), WHOLE
    try:
        number = int(word, 0 if word[:2].lower() == "0x" else 10)
    except ValueError:
        try:
            return 0, float(word), REAL
        except ValueError:
            return 0, np.nan, NO_NUMBER
    if -(1 << 63) <= number < 1 << 63:
        return number, float(number), WHOLE
    if number < 1 << 64:
        return number - (1 << 64), float(number), UNSIGNED
    return 0, float(number), REAL


@njit(nogil=True, cache=True)
def _parse(
    raw: NDArray[np.uint8],
    delimiter: int,
    decimal: int,
    whole: NDArray[np.int64],
    real: NDArray[np.float64],
    bits: NDArray[np.uint64],
    kind: NDArray[np.uint8],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    starts: NDArray[np.int64],
    offsets: NDArray[np.int64],
) -> tuple[int, int]:
    """Read all fields; return how many there are, and in how many lines."""
    size = len(raw)
    blanks = delimiter == SPACE
    i, fields, lines = 0, 0, 0
    while i < size:
        line_start, first = i, fields
        more = True
        while more:
            while i < size and (
                raw[i] == SPACE or raw[i] == QUOTE or (raw[i] == TAB and delimiter != TAB)
            ):
                i += 1
            start = i
            # The quick way: digits, perhaps a point and more digits, perhaps an exponent.
            sign = 1
            if i < size and (raw[i] == MINUS or raw[i] == PLUS):
                sign = -1 if raw[i] == MINUS else 1
                i += 1
            value, digits, after = np.int64(0), 0, 0
            power = np.int64(0)
            is_real, odd = False, False
            if i + 1 < size and raw[i] == ZERO and (raw[i + 1] == LOWER_X or raw[i + 1] == UPPER_X):
                i += 2
                while i < size:
                    b = raw[i]
                    if ZERO <= b <= NINE:
                        nibble = b - ZERO
                    elif LOWER_A <= b <= LOWER_F:
                        nibble = b - LOWER_A + 10
                    elif UPPER_A <= b <= UPPER_F:
                        nibble = b - UPPER_A + 10
                    else:
                        break
                    odd |= digits >= 15
                    value = value * 16 + np.int64(nibble)
                    digits += 1
                    i += 1
            else:
                while i < size and ZERO <= raw[i] <= NINE:
                    odd |= digits >= 18
                    value = value * 10 + np.int64(raw[i] - ZERO)
                    digits += 1 if value != 0 else 0
                    after += 1
                    i += 1
                integer_digits, after = after, 0
                if i < size and raw[i] == decimal:
                    is_real = True
                    i += 1
                    while i < size and ZERO <= raw[i] <= NINE:
                        odd |= digits >= 18
                        value = value * 10 + np.int64(raw[i] - ZERO)
                        digits += 1 if value != 0 else 0
                        after += 1
                        i += 1
                odd |= integer_digits + after == 0
                if i < size and (raw[i] == LOWER_E or raw[i] == UPPER_E):
                    is_real = True
                    i += 1
                    negative = i < size and raw[i] == MINUS
                    if i < size and (raw[i] == MINUS or raw[i] == PLUS):
                        i += 1
                    some = False
                    while i < size and ZERO <= raw[i] <= NINE:
                        power = power * 10 + np.int64(raw[i] - ZERO) if power < 9999 else power
                        some = True
                        i += 1
                    odd |= not some
                    power = -power if negative else power
            stop = i
            while i < size and (
                raw[i] == QUOTE or raw[i] == RETURN or (raw[i] == SPACE and not blanks)
            ):
                i += 1
            closed = i == size or raw[i] == NEWLINE or raw[i] == delimiter
            closed |= blanks and i < size and raw[i] == TAB
            if not closed:
                odd = True
                while i < size and raw[i] != NEWLINE and raw[i] != delimiter:
                    i += 1
                stop = i
                while stop > start and (
                    raw[stop - 1] == SPACE or raw[stop - 1] == RETURN or raw[stop - 1] == QUOTE
                ):
                    stop -= 1
            more = i < size and raw[i] != NEWLINE
            if blanks and more:
                # Blanks before the end of a line begin no field.
                while i < size and (raw[i] == SPACE or raw[i] == TAB or raw[i] == RETURN):
                    i += 1
                more = i < size and raw[i] != NEWLINE
            elif more:
                i += 1
            if stop == start:
                # A line of nothing has no field; between delimiters, and after one, there is.
                if fields > first or more:
                    whole[fields], real[fields], kind[fields] = 0, np.nan, EMPTY
                    fields += 1
                continue
            if odd:
                begin[fields], end[fields] = start, stop
                whole[fields], real[fields], kind[fields] = 0, np.nan, LEFT_OVER
            elif is_real:
                exponent = power - after
                whole[fields], kind[fields] = 0, REAL
                if value < EXACT_BELOW and -22 <= exponent <= 22:
                    number = sign * np.float64(value)
                    if exponent < 0:
                        real[fields] = number / EXACT_POWERS[-exponent]
                    else:
                        real[fields] = number * EXACT_POWERS[exponent]
                else:
                    found = nearest_real(np.uint64(value), np.int64(exponent))
                    if found == NOT_SURE:
                        begin[fields], end[fields], kind[fields] = start, stop, LEFT_OVER
                    bits[fields] = found | SIGN_BIT if sign < 0 else found
            else:
                whole[fields], real[fields], kind[fields] = sign * value, sign * value, WHOLE
            fields += 1
        if i < size:
            i += 1
        if fields > first:
            starts[lines], offsets[lines] = first, line_start
            lines += 1
    starts[lines], offsets[lines] = fields, size
    return fields, lines
