"""Waveforms of photosensors to a store of their charges, as position studies and calibrate take it.

Everything else that is known of the events, labels of a scan among it, goes along.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pulsefront
from pulsefront.errors import DataError
from pulsefront.estimators.pulses.settings import PickoffSettings
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile
from pulsefront.measured.pickoff import PulseChain, status_counts
from pulsefront.progress import Report, silent

__all__ = ["ChargesSummary", "charge_tables", "write_charges"]


@dataclass
class ChargesSummary:
    """What was found.

    Attributes
    ----------
    events, channels
        How many there are.
    status
        Name of each flag → events.
    settings
        As they were decided.
    """

    events: int = 0
    channels: int = 1
    status: Counter[str] = field(default_factory=Counter)
    settings: PickoffSettings = field(default_factory=PickoffSettings)


def write_charges(
    source: EventFile,
    out: str | Path,
    settings: PickoffSettings | None = None,
    *,
    report: Report = silent,
) -> ChargesSummary:
    """Write ``charge_adc``, (event, channel), of all events to the store *out*; atomically.

    Raises
    ------
    ConfigError
        The settings do not fit the waveforms.
    DataError
        The source holds no waveforms, no events, or is damaged.
    PulsefrontError
        The store cannot be written.
    """
    if "waveform_adc" not in source.quantities:
        raise DataError("holds no waveforms", file=source.path, field="waveform_adc")
    seen = ChargesSummary()

    def provenance() -> dict[str, Any]:
        told = {"pulse_settings": seen.settings.model_dump(mode="json")} if seen.events else {}
        return {**source.origin, **told, "pulsefront_version": pulsefront.__version__}

    tables = charge_tables(source, settings or PickoffSettings(), seen, report)
    store.write_stream(tables, out, provenance=provenance)
    return seen


def charge_tables(
    source: EventFile, settings: PickoffSettings, seen: ChargesSummary, report: Report = silent
) -> Iterator[EventTable]:
    """Yield the events with ``charge_adc`` in place of their waveforms; *seen* is kept up to date.

    Raises
    ------
    ConfigError
        The settings do not fit the waveforms.
    DataError
        The source is damaged.
    """
    asked = settings.model_copy(update={"charges_only": True})
    chain: PulseChain | None = None
    for raw in source.reported(report):
        rows = _by_channel(raw)
        chain = chain or PulseChain(rows, asked)
        _, table = chain.measure(rows)
        seen.events += len(table)
        seen.channels = table["charge_adc"].shape[1]
        seen.settings = chain.settings
        seen.status.update(status_counts(table.status))
        yield table


def _by_channel(table: EventTable) -> EventTable:
    """Return waveforms with a channel axis, if only of one."""
    waveforms: NDArray[Any] = table["waveform_adc"]
    if waveforms.ndim != 2:
        return table
    columns = {"waveform_adc": np.asarray(waveforms[:, None])}
    times = table.columns.get("sample_time_ns")
    if times is not None and times.shape == waveforms.shape:
        columns["sample_time_ns"] = times[:, None]
    kept = ("channel",) if table.columns.get("channel", np.zeros((0, 0))).ndim == 1 else ()
    columns |= {name: table[name][:, None] for name in kept}
    return table.with_columns(columns, {})
