"""All quantities of a pulse in one pass: from samples as digitized to a row of the event table.

One compiled kernel takes a waveform through baseline, polarity, smoothing, amplitude, charge,
leading edge and constant fraction while it is in the cache; what each quantity means is defined in
`pulsefront.estimators.pulses.quantities`, whose functions give the same numbers one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.pulses.cells import crossing_times_ns
from pulsefront.estimators.pulses.one_pass import measure
from pulsefront.estimators.pulses.resolve import channels_of, check_fits, resolve, signs_of
from pulsefront.estimators.pulses.settings import NAMES, PICKOFFS, PulseSettings, pulse_quantities
from pulsefront.events.container import EventTable, Quantity, Status, mark

if TYPE_CHECKING:
    from pulsefront.estimators.pulses.learn import Learned

__all__ = ["charge_table", "process", "process_table", "resolve"]

WAVEFORMS, TIME_AXES = "waveform_adc", "sample_time_ns"


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
    settings = resolve(settings or PulseSettings(), waveforms)
    rows = channels_of(waveforms)
    check_fits(settings, rows.shape[2])
    parts = [
        measure(np.ascontiguousarray(rows[:, c]), settings, sign)
        for c, sign in enumerate(signs_of(settings, rows.shape[1]))
    ]
    if np.ndim(waveforms) == 2:
        ((records, status),) = parts
    else:
        records, status = (np.stack(columns, axis=1) for columns in zip(*parts, strict=True))
    return {name: np.ascontiguousarray(records[name]) for name in NAMES}, status


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
    waveforms = table[WAVEFORMS]
    settings = resolve(settings or PulseSettings(), waveforms)
    columns, status = process(waveforms, settings)
    quantities = pulse_quantities(settings)
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
    return _in_place_of_waveforms(table, measured, quantities, table.status | joined, settings)


def charge_table(table: EventTable, settings: PulseSettings | None = None) -> EventTable:
    """Return *table* with ``charge_adc`` (event, channel) float32 in place of its waveforms.

    For a position set measured with digitizers: the charge of every photosensor from its pulse.
    Flags of single channels are no flags of the event here, since most photosensors see little
    light; only a sample that is not finite spoils it.

    Raises
    ------
    ConfigError, DataError
        As for `process_table`; or the waveforms are not (event, channel, sample).
    """
    waveforms = table[WAVEFORMS]
    if waveforms.ndim != 3:
        raise DataError(
            "charges per photosensor take (event, channel, sample)",
            field=WAVEFORMS,
            value=waveforms.shape,
        )
    settings = resolve(settings or PulseSettings(), waveforms)
    columns, status = process(waveforms, settings)
    joined = table.status.copy()
    spoilt = (status & np.uint16(Status.NOT_FINITE)).any(axis=1)
    mark(joined, np.asarray(spoilt), Status.NOT_FINITE)
    charges = {"charge_adc": columns["charge_adc_samples"].astype(np.float32)}
    told = {"charge_adc": pulse_quantities(settings)["charge_adc_samples"]}
    return _in_place_of_waveforms(table, charges, told, joined, settings)


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
