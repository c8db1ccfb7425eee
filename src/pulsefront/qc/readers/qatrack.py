"""CSV exports of QATrack+: test values in long or wide form, and service events.

A report may begin with lines about itself (title, filters, who asked for it); the table begins
where its header stands. Tolerances are written as text, absolute or in percent of the reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pulsefront.errors import UnsupportedFormat
from pulsefront.qc.readers.assemble import Assembler
from pulsefront.qc.readers.tables import read_csv_table
from pulsefront.qc.readers.text import (
    TextRows,
    open_text,
    parse_numbers,
    read_rows,
    sniff_delimiter,
    split_header,
)
from pulsefront.qc.records import BOUND_COLUMNS, Batch
from pulsefront.qc.site import Mapping, Site, TableColumns
from pulsefront.qc.times import infer_date_order

__all__ = ["find_qatrack_header", "read_qatrack", "tolerance_limits"]

_HEADER_WITHIN_LINES = 40
_META = {
    "Work Completed", "Work Started", "Unit", "Site", "Test List", "Performed By", "Created By",
    "Comment", "Review Status", "Due Date", "Unit Type", "Reviewed", "Link",
}  # fmt: skip

_TOLERANCE = re.compile(r"\s*(Absolute|Percent)\s*\(([^)]*)\)", re.IGNORECASE)


def find_qatrack_header(path: Path) -> tuple[int, str, str] | None:
    """Return (lines before the header, its text, ``long``, ``wide`` or ``service``), or None."""
    with open_text(path) as lines:
        for k in range(_HEADER_WITHIN_LINES):
            line = lines.readline()
            if not line:
                return None
            cells = set(split_header(line))
            if {"Work Completed", "Unit", "Test", "Value"} <= cells:
                return k, line, "long"
            if {"Work Completed", "Unit"} <= cells:
                return k, line, "wide"
            if {"Service Type", "Unit", "Service Date"} <= cells:
                return k, line, "service"
    return None


def read_qatrack(path: Path, site: Site, *, now_s: int) -> Iterator[Batch]:
    """Yield the records of a QATrack+ export in batches.

    Raises
    ------
    UnsupportedFormat
        The file is no such export.
    """
    found = find_qatrack_header(path)
    if found is None:
        raise UnsupportedFormat("is no QATrack+ export", file=path, remedy="check its header")
    skip, header, shape = found
    if shape == "service":
        yield from read_csv_table(
            path, site, _service_mapping(header), now_s=now_s, skip_lines=skip
        )
        return
    delimiter = sniff_delimiter(header)
    names = split_header(header, delimiter)
    order = None
    total = path.stat().st_size
    with open_text(path) as lines:
        for _ in range(skip + 1):
            lines.readline()
        for rows in read_rows(lines, delimiter=delimiter, width=len(names), chunk=20_000):
            completed = rows.columns[names.index("Work Completed")]
            if order is None:
                order = infer_date_order([text.strip() for text in completed if text.strip()])
            long = rows if shape == "long" else _melted(rows, names)
            columns = _columns(long, names if shape == "long" else [*_LONG], delimiter != ",")
            assembler = Assembler(
                _LONG_MAPPING, list(columns), site,
                file=path, order=order, decimal_comma=delimiter != ",", now_s=now_s,
            )  # fmt: skip
            number = long.number + skip
            yield assembler.batch(
                number, list(columns.values()), rows.rejects, done=rows.done, total=total
            )


_LONG = ("Work Completed", "Unit", "Site", "Test", "Value")
_LONG_MAPPING = Mapping(
    columns=TableColumns(
        unit_id="Unit", test="Test", value="Value", measured_at="Work Completed",
        reference="Reference", status="Status", **{name: name for name in BOUND_COLUMNS},
    )
)  # fmt: skip


def _columns(rows: TextRows, names: Sequence[str], decimal_comma: bool) -> dict[str, list[str]]:  # noqa: FBT001
    """Return the columns that the mapping wants, with tolerances spelled out as limits."""
    table = dict(zip(names, rows.columns, strict=True))
    size = len(rows)
    empty = [""] * size
    skipped = table.get("Skipped", empty)
    status = table.get("Status", table.get("Pass/Fail", empty))
    reference = table.get("Reference", empty)
    numbers, good = parse_numbers(reference, decimal_comma=decimal_comma)
    limits = [
        tolerance_limits(text, value if ok else np.nan)
        for text, value, ok in zip(table.get("Tolerance", empty), numbers, good, strict=True)
    ]
    sign = "," if decimal_comma else "."
    spelled = [
        ["" if np.isnan(v) else repr(float(v)).replace(".", sign) for v in four] for four in limits
    ]
    return {
        "Unit": table["Unit"],
        "Test": table["Test"],
        "Value": table["Value"],
        "Work Completed": table["Work Completed"],
        "Reference": reference,
        "Status": [
            "skipped" if s.strip().lower() in {"true", "yes", "1"} else t
            for s, t in zip(skipped, status, strict=True)
        ],
        **{name: [four[k] for four in spelled] for k, name in enumerate(BOUND_COLUMNS)},
    }


def tolerance_limits(text: str, reference: float) -> tuple[float, float, float, float]:
    """Return (action low, tolerance low, tolerance high, action high) in the unit of the value.

    QATrack+ writes differences from the reference: ``Absolute(-2, -1, 1, 2)``, or
    ``Percent(-3%, -2%, 2%, 3%)`` of it. A side may be ``None``.
    """
    nothing = (np.nan,) * 4
    match = _TOLERANCE.match(text)
    if not match or np.isnan(reference):
        return nothing
    parts = [part.strip().rstrip("%") for part in match[2].split(",")]
    if len(parts) != 4:
        return nothing
    values, good = parse_numbers(["" if part in {"None", "--"} else part for part in parts])
    if not good.all():
        return nothing
    scale = abs(reference) / 100.0 if match[1].lower() == "percent" else 1.0
    low2, low1, high1, high2 = (float(reference + scale * v) for v in values)
    return low2, low1, high1, high2


def _melted(rows: TextRows, names: Sequence[str]) -> TextRows:
    """Return a wide table as a long one; an empty cell is a test that was not part of the list."""
    tests = [k for k, name in enumerate(names) if name not in _META]
    completed, unit = (rows.columns[names.index(n)] for n in ("Work Completed", "Unit"))
    sites = rows.columns[names.index("Site")] if "Site" in names else [""] * len(rows)
    columns: list[list[str]] = [[] for _ in _LONG]
    number: list[int] = []
    for k in tests:
        for j, text in enumerate(rows.columns[k]):
            if text.strip():
                cells = (completed[j], unit[j], sites[j], names[k], text)
                for column, cell in zip(columns, cells, strict=True):
                    column.append(cell)
                number.append(int(rows.number[j]))
    return TextRows(np.array(number, dtype=np.int64), columns, rows.rejects, rows.done)


def _service_mapping(header: str) -> Mapping:
    names = set(split_header(header))
    optional = {
        "component_id": "Service Area",
        "started_at": "Work Started",
        "completed_at": "Work Completed",
        "logged_at": "Created",
        "downtime_hours": "Lost Time (hours)",
    }
    return Mapping(
        table="service",
        columns=TableColumns(
            unit_id="Unit", kind="Service Type", reported_at="Service Date",
            **{key: name for key, name in optional.items() if name in names},
        ),
    )  # fmt: skip
