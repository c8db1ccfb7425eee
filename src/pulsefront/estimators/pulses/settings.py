"""How pulses are measured, and what the measured quantities are called and mean."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pulsefront.config import FrozenModel, without_serializer
from pulsefront.estimators.pulses.limits import ChannelLimits
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
    """How pulses are measured. Levels are in ADC counts, positions in samples."""

    polarity: Side | Literal["auto"] | tuple[Side, ...] = "auto"
    """side of the baseline on which the pulses lie: one for all channels, or one for each; of
    bipolar pulses that of the first lobe; found if not given"""
    baseline_start: int = 0
    """first sample of the gate of the baseline"""
    baseline_stop: int | None = None
    """end of that gate, before the pulse; found if not given, at sample 100 at the latest"""
    baseline_method: Literal["mean", "robust", "line"] = "mean"
    """mean and standard deviation; median and median absolute deviation, which an earlier pulse's
    tail or a stray photon hardly moves; or the straight line through the gate, for a baseline
    that wanders"""
    smoothing: int = 1
    """length of a centred moving average before anything but the baseline; odd, 1 is none"""
    charge_start: int = 0
    """first sample of the gate of the charge"""
    charge_stop: int | None = None
    """end of that gate, which is cut where the waveform ends"""
    charge_from: Literal["first_sample", "leading_edge"] = "first_sample"
    """what the gate of the charge counts from"""
    charge_lobe: Literal["auto", "whole", "first"] = "auto"
    """what of bipolar pulses is charge, the sum over which is nearly zero: the first lobe alone,
    about the peak, without the gate; auto takes it where pulses are bipolar and no gate is given"""
    threshold_adc: float | None = None
    """leading-edge threshold above the baseline"""
    threshold_noise: float = 5.0
    """the same in units of the baseline noise of the event, where threshold_adc is not given"""
    fraction: float = 0.2
    """of the constant-fraction discriminator, which the leading edge arms: a crossing before that
    is noise on the baseline and does not count"""
    delay_samples: float | None = None
    """delay of the constant-fraction discriminator; found if not given"""
    saturation_low_adc: float | None = None
    """a raw sample at or below is SATURATED; found if not given, see limits"""
    saturation_high_adc: float | None = None
    """a raw sample at or above is SATURATED; found if not given, see limits"""
    find_saturation: bool = True
    """look for levels at which samples pile up where no limit is given"""
    pile_up_fraction: float | None = None
    """a second rise of more than this share of the amplitude (and of the threshold) above the
    lowest point between it and the peak, or above the baseline if that is higher, is PILE_UP; 0
    switches the check off; found if not given, from how far pulses rise by themselves, 5 % at
    least, and ten times the noise"""
    baseline_noise_limit_adc: float | None = None
    """a baseline noise above is BAD_BASELINE; found if not given, far above that of the channel"""
    check_baseline: bool = True
    """BAD_BASELINE also where noise, trend or level of the baseline are far from those of other
    events, as the tail of an earlier pulse in its gate makes them"""
    limits: tuple[ChannelLimits, ...] = ()
    """what was found of each channel from its first pulses; nothing is looked for where they are
    given, so that two files can be measured alike"""

    @model_validator(mode="after")
    def _consistent(self) -> PulseSettings:
        stop = self.baseline_stop
        if self.baseline_start < 0 or (stop is not None and stop < self.baseline_start + 2):
            raise ValueError("the baseline gate needs at least two samples")
        if self.smoothing < 1 or self.smoothing % 2 == 0:
            raise ValueError("smoothing must be odd and positive")
        if self.pile_up_fraction is not None and self.pile_up_fraction < 0:
            raise ValueError("pile_up_fraction must not be negative")
        if not 0 < self.fraction < 1:
            raise ValueError("fraction must lie between 0 and 1")
        if self.delay_samples is not None and self.delay_samples <= 0:
            raise ValueError("delay_samples must be positive")
        if self.charge_stop is not None and self.charge_stop <= self.charge_start:
            raise ValueError("charge_stop must lie after charge_start")
        if self.charge_from == "leading_edge" and self.charge_stop is None:
            raise ValueError("a charge gate from the leading edge needs charge_stop")
        return self


class ShapeSettings(FrozenModel):
    """Rise time between two shares of the amplitude, and time over the leading edge's threshold.

    Adds ``rise_time_samples`` and ``time_over_threshold_samples``.
    """

    low: float = Field(default=0.1, gt=0, lt=1)
    """share of the amplitude at which the rise begins"""
    high: float = Field(default=0.9, gt=0, le=1)
    """share at which it ends"""

    @model_validator(mode="after")
    def _consistent(self) -> ShapeSettings:
        if not self.low < self.high:
            raise ValueError("low must lie below high")
        return self


class TrapezoidSettings(FrozenModel):
    """Height after pole–zero cancellation and trapezoidal shaping (Jordanov and Knoll 1994).

    Adds ``trapezoid_amplitude_adc``, read late on the flat top.
    """

    decay_samples: float | None = Field(default=None, gt=0)
    """decay constant that is taken out; that of the first pulses' mean tail if not given"""
    rise_samples: int | None = Field(default=None, ge=1)
    """length of the ramps; twice the decay if not given, or as long as fits"""
    flat_samples: int | None = Field(default=None, ge=0)
    """length of the flat top; twice the rise time if not given"""


