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
    """how long charge is integrated"""
    counts_per_photoelectron: Positive
    """charge of a mean avalanche in ADC counts"""
    noise_adc: NonNegative
    """standard deviation of the electronic noise of a channel"""
    adc_bits: Bits
    """of the ADC; what is above its range saturates"""
    multiplexing: Literal["pixels", "row_column", "charge_division"] = "pixels"
    """whether each photosensor has a channel of its own (pixels), or the charges are summed by row
    and column (row_column) or divided between four corners (charge_division)"""


class Digitizer(SourcedModel):
    """A sampled waveform of the sum of single-photoelectron pulses.

    The response to one photoelectron is
    ``(1 − s) e^(−t/fall) + s e^(−t/slow) − e^(−t/rise)``, scaled to peak at
    ``counts_per_photoelectron``, after a single-pole low-pass of ``bandwidth_mhz``.
    """

    sample_interval_ns: Positive
    """sampling; the phase of the clock is free with regard to the event"""
    samples: Annotated[int, Field(ge=8, le=65536)]
    """of a record"""
    pre_trigger_samples: Annotated[int, Field(ge=1)]
    """samples before the trigger"""
    rise_ns: Positive
    """rise of the single-photoelectron response"""
    fall_ns: Positive
    """its fall"""
    slow_ns: Positive
    """its slow fall"""
    slow_share: Probability
    """weight of the slow fall"""
    bandwidth_mhz: Positive
    """−3 dB frequency of the front end"""
    counts_per_photoelectron: Positive
    """peak of the response to one photoelectron, in ADC counts"""
    noise_adc: NonNegative
    """standard deviation of the electronic noise of a sample, filtered by the same bandwidth"""
    baseline_wander_adc: NonNegative = 0.0
    """standard deviation of the slow wander of the baseline from event to event"""
    baseline_adc: NonNegative
    """mean baseline; the pulses are positive"""
    adc_bits: Bits
    """of the digitizer; what is above its range is clipped"""
    trigger_photoelectrons: Positive
    """leading-edge threshold of the trigger in units of the peak of one photoelectron"""
    trigger_jitter_ps: NonNegative = 0.0
    """jitter of the trigger, standard deviation"""

    @model_validator(mode="after")
    def _is_a_pulse(self) -> Self:
        if self.rise_ns >= min(self.fall_ns, self.slow_ns):
            raise ValueError("rise_ns must be shorter than fall_ns and slow_ns")
        if self.pre_trigger_samples >= self.samples:
            raise ValueError("pre_trigger_samples must be below samples")
        if self.baseline_adc >= 2**self.adc_bits:
            raise ValueError(f"baseline_adc lies beyond {self.adc_bits} bits")
        return self
