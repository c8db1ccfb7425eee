"""All quantities of a pulse in one pass: from samples as digitized to a row of the event table.

One compiled kernel takes a waveform through baseline, polarity, smoothing, amplitude, charge,
leading edge and constant fraction while it is in the cache; what each quantity means is defined in
`pulsefront.estimators.pulses.quantities`, whose functions give the same numbers one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.cells import crossing_times_ns
from pulsefront.estimators.pulses.kernels import crossing_before, moving_average
from pulsefront.estimators.pulses.one_pass import LINE, MEAN, ROBUST, measure
from pulsefront.estimators.pulses.settings import NAMES, PulseSettings, Side, pulse_quantities
from pulsefront.events.container import EventTable, Quantity, Status, mark

__all__ = [
    "PulseSettings",
    "add_charges",
    "process",
    "process_table",
    "pulse_quantities",
    "resolve",
]

METHODS = {"mean": MEAN, "robust": ROBUST, "line": LINE}


def resolve(settings: PulseSettings, waveforms: NDArray[Any]) -> PulseSettings:
    """Return *settings* with what they leave open decided from *waveforms*.

    The gate of the baseline ends a little before nine in ten of the pulses begin, at sample 100 at
    the latest. Polarity is decided channel by channel: the side on which the median largest
    excursion from the baseline is larger. The delay becomes the median time, over all channels, in
    which pulses rise from 10 to 90 % of their amplitude, at least one sample. The first 1,000
    events decide.

    Use it once on the first events of a run, so that every later chunk is measured alike.

    Parameters
    ----------
    waveforms
        (event, sample) or (event, channel, sample).

    Raises
    ------
    ConfigError
        The baseline gate or the smoothing does not fit into the waveform.
    DataError
        The array has another number of axes.
    """
    rows = _channels(waveforms)[:1000]
    if settings.baseline_stop is None:
        stop = _before_the_pulses(rows, settings.baseline_start)
        settings = settings.model_copy(update={"baseline_stop": stop})
    _check(settings, rows.shape[2])
    polarity = settings.polarity
    if polarity == "auto":
        polarity = tuple(_side(rows[:, c], settings) for c in range(rows.shape[1]))
    decided = settings.model_copy(update={"polarity": polarity})
    if decided.delay_samples is not None:
        return decided
    delay = 10.0
    if len(rows):
        trial = decided.model_copy(update={"delay_samples": 1.0, "pile_up_fraction": 0.0})
        rises = [
            _rise_times(rows[:, c], trial, sign)
            for c, sign in enumerate(_signs(decided, rows.shape[1]))
        ]
        known = np.concatenate(rises)
        if np.isfinite(known).any():
            delay = float(np.nanmedian(known))
    longest = max(rows.shape[2] // 2, 1)
    return decided.model_copy(update={"delay_samples": float(np.clip(round(delay), 1, longest))})


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
    rows = _channels(waveforms)
    _check(settings, rows.shape[2])
    parts = [
        _process_rows(np.ascontiguousarray(rows[:, c]), settings, sign)
        for c, sign in enumerate(_signs(settings, rows.shape[1]))
    ]
    if np.asarray(waveforms).ndim == 2:
        return parts[0]
    quantities = {name: np.stack([part[0][name] for part in parts], axis=1) for name in NAMES}
    return quantities, np.stack([part[1] for part in parts], axis=1)


def process_table(
    table: EventTable, settings: PulseSettings | None = None, *, column: str = "waveform_adc"
) -> EventTable:
    """Return *table* without its waveforms and with their pulse quantities.

    Times are added in ns where the provenance holds ``sample_interval_ns``, or read on the time
    axis of each event where the table has one in ``sample_time_ns``, which is then left out too. (A
    discriminator with a delay in samples is only as good as that axis is even: for better, see
    `pulsefront.estimators.pulses.cells.to_even_grid`.) The status of an event is what it was, and
    what any of its channels got.

    Raises
    ------
    ConfigError, DataError
        As for `process`; or the table has no such column.
    """
    waveforms = table[column]
    settings = resolve(settings or PulseSettings(), waveforms)
    columns, status = process(waveforms, settings)
    quantities = pulse_quantities(settings)
    interval_ns = table.provenance.get("sample_interval_ns")
    axes = table.columns.get("sample_time_ns")
    for name in ("leading_edge", "constant_fraction"):
        samples = columns[f"{name}_samples"]
        told = quantities[f"{name}_samples"].description
        if axes is not None and axes.shape == waveforms.shape:
            times = crossing_times_ns(samples.ravel(), axes.reshape(-1, axes.shape[-1]))
            columns[f"{name}_ns"] = times.reshape(samples.shape)
            quantities[f"{name}_ns"] = Quantity("ns", f"{told}, on the event's own time axis")
        elif interval_ns is not None:
            columns[f"{name}_ns"] = samples * float(interval_ns)
            quantities[f"{name}_ns"] = Quantity("ns", f"{told}, from the first sample")
    joined = status if status.ndim == 1 else np.bitwise_or.reduce(status, axis=1)
    if status.ndim == 2:
        columns["channel_status"] = status  # type: ignore[assignment]
        quantities["channel_status"] = Quantity("1", "status flags of each channel")
    left_out = (column, "sample_time_ns")
    kept = {name: values for name, values in table.columns.items() if name not in left_out}
    dictionary: Mapping[str, Quantity] = {
        name: told for name, told in table.quantities.items() if name not in left_out
    }
    return EventTable(
        {**kept, **columns},
        {**dictionary, **quantities},
        table.status | joined,
        {**table.provenance, "pulse_settings": settings.model_dump(mode="json")},
    )


def add_charges(table: EventTable, settings: PulseSettings | None = None) -> EventTable:
    """Return *table* with ``charge_adc`` (event, channel) float32 in place of its waveforms.

    For a position set measured with digitizers: the charge of every photosensor from its pulse.
    Flags of single channels are no flags of the event here, since most photosensors see little
    light; only a sample that is not finite spoils it.

    Raises
    ------
    ConfigError, DataError
        As for `process_table`; or the waveforms are not (event, channel, sample).
    """
    if table["waveform_adc"].ndim != 3:
        raise DataError(
            "charges per photosensor take (event, channel, sample)",
            field="waveform_adc",
            value=table["waveform_adc"].shape,
        )
    decided = resolve(settings or PulseSettings(), table["waveform_adc"])
    columns, status = process(table["waveform_adc"], decided)
    spoilt = np.asarray((status & np.uint16(Status.NOT_FINITE)).any(axis=1))
    joined = table.status.copy()
    mark(joined, spoilt, Status.NOT_FINITE)
    told = pulse_quantities(decided)["charge_adc_samples"]
    left_out = ("waveform_adc", "sample_time_ns")
    return EventTable(
        {
            **{name: values for name, values in table.columns.items() if name not in left_out},
            "charge_adc": columns["charge_adc_samples"].astype(np.float32),
        },
        {
            **{name: unit for name, unit in table.quantities.items() if name not in left_out},
            "charge_adc": told,
        },
        joined,
        {**table.provenance, "pulse_settings": decided.model_dump(mode="json")},
    )


# --- inside ------------------------------------------------------------------------------------


def _channels(waveforms: NDArray[Any]) -> NDArray[Any]:
    """Return waveforms as (event, channel, sample)."""
    waveforms = np.asarray(waveforms)
    if waveforms.ndim == 2:
        return waveforms[:, None]
    if waveforms.ndim == 3 and waveforms.shape[1]:
        return waveforms
    raise DataError(
        "waveforms must be (event, sample) or (event, channel, sample)",
        field="shape",
        value=waveforms.shape,
    )


def _check(settings: PulseSettings, samples: int) -> None:
    for field, most in (
        ("baseline_stop", samples),
        ("delay_samples", samples - 2),
        ("smoothing", samples),
    ):
        value = getattr(settings, field)
        if value is not None and value > most:
            raise ConfigError(
                f"does not fit into the {samples} samples of a waveform", field=field, value=value
            )


def _before_the_pulses(rows: NDArray[Any], start: int) -> int:
    """Return where the gate of the baseline ends.

    A pulse begins where, walking back from its peak, the waveform is first within 5 % of the
    amplitude of where it started; a tenth of the samples before that is kept as a guard.
    """
    samples: int = rows.shape[2]
    waves = rows.reshape(-1, samples).astype(np.float64)[:, start:]
    first = waves[:, : max(samples // 32, 4)]
    level = np.median(first, axis=1, keepdims=True) if first.size else np.zeros((len(waves), 1))
    excursion = np.abs(waves - level)
    height = excursion.max(axis=1, initial=0.0)
    # From sample to sample: no gate without a pulse is known yet.
    noise = np.median(np.abs(np.diff(waves, axis=1)), axis=1) if samples > start + 1 else height
    pulses = np.isfinite(height) & (height > 10 * noise) & (height > 0)
    least, most = start + 2, min(start + 100, max(samples // 2, start + 2))
    if not pulses.any():
        return most
    excursion, height = excursion[pulses], height[pulses]
    place = np.arange(excursion.shape[1])
    quiet = (excursion < 0.05 * height[:, None]) & (place < excursion.argmax(axis=1)[:, None])
    onset = np.where(quiet, place, 0).max(axis=1)
    return int(np.clip(start + 0.9 * np.quantile(onset, 0.1), least, most))


def _side(waveforms: NDArray[Any], settings: PulseSettings) -> Side:
    sample = waveforms.astype(np.float64)
    sample = sample[np.isfinite(sample).all(axis=1)]
    if not len(sample):
        return "positive"
    base = np.median(sample[:, settings.baseline_start : settings.baseline_stop], axis=1)
    up = np.median(sample.max(axis=1) - base)
    down = np.median(base - sample.min(axis=1))
    return "negative" if down > up else "positive"


def _signs(settings: PulseSettings, channels: int) -> list[float]:
    sides = settings.polarity
    if isinstance(sides, str):
        sides = ("negative" if sides == "negative" else "positive",) * channels
    if len(sides) != channels:
        raise ConfigError(
            f"gives {len(sides)} polarities for {channels} channel(s)", field="polarity"
        )
    return [-1.0 if side == "negative" else 1.0 for side in sides]


def _rise_times(
    waveforms: NDArray[Any], settings: PulseSettings, sign: float
) -> NDArray[np.float64]:
    """Return the 10–90 % rise times, in samples, of the pulses without flags."""
    crossings = []
    height, status = _process_rows(np.ascontiguousarray(waveforms), settings, sign)
    good = (status & np.uint16(~Status.NO_CROSSING & 0xFFFF)) == 0
    for share in (0.1, 0.9):
        times = np.full(len(waveforms), np.nan)
        for event in np.flatnonzero(good):
            pulse = sign * (waveforms[event].astype(np.float64) - height["baseline_adc"][event])
            if settings.smoothing > 1:
                smooth = pulse.astype(np.float32)
                moving_average(smooth, settings.smoothing // 2)
                pulse = smooth.astype(np.float64)
            peak = int(height["peak_sample"][event])
            times[event] = crossing_before(pulse, peak, share * height["amplitude_adc"][event])
        crossings.append(times)
    return np.asarray(crossings[1] - crossings[0])


def _process_rows(
    waveforms: NDArray[Any], settings: PulseSettings, sign: float
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.uint16]]:
    samples = waveforms.shape[1]
    nan = np.nan
    low, high = settings.saturation_low_adc, settings.saturation_high_adc
    noise_limit = settings.baseline_noise_limit_adc
    rows, status = measure(
        waveforms,
        sign,
        settings.baseline_start,
        settings.baseline_stop or samples,
        METHODS[settings.baseline_method],
        settings.smoothing // 2,
        settings.charge_start,
        samples if settings.charge_stop is None else settings.charge_stop,
        settings.charge_from == "leading_edge",
        nan if settings.threshold_adc is None else settings.threshold_adc,
        settings.threshold_noise,
        settings.fraction,
        settings.delay_samples or 1.0,
        -np.inf if low is None else low,
        np.inf if high is None else high,
        settings.pile_up_fraction,
        np.inf if noise_limit is None else noise_limit,
    )
    return dict(zip(NAMES, rows.T.copy(), strict=True)), status
