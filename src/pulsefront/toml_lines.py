"""Where a key stands in a TOML file: the standard parser does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["line_of"]

_HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def line_of(text: str, location: Sequence[int | str]) -> int | None:
    """Return the line, counted from one, of the key or table at *location*.

    What is not written in the file, such as a missing key, has the line of the nearest table
    around it; None where not even that is written.

    Parameters
    ----------
    location
        Keys and, within arrays of tables, indices; as pydantic names the location of an error.
    """
    wanted = tuple(location)
    best: tuple[int, int] | None = None
    for line, path in _paths(text):
        # A key inside it tells where a table or array begins that has no line of its own.
        shared = path[: len(wanted)]
        if wanted[: len(path)] == shared and (best is None or len(shared) > best[0]):
            best = len(shared), line
    return None if best is None else best[1]


def _paths(text: str) -> Iterator[tuple[int, tuple[int | str, ...]]]:
    """Yield line and location of every table and key that begins a line."""
    table: tuple[int | str, ...] = ()
    counts: dict[tuple[int | str, ...], int] = {}
    open_brackets = 0
    for number, line in enumerate(text.splitlines(), 1):
        if open_brackets > 0:
            open_brackets += _balance(line)
            continue
        header = _HEADER.match(line)
        if header and "=" not in header[2]:
            table = _with_indices(_parts(header[2]), counts, repeated=header[1] == "[[")
            yield number, table
            continue
        key = _KEY.match(line)
        if key:
            yield number, (*table, *_parts(key[1]))
            open_brackets = max(_balance(line[key.end() :]), 0)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(text))


def _with_indices(
    names: tuple[str, ...], counts: dict[tuple[int | str, ...], int], *, repeated: bool
) -> tuple[int | str, ...]:
    """Return the location of a table's header; within arrays of tables it is the last one."""
    path: tuple[int | str, ...] = ()
    for depth, name in enumerate(names, 1):
        path = (*path, name)
        if depth == len(names) and repeated:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _balance(line: str) -> int:
    """Return how many brackets stay open after *line*; those in strings and comments are none."""
    plain = re.sub(r"""\"(?:\\.|[^"\\])*\"|'[^']*'""", "", line).split("#", 1)[0]
    return plain.count("[") + plain.count("{") - plain.count("]") - plain.count("}")
