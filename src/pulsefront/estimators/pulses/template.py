"""A template of the pulse shape from measured pulses, and its fit to single pulses."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError

__all__ = ["Template", "TemplateFit", "build_template", "fit_template"]

Floats = NDArray[np.float64]


class Template(NamedTuple):
    """Shape of a pulse of height 1, finer than the samples.

    Attributes
    ----------
    values
        Shape at ``start + k / oversampling`` samples from the pulse's own time 0.
    start
        In samples; negative where the template begins before time 0.
    oversampling
        Points per sample.
    """

    values: Floats
    start: float
    oversampling: int

    @property
    def length(self) -> float:
        """Samples from the first point to the last."""
        return (len(self.values) - 1) / self.oversampling

    def sampled(self, samples: int, time_samples: float) -> Floats:
        """Return the shape of a pulse at *time_samples* on *samples* samples, 0 where not known."""
        indices = np.arange(samples) - time_samples - self.start
        return _sampled(self.values, np.asarray(indices * self.oversampling, np.float64))


class TemplateFit(NamedTuple):
    """Result of `fit_template`, each (event,); NaN where the fit did not converge.

    ``time_samples`` is where the template's time 0 lies; ``residual_rms`` is over the samples
    fitted.
    """

    time_samples: Floats
    amplitude: Floats
    offset: Floats
    residual_rms: Floats


def build_template(
    pulses: NDArray[Any],
    times_samples: Floats,
    amplitudes: Floats,
    *,
    before: int,
    after: int,
    oversampling: int = 8,
) -> Template:
    """Return the mean shape of pulses laid over each other by their own times.

    Since pulses start anywhere between two samples, together they sample the shape finely: a
    point of the template is the mean of the samples that fall into its bin.

    Parameters
    ----------
    pulses
        (event, sample), baseline-subtracted, upward, clean.
    times_samples, amplitudes
        (event,) time and height of each; events where one is not finite are left out.
    before, after
        How far the template reaches, in samples before and after the time.
    oversampling
        Points per sample.

    Raises
    ------
    DataError
        Too few pulses to fill every bin.
    ConfigError
        A length is not positive.
    """
    if before < 1 or after < 1 or oversampling < 1:
        raise ConfigError("must be at least 1", field="before, after, oversampling")
    good = np.isfinite(times_samples) & np.isfinite(amplitudes) & (amplitudes > 0)
    heights = np.asarray(pulses, np.float64)[good] / amplitudes[good, None]
    since = np.arange(heights.shape[1])[None] - times_samples[good, None]
    # Bin k is centred at start + k / oversampling.
    index = np.rint((since + before) * oversampling).astype(np.int64)
    points = (before + after) * oversampling + 1
    inside = (index >= 0) & (index < points)
    counts = np.bincount(index[inside], minlength=points)
    if (counts == 0).any():
        raise DataError(
            f"{int((counts == 0).sum())} of {points} points of the template get no sample",
            field="pulses",
            value=int(good.sum()),
            remedy="give more pulses, a shorter template or less oversampling",
        )
    sums = np.bincount(index[inside], weights=heights[inside], minlength=points)
    return Template(sums / counts, -float(before), oversampling)


def fit_template(
    pulses: NDArray[Any],
    template: Template,
    times_samples: Floats,
    *,
    most_steps: int = 30,
) -> TemplateFit:
    """Fit time, amplitude and offset of *template* to each pulse by least squares.

    Gauss–Newton steps from the given times; the template is cubic between its points. Only
    samples under the template are used, the same ones in all steps.

    Parameters
    ----------
    pulses
        (event, sample).
    times_samples
        (event,) where to start, within a sample or two of the time sought.
    most_steps
        Steps before a fit is given up.
    """
    pulses = np.ascontiguousarray(np.asarray(pulses))
    if pulses.ndim != 2 or len(times_samples) != len(pulses):
        raise DataError("pulses must be (event, sample), with one time each", field="pulses")
    found = TemplateFit(*(np.full(len(pulses), np.nan) for _ in TemplateFit._fields))
    _fit(
        pulses,
        np.ascontiguousarray(template.values, np.float64),
        float(template.start),
        int(template.oversampling),
        np.ascontiguousarray(times_samples, np.float64),
        most_steps,
        found,
    )
    return found


@njit(nogil=True, cache=True)
def _at(values: Floats, index: float) -> tuple[float, float]:
    """Return template and slope per point, *index* points from its start; flat beyond it.

    Cubic between the points, with the slopes of their neighbours (Catmull and Rom 1974): a fit
    that steps along kinks would not settle.
    """
    last = len(values) - 1
    if index <= 0.0:
        return values[0], 0.0
    if index >= last:
        return values[last], 0.0
    k = int(index)
    u = index - k
    low, high = values[k], values[k + 1]
    rise_low = 0.5 * (high - values[max(k - 1, 0)])
    rise_high = 0.5 * (values[min(k + 2, last)] - low)
    bend = 3.0 * (high - low) - 2.0 * rise_low - rise_high
    twist = 2.0 * (low - high) + rise_low + rise_high
    value = low + u * (rise_low + u * (bend + u * twist))
    return value, rise_low + u * (2.0 * bend + 3.0 * u * twist)


@njit(nogil=True, cache=True)
def _sampled(values: Floats, indices: Floats) -> Floats:
    """Return the template at *indices* in points from its start; 0 beyond its ends."""
    result = np.zeros(len(indices))
    for i, index in enumerate(indices):
        if 0.0 <= index <= len(values) - 1:
            result[i] = _at(values, index)[0]
    return result


class _Model(NamedTuple):
    """A template at a time, with a height, on an offset."""

    time: float
    amplitude: float
    offset: float


class _Equations(NamedTuple):
    """Normal equations of a step, and the slopes of the model at one sample."""

    normal: Floats
    right: Floats
    slopes: Floats


_TIME, _AMPLITUDE, _OFFSET = range(3)
"""Order of the parameters in the normal equations."""


@njit(nogil=True, cache=True)
def _fit(
    pulses: NDArray[Any],
    values: Floats,
    start: float,
    oversampling: int,
    times: Floats,
    most_steps: int,
    found: TemplateFit,
) -> None:
    """Fill *found*, which holds NaN, by damped Gauss–Newton; SciPy's needs a call per pulse."""
    length = (len(values) - 1) / oversampling
    equations = _Equations(np.empty((3, 3)), np.empty(3), np.empty(3))
    for event in range(len(pulses)):
        pulse = pulses[event]
        if not np.isfinite(times[event]):
            continue
        first = max(int(np.ceil(times[event] + start)) + 1, 0)
        last = min(int(np.floor(times[event] + start + length)) - 1, len(pulse))
        if last - first < 4:
            continue
        highest = 0.0
        for i in range(first, last):
            highest = max(highest, np.float64(pulse[i]))
        model = _Model(times[event], highest, 0.0)
        converged = False
        for number in range(most_steps):
            usable, step = _step(pulse, first, last, values, start, oversampling, model, equations)
            if not usable:
                break
            if number >= most_steps // 3:
                step *= 0.5  # it goes to and fro about the best
            model = _Model(
                model.time + step[_TIME],
                model.amplitude + step[_AMPLITUDE],
                model.offset + step[_OFFSET],
            )
            small = 1e-6 * abs(model.amplitude)
            if abs(step[_TIME]) < 1e-6 and abs(step[_AMPLITUDE]) < small:
                converged = True
                break
        if converged and abs(model.time - times[event]) < length:
            squares = 0.0
            for i in range(first, last):
                shape, _ = _at(values, (i - model.time - start) * oversampling)
                squares += (np.float64(pulse[i]) - model.amplitude * shape - model.offset) ** 2
            found.time_samples[event] = model.time
            found.amplitude[event] = model.amplitude
            found.offset[event] = model.offset
            found.residual_rms[event] = np.sqrt(squares / (last - first))


