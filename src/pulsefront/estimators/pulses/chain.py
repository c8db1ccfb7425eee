"""All pulse quantities of a waveform in one pass, with a status per event.

One compiled loop takes each waveform through baseline, subtraction, amplitude, charge,
leading edge and constant fraction while it is in the cache; what each quantity means is defined in
`pulsefront.estimators.pulses.quantities`, whose functions give the same numbers one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.pulses.cells import crossing_times_ns
from pulsefront.estimators.pulses.flags import mark_unusual
from pulsefront.estimators.pulses.limits import ChannelLimits
from pulsefront.estimators.pulses.one_pass import measure
from pulsefront.estimators.pulses.polarity import channels_of
from pulsefront.estimators.pulses.resolve import (
    learned_limits,
    resolve,
    resolve_gates,
    signs_of,
    with_rails,
)
from pulsefront.estimators.pulses.settings import NAMES, PICKOFFS, PulseSettings, pulse_quantities
from pulsefront.events.container import EventTable, Quantity, Status, mark

if TYPE_CHECKING:
    from pulsefront.estimators.pulses.learn import Learned

__all__ = [
    "Measurement",
    "charge_table",
    "measure_charges",
    "measure_pulses",
    "measure_table",
    "process",
    "process_table",
    "resolve",
    "usable_rows",
]

WAVEFORMS, TIME_AXES = "waveform_adc", "sample_time_ns"

FILLED_UP = np.uint16(Status.TRUNCATED | Status.MISSING_CHANNEL | Status.BAD_HEADER)
"""Flags of waveforms that are not what was digitized."""


class Measurement(NamedTuple):
    """What `measure_pulses` finds.

    Attributes
    ----------
    columns
        Name → (event,) or (event, channel) float64, NaN where an event does not have it.
    status
        Same shape, uint16 of `Status` flags.
    settings
        Those asked for with what they left open decided, and saturation as it was found.
    """

    columns: dict[str, NDArray[np.float64]]
    status: NDArray[np.uint16]
    settings: PulseSettings


def process(
    waveforms: NDArray[Any], settings: PulseSettings | None = None
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.uint16]]:
    """Return the pulse quantities and the status of each waveform.

    Parameters
    ----------
    waveforms
        (event, sample) or (event, channel, sample), as digitized.
    settings
        How to measure; the defaults where None. What they leave open is decided by `resolve`.

    Returns
    -------
    quantities
        Name → (event,) or (event, channel) float64, NaN where an event does not have it.
    status
        Same shape, uint16 of `Status` flags.

    Raises
    ------
    ConfigError
        A gate, the delay or the number of polarities does not fit the waveforms.
    DataError
        The array has another number of axes.
    """
    columns, status, _ = measure_pulses(waveforms, settings or PulseSettings())
    return columns, status


def measure_pulses(
    waveforms: NDArray[Any],
    settings: PulseSettings,
    usable: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Measure waveforms as `process` does, and tell how.

    Hand the settings on to the next chunk of a run: levels of saturation are looked for in all
    chunks, since the largest pulses may come late.

    Parameters
    ----------
    usable
        (event,) False for waveforms that say nothing of their channel, such as those filled up
        with zeros; they are measured all the same.
    """
    rows = channels_of(waveforms)
    trusted = np.ones(len(rows), np.bool_) if usable is None else usable
    every = bool(trusted.all())
    settings = resolve_gates(settings, rows if every else rows[trusted])
    channels = [np.ascontiguousarray(rows[:, c]) for c in range(rows.shape[1])]
    signs = signs_of(settings, len(channels))
    known = settings.limits or (None,) * len(channels)
    parts = [
        measure(waves, settings, sign, bipolar=_takes_lobe(settings, limits))
        for waves, sign, limits in zip(channels, signs, known, strict=True)
    ]
    if not settings.limits:
        some = parts if every else [(r[trusted], s[trusted]) for r, s in parts]
        settings = learned_limits(settings, channels, some)
        parts = [
            measure(waves, settings, sign, bipolar=True) if _takes_lobe(settings, limits) else part
            for waves, sign, limits, part in zip(
                channels, signs, settings.limits, parts, strict=True
            )
        ]
    settings = with_rails(settings, channels, parts, trusted)
    for (records, status), limits, sign in zip(parts, settings.limits, signs, strict=True):
        mark_unusual(records, status, limits, settings, sign, trusted)
    if np.ndim(waveforms) == 2:
        ((records, status),) = parts
    else:
        records, status = (np.stack(columns, axis=1) for columns in zip(*parts, strict=True))
    columns = {name: np.ascontiguousarray(records[name]) for name in NAMES}
    return Measurement(columns, status, settings)


def _takes_lobe(settings: PulseSettings, limits: ChannelLimits | None) -> bool:
    """Return whether the charge of a channel is that of the first lobe."""
    if settings.charge_lobe != "auto":
        return settings.charge_lobe == "first"
    no_gate = settings.charge_start == 0 and settings.charge_stop is None
    return no_gate and limits is not None and limits.bipolar


