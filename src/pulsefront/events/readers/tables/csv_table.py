"""Tables as text (CSV): a line of names, then a row of numbers a line, read with a mapping file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, UnsupportedFormat
from pulsefront.events.readers.base import EventFile, ReadOptions, incomplete, read_head
from pulsefront.events.readers.numbers import (
    EMPTY,
    NO_NUMBER,
    UNSIGNED,
    WHOLE,
    Fields,
)
from pulsefront.events.readers.tables.broken_text import THOUSANDS
from pulsefront.events.readers.tables.mapping import (
    TableMapping,
    arrays_of,
    load_mapping,
    mapped_file,
    resolve_sources,
)
from pulsefront.events.readers.tables.text_layout import TextLayout, find_layout
from pulsefront.events.readers.text_blocks import decoded, tell_of_open_end, text_blocks

__all__ = ["open_csv", "recognises"]

HEAD = 1 << 16
SAMPLES = 8
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")

Get = Callable[[str], NDArray[Any]]


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file is text whose first line names as many columns as the rows have."""
    return find_layout(head, path, whole=len(head) == path.stat().st_size) is not None


def open_csv(path: Path, options: ReadOptions) -> EventFile:
    """Open a table of text; delimiter and decimal sign are found, or said by the mapping file.

    Raises
    ------
    ConfigError
        There is no mapping file, or it cannot be used.
    UnsupportedFormat
        The file is no table, or its layout could be several.
    DataError
        A row has another number of fields, or a mapped one holds no number (when it is read).
    """
    head = read_head(path, HEAD)
    told = None if options.mapping is None else TableMapping.from_toml(options.mapping)
    layout = find_layout(
        head,
        path,
        whole=len(head) == path.stat().st_size,
        delimiter=told.delimiter if told else None,
        decimal=told.decimal if told else None,
    )
    if layout is None:
        raise UnsupportedFormat(
            "cannot be read as CSV: its rows have other numbers of fields than its first line",
            file=path,
            remedy="say delimiter and decimal in the mapping file",
        )
    names = list(layout.names)
    mapping = load_mapping(options, path, names, empty=path.stat().st_size <= layout.rows_at)
    sources = resolve_sources(mapping, names, path)
    wanted = sorted(arrays_of(sources), key=names.index)
    whole = _whole_columns(path, layout, wanted)

    def batches(events: int) -> Iterator[Get]:
        for columns in _columns(path, layout, wanted, whole, options):
            count = len(columns[wanted[0]])
            for start in range(0, max(count, 1), events):
                yield (
                    lambda name, columns=columns, start=start: columns[name][  # type: ignore[misc]
                        start : start + events
                    ]
                )

    file = mapped_file("csv", path, mapping, 16 * len(wanted), None, batches, sources)
    return file.told(layout=layout.told)


def _columns(
    path: Path, layout: TextLayout, wanted: list[str], whole: set[str], options: ReadOptions
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the wanted columns of some rows at a time; one empty part of a table without rows."""
    rows = 0
    for offset, content in text_blocks(path, layout.rows_at):
        fields = layout.fields(content)
        count = len(fields.counts)
        odd = np.flatnonzero(fields.counts != len(layout.names))
        if len(odd):
            _check_odd(path, layout, fields, int(odd[0]), rows, content)
            kept = rows + int(odd[0])
            at = offset + int(fields.offsets[odd[0]])
            incomplete(path, options, byte_offset=at, events_kept=kept, problem="ends in a row")
            count = int(odd[0])
        else:
            tell_of_open_end(path, content)
        if count:
            yield {
                name: _column(fields, layout, name, whole, path, rows, count, content)
                for name in wanted
            }
        rows += count
    if rows == 0:
        yield {name: np.zeros(0) for name in wanted}


def _check_odd(
    path: Path, layout: TextLayout, fields: Fields, row: int, before: int, content: bytes
) -> None:
    """Raise where a row of another length is not the last, cut one."""
    last = row == len(fields.counts) - 1 and not content.endswith(b"\n")
    if not last or fields.counts[row] > len(layout.names):
        raise DataError(
            f"row {before + row + 1} has {int(fields.counts[row])} fields, and the first line "
            f"names {len(layout.names)}",
            file=path,
            remedy="mend the row, or say delimiter and decimal in the mapping file",
        )


def _column(
    fields: Fields,
    layout: TextLayout,
    name: str,
    whole: set[str],
    path: Path,
    before: int,
    count: int,
    content: bytes,
) -> NDArray[Any]:
    column = layout.names.index(name)
    index = np.arange(count) * len(layout.names) + column
    kind = fields.kind[index]
    bad = np.flatnonzero(kind == NO_NUMBER)
    if len(bad):
        start, stop = fields.offsets[bad[0]], fields.offsets[bad[0] + 1]
        words = decoded(layout.bare(content)[int(start) : int(stop)]).strip()
        value = words.split(None if layout.sign == " " else layout.sign)[column].strip()
        remedy = "mend the row, or leave the column out of the mapping file"
        if layout.decimal == "." and layout.sign != "," and _DECIMAL_COMMA.fullmatch(value):
            remedy = 'say decimal = "," in the mapping file'
        elif THOUSANDS.fullmatch(value.strip('"')):
            remedy = "write the file without signs between thousands, which are not read here"
        raise DataError(
            f"row {before + int(bad[0]) + 1} holds no number",
            file=path,
            field=name,
            value=value,
            remedy=remedy,
        )
    if name not in whole:
        return fields.real[index]
    odd = np.flatnonzero((kind != WHOLE) & (kind != UNSIGNED))
    if len(odd):
        raise DataError(
            f"row {before + int(odd[0]) + 1} is not whole, unlike those before",
            file=path,
            field=name,
            remedy='say type = "real" for the column in the mapping file',
        )
    numbers = fields.whole[index]
    return numbers.view(np.uint64) if (kind == UNSIGNED).any() else numbers


def _whole_columns(path: Path, layout: TextLayout, wanted: list[str]) -> set[str]:
    """Return the columns that hold whole numbers alone, in the head and some later blocks."""
    size = path.stat().st_size
    whole = set(wanted)
    for start in np.unique(np.linspace(layout.rows_at, max(size - HEAD, 0), SAMPLES).astype(int)):
        with open(path, "rb") as file:
            file.seek(max(int(start), layout.rows_at))
            content = file.read(HEAD)
        if start > layout.rows_at:
            content = content.partition(b"\n")[2]
        if int(start) + HEAD < size:
            content = content.rpartition(b"\n")[0]
        fields = layout.fields(content)
        rows = np.flatnonzero(fields.counts == len(layout.names))
        for name in list(whole):
            kind = fields.kind[fields.starts[rows] + layout.names.index(name)]
            # An empty field is a number that is missing, which only a real number can be.
            if not np.isin(kind, (WHOLE, UNSIGNED)).all() or (kind == EMPTY).any():
                whole.discard(name)
    return whole
