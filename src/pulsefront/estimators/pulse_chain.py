"""All quantities of a pulse in one pass: from samples as digitized to a row of the event table.

One compiled kernel takes a waveform through baseline, polarity, smoothing, amplitude, charge,
leading edge and constant fraction while it is in the cache; what each quantity means is defined in
`pulsefront.estimators.pulse`, whose functions give the same numbers one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import model_validator

from pulsefront.config import FrozenModel
from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulse import constant_fraction_of, crossing_before, mean_and_rms
from pulsefront.events.container import EventTable, Quantity, Status

__all__ = ["PulseSettings", "process", "process_table", "pulse_quantities"]


class PulseSettings(FrozenModel):
    """How pulses are measured. Levels are in ADC counts, positions in samples.

    Attributes
    ----------
    polarity
        ``"auto"`` takes, channel by channel, the side on which the pulses lie (see `process`).
    baseline_start, baseline_stop
        Gate of the baseline; it must lie before the pulse.
    smoothing
        Length of a centred moving average before anything but the baseline; 1 is none, and it
        must be odd.
    charge_start, charge_stop
        Gate of the charge. Counted from the first sample, or from the leading edge.
    charge_from
        What the charge gate counts from. A gate that leaves the waveform is cut at its end.
    threshold_adc, threshold_noise
        Leading-edge threshold above the baseline: absolute, or in units of the baseline noise of
        the event (used where the absolute one is not given).
    fraction, delay_samples
        Constant-fraction discriminator. It is armed by the leading edge: a crossing before that
        is noise on the baseline and does not count.
    saturation_low_adc, saturation_high_adc
        A raw sample at or beyond is `Status.SATURATED`; None where it cannot happen.
    pile_up_fraction
        A second rise of more than this share of the amplitude (and of the threshold) above the
        lowest point between it and the peak is `Status.PILE_UP`. 0 switches the check off.
    baseline_noise_limit_adc
        A baseline noise above it is `Status.BAD_BASELINE`.
    """

    polarity: Literal["positive", "negative", "auto"] = "auto"
    baseline_start: int = 0
    baseline_stop: int = 100
    smoothing: int = 1
    charge_start: int = 0
    charge_stop: int | None = None
    charge_from: Literal["first_sample", "leading_edge"] = "first_sample"
    threshold_adc: float | None = None
    threshold_noise: float = 5.0
    fraction: float = 0.2
    delay_samples: float = 10.0
    saturation_low_adc: float | None = None
    saturation_high_adc: float | None = None
    pile_up_fraction: float = 0.5
    baseline_noise_limit_adc: float | None = None

    @model_validator(mode="after")
    def _consistent(self) -> PulseSettings:
        if self.baseline_start < 0 or self.baseline_stop < self.baseline_start + 2:
            raise ValueError("the baseline gate needs at least two samples")
        if self.smoothing < 1 or self.smoothing % 2 == 0:
            raise ValueError("smoothing must be odd and positive")
        if not 0 < self.fraction < 1:
            raise ValueError("fraction must lie between 0 and 1")
        if self.delay_samples <= 0:
            raise ValueError("delay_samples must be positive")
        if self.charge_stop is not None and self.charge_stop <= self.charge_start:
            raise ValueError("charge_stop must lie after charge_start")
        if self.charge_from == "leading_edge" and self.charge_stop is None:
            raise ValueError("a charge gate from the leading edge needs charge_stop")
        return self


_NAMES = (
    "baseline_adc",
    "noise_adc",
    "amplitude_adc",
    "peak_sample",
    "charge_adc_samples",
    "leading_edge_samples",
    "constant_fraction_samples",
)


def pulse_quantities(settings: PulseSettings) -> dict[str, Quantity]:
    """Return the data dictionary of the columns that `process` gives, with the settings told."""
    threshold = (
        f"{settings.threshold_adc:g} ADC counts"
        if settings.threshold_adc is not None
        else f"{settings.threshold_noise:g} times the baseline noise"
    )
    gate = f"{settings.charge_start} to {settings.charge_stop or 'the end'}"
    return {
        "baseline_adc": Quantity(
            "ADC counts",
            f"mean of samples {settings.baseline_start} to {settings.baseline_stop}",
        ),
        "noise_adc": Quantity("ADC counts", "standard deviation about the baseline, same samples"),
        "amplitude_adc": Quantity("ADC counts", "largest sample above the baseline"),
        "peak_sample": Quantity("samples", "position of the largest sample"),
        "charge_adc_samples": Quantity(
            "ADC counts × samples",
            f"sum above the baseline over samples {gate} from the "
            f"{settings.charge_from.replace('_', ' ')}",
        ),
        "leading_edge_samples": Quantity(
            "samples", f"upward crossing of {threshold} that leads to the peak"
        ),
        "constant_fraction_samples": Quantity(
            "samples",
            f"constant-fraction crossing, fraction {settings.fraction:g}, delay "
            f"{settings.delay_samples:g} samples",
        ),
    }


def process(
    waveforms: NDArray[Any], settings: PulseSettings | None = None
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.uint16]]:
    """Return the pulse quantities and the status of each waveform.

    Parameters
    ----------
    waveforms
        (event, sample) or (event, channel, sample), as digitized. Automatic polarity is decided
        for each channel from its own waveforms: the side on which the median largest excursion
        from the baseline is larger.
    settings
        How to measure; the defaults where None.

    Returns
    -------
    quantities
        Name → (event,) or (event, channel) float64, NaN where an event does not have it.
    status
        Same shape, uint16 of `Status` flags.

    Raises
    ------
    ConfigError
        A gate or the delay does not fit into the waveform.
    DataError
        The array has another number of axes.
    """
    settings = settings or PulseSettings()
    waveforms = np.asarray(waveforms)
    if waveforms.ndim == 2:
        rows = np.ascontiguousarray(waveforms)
        return _process_rows(rows, settings, _polarity(rows, settings))
    if waveforms.ndim != 3:
        raise DataError(
            "waveforms must be (event, sample) or (event, channel, sample)",
            field="shape",
            value=waveforms.shape,
        )
    parts = [
        process(np.ascontiguousarray(waveforms[:, c]), settings) for c in range(waveforms.shape[1])
    ]
    quantities = {name: np.stack([part[0][name] for part in parts], axis=1) for name in _NAMES}
    return quantities, np.stack([part[1] for part in parts], axis=1)


def process_table(
    table: EventTable, settings: PulseSettings | None = None, *, column: str = "waveform_adc"
) -> EventTable:
    """Return *table* without its waveforms and with their pulse quantities.

    Times are added in ns where the provenance holds ``sample_interval_ns``. The status of an event
    is what it was, and what any of its channels got.

    Raises
    ------
    ConfigError, DataError
        As for `process`; or the table has no such column.
    """
    settings = settings or PulseSettings()
    waveforms = table[column]
    columns, status = process(waveforms, settings)
    quantities = pulse_quantities(settings)
    interval_ns = table.provenance.get("sample_interval_ns")
    if interval_ns is not None:
        for name in ("leading_edge", "constant_fraction"):
            columns[f"{name}_ns"] = columns[f"{name}_samples"] * float(interval_ns)
            told = quantities[f"{name}_samples"].description
            quantities[f"{name}_ns"] = Quantity("ns", f"{told}, from the first sample")
    joined = status if status.ndim == 1 else np.bitwise_or.reduce(status, axis=1)
    if status.ndim == 2:
        columns["channel_status"] = status  # type: ignore[assignment]
        quantities["channel_status"] = Quantity("1", "status flags of each channel")
    kept = {name: values for name, values in table.columns.items() if name != column}
    dictionary: Mapping[str, Quantity] = {
        name: told for name, told in table.quantities.items() if name != column
    }
    return EventTable(
        {**kept, **columns},
        {**dictionary, **quantities},
        table.status | joined,
        {**table.provenance, "pulse_settings": settings.model_dump()},
    )


# --- inside ------------------------------------------------------------------------------------


def _polarity(waveforms: NDArray[Any], settings: PulseSettings) -> float:
    if settings.polarity != "auto":
        return 1.0 if settings.polarity == "positive" else -1.0
    sample = waveforms[:1000].astype(np.float64)
    if not sample.size:
        return 1.0
    base = np.median(sample[:, settings.baseline_start : settings.baseline_stop], axis=1)
    up = np.nanmedian(sample.max(axis=1) - base)
    down = np.nanmedian(base - sample.min(axis=1))
    return 1.0 if not down > up else -1.0


def _process_rows(
    waveforms: NDArray[Any], settings: PulseSettings, sign: float
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.uint16]]:
    samples = waveforms.shape[1]
    if settings.baseline_stop > samples:
        raise ConfigError(
            f"lies beyond the {samples} samples of a waveform",
            field="baseline_stop",
            value=settings.baseline_stop,
        )
    if settings.delay_samples > samples - 2:
        raise ConfigError(
            f"is longer than the {samples} samples of a waveform",
            field="delay_samples",
            value=settings.delay_samples,
        )
    if settings.smoothing > samples:
        raise ConfigError(
            f"is longer than the {samples} samples of a waveform",
            field="smoothing",
            value=settings.smoothing,
        )
    nan = np.nan
    low, high = settings.saturation_low_adc, settings.saturation_high_adc
    noise_limit = settings.baseline_noise_limit_adc
    rows, status = _chain(
        waveforms,
        sign,
        settings.baseline_start,
        settings.baseline_stop,
        settings.smoothing // 2,
        settings.charge_start,
        samples if settings.charge_stop is None else settings.charge_stop,
        settings.charge_from == "leading_edge",
        nan if settings.threshold_adc is None else settings.threshold_adc,
        settings.threshold_noise,
        settings.fraction,
        settings.delay_samples,
        -np.inf if low is None else low,
        np.inf if high is None else high,
        settings.pile_up_fraction,
        np.inf if noise_limit is None else noise_limit,
    )
    return dict(zip(_NAMES, rows.T.copy(), strict=True)), status


_SATURATED = int(Status.SATURATED)
_PILE_UP = int(Status.PILE_UP)
_NO_PULSE = int(Status.NO_PULSE)
_NO_CROSSING = int(Status.NO_CROSSING)
_BAD_BASELINE = int(Status.BAD_BASELINE)
_NOT_FINITE = int(Status.NOT_FINITE)


@njit(nogil=True, cache=True)
def _chain(
    waveforms: NDArray[Any],
    sign: float,
    base_start: int,
    base_stop: int,
    half: int,
    charge_start: int,
    charge_stop: int,
    charge_from_edge: bool,  # noqa: FBT001
    threshold_adc: float,
    threshold_noise: float,
    fraction: float,
    delay: float,
    saturation_low: float,
    saturation_high: float,
    pile_up_fraction: float,
    noise_limit: float,
) -> tuple[NDArray[np.float64], NDArray[np.uint16]]:
    events, samples = waveforms.shape
    rows = np.full((events, 7), np.nan)
    status = np.zeros(events, np.uint16)
    pulse = np.empty(samples, np.float32)
    for event in range(events):
        raw = waveforms[event]
        level, noise = mean_and_rms(raw, base_start, base_stop)
        rows[event, 0] = level
        rows[event, 1] = noise
        flags = 0
        lowest = raw[0]
        highest = raw[0]
        finite = True
        for i in range(samples):
            lowest = min(lowest, raw[i])
            highest = max(highest, raw[i])
            pulse[i] = sign * (np.float64(raw[i]) - level)
            finite &= np.isfinite(pulse[i])
        if not finite:
            status[event] = _NOT_FINITE
            continue
        if lowest <= saturation_low or highest >= saturation_high:
            flags |= _SATURATED
        if noise > noise_limit:
            flags |= _BAD_BASELINE
        if half > 0:
            moving_average(pulse, half)

        peak = 0
        for i in range(1, samples):
            if pulse[i] > pulse[peak]:
                peak = i
        height = np.float64(pulse[peak])
        rows[event, 2] = height
        rows[event, 3] = peak

        threshold = threshold_adc if np.isfinite(threshold_adc) else threshold_noise * noise
        edge = np.nan
        if height < threshold or height <= 0.0:
            flags |= _NO_PULSE
        else:
            edge = crossing_before(pulse, peak, threshold)
            rows[event, 5] = edge
            crossing = constant_fraction_of(pulse, fraction, delay)
            # The leading edge arms it: a crossing before that is noise on the baseline.
            if crossing >= edge:
                rows[event, 6] = crossing
            if not (np.isfinite(edge) and np.isfinite(rows[event, 6])):
                flags |= _NO_CROSSING
            rise = max(pile_up_fraction * height, threshold)
            if pile_up_fraction > 0.0 and second_rise(pulse, peak, rise):
                flags |= _PILE_UP

        start, stop = charge_start, charge_stop
        if charge_from_edge:
            origin = int(np.floor(edge)) if np.isfinite(edge) else 0
            start, stop = start + origin, stop + origin
        if not charge_from_edge or np.isfinite(edge):
            total = 0.0
            for i in range(max(start, 0), min(stop, samples)):
                total += pulse[i]
            rows[event, 4] = total
        status[event] = flags
    return rows, status


@njit(nogil=True, cache=True)
def moving_average(pulse: NDArray[np.float32], half: int) -> None:
    """Replace one pulse by its mean over 2·half + 1 samples; fewer at its two ends."""
    samples = len(pulse)
    sums = np.empty(samples + 1, np.float64)
    sums[0] = 0.0
    for i in range(samples):
        sums[i + 1] = sums[i] + pulse[i]
    for i in range(samples):
        first = max(i - half, 0)
        last = min(i + half + 1, samples)
        pulse[i] = (sums[last] - sums[first]) / (last - first)


@njit(nogil=True, cache=True)
def second_rise(pulse: NDArray[Any], peak: int, rise: float) -> bool:
    """Return whether one pulse rises by more than *rise* anywhere but towards its peak."""
    lowest = np.float64(pulse[peak])
    for i in range(peak + 1, len(pulse)):
        lowest = min(lowest, np.float64(pulse[i]))
        if pulse[i] - lowest > rise:
            return True
    lowest = np.float64(pulse[peak])
    for i in range(peak - 1, -1, -1):
        lowest = min(lowest, np.float64(pulse[i]))
        if pulse[i] - lowest > rise:
            return True
    return False
