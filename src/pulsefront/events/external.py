"""Measured files as the data, or the external test set, of a study.

A study names a point-source manifest or a store; what comes back has the columns that the
simulated sets have, so that everything after it does not know the difference — except for the
truth, which no measurement holds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from pulsefront.config import FrozenModel
from pulsefront.errors import ConfigError, DataError
from pulsefront.events import store
from pulsefront.events.channels import with_channels
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile, ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.events.scans import open_scan_set

__all__ = ["ExternalData", "load_external", "open_external", "validate_external"]

Side = Literal["positive", "negative"]

NEEDED = {
    "position": ("charge_adc", "stage_position_mm", "grid_index"),
    "timing": ("waveform_adc", "source_offset_mm", "offset_index", "known_difference_ns"),
}


class ExternalData(FrozenModel):
    """Where measured events come from, as a study file names them."""

    path: Path
    """a manifest (``.toml`` or ``.csv``) or an event store; relative to the study file"""
    channels: tuple[int, ...] = ()
    """channels to take, in this order: for timing, that of either detector; all where left out"""
    polarity: Side | Literal["auto"] | tuple[Side, ...] = "auto"
    """side of the baseline on which the pulses lie: one for all channels, or one for each; of
    bipolar pulses that of the first lobe; found from the data if auto"""
    keep_flagged: bool = False
    """keep events with status flags instead of leaving them out"""
    strict: bool = False
    """refuse a damaged file instead of keeping its whole events"""


def open_external(path: str | Path, *, strict: bool = False) -> EventFile:
    """Open a manifest or a store.

    Raises
    ------
    ConfigError
        The manifest cannot be used.
    DataError
        A file is missing, damaged or of an unknown format.
    """
    path = Path(path)
    if path.suffix.lower() in (".toml", ".csv"):
        return open_scan_set(path, options=ReadOptions(strict=strict))
    if not store.is_store(path):
        # Any other measured file lacks the labels, whatever it holds.
        opened = open_events(path)
        raise ConfigError(
            f"is {opened.format} data without source positions",
            file=path,
            remedy="write a manifest that says where the source stood, and name that",
        )
    return open_events(path, format_name="store")


def load_external(
    data: ExternalData,
    kind: Literal["position", "timing"],
    *,
    relative_to: str | Path | None = None,
    channels: int | None = None,
    read: Callable[[EventFile], EventTable] = EventFile.read,
) -> EventTable:
    """Return measured events with the columns that a study of *kind* needs.

    Parameters
    ----------
    data
        As the study file says.
    kind
        ``"position"`` or ``"timing"``.
    relative_to
        Folder of the study file.
    channels
        Photosensors (position) that the study's detector has; checked if given.
    read
        How the opened events become a table.

    Raises
    ------
    ConfigError, DataError
        As for `open_external`; or a column is missing or of another shape, or no event is left.
    """
    path = Path(relative_to or ".") / data.path
    table = read(with_channels(open_external(path, strict=data.strict), data.channels))
    events_read = len(table)
    if not data.keep_flagged:
        table = table.select(table.status == 0)
    validate_external(table, kind, path=path, channels=channels)
    provenance = {
        **table.provenance,
        "events_read": events_read,
        "events_left_out_for_flags": events_read - len(table),
    }
    return EventTable(table.columns, table.quantities, table.status, provenance)


def validate_external(
    table: EventTable,
    kind: Literal["position", "timing"],
    *,
    path: str | Path,
    channels: int | None = None,
) -> None:
    """Check that *table* can stand in for a simulated set.

    Raises
    ------
    DataError
        A column is missing, has another shape or is not finite, or there are no events.
    """
    for name in NEEDED[kind]:
        if name not in table.columns:
            raise DataError(
                f"lacks what a {kind} study needs",
                file=path,
                field=name,
                remedy="make events of its groups with pulsefront charges"
                if {"hit", "hits"} <= set(table.columns)
                else f"it holds {', '.join(table.columns)}",
            )
    if len(table) == 0:
        raise DataError("holds no event without flags", file=path)
    main = table[NEEDED[kind][0]]
    wanted = "(event, photosensor)" if kind == "position" else "(event, 2, sample)"
    fits = main.ndim == 2 if kind == "position" else main.ndim == 3 and main.shape[1] == 2
    if not fits:
        raise DataError(f"must be {wanted}", file=path, field=NEEDED[kind][0], value=main.shape)
    if kind == "position" and channels is not None and main.shape[1] != channels:
        raise DataError(
            f"has {main.shape[1]} photosensors and the study's detector {channels}",
            file=path,
            field="charge_adc",
            remedy="name the detector that was measured",
        )
    for name in NEEDED[kind]:
        if not np.isfinite(table[name]).all():
            raise DataError("holds numbers that are not finite", file=path, field=name)