class TemplateSettings(FrozenModel):
    """Least-squares fit of the mean shape of the first clean pulses, channel by channel.

    Adds ``template_samples``, ``template_amplitude_adc`` and ``template_residual_adc``.
    """

    before_samples: int | None = Field(default=None, ge=1)
    """how far it reaches before the constant-fraction time; to the foot if not given"""
    after_samples: int | None = Field(default=None, ge=1)
    """how far it reaches after it; to the end of the tail, or of the waveform, if not given"""
    oversampling: int | None = Field(default=None, ge=1)
    """points per sample; as many as the first pulses fill, at most 8, if not given"""


class OptimalFilterSettings(FrozenModel):
    """Best linear estimate with the mean pulse and the noise spectrum of the baseline gates.

    Adds ``optimal_filter_samples``, ``optimal_filter_amplitude_adc`` and
    ``optimal_filter_chi_square``. Pulses must end within the waveform.
    """

    most_shift_samples: int | None = Field(default=None, ge=0)
    """how far from its usual time a pulse is looked for; from the first pulses if not given"""


class PickoffSettings(PulseSettings):
    """What `pulsefront pickoff` does with the pulses of a file (``--settings``).

    What is not asked for is left out where the settings are written.
    """

    shape: ShapeSettings | None = None
    """measure rise time and time over threshold too"""
    trapezoid: TrapezoidSettings | None = None
    """measure the height after trapezoidal shaping too"""
    template: TemplateSettings | None = None
    """fit the mean pulse too"""
    optimal_filter: OptimalFilterSettings | None = None
    """apply the optimal filter too"""
    cells: Literal["level", "neighbours"] | None = None
    """take out the offsets of a ring sampler's cells first, learned from the first events: against
    the level of the baseline gate, or against neighbouring samples, which pickup in phase with the
    trigger does not fool"""
    even_grid: bool = False
    """interpolate waveforms with time axes of their own to even samples first"""
    charges_only: bool = False
    """give charge_adc of every photosensor and nothing else, as position sets need it"""

    @model_serializer(mode="wrap")
    def _what_was_asked_for(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {
            name: value
            for name, value in handler(self).items()
            if name in PulseSettings.model_fields or value not in (None, False)
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the keys, which the serializer above does not tell."""
        return super().__get_pydantic_json_schema__(without_serializer(schema), handler)

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


def pulse_quantities(settings: PulseSettings, unit: str = "ADC counts") -> dict[str, Quantity]:
    """Return the data dictionary of the columns that `process` gives, with the settings told.

    Parameters
    ----------
    unit
        Unit of the samples.
    """
    threshold = (
        f"{settings.threshold_adc:g} {unit}"
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
            unit,
            f"{centre} of samples {settings.baseline_start} to "
            f"{settings.baseline_stop or 'the pulse'}",
        ),
        "noise_adc": Quantity(unit, f"{spread} about the baseline, same samples"),
        "amplitude_adc": Quantity(unit, "largest sample above the baseline"),
        "peak_sample": Quantity("samples", "position of the largest sample"),
        "charge_adc_samples": Quantity(
            f"{unit} × samples",
            f"sum above the baseline over samples {gate}"
            + (" from the leading edge" if settings.charge_from == "leading_edge" else ""),
        ),
        "leading_edge_samples": Quantity(
            "samples", f"upward crossing of {threshold} that leads to the peak"
        ),
        "constant_fraction_samples": Quantity(
            "samples",
            f"constant-fraction crossing, fraction {settings.fraction:g}, delay {delay}",
        ),
    }
