"""DICOM structured reports: every number of the content tree is a test (PS3.3, C.17.3).

The name of a test is the meaning of its concept, its unit of measurement the code of its units. The
component is what tells one container from its neighbours: a tracking identifier inside of it where
there is one (TID 1411, 1501), else the meanings of the containers above, without the title.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.errors import QCDataError, ToolMissing, UnsupportedFormat
from pulsefront.qc.readers.consoles.report import (
    ReportedValue,
    instant_of,
    unit_of_report,
    unit_record,
    values_frame,
)
from pulsefront.qc.readers.rows.quantities import check_not_future, zone_of
from pulsefront.qc.records import Batch, Reject
from pulsefront.qc.site import Mapping, Site, UnitSettings

__all__ = ["is_dicom", "read_dicom_report"]

_MAX_BYTES = 64 * 2**20
_MAX_DEPTH = 100
_STRUCTURED_REPORT = "1.2.840.10008.5.1.4.1.1.88."
_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
_REMEDY = "look at the report on the console; send it again"


def is_dicom(start: bytes) -> bool:
    """Return whether a file begins as DICOM files do."""
    return start[128:132] == b"DICM"


def read_dicom_report(
    path: Path, site: Site, *, now_s: int, mapping: Mapping | None = None
) -> Iterator[Batch]:
    """Yield one batch: the numbers of a structured report.

    Raises
    ------
    ToolMissing
        pydicom is not installed.
    UnsupportedFormat
        The file is no DICOM, or holds something else than a structured report.
    QCDataError
        It tells no time, or one in the future; or nothing tells the unit.
    """
    data = _dataset(path)
    names = [str(data.get(name, "") or "") for name in ("StationName", "DeviceSerialNumber")]
    unit = unit_of_report(path, site, mapping, names=names)
    measured_at = _instant(path, data, ("Study", "Content"), site, mapping, unit)
    available_at = max(measured_at, _instant(path, data, ("Content", "Study"), site, mapping, unit))
    check_not_future(available_at, now_s, "ContentDate", path, zone=zone_of(site, unit, mapping))
    values: list[ReportedValue] = []
    rejects: list[Reject] = []
    _gather(data, (), values, rejects, 0, path)
    told = {
        "modality": "",
        "vendor": str(data.get("Manufacturer", "") or ""),
        "model": str(data.get("ManufacturerModelName", "") or ""),
        "serial": str(data.get("DeviceSerialNumber", "") or ""),
    }
    size = path.stat().st_size
    yield Batch(
        measurements=values_frame(values, unit, measured_at=measured_at, available_at=available_at),
        units=unit_record(site, unit, **told),
        rejects=tuple(rejects),
        rows=len(values) + len(rejects),
        done=size,
        total=size,
    )


def _dataset(path: Path) -> Any:
    """Return the data set of a structured report."""
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ImportError:
        raise ToolMissing(
            "pydicom", needed_for="DICOM reports", install="pip install 'pulsefront[dicom]'"
        ) from None
    if path.stat().st_size > _MAX_BYTES:
        raise UnsupportedFormat("is too large for a report", file=path, remedy="check the file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd values are looked at one by one
            data = pydicom.dcmread(path, stop_before_pixels=True)
            kind = str(data.get("SOPClassUID", ""))
    except (InvalidDicomError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UnsupportedFormat(
            f"is no whole DICOM file: {error}", file=path, remedy=_REMEDY
        ) from None
    if kind.startswith(_ENCAPSULATED):
        raise UnsupportedFormat(
            "is a document in DICOM, not a structured report",
            file=path,
            remedy="save the text of the document, or export the report in another form",
        )
    if not kind.startswith(_STRUCTURED_REPORT):
        raise UnsupportedFormat(
            "is DICOM, but no structured report",
            file=path,
            value=kind,
            remedy="send the report instead of the image, or ignore such files in site.toml",
        )
    return data


def _instant(
    path: Path,
    data: Any,
    which: Sequence[str],
    site: Site,
    mapping: Mapping | None,
    unit: UnitSettings,
) -> int:
    """Return the first of some instants of a data set that it holds."""
    offset = str(data.get("TimezoneOffsetFromUTC", "") or "").strip()
    for name in which:
        day, clock = (str(data.get(f"{name}{part}", "") or "") for part in ("Date", "Time"))
        if day:
            text = f"{day.strip()} {clock.strip()[:6]} {offset}".strip()
            return instant_of(path, text, site, mapping, unit, field=f"{name}Date")
    raise QCDataError("tells no time", file=path, field="ContentDate", remedy=_REMEDY)


def _gather(
    item: Any,
    above: tuple[str, ...],
    values: list[ReportedValue],
    rejects: list[Reject],
    depth: int,
    path: Path,
) -> None:
    """Add the numbers below an item of the content tree."""
    if depth > _MAX_DEPTH:
        raise UnsupportedFormat(f"nests deeper than {_MAX_DEPTH} items", file=path)
    children = list(item.get("ContentSequence", None) or [])
    component = _tracking_identifier(children) or "/".join(above)
    for child in children:
        kind = str(child.get("ValueType", ""))
        if kind == "NUM":
            _add_number(child, component, values, rejects)
        below = (*above, _meaning(child)) if kind == "CONTAINER" else above
        _gather(child, below, values, rejects, depth + 1, path)


def _add_number(
    item: Any, component: str, values: list[ReportedValue], rejects: list[Reject]
) -> None:
    row = len(values) + len(rejects) + 1
    test = _meaning(item)
    measured = list(item.get("MeasuredValueSequence", None) or [])
    try:
        value = float(measured[0].NumericValue) if measured else np.nan
    except (AttributeError, TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value) or not test:
        rejects.append(Reject(row, f"{test or 'a number'}: has no value", component, _REMEDY))
        return
    units = list(measured[0].get("MeasurementUnitsCodeSequence", None) or [])
    unit = str(units[0].get("CodeValue", "")) if units else ""
    values.append(ReportedValue(row, test, value, "" if unit == "1" else unit, component))


def _meaning(item: Any) -> str:
    codes = list(item.get("ConceptNameCodeSequence", None) or [])
    return str(codes[0].get("CodeMeaning", "")).strip() if codes else ""


def _tracking_identifier(children: Sequence[Any]) -> str:
    for child in children:
        if _meaning(child) == "Tracking Identifier":
            return str(child.get("TextValue", "") or "").strip()
    return ""
