"""What quantities beside the usual ones need to know, learned from the first clean pulses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.filters import OptimalFilter, noise_spectrum
from pulsefront.estimators.pulses.polarity import channels_of
from pulsefront.estimators.pulses.quantities import baseline, rise_time, subtract
from pulsefront.estimators.pulses.resolve import signs_of
from pulsefront.estimators.pulses.settings import (
    OptimalFilterSettings,
    PickoffSettings,
    TemplateSettings,
    TrapezoidSettings,
)
from pulsefront.estimators.pulses.template import Template, build_template, fit_template

__all__ = ["Columns", "Learned", "learn", "upward"]

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]

LEAST_PULSES = 10
MOST_PULSES = 2000
TEMPLATE_ROUNDS = 4


@dataclass(frozen=True)
class Learned:
    """What the first clean pulses of one channel told.

    Attributes
    ----------
    settings
        With what they left open decided.
    sign
        −1 where pulses go down.
    template
        Mean shape of the pulses, time 0 at the constant-fraction time; None where not asked for.
    optimal
        The optimal filter for that shape at ``reference_samples``; None where not asked for.
    """

    settings: PickoffSettings
    sign: float
    template: Template | None = None
    optimal: OptimalFilter | None = None
    reference_samples: float = 0.0


def learn(
    waveforms: NDArray[Any], settings: PickoffSettings, columns: Columns, status: NDArray[Any]
) -> tuple[Learned, ...]:
    """Return what *settings* ask for, learned from waveforms and their pulse quantities.

    Parameters
    ----------
    waveforms
        (event, sample) or (event, channel, sample); the first 2,000 clean pulses of each channel
        are used.
    settings
        As `resolve` decided them.
    columns, status
        What `pulsefront.estimators.pulses.chain.process` gives for the same waveforms.

    Returns
    -------
    learned
        One per channel; empty where nothing is asked for.

    Raises
    ------
    DataError
        Fewer than ten clean pulses.
    ConfigError
        A length does not fit, or there is no decay to be found.
    """
    if not settings.asks_for_more:
        return ()
    rows = channels_of(waveforms)
    count = rows.shape[1]
    flags = status.reshape(len(rows), count)
    return tuple(
        _learn_channel(
            rows[:, c],
            settings,
            sign,
            {name: column.reshape(len(rows), count)[:, c] for name, column in columns.items()},
            flags[:, c],
            c,
        )
        for c, sign in enumerate(signs_of(settings, count))
    )


def upward(waveforms: NDArray[Any], settings: PickoffSettings, sign: float) -> NDArray[np.float32]:
    """Return upward pulses above their baseline, not smoothed."""
    waveforms = np.ascontiguousarray(waveforms)
    base = baseline(
        waveforms,
        settings.baseline_start,
        settings.baseline_stop,
        method=settings.baseline_method,
    )
    return subtract(waveforms, base, "negative" if sign < 0 else "positive")


def _learn_channel(
    waveforms: NDArray[Any],
    settings: PickoffSettings,
    sign: float,
    columns: Columns,
    status: NDArray[Any],
    channel: int,
) -> Learned:
    clean = np.flatnonzero(status == 0)[:MOST_PULSES]
    if len(clean) < LEAST_PULSES:
        raise DataError(
            f"only {len(clean)} of the first {len(status)} pulses carry no flag",
            field=f"channel {channel}",
            remedy=f"set baseline and threshold so that at least {LEAST_PULSES} do not",
        )
    first = {name: values[clean] for name, values in columns.items()}
    pulses = upward(waveforms[clean], settings, sign)
    times = first["constant_fraction_samples"]
    trap, form, filtered = settings.trapezoid, settings.template, settings.optimal_filter
    template = optimal = None
    if trap is not None:
        trap = _trapezoid_found(pulses, first, trap)
    if form is not None or filtered is not None:
        found = _template_found(pulses, times, form or TemplateSettings())
        template = _mean_shape(pulses, times, first["amplitude_adc"], found)
        form = form and found
    reference = float(np.median(times))
    if filtered is not None and template is not None:
        filtered, optimal = _optimal_found(pulses, times, template, settings, filtered)
    decided = settings.model_copy(
        update={"trapezoid": trap, "template": form, "optimal_filter": filtered}
    )
    return Learned(decided, sign, template if form else None, optimal, reference)


def _trapezoid_found(
    pulses: NDArray[Any], first: Columns, asked: TrapezoidSettings
) -> TrapezoidSettings:
    samples = pulses.shape[1]
    decay = asked.decay_samples or _decay(pulses)
    flat = asked.flat_samples
    if flat is None:
        flat = max(int(np.ceil(2.0 * np.nanmedian(rise_time(pulses)))), 1)
    # The top must lie within the waveform behind nearly every leading edge.
    room = samples - 1 - int(np.ceil(np.quantile(first["leading_edge_samples"], 0.99))) - flat
    longest = min(room, (samples - flat) // 2)
    rise = asked.rise_samples or min(max(round(2.0 * decay), 1), longest)
    if not 1 <= rise <= longest:
        raise ConfigError(
            f"does not fit behind the leading edge: at most {longest} samples",
            field="trapezoid.rise_samples",
            value=rise,
            remedy="give a shorter trapezoid",
        )
    return TrapezoidSettings(decay_samples=decay, rise_samples=rise, flat_samples=flat)


def _decay(pulses: NDArray[Any]) -> float:
    """Return the decay constant of the mean pulse, between 80 and 10 % of its height."""
    mean = np.asarray(pulses, np.float64).mean(axis=0)
    tail = mean[int(mean.argmax()) :] / mean.max()
    start, stop = (int(np.argmax(np.append(tail, 0.0) < share)) for share in (0.8, 0.1))
    if stop - start >= 4:
        slope = np.polyfit(np.arange(start, stop), np.log(tail[start:stop]), 1)[0]
        if slope < 0:
            return float(-1.0 / slope)
    raise ConfigError(
        "no exponential tail is seen in the first pulses",
        field="trapezoid.decay_samples",
        remedy="give the decay constant in samples",
    )


def _template_found(
    pulses: NDArray[Any], times: Floats, asked: TemplateSettings
) -> TemplateSettings:
    samples = pulses.shape[1]
    early, late = (float(np.quantile(times, share)) for share in (0.05, 0.95))
    mean = np.asarray(pulses, np.float64).mean(axis=0)
    seen = np.flatnonzero(np.abs(mean) > 0.02 * mean.max())
    before = asked.before_samples or int(early) - max(int(seen[0]) - 2, 0)
    after = asked.after_samples or min(int(seen[-1]) + 1, samples - 2) - int(np.ceil(late))
    if before < 1 or after < 1:
        raise ConfigError(
            "the pulses lie too near an end of the waveforms for a template",
            field="template.before_samples, template.after_samples",
            value=(before, after),
        )
    points = before + after
    # A point misses all pulses with (1 − 1/oversampling)^pulses; less than one may.
    fine = next(
        (k for k in (8, 4, 2) if points * k * (1 - 1 / k) ** len(pulses) < 0.01),
        1,
    )
    return TemplateSettings(
        before_samples=before, after_samples=after, oversampling=asked.oversampling or fine
    )


def _mean_shape(
    pulses: NDArray[Any], times: Floats, heights: Floats, settings: TemplateSettings
) -> Template:
    """Return the mean pulse, laid over by its own fits: by discriminators alone it is smeared."""
    laid, scale = times, heights
    for number in range(TEMPLATE_ROUNDS):
        template = build_template(
            pulses,
            laid,
            scale,
            before=settings.before_samples or 1,
            after=settings.after_samples or 1,
            oversampling=settings.oversampling or 1,
        )
        if number < TEMPLATE_ROUNDS - 1:
            fit = fit_template(pulses, template, times)
            # Time 0 stays the constant-fraction time, and the height the largest sample's.
            laid = fit.time_samples - np.nanmedian(fit.time_samples - times)
            scale = fit.amplitude / np.nanmedian(fit.amplitude / heights)
    return template


def _optimal_found(
    pulses: NDArray[Any],
    times: Floats,
    template: Template,
    settings: PickoffSettings,
    asked: OptimalFilterSettings,
) -> tuple[OptimalFilterSettings, OptimalFilter]:
    samples = pulses.shape[1]
    low, middle, high = np.quantile(times, [0.005, 0.5, 0.995])
    shift = asked.most_shift_samples
    if shift is None:
        shift = min(int(np.ceil(max(high - middle, middle - low))) + 2, samples // 2 - 1)
    gate = pulses[:, settings.baseline_start : settings.baseline_stop]
    if gate.shape[1] < 8:
        raise ConfigError(
            "is too short for a noise spectrum",
            field="baseline gate",
            value=gate.shape[1],
            remedy="give at least 8 samples before the pulses",
        )
    # Of longer waveforms: power per sample is the same, frequencies in between are interpolated.
    power = np.interp(
        np.fft.rfftfreq(samples), np.fft.rfftfreq(gate.shape[1]), noise_spectrum(gate)
    )
    shape = template.sampled(samples, float(middle))
    optimal = OptimalFilter(shape, power * (samples / gate.shape[1]), shift)
    return OptimalFilterSettings(most_shift_samples=shift), optimal