def process_table(
    table: EventTable,
    settings: PulseSettings | None = None,
    *,
    learned: Sequence[Learned] = (),
) -> EventTable:
    """Return *table* without its waveforms and with their pulse quantities.

    Times are added in ns where the provenance holds ``sample_interval_ns``, or read on the time
    axis of each event where the table has one in ``sample_time_ns``, which is then left out too. (A
    discriminator with a delay in samples is only as good as that axis is even: for better, see
    `pulsefront.estimators.pulses.cells.to_even_grid`.) The status of an event is what it was, and
    what any of its channels got.

    Parameters
    ----------
    learned
        Further quantities to measure, one per channel (`pulsefront.estimators.pulses.learn`).

    Raises
    ------
    ConfigError, DataError
        As for `process`; or the table has no waveforms.
    """
    return measure_table(table, settings or PulseSettings(), learned=learned)[0]


def measure_table(
    table: EventTable, settings: PulseSettings, *, learned: Sequence[Learned] = ()
) -> tuple[EventTable, PulseSettings]:
    """Return what `process_table` does, and the settings to measure the next chunk with."""
    waveforms = table[WAVEFORMS]
    columns, status, settings = measure_pulses(waveforms, settings, usable_rows(table))
    quantities = pulse_quantities(settings, table.quantities[WAVEFORMS].unit)
    if learned:
        # Only those who ask for more wait for its kernels.
        from pulsefront.estimators.pulses.further import further_quantities, measure_further

        columns |= measure_further(waveforms, learned, columns)
        quantities |= further_quantities(learned[0].settings)
    for name in PICKOFFS:
        if f"{name}_samples" in columns:
            told = quantities[f"{name}_samples"].description
            if (found := _in_ns(columns[f"{name}_samples"], table, told)) is not None:
                columns[f"{name}_ns"], quantities[f"{name}_ns"] = found
    joined = status if status.ndim == 1 else np.bitwise_or.reduce(status, axis=1)
    measured: dict[str, NDArray[Any]] = dict(columns)
    if status.ndim == 2:
        measured["channel_status"] = status
        quantities["channel_status"] = Quantity("1", "status flags of each channel")
    marked = table.status | joined
    return _in_place_of_waveforms(table, measured, quantities, marked, settings), settings


def usable_rows(table: EventTable) -> NDArray[np.bool_]:
    """Return which events hold waveforms as they were digitized; all where none does."""
    usable = np.asarray((table.status & FILLED_UP) == 0)
    return usable if usable.any() else np.ones(len(table), np.bool_)


def charge_table(table: EventTable, settings: PulseSettings | None = None) -> EventTable:
    """Return *table* with ``charge_adc`` (event, channel) float32 in place of its waveforms.

    For a position set measured with digitizers: the charge of every photosensor from its pulse.
    Most flags of single channels are no flags of the event here, since most photosensors see
    little light; only a sample that is cut off or not finite spoils it.

    Raises
    ------
    ConfigError, DataError
        As for `process_table`; or the waveforms are not (event, channel, sample).
    """
    return measure_charges(table, settings or PulseSettings())[0]


def measure_charges(table: EventTable, settings: PulseSettings) -> tuple[EventTable, PulseSettings]:
    """Return what `charge_table` does, and the settings to measure the next chunk with."""
    waveforms = table[WAVEFORMS]
    if waveforms.ndim != 3:
        raise DataError(
            "charges per photosensor take (event, channel, sample)",
            field=WAVEFORMS,
            value=waveforms.shape,
        )
    columns, status, settings = measure_pulses(waveforms, settings, usable_rows(table))
    joined = table.status.copy()
    for flag in (Status.NOT_FINITE, Status.SATURATED):
        mark(joined, np.asarray((status & np.uint16(flag)).any(axis=1)), flag)
    charges = {"charge_adc": columns["charge_adc_samples"].astype(np.float32)}
    unit = table.quantities[WAVEFORMS].unit
    told = {"charge_adc": pulse_quantities(settings, unit)["charge_adc_samples"]}
    return _in_place_of_waveforms(table, charges, told, joined, settings), settings


def _in_ns(
    samples: NDArray[np.float64], table: EventTable, told: str
) -> tuple[NDArray[np.float64], Quantity] | None:
    """Return crossings in ns, on each event's own axis where it has one; None if not known."""
    axes = table.columns.get(TIME_AXES)
    if axes is not None and axes.shape == table[WAVEFORMS].shape:
        times = crossing_times_ns(samples.ravel(), axes.reshape(-1, axes.shape[-1]))
        return times.reshape(samples.shape), Quantity("ns", f"{told}, on the event's own time axis")
    interval_ns = table.provenance.get("sample_interval_ns")
    if interval_ns is None:
        return None
    return samples * float(interval_ns), Quantity("ns", f"{told}, from the first sample")


def _in_place_of_waveforms(
    table: EventTable,
    columns: dict[str, NDArray[Any]],
    quantities: dict[str, Quantity],
    status: NDArray[np.uint16],
    settings: PulseSettings,
) -> EventTable:
    kept = table.without(WAVEFORMS, TIME_AXES)
    return EventTable(
        {**kept.columns, **columns},
        {**kept.quantities, **quantities},
        status,
        {**table.provenance, "pulse_settings": settings.model_dump(mode="json")},
    )
