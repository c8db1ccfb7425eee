"""Numbers of text are those of Python, to the last bit."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.events.readers.numbers import EMPTY, NO_NUMBER, UNSIGNED, WHOLE, parse_lines

REALS = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(st.lists(REALS, min_size=1, max_size=30))
def test_every_real_number_reads_back_to_the_bit(values: list[float]) -> None:
    fields = parse_lines("\n".join(map(repr, values)).encode())
    expected = np.array(values)
    np.testing.assert_array_equal(fields.real.view(np.uint64), expected.view(np.uint64))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 10**19), st.integers(-345, 310), st.integers(0, 19)),
        min_size=1,
        max_size=30,
    )
)
def test_every_spelling_is_pythons_float(parts: list[tuple[int, int, int]]) -> None:
    words = []
    for digits, power, point in parts:
        text = str(digits).rjust(point + 1, "0")
        words.append(f"{text[: len(text) - point]}.{text[len(text) - point :]}e{power}")
    fields = parse_lines("\n".join(words).encode())
    np.testing.assert_array_equal(fields.real, [float(word) for word in words])


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**64 - 1), min_size=1, max_size=30))
def test_every_whole_number_stays_whole(values: list[int]) -> None:
    fields = parse_lines("\n".join(map(str, values)).encode())
    for value, whole, kind in zip(values, fields.whole, fields.kind, strict=True):
        assert kind == (WHOLE if value < 2**63 else UNSIGNED)
        assert int(whole) % 2**64 == value % 2**64


@settings(deadline=None)
@given(st.lists(st.lists(REALS, min_size=2, max_size=5), min_size=1, max_size=6), st.booleans())
def test_delimiters_and_decimal_commas(rows: list[list[float]], crlf: bool) -> None:
    for delimiter, decimal in ((",", "."), (";", "."), (";", ","), ("\t", ","), (" ", ".")):
        end = "\r\n" if crlf else "\n"
        text = end.join(
            delimiter.join(repr(value).replace(".", decimal) for value in row) for row in rows
        )
        fields = parse_lines(text.encode(), delimiter, decimal)
        assert fields.counts.tolist() == [len(row) for row in rows]
        np.testing.assert_array_equal(fields.real, np.concatenate(rows))


def test_what_is_no_number_is_said_to_be_none() -> None:
    fields = parse_lines(b"1,,abc,0x4000\r\n\n1_0,-,.,True\n")
    assert fields.kind.tolist() == [WHOLE, EMPTY, NO_NUMBER, WHOLE, NO_NUMBER, NO_NUMBER,
                                    NO_NUMBER, WHOLE]  # fmt: skip
    assert fields.whole[[0, 3, 7]].tolist() == [1, 0x4000, 1]
    assert fields.starts.tolist() == [0, 4, 8]
    assert fields.offsets.tolist() == [0, 16, 29]


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n", b"   \n"])
def test_nothing_is_no_field(content: bytes) -> None:
    assert len(parse_lines(content).kind) == 0


def test_what_pandas_makes_of_such_lines() -> None:
    """Own code stays for these; where pandas reads one of them one day, look again."""
    day_in_ps = 86_400_000_000_000_000 + 1
    mixed = f"{day_in_ps}\n0.5\n"
    assert int(pd.read_csv(io.StringIO(mixed), header=None)[0][0]) != day_in_ps
    assert parse_lines(mixed.encode()).whole[0] == day_in_ps
    longer = "1,2\n3,4,5\n"
    with pytest.raises(pd.errors.ParserError):
        pd.read_csv(io.StringIO(longer), header=None)
    assert parse_lines(longer.encode()).counts.tolist() == [2, 3]
    assert pd.read_csv(io.StringIO("0x1f\n"), header=None)[0][0] == "0x1f"
    assert parse_lines(b"0x1f\n").whole[0] == 31
