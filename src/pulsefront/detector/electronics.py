"""What turns charge into numbers: integrating charge channels and waveform digitizers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pulsefront.detector.materials import NonNegative, Positive, Probability, SourcedModel

__all__ = ["ChargeReadout", "Digitizer"]

Bits = Annotated[int, Field(ge=4, le=16)]


class ChargeReadout(SourcedModel):
    """One gated integrator and ADC per readout channel, pedestal subtracted.

    ``counts_per_photoelectron`` is the charge of a mean avalanche in ADC counts, ``noise_adc``
    the standard deviation of the electronic noise of a channel. ``multiplexing`` says whether
    each photosensor has a channel of its own ("pixels"), or the charges are summed by row and
    column ("row_column") or divided between four corners ("charge_division").
    """

    gate_ns: Positive
    counts_per_photoelectron: Positive
    noise_adc: NonNegative
    adc_bits: Bits
    multiplexing: Literal["pixels", "row_column", "charge_division"] = "pixels"


class Digitizer(SourcedModel):
    """A sampled waveform of the sum of single-photoelectron pulses.

    The response to one photoelectron is
    ``(1 − s) e^(−t/fall) + s e^(−t/slow) − e^(−t/rise)``, scaled to peak at
    ``counts_per_photoelectron``, after a single-pole low-pass of ``bandwidth_mhz``.

    Attributes
    ----------
    sample_interval_ns, samples, pre_trigger_samples
        Sampling, record length, and the samples before the trigger. The phase of the sampling
        clock is free with regard to the event.
    rise_ns, fall_ns, slow_ns, slow_share
        Single-photoelectron response.
    bandwidth_mhz
        −3 dB frequency of the front end.
    noise_adc, baseline_wander_adc
        Standard deviation of the electronic noise of a sample, filtered by the same bandwidth,
        and of the slow wander of the baseline from event to event.
    baseline_adc
        Mean baseline; the pulses are positive.
    trigger_photoelectrons, trigger_jitter_ps
        Leading-edge threshold of the trigger in units of the peak of one photoelectron, and its
        jitter.
    """

    sample_interval_ns: Positive
    samples: Annotated[int, Field(ge=8, le=65536)]
    pre_trigger_samples: Annotated[int, Field(ge=1)]
    rise_ns: Positive
    fall_ns: Positive
    slow_ns: Positive
    slow_share: Probability
    bandwidth_mhz: Positive
    counts_per_photoelectron: Positive
    noise_adc: NonNegative
    baseline_wander_adc: NonNegative = 0.0
    baseline_adc: NonNegative
    adc_bits: Bits
    trigger_photoelectrons: Positive
    trigger_jitter_ps: NonNegative = 0.0

    @model_validator(mode="after")
    def _is_a_pulse(self) -> Self:
        if self.rise_ns >= min(self.fall_ns, self.slow_ns):
            raise ValueError("rise_ns must be shorter than fall_ns and slow_ns")
        if self.pre_trigger_samples >= self.samples:
            raise ValueError("pre_trigger_samples must be below samples")
        if self.baseline_adc >= 2**self.adc_bits:
            raise ValueError(f"baseline_adc lies beyond {self.adc_bits} bits")
        return self
