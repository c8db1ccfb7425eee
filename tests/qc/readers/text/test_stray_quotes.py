"""A quote that someone forgot to close costs no reading, and a comment stays a comment."""

from __future__ import annotations

import io
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.qc.readers.text.delimited import read_rows

HEAD = ("unit", "test", "comment", "value", "date")
DATES = {
    "iso": lambda day: f"2026-10-{day:02}",
    "time": lambda day: f"{day}.10.2026 07:{day:02}",
    "compact": lambda day: f"202610{day:02}",
    "month": lambda day: f"{day} Okt 2026",
    "none": lambda day: "",
}
VALUES = ("511.5", "510,2", "", "n/a", "ok", "-3e2", "failed twice")
# Text of people, of one line or several, in which nothing is a row.
COMMENTS = (
    "cold, since\n7, or so,\nper log",
    "see\nlogbook",
    "gain, energy\nand timing were fine; ask Dr. X\n\n(second page)",
    'the "new" one\nagain',
    "done",
    "",
)


def read(text: str, delimiter: str, width: int):
    pieces = list(read_rows(io.StringIO(text), delimiter=delimiter, width=width, chunk=7))
    rows = [row for piece in pieces for row in zip(*piece.columns, strict=True)]
    numbers = [int(n) for piece in pieces for n in piece.number]
    rejects = [reject for piece in pieces for reject in piece.rejects]
    return rows, numbers, rejects


@st.composite
def tables(draw):
    """Return delimiter, rows of cells, and whether rows end in a delimiter."""
    delimiter = draw(st.sampled_from(",;\t|"))
    date = DATES[draw(st.sampled_from(sorted(DATES)))]
    order = draw(st.permutations(HEAD))
    values = st.sampled_from([v for v in VALUES if delimiter not in v])
    rows = []
    for day in range(1, draw(st.integers(2, 28)) + 1):
        cells = {
            "unit": draw(st.sampled_from(["PET1", "PET1", "2"])),
            "test": "peak",
            "comment": "",
            "value": draw(values),
            "date": date(day),
        }
        rows.append([cells[name] for name in order])
    return delimiter, list(order), rows, draw(st.booleans())


def lines_of(rows, delimiter: str, extra: bool) -> list[str]:
    return [delimiter.join(row) + delimiter * extra for row in rows]


@given(tables(), st.data())
def test_stray_quotes_lose_no_line(table, data):
    """Whatever stands in the cells: every line is a row of its own, or is named."""
    delimiter, order, rows, extra = table
    comment = order.index("comment")
    for k in data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1, max_size=3)):
        words = ['"see logbook', '"', 'phantom 5"', '"ok"', '"twice "']
        rows[k][comment] = data.draw(st.sampled_from(words))
    text = "\n".join(lines_of(rows, delimiter, extra)) + "\n"
    found, numbers, rejects = read(text, delimiter, len(order))
    named = [*numbers, *(reject.row for reject in rejects)]
    assert sorted(named) == list(range(2, len(rows) + 2))
    keep = [k for k in range(len(order)) if k != comment]
    for row, number in zip(found, numbers, strict=True):
        assert [row[k] for k in keep] == [rows[number - 2][k] for k in keep]


@given(tables(), st.data())
def test_comments_of_several_lines_stay_comments(table, data):
    delimiter, order, rows, extra = table
    comment = order.index("comment")
    for row in rows:
        row[comment] = data.draw(st.sampled_from(COMMENTS))
    quoted = [
        [f'"{cell.replace(chr(34), chr(34) * 2)}"' if k == comment else cell
         for k, cell in enumerate(row)]
        for row in rows
    ]  # fmt: skip
    text = "\n".join(lines_of(quoted, delimiter, extra)) + "\n"
    found, numbers, rejects = read(text, delimiter, len(order))
    assert (found, rejects) == ([tuple(row) for row in rows], [])
    heights = [1 + row[comment].count("\n") for row in rows]
    assert [b - a for a, b in pairwise(numbers)] == heights[:-1]


def test_rows_with_a_column_missing_are_named():
    text = 'P,peak,"open,1,2026-10-01\nP,peak,2,2026-10-02\nP,peak,5" phantom,3,2026-10-03\n'
    found, _, rejects = read(text, ",", 5)
    assert [row[3] for row in found] == ["1", "3"]
    assert [(one.row, one.reason) for one in rejects] == [(3, "has 4 columns instead of 5")]


def test_quoted_cells_beside_a_stray_quote_keep_their_meaning():
    text = '"P","peak","open,1,2026-10-01\n"P","peak","ok",2,2026-10-02\n'
    found, _, rejects = read(text, ",", 5)
    assert [row[:2] for row in found] == [("P", "peak")] * 2
    assert rejects == []


@pytest.mark.parametrize("rows", [2, 5000])
def test_quote_that_never_closes(rows):
    """The csv module gives up after 131,072 characters: what it took until then is read again."""
    lines = ['P,peak,"open,0,2026-10-01', *(f"P,peak,ok,{k},2026-10-02" for k in range(1, rows))]
    found, numbers, rejects = read("\n".join(lines), ",", 5)
    assert [int(row[3]) for row in found] == list(range(rows))
    assert numbers == list(range(2, rows + 2))
    assert rejects == []


def test_comment_that_looks_like_rows_is_named_and_its_reading_kept():
    """In doubt nothing is lost: the lines of such a comment are refused one by one."""
    text = 'P,1,2026-10-01,"as on\nP,2,2026-10-02,ok\nthe day"\nP,3,2026-10-03,\n'
    found, _, rejects = read(text, ",", 4)
    assert [row[1] for row in found] == ["1", "2", "3"]
    assert [(one.row, re.sub(r"\d", "n", one.reason)) for one in rejects] == [
        (4, "has n columns instead of n")
    ]
