"""How pulses are measured, and what the measured quantities are called and mean."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.events.container import Quantity

__all__ = [
    "NAMES",
    "PICKOFFS",
    "OptimalFilterSettings",
    "PickoffSettings",
    "PulseSettings",
    "ShapeSettings",
    "Side",
    "TemplateSettings",
    "TrapezoidSettings",
    "pulse_quantities",
]

Side = Literal["positive", "negative"]

PICKOFFS = ("leading_edge", "constant_fraction", "template", "optimal_filter")
"""Times of a pulse; columns are named after them."""


class PulseSettings(FrozenModel):
    """How pulses are measured. Levels are in ADC counts, positions in samples.

    Attributes
    ----------
    polarity
        Side of the baseline on which the pulses lie: one for all channels, or one for each;
        ``"auto"`` is decided by `resolve`.
    baseline_start, baseline_stop, baseline_method
        Gate of the baseline, before the pulse; without a stop, `resolve` finds the samples before
        the pulses, at most 100. ``"mean"`` takes mean and standard deviation,
        ``"robust"`` median and median absolute deviation, which an earlier pulse's tail or a
        stray photon hardly moves; ``"line"`` the straight line through the gate, for a baseline
        that wanders.
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
        Constant-fraction discriminator; without a delay, `resolve` finds one. It is armed by the
        leading edge: a crossing before that is noise on the baseline and does not count.
    saturation_low_adc, saturation_high_adc
        A raw sample at or beyond is `Status.SATURATED`; None where it cannot happen.
    pile_up_fraction
        A second rise of more than this share of the amplitude (and of the threshold) above the
        lowest point between it and the peak, or above the baseline if that is higher, is
        `Status.PILE_UP`. 0 switches the check off.
    baseline_noise_limit_adc
        A baseline noise above it is `Status.BAD_BASELINE`.
    """

    polarity: Side | Literal["auto"] | tuple[Side, ...] = "auto"
    baseline_start: int = 0
    baseline_stop: int | None = None
    baseline_method: Literal["mean", "robust", "line"] = "mean"
    smoothing: int = 1
    charge_start: int = 0
    charge_stop: int | None = None
    charge_from: Literal["first_sample", "leading_edge"] = "first_sample"
    threshold_adc: float | None = None
    threshold_noise: float = 5.0
    fraction: float = 0.2
    delay_samples: float | None = None
    saturation_low_adc: float | None = None
    saturation_high_adc: float | None = None
    pile_up_fraction: float = 0.5
    baseline_noise_limit_adc: float | None = None

    @model_validator(mode="after")
    def _consistent(self) -> PulseSettings:
        stop = self.baseline_stop
        if self.baseline_start < 0 or (stop is not None and stop < self.baseline_start + 2):
            raise ValueError("the baseline gate needs at least two samples")
        if self.smoothing < 1 or self.smoothing % 2 == 0:
            raise ValueError("smoothing must be odd and positive")
        if not 0 < self.fraction < 1:
            raise ValueError("fraction must lie between 0 and 1")
        if self.delay_samples is not None and self.delay_samples <= 0:
            raise ValueError("delay_samples must be positive")
        if self.charge_stop is not None and self.charge_stop <= self.charge_start:
            raise ValueError("charge_stop must lie after charge_start")
        if self.charge_from == "leading_edge" and self.charge_stop is None:
            raise ValueError("a charge gate from the leading edge needs charge_stop")
        return self

    def as_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        return self.model_dump(mode="json")


class ShapeSettings(FrozenModel):
    """Rise time between two shares of the amplitude, and time over the leading edge's threshold.

    Adds ``rise_time_samples`` and ``time_over_threshold_samples``.
    """

    low: float = Field(default=0.1, gt=0, lt=1)
    high: float = Field(default=0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _consistent(self) -> ShapeSettings:
        if not self.low < self.high:
            raise ValueError("low must lie below high")
        return self


class TrapezoidSettings(FrozenModel):
    """Height after pole–zero cancellation and trapezoidal shaping (Jordanov and Knoll 1994).

    Adds ``trapezoid_amplitude_adc``, read late on the flat top. What is not given is found from
    the first pulses: the decay from their mean tail, a flat top of twice the rise time, ramps of
    twice the decay or as long as fit.
    """

    decay_samples: float | None = Field(default=None, gt=0)
    rise_samples: int | None = Field(default=None, ge=1)
    flat_samples: int | None = Field(default=None, ge=0)


class TemplateSettings(FrozenModel):
    """Least-squares fit of the mean shape of the first clean pulses, channel by channel.

    Adds ``template_samples``, ``template_amplitude_adc`` and ``template_residual_adc``. The reach
    before and after the constant-fraction time and the points per sample are found if not given.
    """

    before_samples: int | None = Field(default=None, ge=1)
    after_samples: int | None = Field(default=None, ge=1)
    oversampling: int | None = Field(default=None, ge=1)


class OptimalFilterSettings(FrozenModel):
    """Best linear estimate with the mean pulse and the noise spectrum of the baseline gates.

    Adds ``optimal_filter_samples``, ``optimal_filter_amplitude_adc`` and
    ``optimal_filter_chi_square``. Pulses must end within the waveform.
    """

    most_shift_samples: int | None = Field(default=None, ge=0)


class PickoffSettings(PulseSettings):
    """What `pulsefront.measured.pickoff` does with the pulses of a file.

    Attributes
    ----------
    shape, trapezoid, template, optimal_filter
        Quantities beside those that every pulse gets; None where they are not asked for.
    cells
        Take out the offsets of a ring sampler's cells first, learned from the first events:
        against the ``"level"`` of the baseline gate, or against ``"neighbours"``, which pickup in
        phase with the trigger does not fool.
    even_grid
        Interpolate waveforms with time axes of their own to even samples first.
    charges_only
        Give ``charge_adc`` of every photosensor and nothing else, as position sets need it.
    """

    shape: ShapeSettings | None = None
    trapezoid: TrapezoidSettings | None = None
    template: TemplateSettings | None = None
    optimal_filter: OptimalFilterSettings | None = None
    cells: Literal["level", "neighbours"] | None = None
    even_grid: bool = False
    charges_only: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values; what was not asked for is left out."""
        content = self.model_dump(mode="json")
        return {
            name: value
            for name, value in content.items()
            if name in PulseSettings.model_fields or value not in (None, False)
        }

    @property
    def asks_for_more(self) -> bool:
        """Whether anything beside what every pulse gets is to be measured."""
        more = (self.shape, self.trapezoid, self.template, self.optimal_filter)
        return any(one is not None for one in more)


NAMES = (
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
    robust = settings.baseline_method == "robust"
    told = {"mean": "mean", "robust": "median", "line": "level at sample 0 of the line"}
    centre = told[settings.baseline_method]
    spread = "1.4826 × median absolute deviation" if robust else "standard deviation"
    delay = "automatic" if settings.delay_samples is None else f"{settings.delay_samples:g} samples"
    return {
        "baseline_adc": Quantity(
            "ADC counts",
            f"{centre} of samples {settings.baseline_start} to "
            f"{settings.baseline_stop or 'the pulse'}",
        ),
        "noise_adc": Quantity("ADC counts", f"{spread} about the baseline, same samples"),
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
            f"constant-fraction crossing, fraction {settings.fraction:g}, delay {delay}",
        ),
    }
