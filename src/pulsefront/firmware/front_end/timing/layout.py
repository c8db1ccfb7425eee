"""A timing chain's numbers: settings and model together give every width and constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from pulsefront.errors import ConfigError
from pulsefront.firmware.front_end.network import require_inputs, shared_network
from pulsefront.firmware.front_end.record.fields import NUMBER_BITS, Field
from pulsefront.firmware.front_end.record.input_tests import InputTestPlan, input_test_plan
from pulsefront.firmware.front_end.record.outputs import OutputLimits, flag_bits, output_limits
from pulsefront.firmware.front_end.settings import TimingChainSettings
from pulsefront.firmware.front_end.timing.kernel import TriggerConstants
from pulsefront.firmware.rtl.time_shared.plan import SharedPlan
from pulsefront.fixed_point.specification import Specification

__all__ = ["SAMPLE_BITS", "TIME_BITS", "TimingLayout"]


SAMPLE_BITS = 48
TIME_BITS = 62
MOST_EXTRA_BITS = 16
"""Fraction bits that a time has beyond the network's output, where the interval needs them."""


@dataclass(frozen=True, eq=False)
class TimingLayout:
    """A model behind the settings of a timing chain; *registers_behind* its multipliers.

    Raises
    ------
    ExportError
        The model does not fit: several inputs, more or fewer samples than the window gives.
    """

    settings: TimingChainSettings
    model: Specification
    registers_behind: int = 0

    def __post_init__(self) -> None:
        require_inputs(
            self.model, len(self.window), what="samples, the window gives", field="window_samples",
            remedy="name the samples that the network reads, counted from the trigger",
        )  # fmt: skip
        _ = self.limits, self.design, self.tests

    @cached_property
    def window(self) -> tuple[int, ...]:
        """Samples that the network reads, counted from the trigger."""
        chain = self.settings
        if chain.window_samples is not None:
            return chain.window_samples
        return tuple(range(-chain.samples_before, chain.samples_after))

    @cached_property
    def tests(self) -> InputTestPlan | None:
        """Tests of what the network reads; None where there are none."""
        return input_test_plan(self.model, self.settings.input_tests)

    @cached_property
    def limits(self) -> OutputLimits:
        """Range of each output in raw integers."""
        return output_limits(self.model, self.settings)

    @cached_property
    def design(self) -> SharedPlan:
        """The time-shared network: the fewest multipliers with which it keeps up."""
        chain, behind = self.settings, self.registers_behind
        return shared_network(self.model, chain.multipliers, chain.dead, behind)

    @property
    def stream_bits(self) -> int:
        """Width of what enters."""
        return self.settings.adc_bits

    @property
    def baseline_bits(self) -> int:
        """Width of the baseline's sum."""
        return self.settings.adc_bits + self.shift

    @property
    def shift(self) -> int:
        """Binary logarithm of the samples of the baseline."""
        return self.settings.baseline_samples.bit_length() - 1

    @property
    def energy_gate(self) -> int:
        """Samples whose sum is the energy."""
        return self.settings.energy_gate

    @property
    def energy_bits(self) -> int:
        """Width of the energy, with its sign."""
        return self.settings.energy_bits

    @property
    def has_time(self) -> bool:
        """Whether the network has one estimate, which corrects the time of the trigger."""
        return len(self.limits.low) - bool(self.settings.error_output) == 1

    @cached_property
    def extra_bits(self) -> int:
        """Fraction bits of the time beyond those of the network's output."""
        fraction = self.limits.format.fraction
        for extra in range(MOST_EXTRA_BITS):
            step = math.ldexp(self.settings.sample_interval_ns, fraction + extra)
            if step >= 1 and abs(step - round(step)) < 1e-9 * step:
                return extra
        return MOST_EXTRA_BITS

    @property
    def step(self) -> int:
        """The sample interval in steps of the time.

        Raises
        ------
        ConfigError
            The network's output is too coarse for it.
        """
        fraction = self.limits.format.fraction + self.extra_bits
        step = round(math.ldexp(self.settings.sample_interval_ns, fraction))
        if not 1 <= step < 1 << 32:
            raise ConfigError(
                "is no number of steps of the network's output",
                field="sample_interval_ns",
                value=self.settings.sample_interval_ns,
            )
        return step

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Of a record, in the order of its bits."""
        form = self.limits.format
        found = [Field("number", NUMBER_BITS), Field("sample", SAMPLE_BITS)]
        if self.has_time:
            found.append(Field("time", TIME_BITS))
        found += [
            Field("energy", self.energy_bits, signed=True),
            Field("baseline", self.baseline_bits),
            Field("flags", flag_bits(tests=self.tests is not None)),
        ]
        return (*found, *self.limits.fields(form))

    @cached_property
    def baseline_limits(self) -> tuple[int, int]:
        """Lowest and highest sum of the baseline's samples that is not flagged, upright."""
        chain = self.settings
        highest = (1 << chain.adc_bits) - 1
        low, high = chain.baseline_range_adc or (0, highest)
        if chain.polarity == "negative":
            low, high = highest - high, highest - low
        return low << self.shift, high << self.shift

    @cached_property
    def energy_limits(self) -> tuple[int, int]:
        """Lowest and highest energy that is not flagged."""
        half = 1 << (self.energy_bits - 1)
        return self.settings.energy_range or (-half, half - 1)

    @cached_property
    def constants(self) -> TriggerConstants:
        """For the kernel."""
        chain = self.settings
        form = self.model.inputs[0].format
        return TriggerConstants(
            highest=(1 << chain.adc_bits) - 1,
            inverted=chain.polarity == "negative",
            shift=self.shift,
            gap=chain.gap,
            trigger=chain.trigger_adc,
            rearm=chain.rearm,
            dead=chain.dead,
            timeout=chain.timeout_samples,
            tail=chain.tail_samples,
            before=chain.samples_before,
            gate=chain.gate,
            energy_gate=self.energy_gate,
            pile_up_rise=chain.pile_up_rise,
            pile_up_lag=chain.pile_up_lag,
            pile_up_start=chain.samples_before + chain.pile_up_after,
            input_low=form.minimum,
            input_high=form.maximum,
            number_mask=(1 << NUMBER_BITS) - 1,
            sample_mask=(1 << SAMPLE_BITS) - 1,
        )