@njit(nogil=True, cache=True)
def _step(
    pulse: NDArray[Any],
    first: int,
    last: int,
    values: Floats,
    start: float,
    oversampling: int,
    model: _Model,
    equations: _Equations,
) -> tuple[bool, NDArray[Any]]:
    """Return whether the samples determine a step of all parameters, and the step."""
    normal, right, slopes = equations
    normal[:] = 0.0
    right[:] = 0.0
    for i in range(first, last):
        shape, slope = _at(values, (i - model.time - start) * oversampling)
        slopes[_TIME] = -model.amplitude * slope * oversampling
        slopes[_AMPLITUDE] = shape
        slopes[_OFFSET] = 1.0
        residual = np.float64(pulse[i]) - model.amplitude * shape - model.offset
        for a in range(3):
            right[a] += slopes[a] * residual
            for b in range(3):
                normal[a, b] += slopes[a] * slopes[b]
    scale = normal[0, 0] * normal[1, 1] * normal[2, 2]
    if not (np.isfinite(scale) and abs(np.linalg.det(normal)) > 1e-12 * scale):
        return False, right
    step = np.linalg.solve(normal, right)
    # A step beyond a sample leaves the range in which the shape is known to be linear.
    step[_TIME] = min(max(step[_TIME], -1.0), 1.0)
    return True, step
