"""A position chain's numbers: settings and model together give every width and constant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pulsefront.errors import ConfigError, ExportError
from pulsefront.firmware.front_end.network import require_inputs, shared_network
from pulsefront.firmware.front_end.record.fields import NUMBER_BITS, Field
from pulsefront.firmware.front_end.record.input_tests import InputTestPlan, input_test_plan
from pulsefront.firmware.front_end.record.margin import MarginPlan, margin_plan
from pulsefront.firmware.front_end.record.outputs import OutputLimits, flag_bits, output_limits
from pulsefront.firmware.front_end.settings import PositionChainSettings
from pulsefront.firmware.rtl.time_shared.plan import SharedPlan
from pulsefront.fixed_point.normalise import SumNormalisation
from pulsefront.fixed_point.specification import Specification

__all__ = ["PositionLayout"]


@dataclass(frozen=True, eq=False)
class PositionLayout:
    """A model behind the settings of a position chain; *registers_behind* its multipliers.

    Raises
    ------
    ExportError
        The model does not fit: several inputs, more or fewer channels than are chosen.
    ConfigError
        A sum cannot be reached.
    """

    settings: PositionChainSettings
    model: Specification
    registers_behind: int = 0

    def __post_init__(self) -> None:
        require_inputs(
            self.model, len(self.chosen), what="channels, the chain gives",
            field="network_channels", remedy="name the channels that the network reads, from 0",
        )  # fmt: skip
        if self.settings.sum_range[0] >= 1 << self.sum_bits:
            raise ConfigError(
                f"no sum of {self.settings.channels} charges is as high",
                field="sum_range",
                value=self.settings.sum_range,
            )
        if self.settings.mirrors is not None and (
            len(self.limits.low) < 2 or not self.limits.format.signed
        ):
            raise ExportError(
                f"{self.model.name} does not answer with x and y, signed, first: nothing can be "
                "turned back",
                field="fold",
                value=self.settings.fold,
            )
        step = self.model.inputs[0].format.fraction
        if step < 0 and self.drop_bits != -step:
            raise ExportError(
                f"{self.model.name} reads charges in steps of {2**-step} counts, the chain gives "
                f"steps of {2**self.drop_bits}",
                field="drop_bits",
                value=self.settings.drop_bits,
                remedy=f"write drop_bits = {-step}",
            )
        _ = self.limits, self.design, self.tests, self.margin

    @cached_property
    def chosen(self) -> tuple[int, ...]:
        """Channels that the network reads."""
        if self.settings.network_channels is not None:
            return self.settings.network_channels
        return tuple(range(self.settings.channels))

    @property
    def drop_bits(self) -> int:
        """Lowest bits that the network does not read."""
        return self.settings.drop_bits or 0

    @cached_property
    def tests(self) -> InputTestPlan | None:
        """Tests of what the network reads; None where there are none."""
        return input_test_plan(self.model, self.settings.input_tests)

    @cached_property
    def margin(self) -> MarginPlan | None:
        """The test of the margin between scores; None where there is none."""
        return margin_plan(self.limits, self.settings.least_margin)

    @cached_property
    def limits(self) -> OutputLimits:
        """Range of each output in raw integers."""
        return output_limits(self.model, self.settings)

    @cached_property
    def design(self) -> SharedPlan:
        """The time-shared network: the fewest multipliers with which it keeps up."""
        wanted = max(self.settings.interval_clocks or 0, self.interval_before)
        behind = self.registers_behind
        return shared_network(self.model, self.settings.multipliers, wanted, behind)

    @property
    def interval_before(self) -> int:
        """Clocks between two events that the chain takes, without the network."""
        tests = 0 if self.tests is None else self.tests.interval_clocks
        return max(self.settings.channels, self.division_steps + 3, tests)

    @cached_property
    def charge_bits(self) -> int:
        """Width of a corrected charge: none saturates."""
        chain = self.settings
        highest = (1 << chain.adc_bits) - 1 - min(0, *chain.whole_offsets)
        most = highest * max(chain.whole_gains)
        half = (1 << chain.gain_fraction_bits) >> 1
        return max(((most + half) >> chain.gain_fraction_bits).bit_length(), 1)

    @property
    def gain_bits(self) -> int:
        """Width of a gain."""
        return max(max(self.settings.whole_gains).bit_length(), 1)

    @property
    def offset_bits(self) -> int:
        """Width of an offset with its sign; 0 where there are none."""
        given = self.settings.offsets_adc
        return 0 if given is None else max(abs(one).bit_length() for one in given) + 1

    @property
    def gain_words(self) -> tuple[int, ...]:
        """Words of the memory of gains: the gain, above it the offset."""
        chain, mask = self.settings, (1 << self.offset_bits) - 1
        pairs = zip(chain.whole_gains, chain.whole_offsets, strict=True)
        return tuple(gain | ((offset & mask) << self.gain_bits) for gain, offset in pairs)

    @property
    def sum_bits(self) -> int:
        """Width of the sum."""
        return self.charge_bits + (self.settings.channels - 1).bit_length()

    @cached_property
    def normalisation(self) -> SumNormalisation | None:
        """What brings the charges of an event to one sum; None where they stay as they are."""
        total = self.settings.normalised_sum
        if total is None:
            return None
        return SumNormalisation(total, self.charge_bits, self.settings.sum_range[0])

    @property
    def division_steps(self) -> int:
        """Clocks of the division: one for each bit of the dividend; 0 without normalisation."""
        return 0 if self.normalisation is None else self.normalisation.dividend.bit_length()

    @property
    def channel_bits(self) -> int:
        """Width of the number of channels with light."""
        return self.settings.channels.bit_length()

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Of a record, in the order of its bits."""
        return (
            Field("number", NUMBER_BITS),
            Field("energy", self.sum_bits),
            Field("channels", self.channel_bits),
            Field("flags", flag_bits(tests=self.tests is not None)),
            *self.limits.fields(self.limits.format),
        )

    @property
    def stream_bits(self) -> int:
        """Width of what enters."""
        return self.settings.adc_bits
