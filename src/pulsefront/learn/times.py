"""Classical estimators of a time difference behind ``fit`` and ``predict``."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.timing.discriminators import fit_constant_fraction, fit_leading_edge
from pulsefront.estimators.timing.tuning import Sampling
from pulsefront.learn.arrays import counts, labels
from pulsefront.learn.base import TimeRegressor

__all__ = ["ConstantFractionTime", "LeadingEdgeTime"]


class _TunedTime(TimeRegressor):
    """A pickoff that is tuned on pairs of known time difference.

    After ``fit`` the tuned pickoff is ``estimator_``, the chosen values ``parameters_``.
    """

    sample_interval_ns: float
    baseline_samples: int
    polarity: Literal["positive", "negative"]

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Tune on waveforms (event, 2, sample) in ADC counts and known t0 − t1 (event,) in ns.

        Raises
        ------
        DataError
            Shapes do not fit, differences are not finite, or pulses do not rise above the noise.
        """
        waveforms = counts(X, self.axes)
        known = labels(y, len(waveforms))
        if known.size != len(waveforms):
            raise DataError(
                "needs one time difference an event, (event,)", field="y", value=known.shape
            )
        known = known.reshape(len(waveforms))
        self.estimator_ = self._tuned(waveforms, known)
        self.parameters_ = dict(self.estimator_.parameters)
        self.n_features_in_ = waveforms.shape[1]
        return self

    def _tuned(self, waveforms: NDArray[Any], known: NDArray[np.float64]) -> Any:
        raise NotImplementedError

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return t0 − t1 (event,) in ns; NaN where a pulse gives no time, with a warning.

        A pulse gives none where it never crosses the threshold, or is flat.
        """
        self._require_fitted()
        found = np.asarray(self.estimator_.estimate(counts(X, self.axes)), np.float64)
        self._tell_without_estimate(found)
        return found

    @property
    def _sampling(self) -> Sampling:
        return Sampling(self.sample_interval_ns, self.baseline_samples, self.polarity)


class LeadingEdgeTime(_TunedTime):
    """The crossing of a fixed threshold, interpolated; the threshold is chosen.

    Parameters
    ----------
    sample_interval_ns
        Distance of samples.
    walk_correction
        Take out what the pulse height does to the crossing.
    baseline_samples
        How many samples at the beginning make the baseline.
    polarity
        ``"positive"`` or ``"negative"``.
    """

    def __init__(
        self,
        sample_interval_ns: float = 1.0,
        *,
        walk_correction: bool = True,
        baseline_samples: int = 8,
        polarity: Literal["positive", "negative"] = "positive",
    ) -> None:
        self.sample_interval_ns = sample_interval_ns
        self.walk_correction = walk_correction
        self.baseline_samples = baseline_samples
        self.polarity = polarity

    def _tuned(self, waveforms: NDArray[Any], known: NDArray[np.float64]) -> Any:
        return fit_leading_edge(
            waveforms, known, self._sampling, walk_correction=self.walk_correction
        )


class ConstantFractionTime(_TunedTime):
    """The digital constant-fraction discriminator; fraction and delay are chosen.

    Parameters
    ----------
    sample_interval_ns, baseline_samples, polarity
        As of `LeadingEdgeTime`.
    """

    def __init__(
        self,
        sample_interval_ns: float = 1.0,
        *,
        baseline_samples: int = 8,
        polarity: Literal["positive", "negative"] = "positive",
    ) -> None:
        self.sample_interval_ns = sample_interval_ns
        self.baseline_samples = baseline_samples
        self.polarity = polarity

    def _tuned(self, waveforms: NDArray[Any], known: NDArray[np.float64]) -> Any:
        return fit_constant_fraction(waveforms, known, self._sampling)
