"""Limits of a site: read from WAD-QC files, laid over measurements that carry none.

Limits are per unit and never "the standard": the same test has other limits on another scanner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pulsefront.errors import UnsupportedFormat
from pulsefront.qc.readers.text.delimited import decode
from pulsefront.qc.readers.text.numbers import parse_numbers
from pulsefront.qc.readers.text.xml import read_xml
from pulsefront.qc.records import BOUND_COLUMNS
from pulsefront.qc.site import Site

__all__ = ["Limits", "apply_limits", "read_limits", "site_limits"]


@dataclass(frozen=True)
class Limits:
    """Limits of one test; NaN where a side is open."""

    action_low: float = np.nan
    tolerance_low: float = np.nan
    tolerance_high: float = np.nan
    action_high: float = np.nan
    measurement_unit: str = ""

    @property
    def ordered(self) -> bool:
        """Whether the limits that are there do not cross."""
        values = [v for v in (getattr(self, name) for name in BOUND_COLUMNS) if np.isfinite(v)]
        return values == sorted(values)


def read_limits(path: Path) -> dict[str, Limits]:
    """Return the limits by test from a WAD-QC meta file (JSON) or configuration (XML).

    Raises
    ------
    UnsupportedFormat
        The file is neither, or a limit in it cannot be: not four numbers, or crossing.
    """
    found = _from_xml(path) if path.suffix.lower() == ".xml" else _from_json(path)
    for test, limits in found.items():
        if not limits.ordered:
            values = [getattr(limits, name) for name in BOUND_COLUMNS]
            raise UnsupportedFormat("the limits cross", file=path, field=test, value=values)
    return found


def _from_json(path: Path) -> dict[str, Limits]:
    try:
        content = json.loads(decode(path.read_bytes(), path))
        results = content["results"]
        items = results.items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnsupportedFormat(
            "is no WAD-QC meta file", file=path, remedy="it needs a table named results"
        ) from None
    found = {}
    for test, item in items:
        if not isinstance(item, Mapping):
            raise UnsupportedFormat("is no table", file=path, field=test)
        # A constraint may be present and switched off.
        active = item.get("constraint_is_active", True) is True
        four = item.get("constraint_minlowhighmax") if active else None
        if not four:  # another kind of constraint: a period, or a text to equal
            continue
        found[str(test)] = Limits(
            **dict(zip(BOUND_COLUMNS, _four(four, path, str(test)), strict=True)),
            measurement_unit=str(item.get("units", "")),
        )
    return found


def _four(values: Any, path: Path, test: str) -> list[float]:
    good = isinstance(values, list) and len(values) == 4
    if not good or not all(v is None or isinstance(v, (int, float)) for v in values):
        raise UnsupportedFormat("needs four limits", file=path, field=test, value=values)
    return [np.nan if v is None else float(v) for v in values]


def _from_xml(path: Path) -> dict[str, Limits]:
    root = read_xml(path)
    if root.tag != "WAD_PETQC_config":
        raise UnsupportedFormat("is no WAD-QC configuration", file=path, field=root.tag)
    found = {}
    for result in root.iter("result"):
        test = result.get("description", "")
        if (result.findtext("criterium") or "").strip():  # a text to equal
            continue
        tags = ("crit_low", "acc_low", "acc_high", "crit_high")
        values, good = parse_numbers([(result.findtext(tag) or "").strip() for tag in tags])
        if not good.all():
            raise UnsupportedFormat("a limit is no number", file=path, field=test)
        found[test] = Limits(**dict(zip(BOUND_COLUMNS, values.tolist(), strict=True)))
    return found


def site_limits(site: Site, folder: Path) -> dict[str, dict[str, Limits]]:
    """Return the limits by unit and test of all limit files of a site, relative to *folder*."""
    found: dict[str, dict[str, Limits]] = {}
    for entry in site.limits:
        found.setdefault(entry.unit_id, {}).update(read_limits(folder / entry.file))
    return found


def apply_limits(frame: pd.DataFrame, limits: Mapping[str, Mapping[str, Limits]]) -> pd.DataFrame:
    """Return measurements with the site's limits where the log itself gave none.

    A limit in another unit than the value is not comparable and is left out.
    """
    if not limits:
        return frame
    bare = frame[list(BOUND_COLUMNS)].isna().all(axis=1)
    frame = frame.copy()
    groups = frame.loc[bare, ["unit_id", "test", "measurement_unit"]].drop_duplicates()
    for unit_id, test, unit in groups.itertuples(index=False):
        found = limits.get(unit_id, {}).get(test)
        if found is None or _differ(found.measurement_unit, unit):
            continue
        rows = bare & (frame["unit_id"] == unit_id) & (frame["test"] == test)
        rows &= frame["measurement_unit"] == unit
        for name in BOUND_COLUMNS:
            frame.loc[rows, name] = getattr(found, name)
    return frame


def _differ(limit_unit: str, unit: str) -> bool:
    return bool(limit_unit and unit) and limit_unit.lower() != unit.lower()
