"""Daily QC reports of Siemens Biograph PET scanners (``PETQCReport_DDMMYYYY_HHMMSS.xml``).

What the reports have taught:

- The summary puts a limit in percent beside a *count* of blocks outside it. Such a count is kept
  as a test of its own without limits; the limit goes to the values that it bounds.
- ``LastSetupDateTime`` can lie minutes after the scan: the report was finished later than it was
  begun. Everything in it counts as known only from its latest time on.
- Nothing in a report says when it left the console: it is known when it arrives, and not before its
  latest time.
- The console writes the same offset all year. Where the site gives its zone, the digits are taken
  as the wall clock there and the offset is ignored.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulsefront.errors import QCDataError, UnsupportedFormat
from pulsefront.qc.readers.rows.quantities import check_not_future
from pulsefront.qc.readers.text.numbers import parse_numbers
from pulsefront.qc.readers.text.xml import read_xml
from pulsefront.qc.records import (
    MEASUREMENT_COLUMNS,
    SERVICE_COLUMNS,
    UNIT_COLUMNS,
    Batch,
    Reject,
    empty_frame,
    frame_of,
)
from pulsefront.qc.site import Site
from pulsefront.qc.times import parse_times

__all__ = ["ROOT_TAG", "read_siemens"]

ROOT_TAG = "SystemQualityReport"

# Summary item → test; those that count blocks or planes outside a limit end in _outside.
_ITEMS = {
    "aBlockNoise": "block_noise_outside",
    "bBlockEfficiency": "block_efficiency_outside",
    "cMeasureRandoms": "measured_randoms",
    "dScannerEfficiency": "scanner_efficiency",
    "eScatterRatio": "scatter_ratio",
    "fECF": "calibration_factor",
    "gPlaneEff": "plane_efficiency_outside",
    "hTimeAlignment": "time_alignment_outside",
    "iTAFWHM": "time_alignment_fwhm_outside",
    "jTAFitX": "time_alignment_fit_x",
    "kTAFitY": "time_alignment_fit_y",
    "lTAResidual": "time_alignment_residual",
}

_FILE_NAME = re.compile(r"_(\d{2})(\d{2})(\d{4})_\d{6}")
_STATUS = {"passed": "pass", "failed": "fail"}
_REMEDY = "look at the report on the console; export it again if it is whole there"


@dataclass(frozen=True)
class _Array:
    """An array of the report: its element, the test it is, and the summary item that bounds it."""

    tag: str
    test: str
    measurement_unit: str
    item: str


class _Bounds(NamedTuple):
    """What a summary item allows, and the unit in which it says so."""

    low: float = np.nan
    high: float = np.nan
    measurement_unit: str = ""


_ARRAYS = (
    _Array("BlockEfficiency", "block_efficiency", "% of mean", "bBlockEfficiency"),
    _Array("BlockNoise", "block_noise", "crystal", "aBlockNoise"),
    _Array("TimeOffset", "time_offset", "bin", "hTimeAlignment"),
    _Array("TimeWidth", "time_width", "bin", "iTAFWHM"),
)


def read_siemens(path: Path, site: Site, *, now_s: int | None = None) -> Iterator[Batch]:
    """Yield one batch: the measurements of a report and the setups that it mentions.

    Raises
    ------
    UnsupportedFormat
        The file is no such report, or hostile.
    QCDataError
        It has no scan date or no console name, or is dated in the future.
    """
    root = read_xml(path)
    if root.tag != ROOT_TAG:
        raise UnsupportedFormat(
            "is no Siemens PET quality report", file=path, field=root.tag, value=ROOT_TAG
        )
    console = _text(root, "dInputforComputation/dICSName")
    if not console:
        raise QCDataError("has no console name", file=path, field="dICSName", remedy=_REMEDY)
    measured_at = _time(path, root.findtext("bScandate") or "", site, console, "bScandate")
    setups = [
        _time(path, text, site, console, "LastSetupDateTime")
        for text in dict.fromkeys(e.text or "" for e in root.iter("LastSetupDateTime"))
    ]
    available_at = max([measured_at, *setups])
    zone = site.zone(console)
    check_not_future(available_at, now_s, "the latest time of the report", path, zone=zone)
    rejects: list[Reject] = []
    frame = _measurements(root, rejects).assign(
        unit_id=site.unit(console).unit_id,
        measured_at=measured_at,
        available_at=available_at,
        known_on_arrival=1,
    )
    services = _service_frame(site.unit(console).unit_id, setups, available_at)
    size = path.stat().st_size
    yield Batch(
        measurements=frame,
        units=_unit_frame(root, site, console),
        services=services,
        rejects=tuple(rejects),
        rows=len(frame) + len(services) + len(rejects),
        notes=tuple(_notes(path, root, available_at - measured_at)),
        done=size,
        total=size,
    )


def _measurements(root: ET.Element, rejects: list[Reject]) -> pd.DataFrame:
    """Return all readings of a report; what is not whole goes to *rejects*."""
    limits = _limits(root)
    parts = [_items(root, rejects)]
    parts += [_array(root, array, limits.get(array.item, _Bounds()), rejects) for array in _ARRAYS]
    parts.append(_planes(root, limits.get("gPlaneEff", _Bounds()), rejects))
    parts = [part for part in parts if not part.empty] or [empty_frame(MEASUREMENT_COLUMNS)]
    frame = pd.concat(parts, ignore_index=True)
    frame["software_version"] = _text(root, "dInputforComputation/eICSSWVersion")
    frame["row"] = np.arange(1, len(frame) + 1)
    return frame


def _notes(path: Path, root: ET.Element, setup_after_scan_s: int) -> Iterator[str]:
    """Yield what is odd about a report that is read all the same; its file name is day first."""
    if setup_after_scan_s > 0:
        yield (
            f"mentions a setup {setup_after_scan_s} s after its scan: "
            "its values count as known from then on"
        )
    match = _FILE_NAME.search(path.name)
    inside = (root.findtext("bScandate") or "")[:10]
    if match and f"{match[3]}-{match[2]}-{match[1]}" != inside:
        yield f"was scanned on {inside}, which is not the date in its name"


def _service_frame(unit_id: str, setups: list[int], logged_at: int) -> pd.DataFrame:
    when = np.array(setups, dtype=np.int64)
    return frame_of(
        SERVICE_COLUMNS,
        {
            "reported_at": when,
            "unit_id": unit_id,
            "kind": "calibration",
            "started_at": when,
            "completed_at": when,
            "logged_at": logged_at,
            "known_on_arrival": 1,
        },
    )


def _text(root: ET.Element, path: str) -> str:
    return (root.findtext(path) or "").strip()


def _time(path: Path, text: str, site: Site, console: str, field: str) -> int:
    zone = site.zone(console)
    seconds, reasons = parse_times([text], zone=zone or "UTC", wall_clock=bool(zone))
    if reasons[0]:
        raise QCDataError(str(reasons[0]), file=path, field=field, remedy=_REMEDY)
    return int(seconds[0])


def _unit_frame(root: ET.Element, site: Site, console: str) -> pd.DataFrame:
    unit = site.unit(console)
    return frame_of(
        UNIT_COLUMNS,
        {
            "unit_id": unit.unit_id,
            "site": site.site,
            "modality": unit.modality or "PET",
            "vendor": unit.vendor or "Siemens",
            "model": unit.model or f"system {_text(root, 'dInputforComputation/fSystemType')}",
            "serial": unit.serial,
            "timezone": site.zone(console) or "UTC",
        },
    )


def _limits(root: ET.Element) -> dict[str, _Bounds]:
    """Return the bounds of every summary item."""
    found = {}
    for item in root.findall("fDetailedSystemQualityReport/aItem/*"):
        texts = [_text(item, f"{bound}/aValue") for bound in ("bLowerBound", "aUpperBound")]
        (low, high), good = parse_numbers(texts)
        if good.all():
            unit = _text(item, "aUpperBound/bMeasure")
            found[item.tag] = _Bounds(float(low), float(high), unit)
    return found


def _items(root: ET.Element, rejects: list[Reject]) -> pd.DataFrame:
    limits = _limits(root)
    rows = []
    for item in root.findall("fDetailedSystemQualityReport/aItem/*"):
        test = _ITEMS.get(item.tag, item.tag)
        text, unit = _text(item, "cBlkValue/aValue"), _text(item, "cBlkValue/bMeasure")
        value, good = parse_numbers([text])
        if not good[0] or not text:
            rejects.append(Reject(0, f"{test}: the value is no number", text, _REMEDY))
            continue
        bounds = limits.get(item.tag, _Bounds())
        if bounds.measurement_unit != unit:
            bounds = _Bounds()  # a count of blocks beside a limit in percent
        status = _STATUS.get(_text(item, "dDecision").lower(), "")
        rows.append((test, float(value[0]), unit, bounds.low, bounds.high, status))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(6)]
    return frame_of(
        MEASUREMENT_COLUMNS,
        dict(
            zip(
                ("test", "value", "measurement_unit", "action_low", "action_high", "status"),
                columns,
                strict=True,
            )
        ),
    )


def _array(
    root: ET.Element,
    array: _Array,
    bounds: _Bounds,
    rejects: list[Reject],
) -> pd.DataFrame:
    element = root.find(array.tag)
    if element is None:
        return frame_of(MEASUREMENT_COLUMNS, {"value": []})
    values, good = parse_numbers([e.text or "" for e in element.iterfind("bValues/bValue")])
    crates = [(e.text or "").strip() for e in element.iterfind("bValues/cDEA")]
    blocks = [(e.text or "").strip() for e in element.iterfind("bValues/dBlock")]
    names = [f"dea{c:0>2}/block{b:0>2}" for c, b in zip(crates, blocks, strict=False)]
    count = _text(element, "aBlockNumber")
    complete = len(values) == len(crates) == len(blocks) and count == str(len(values))
    if not complete or not good.all() or len(set(names)) != len(names):
        rejects.append(
            Reject(
                0,
                f"{array.test}: {count} blocks announced, {len(values)} values for "
                f"{len(set(names))} blocks, {int((~good).sum())} of them no numbers",
                remedy=_REMEDY,
            )
        )
        return frame_of(MEASUREMENT_COLUMNS, {"value": []})
    low = bounds.low
    if array.test == "block_efficiency":
        values = 100.0 * values / values.mean()
    elif array.test == "time_offset":
        low = -bounds.high  # the bound is on the offset's size
    return frame_of(
        MEASUREMENT_COLUMNS,
        {
            "value": values,
            "component_id": np.array(names, dtype=object),
            "test": array.test,
            "measurement_unit": array.measurement_unit,
            "action_low": low,
            "action_high": bounds.high,
        },
    )


def _planes(root: ET.Element, bounds: _Bounds, rejects: list[Reject]) -> pd.DataFrame:
    texts = [e.text or "" for e in root.iterfind("PlaneEfficiencyProfile/bProfile/bValue")]
    values, good = parse_numbers(texts)
    count = _text(root, "PlaneEfficiencyProfile/aPlanes")
    if texts and (not good.all() or count != str(len(texts))):
        reason = f"plane_efficiency: {count} planes announced, {len(texts)} found"
        rejects.append(Reject(0, reason, remedy=_REMEDY))
        texts = []
    if not texts:
        return frame_of(MEASUREMENT_COLUMNS, {"value": []})
    return frame_of(
        MEASUREMENT_COLUMNS,
        {
            "value": values,
            "component_id": np.array([f"plane{k:03d}" for k in range(len(values))], dtype=object),
            "test": "plane_efficiency",
            "measurement_unit": "%",
            "action_low": bounds.low,
            "action_high": bounds.high,
        },
    )
