"""The time difference of two pulses by a quantized network."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.pulses.windows import EdgeWindows, leading_edge_windows
from pulsefront.evaluate.metrics import central_width
from pulsefront.fixed_point import FixedPointFormat, format_holding
from pulsefront.learn.arrays import counts
from pulsefront.learn.base import TimeRegressor
from pulsefront.learn.quantized import QuantizedNetwork, output_format
from pulsefront.networks.settings import LossSettings
from pulsefront.search.task import Task

__all__ = ["TimingNetwork"]


class TimingNetwork(QuantizedNetwork, TimeRegressor):
    """Time difference t0 − t1 in ns from two waveforms in ADC counts.

    ``X`` is (event, 2, sample) with pulses that go up, ``y`` (event,) the known difference. As in
    firmware, the first sample above a threshold gives a coarse time, and one small network
    corrects that of both sides from the samples about it.

    Parameters
    ----------
    sample_interval_ns
        Distance of samples.
    threshold_adc
        Of the coarse time, above the baseline.
    before, after
        Samples before the crossing, and from it on, that the network reads.
    baseline_samples
        How many samples at the beginning make the baseline; a power of two.
    hidden, weight_bits, activation_bits, epochs, batch, output_bits, initializations, \
selection_fraction, seed, device, name
        As of `PositionNetwork`.
    """

    without_estimate: ClassVar[str] = "a side has no whole window about a crossing"

    def __init__(
        self,
        sample_interval_ns: float = 1.0,
        *,
        threshold_adc: int = 20,
        before: int = 4,
        after: int = 8,
        baseline_samples: int = 8,
        hidden: tuple[int, ...] = (16, 8),
        weight_bits: int = 8,
        activation_bits: int = 10,
        epochs: float = 30.0,
        batch: int = 256,
        output_bits: int = 16,
        initializations: int = 3,
        selection_fraction: float = 0.3,
        seed: int = 1,
        device: str = "cpu",
        name: str = "timing",
    ) -> None:
        self.sample_interval_ns = sample_interval_ns
        self.threshold_adc = threshold_adc
        self.before = before
        self.after = after
        self.baseline_samples = baseline_samples
        self.hidden = hidden
        self.weight_bits = weight_bits
        self.activation_bits = activation_bits
        self.epochs = epochs
        self.batch = batch
        self.output_bits = output_bits
        self.initializations = initializations
        self.selection_fraction = selection_fraction
        self.seed = seed
        self.device = device
        self.name = name

    def _windows(self, waveforms: NDArray[np.integer]) -> tuple[EdgeWindows, EdgeWindows]:
        cut = partial(
            leading_edge_windows,
            baseline_samples=self.baseline_samples,
            threshold_adc=self.threshold_adc,
            before=self.before,
            after=self.after,
        )
        return cut(waveforms[:, 0]), cut(waveforms[:, 1])

    def _read(
        self, waveforms: NDArray[np.integer]
    ) -> tuple[NDArray[np.integer], NDArray[np.float64], NDArray[np.bool_]]:
        """Return samples (event, 2, n), coarse times (event, 2) in ns, and which have both."""
        first, second = self._windows(waveforms)
        samples = np.stack([first.samples, second.samples], axis=1)
        triggers = np.column_stack([first.trigger_sample, second.trigger_sample])
        coarse = np.asarray(triggers * self.sample_interval_ns, np.float64)
        return samples, coarse, first.usable & second.usable

    def _task(
        self,
        events: NDArray[np.integer],
        known: NDArray[np.float64],
        groups: NDArray[np.int64] | None,
    ) -> Task:
        if known.ndim != 1:
            raise DataError("time differences must be (event,)", field="y", value=known.shape)
        samples, coarse, usable = self._read(events)
        kept = np.flatnonzero(usable)
        if not len(kept):
            raise DataError(
                "no event has a whole window on both sides",
                field="threshold_adc, before, after",
                value=(self.threshold_adc, self.before, self.after),
                remedy="lower the threshold, or read fewer samples",
            )
        groups = None if groups is None else groups[kept]
        train, selection = self._parts(len(kept), groups)
        largest = max(int(np.abs(samples).max()), 1)
        bits = format_holding(-largest, largest, 0).width + 1  # a baseline may lie elsewhere
        return Task(
            name=self.name,
            inputs=samples[kept],
            targets=known[kept],
            train=train,
            selection=selection,
            input_format=FixedPointFormat(bits, bits),
            output_format=output_format(
                (self.before + self.after) * self.sample_interval_ns, self.output_bits
            ),
            loss=LossSettings(kind="coincidence"),
            metric=_width,
            metric_name="central 76.1 % width (ns)",
            input_names=tuple(f"sample_{k:+d}" for k in range(-self.before, self.after)),
            output_names=("correction_ns",),
            coarse=coarse[kept],
            groups=groups,
        )

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return t0 − t1 (event,) in ns; NaN where a side has no whole window, with a warning.

        Raises
        ------
        PrecisionError
            A sample lies outside the input's format.
        """
        self._require_fitted()
        samples, coarse, usable = self._read(counts(X, self.axes))
        outputs = self._run(samples[usable].reshape(-1, samples.shape[2])).reshape(-1, 2)
        times = outputs + coarse[usable]
        found = np.full(len(samples), np.nan)
        found[usable] = times[:, 0] - times[:, 1]
        self._tell_without_estimate(found)
        return found


def _width(residuals: NDArray[np.float64]) -> float:
    return central_width(residuals[:, 0])
