"""A commented mapping for a file, from a look at it: to be checked by somebody who knows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pulsefront.errors import DataError, QCDataError
from pulsefront.qc.readers.look import Look, SeenColumn, look_at
from pulsefront.qc.readers.open import open_source
from pulsefront.qc.readers.text.date_order import OrderVotes
from pulsefront.qc.site import Site

__all__ = ["new_mapping"]

# Words in the names of columns, in the order in which a column is looked for.
_UNIT = "scanner machine unit system device camera linac equipment apparatus room gerät toestel"
_TEST = "test parameter quantity item check prüfung"
_VALUE = "value result reading measured wert waarde messwert"
_COMPONENT = "component head detector block module kopf"
_MEASUREMENT_UNIT = "units uom einheit eenheid"
_REFERENCE = "reference baseline nominal expected target sollwert"
_STATUS = "status passed verdict decision"
_SOFTWARE = "software version"
_KNOWN = "exported reported created received logged available"
_CODE = "code error event fault"
_LIMITS = {
    "action_low": ("action low", "lower action", "action min", "min action"),
    "tolerance_low": ("tolerance low", "lower tolerance", "warn low", "lower warn"),
    "tolerance_high": ("tolerance high", "upper tolerance", "warn high", "upper warn"),
    "action_high": ("action high", "upper action", "action max", "max action"),
}
_BRACKETED = re.compile(r"\s*(.*?)\s*[\[(]([^\])]+)[\])]\s*")
_SUFFIXES = {"percent": "%", "pct": "%", "kev": "keV", "mm": "mm", "ps": "ps", "ns": "ns",
             "cps": "cps", "celsius": "°C"}  # fmt: skip


def new_mapping(path: Path) -> str:
    """Return a mapping for a file as commented TOML, or a comment that it needs none.

    Raises
    ------
    DataError
        The file is neither of a known format nor a table.
    """
    known = _known_format(path)
    if known:
        return known
    look = look_at(path)
    if look.of_kind("kind"):
        return _written(path, look, _services(look))
    roles = _Roles(look)
    test, value = roles.find(_TEST, "word"), roles.find(_VALUE, "number", "mixed")
    if test and value:
        return _written(path, look, _long(roles, test, value))
    code = roles.find(_CODE, "word", "number")
    if code and not look.of_kind("number"):
        return _written(path, look, _events(roles, code))
    return _written(path, look, _wide(roles))


def _known_format(path: Path) -> str:
    """Return what to say of a file that is read without a mapping, empty for any other one."""
    try:
        source = open_source(path, Site(), now_s=2**40)
        next(iter(source.batches()), None)
    except (DataError, QCDataError) as error:
        if "which scanner" not in str(error):
            return ""
        return (
            f"# {path.name} is read by its content, but does not tell which scanner it is about.\n"
            f"[mappings.{json.dumps(_pattern(path), ensure_ascii=False)}]\n"
            f'format = "{source.format}"\n'
            '# fixed = { unit_id = "…" }  # write its name, without the # before the line\n'
        )
    return f"# {path.name} is a file of the format {source.format!r}: it needs no mapping.\n"


class _Roles:
    """Which column may be what; a column has one role."""

    def __init__(self, look: Look) -> None:
        self._left = list(look.columns)

    def find(self, words: str, *kinds: str) -> SeenColumn | None:
        """Return the first column whose name has one of some words, and take it out."""
        for word in words.split():
            for column in self._left:
                names = re.findall(r"[^\W\d_]+", column.name.lower())
                if word in names and (not kinds or column.kind in kinds):
                    self._left.remove(column)
                    return column
        return None

    def named(self, phrases: Iterable[str]) -> SeenColumn | None:
        """Return the first column whose name holds one of some phrases, and take it out."""
        for column in self._left:
            plain = re.sub(r"[\W_]+", " ", column.name.lower())
            if any(phrase in plain for phrase in phrases):
                self._left.remove(column)
                return column
        return None

    def first(self, kind: str) -> SeenColumn | None:
        """Return the first column of a kind, and take it out."""
        for column in self._left:
            if column.kind == kind:
                self._left.remove(column)
                return column
        return None

    @property
    def left(self) -> Sequence[SeenColumn]:
        """Columns without a role."""
        return self._left


@dataclass
class _Mapping:
    """What is to be written."""

    table: str
    shape: str
    columns: list[tuple[str, list[SeenColumn]]] = field(default_factory=list)
    tests: list[SeenColumn] = field(default_factory=list)
    wide: bool = False

    def add(self, quantity: str, *columns: SeenColumn | None) -> None:
        """Give a quantity its columns, if there are any."""
        found = [column for column in columns if column is not None]
        if found:
            self.columns.append((quantity, found))


def _when(roles: _Roles) -> list[SeenColumn]:
    """Return the column of the date, and of the time of day where that has its own."""
    date = roles.first("date")
    clock = roles.first("clock") if date else None
    return [column for column in (date, clock) if column]


def _long(roles: _Roles, test: SeenColumn, value: SeenColumn) -> _Mapping:
    mapping = _Mapping("measurement", "a row a test")
    mapping.add("unit_id", roles.find(_UNIT))
    mapping.add("component_id", roles.find(_COMPONENT))
    mapping.add("test", test)
    mapping.add("value", value)
    mapping.add("measurement_unit", roles.find(_MEASUREMENT_UNIT, "word"))
    mapping.add("available_at", roles.find(_KNOWN, "date"))
    mapping.add("measured_at", *_when(roles))
    mapping.add("reference", roles.find(_REFERENCE, "number"))
    for limit, phrases in _LIMITS.items():
        mapping.add(limit, roles.named(phrases))
    mapping.add("status", roles.find(_STATUS, "word"))
    mapping.add("software_version", roles.find(_SOFTWARE))
    return mapping


def _wide(roles: _Roles) -> _Mapping:
    mapping = _Mapping("measurement", "a row a day, a column a test", wide=True)
    mapping.add("unit_id", roles.find(_UNIT) or roles.first("word"))
    mapping.add("component_id", roles.find(_COMPONENT))
    mapping.add("available_at", roles.find(_KNOWN, "date"))
    mapping.add("measured_at", *_when(roles))
    mapping.add("software_version", roles.find(_SOFTWARE, "word"))
    mapping.tests = [column for column in roles.left if column.kind == "number"]
    return mapping


def _events(roles: _Roles, code: SeenColumn) -> _Mapping:
    mapping = _Mapping("event", "a row an event")
    mapping.add("unit_id", roles.find(_UNIT))
    mapping.add("component_id", roles.find(_COMPONENT))
    mapping.add("code", code)
    mapping.add("severity", roles.find("severity level priority"))
    mapping.add("occurred_at", *_when(roles))
    return mapping


def _services(look: Look) -> _Mapping:
    roles = _Roles(look)
    mapping = _Mapping("service", "a row a service")
    mapping.add("unit_id", roles.find(_UNIT))
    mapping.add("component_id", roles.find(f"area {_COMPONENT}"))
    mapping.add("kind", roles.first("kind"))
    reported = roles.find("reported", "date")
    mapping.add("logged_at", roles.find(_KNOWN, "date"))
    mapping.add("completed_at", roles.find("completed finished end closed", "date"))
    mapping.add("started_at", roles.find("started begin start", "date"))
    mapping.add("reported_at", *([reported] if reported else _when(roles)))
    mapping.add("downtime_hours", roles.find("downtime hours lost", "number"))
    return mapping


_NEEDED = {
    "measurement": ("unit_id", "measured_at"),
    "event": ("unit_id", "occurred_at"),
    "service": ("unit_id", "reported_at"),
}


def _written(path: Path, look: Look, mapping: _Mapping) -> str:
    """Return a mapping as TOML with a comment on every guess."""
    key = f"mappings.{json.dumps(_pattern(path), ensure_ascii=False)}"
    names = ", ".join(column.name for column in look.columns)
    lines = [
        f"# A mapping for {_plain(path.name)}, from a look at {look.rows} rows. Check every line.",
        f"# Columns: {_plain(names)}",
        f"[{key}]",
        f'table = "{mapping.table}"  # {mapping.shape}',
    ]
    if look.skip_lines:
        lines.append(f"skip_lines = {look.skip_lines}  # lines before the header")
    if look.delimiter != ",":
        lines.append(f"delimiter = {json.dumps(look.delimiter)}")
    if look.decimal_comma:
        lines.append("decimal_comma = true")
    lines += _date_lines(mapping)
    found = {quantity for quantity, _ in mapping.columns}
    missing = [name for name in _NEEDED[mapping.table] if name not in found]
    lines += [
        f'# fixed = {{ {name} = "…" }}  # no column tells it: write it, without the # before'
        for name in missing
    ]
    lines += [
        '# timezone = "Europe/Paris"  # where the clock hangs, if not that of the site',
        "# available_delay_hours = 12  # when a row is known, if not when its file arrives",
        "",
        f"[{key}.columns]",
        *(_column_line(quantity, columns) for quantity, columns in mapping.columns),
    ]
    if mapping.tests:
        lines += ["", f"[{key}.tests]  # column = test; take out what is none"]
        lines += [_test_line(column) for column in mapping.tests]
    lines += _left_out(look, mapping, key)
    return "\n".join(lines) + "\n"


def _left_out(look: Look, mapping: _Mapping, key: str) -> list[str]:
    """Return a comment on each column that has no place in the mapping, with the reason."""
    placed = {column.name for _, columns in mapping.columns for column in columns}
    placed |= {column.name for column in mapping.tests}
    left = [column for column in look.columns if column.name not in placed]
    tests = [column for column in left if mapping.wide and column.kind == "mixed"]
    lines = []
    if tests and not mapping.tests:
        lines += ["", f"# [{key}.tests]  # column = test"]
    lines += [f"# {_test_line(column, f'left out: {_what_it_is(column)}')}" for column in tests]
    others = [column for column in left if column not in tests]
    if others:
        lines += ["", "# Columns that are left out; give one to a quantity where it tells that."]
    lines += [
        f"# {_plain(json.dumps(c.name, ensure_ascii=False))}: {_what_it_is(c)}" for c in others
    ]
    return lines


def _what_it_is(column: SeenColumn) -> str:
    """Return what the cells of a column are, in words."""
    match column.kind:
        case "empty":
            return "no cell holds anything"
        case "mixed":
            return _no_numbers(column)
        case "number":
            return "numbers, and no quantity has such a name"
        case "date" | "clock":
            return "another date or time of day"
        case "kind" | "word":
            return f"words: {_some(column.words)}"


def _no_numbers(column: SeenColumn) -> str:
    some = f"{len(column.words)} of {len(column.cells)} cells"
    return f"{some} are no numbers: {_some(column.words)}"


def _some(words: Sequence[str]) -> str:
    return ", ".join(_plain(word) for word in list(dict.fromkeys(words))[:3])


def _date_lines(mapping: _Mapping) -> list[str]:
    """Return what there is to say about the order of day and month."""
    votes = OrderVotes()
    for _, columns in mapping.columns:
        for column in columns:
            if column.kind == "date":
                votes.add(column.cells)
    if votes.year_first:
        return []
    try:
        return [f'date_order = "{votes.order()}"']
    except QCDataError as error:
        return [f"# {_plain(error.problem)}:", '# date_order = "dmy"  # or "mdy"']


def _column_line(quantity: str, columns: Sequence[SeenColumn]) -> str:
    names = [json.dumps(column.name, ensure_ascii=False) for column in columns]
    value = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    examples = ", ".join(_plain(cell) for cell in dict.fromkeys(columns[0].cells[:3]))
    return f"{quantity} = {value}  # {examples}"


def _test_line(column: SeenColumn, remark: str = "") -> str:
    """Return the line of a test, with its unit of measurement where the name tells one.

    ``remark`` stands in the place of some of its cells.
    """
    key = json.dumps(column.name, ensure_ascii=False)
    bracketed = _BRACKETED.fullmatch(column.name)
    suffix = column.name.lower().rpartition("_")[2]
    if bracketed and bracketed[1]:
        test, unit = bracketed[1], bracketed[2]
    else:
        test, unit = column.name, _SUFFIXES.get(suffix, "")
    parts = [f"test = {json.dumps(test, ensure_ascii=False)}"]
    if unit:
        parts.append(f"measurement_unit = {json.dumps(unit, ensure_ascii=False)}")
    examples = ", ".join(_plain(cell) for cell in column.cells[:3])
    if column.words:  # those rows will wait in quarantine
        examples += f"; {_no_numbers(column)}"
    return f"{key} = {{ {', '.join(parts)} }}  # {remark or examples}"


def _pattern(path: Path) -> str:
    """Return a pattern for files of such a name: numbers differ from day to day."""
    name = re.sub(r"\d+(?:[-_.T]\d+)*", "*", path.stem) + path.suffix
    return re.sub(r"([*?\[])", lambda m: m[1] if m[1] == "*" else f"[{m[1]}]", name)


def _plain(text: str) -> str:
    """Return a text that may stand in a comment."""
    return "".join(c if c.isprintable() else " " for c in text)[:200]
