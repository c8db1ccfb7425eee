"""The line of a key is found wherever it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.files import sim_data_directory
from pulsefront.toml_lines import line_of

TEXT = """\
# heading = "not a key"
name = "a = b"
list = [
    1,  # inside = no key
    "x]",
]

[scan]
pitch_mm = 1.0
"quoted key" = 2
scan.inner = 3

[[external]]
name = "first"

[[external]]  # the second
name = "second"
measured = { path = "p", keep = true }

[external.more]
deep = 1

[search.network]
hidden = [16, 8]
"""


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("name",), 2),
        (("list",), 3),
        (("list", 1), 3),
        (("scan",), 8),
        (("scan", "pitch_mm"), 9),
        (("scan", "quoted key"), 10),
        (("scan", "scan", "inner"), 11),
        (("external", 0, "name"), 14),
        (("external", 1, "name"), 17),
        (("external", 1, "measured", "path"), 18),
        (("external", 1, "more", "deep"), 21),
        (("search", "network", "hidden"), 24),
        # What is not there has the line of the table around it.
        (("scan", "half_extent_mm"), 8),
        (("search", "network", "kernel"), 23),
        (("inside",), None),
        (("heading",), None),
    ],
)
def test_keys_and_tables_have_their_line(location: tuple[int | str, ...], line: int | None) -> None:
    assert line_of(TEXT, location) == line


def locations(value: object, at: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield (*at, key)
            yield from locations(part, (*at, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            if isinstance(part, Mapping):
                yield from locations(part, (*at, number))


@pytest.mark.parametrize("path", sorted(sim_data_directory().rglob("*.toml")), ids=lambda p: p.stem)
def test_every_key_of_every_shipped_file_is_found_on_its_own_line(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()
    for location in locations(tomllib.loads(text)):
        line = line_of(text, location)
        assert line is not None, location
        names = [str(part) for part in location if isinstance(part, str)]
        # Its own line holds its name, or the name of the inline table around it.
        assert any(name in lines[line - 1] for name in names[-2:]), (location, lines[line - 1])


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    found = line_of(text, ("a", "b"))
    assert found is None or 1 <= found <= len(text.splitlines())
