"""The settings of a front end: a TOML file of a timing or of a position chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from pulsefront.config import FrozenModel, load_toml, validate
from pulsefront.errors import ConfigError
from pulsefront.files import firmware_export_directory
from pulsefront.firmware.front_end.input_test_settings import InputTestSettings
from pulsefront.fixed_point.fold import Mirrors

__all__ = [
    "CHAIN_FILES",
    "DOUBTS",
    "AnyChainSettings",
    "ChainSettings",
    "Doubt",
    "PositionChainSettings",
    "TimingChainSettings",
    "load_chain",
]

Bits = Annotated[int, Field(ge=4, le=16)]
OutputRanges = tuple[tuple[float, float], ...] | None
Doubt = Literal[
    "pile_up",
    "tail",
    "saturated",
    "baseline",
    "energy",
    "output",
    "few_channels",
    "input_sum",
    "dead_channel",
]
DOUBTS: tuple[Doubt, ...] = get_args(Doubt)
"""Flags by name, in the order of their bits; that of no decision stands before the last two."""
MOST_MULTIPLIERS = 1024
"""Of a layer. No layer that a front end holds has as many outputs; the export knows the model, and
takes as many as its layers can use."""


class ChainSettings(FrozenModel):
    """What both chains have."""

    schema_version: Literal[1] = 1
    """of this file"""
    adc_bits: Bits
    """of a sample or a charge, unsigned"""
    output_range: OutputRanges = None
    """lowest and highest value of each output of the network in its unit; left out, all that its
    format holds but the two ends, at which it saturates"""
    error_output: bool | None = None
    """whether the last output of the network foretells the error of the others, as [uncertainty]
    of a study gives it; it takes no range. Left out, what the export beside the model says, else
    false"""
    largest_error: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """largest error foretold that is believed, in the unit of the outputs: a cut of the study,
    times the step of its scale; left out, any"""
    input_tests: InputTestSettings | Literal["study"] | None = None
    """tests of what the network reads, each with a flag: their numbers, or "study" for those that
    the export beside the model names; left out, none"""
    undecided: tuple[Doubt, ...] = (
        "saturated",
        "baseline",
        "energy",
        "output",
        "few_channels",
        "input_sum",
        "dead_channel",
    )
    """flags with which a record says "no decision" """
    queue_events: Literal[2, 4, 8, 16, 32, 64] = 4
    """events that the chain holds from trigger to record; one more is counted as lost"""
    multipliers: int | None = Field(default=None, ge=1, le=MOST_MULTIPLIERS)
    """of each layer of the network, as many as one has outputs at most; left out, the fewest with
    which it keeps up"""

    @field_validator("output_range")
    @classmethod
    def _ascends(cls, ranges: OutputRanges) -> OutputRanges:
        if any(low > high for low, high in ranges or ()):
            raise ValueError("needs the lower end of each range first")
        return ranges


class TimingChainSettings(ChainSettings):
    """From ADC samples to time and energy: baseline, trigger, window, network.

    All counts of samples are counts of clocks: the chain takes one sample a clock.
    """

    kind: Literal["timing"]
    """which chain"""
    sample_interval_ns: float = Field(gt=0)
    """distance of two samples"""
    polarity: Literal["positive", "negative"] = "positive"
    """of the pulses; negative ones are turned over first"""
    baseline_samples: Literal[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] = 16
    """samples whose mean is the baseline, a power of two"""
    baseline_gap: int | None = Field(default=None, ge=2, le=1024)
    """samples from the newest of the baseline to the trigger; left out, 4 more than
    `samples_before`"""
    baseline_range_adc: tuple[int, int] | None = None
    """lowest and highest baseline that is not flagged, in counts of the ADC; left out, any"""
    trigger_adc: int = Field(ge=1)
    """threshold above the baseline, in counts"""
    rearm_adc: int | None = None
    """the chain is armed again at or below this height above the baseline; left out, half of
    `trigger_adc`"""
    samples_before: int = Field(ge=0, le=512)
    """samples that the window begins before the trigger"""
    samples_after: int = Field(ge=1, le=512)
    """samples of the window from the trigger on"""
    window_samples: tuple[int, ...] | None = None
    """samples that the network reads, counted from the trigger, ascending; left out, those that
    the export beside the model names, else all of the window"""
    energy_samples: int = Field(ge=1, le=16384)
    """samples from the trigger on whose sum is the energy, with `samples_before` before it"""
    energy_range: tuple[int, int] | None = None
    """lowest and highest energy that is not flagged, in counts times samples; left out, any"""
    dead_samples: int | None = Field(default=None, ge=1, le=65535)
    """samples after a trigger without another; left out, as many as window and energy take"""
    timeout_samples: int = Field(default=4096, ge=1, le=65535)
    """samples after a trigger until the baseline is learned anew, if the signal stays high"""
    tail_samples: int = Field(default=0, ge=0, le=65535)
    """a trigger sooner than so many samples after the chain was armed is flagged as on a tail"""
    pile_up_adc: int | None = Field(default=None, ge=1)
    """rise within `pile_up_lag` samples that is flagged as another pulse; left out, none is"""
    pile_up_lag: int = Field(default=4, ge=1, le=16)
    """samples between the two that tell a rise"""
    pile_up_after: int = Field(default=16, ge=0, le=16384)
    """samples from the trigger on until a rise is another pulse's"""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        full = 2**self.adc_bits
        if self.trigger_adc >= full:
            raise ValueError(f"trigger_adc lies beyond {self.adc_bits} bits")
        if not -full < self.rearm < self.trigger_adc:
            raise ValueError("rearm_adc must be below trigger_adc")
        if self.gap <= self.samples_before:
            raise ValueError("baseline_gap must be above samples_before")
        if self.gap + self.baseline_samples <= self.pile_up_lag:
            raise ValueError("pile_up_lag reaches before the first sample")
        if self.dead < self.gate:
            raise ValueError(f"dead_samples must be at least {self.gate}, the window and the gate")
        if self.timeout_samples < self.dead:
            raise ValueError("timeout_samples must be at least dead_samples")
        if self.window_samples is not None:
            samples = self.window_samples
            inside = all(-self.samples_before <= k < self.samples_after for k in samples)
            if not inside or list(samples) != sorted(set(samples)):
                raise ValueError("window_samples must ascend within the window")
        if self.pile_up_adc is not None and self.pile_up_adc >= full:
            raise ValueError(f"pile_up_adc lies beyond {self.adc_bits} bits")
        if self.pile_up_adc is not None and self.pile_up_after >= self.energy_samples:
            # Rises are looked for while the energy is summed.
            raise ValueError("pile_up_after must be below energy_samples")
        half = 1 << (self.energy_bits - 1)
        rims = {"baseline_range_adc": (0, full - 1), "energy_range": (-half, half - 1)}
        for name, (lowest, highest) in rims.items():
            low, high = getattr(self, name) or (lowest, highest)
            if not lowest <= low <= high <= highest:
                raise ValueError(f"{name} must ascend between {lowest} and {highest}")
        return self

    @property
    def gap(self) -> int:
        """Samples from the newest of the baseline to the trigger."""
        return self.samples_before + 4 if self.baseline_gap is None else self.baseline_gap

    @property
    def rearm(self) -> int:
        """Height at which the chain is armed again."""
        return self.trigger_adc // 2 if self.rearm_adc is None else self.rearm_adc

    @property
    def gate(self) -> int:
        """Samples from the first of an event to its last."""
        return self.samples_before + max(self.samples_after, self.energy_samples)

    @property
    def energy_gate(self) -> int:
        """Samples whose sum is the energy."""
        return self.samples_before + self.energy_samples

    @property
    def energy_bits(self) -> int:
        """Width of the energy, with its sign."""
        return self.adc_bits + (self.energy_gate - 1).bit_length() + 2

    @property
    def dead(self) -> int:
        """Samples after a trigger without another."""
        return self.gate if self.dead_samples is None else self.dead_samples

    @property
    def pile_up_rise(self) -> int:
        """Rise that is another pulse; one that no two samples have where none is looked for."""
        return 1 << self.adc_bits if self.pile_up_adc is None else self.pile_up_adc


class PositionChainSettings(ChainSettings):
    """From the charges of a block's channels to position: gain, normalisation, network.

    The charges of an event come one a clock, channel by channel.
    """

    kind: Literal["position"]
    """which chain"""
    channels: int = Field(ge=2, le=4096)
    """charges of an event"""
    gains: tuple[Annotated[float, Field(ge=0, lt=16)], ...] | None = None
    """factor for each channel; left out, 1"""
    gain_fraction_bits: int = Field(default=10, ge=0, le=14)
    """a gain is rounded to a multiple of 2 to the minus this"""
    offsets_adc: tuple[int, ...] | None = None
    """counts that each channel has without light, taken away before the gain; what is below counts
    as none; left out, 0"""
    channel_adc: int = Field(default=1, ge=0)
    """corrected charge from which on a channel has light"""
    least_channels: int = Field(default=1, ge=0)
    """fewer channels with light are flagged"""
    sum_range: tuple[int, int]
    """lowest and highest sum of the corrected charges that is not flagged"""
    normalised_sum: int | None = Field(default=None, ge=1)
    """sum to which the charges of every event are brought; left out, they stay as they are"""
    drop_bits: int | None = Field(default=None, ge=0, le=8)
    """lowest bits of a charge that the network does not read; left out, those that the export
    beside the model names, else none"""
    fold: Literal["rectangle", "square"] | None = None
    """mirrors by which every event is turned before the network, and its answer turned back: of
    both axes, and of the diagonal, too; left out, those that the export beside the model names,
    else none"""
    grid: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """columns and rows of the channels, which come row by row; needed with `fold`"""
    interval_clocks: int | None = Field(default=None, ge=1)
    """clocks between two events that the network may take; left out, one for each channel"""
    least_margin: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """of scores of classes, smallest distance of the largest from the second that is believed, in
    the unit of the outputs: a cut of the study, times its step; left out, any"""
    network_channels: tuple[int, ...] | None = None
    """channels that the network reads, from 0, ascending; left out, those that the export beside
    the model names, else all"""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.gains is not None and len(self.gains) != self.channels:
            raise ValueError(f"gains must be {self.channels}, one for each channel")
        if self.offsets_adc is not None and len(self.offsets_adc) != self.channels:
            raise ValueError(f"offsets_adc must be {self.channels}, one for each channel")
        if any(abs(one) >= 1 << self.adc_bits for one in self.offsets_adc or ()):
            raise ValueError(f"offsets_adc must lie within {self.adc_bits} bits")
        if self.fold is not None:
            if self.grid is None:
                raise ValueError(f"grid must be columns and rows of {self.channels} channels")
            if self.grid[0] * self.grid[1] != self.channels:
                wide, high = self.grid
                raise ValueError(
                    f"channels = {self.channels} and a grid of {wide} columns and {high} rows do "
                    f"not go together: that has {wide * high} channels"
                )
            if self.fold == "square" and self.grid[0] != self.grid[1]:
                raise ValueError("fold = square needs as many columns as rows")
        if not 1 <= self.sum_range[0] <= self.sum_range[1]:
            raise ValueError("sum_range must ascend from 1 on")
        if self.least_margin is not None and (self.fold is not None or self.error_output):
            raise ValueError(
                "least_margin is of scores of classes alone: not with fold or an error"
            )
        if self.network_channels is not None:
            chosen = self.network_channels
            if list(chosen) != sorted(set(chosen)) or not all(
                0 <= one < self.channels for one in chosen
            ):
                raise ValueError("network_channels must ascend among the channels")
        return self

    @property
    def mirrors(self) -> Mirrors | None:
        """By which every event is turned."""
        if self.fold is None or self.grid is None:
            return None
        return Mirrors(*self.grid, diagonal=self.fold == "square")

    @property
    def whole_gains(self) -> tuple[int, ...]:
        """Gains in steps of 2 to the minus `gain_fraction_bits`, rounded half up."""
        one = 1 << self.gain_fraction_bits
        given = self.gains or (1.0,) * self.channels
        return tuple(int(gain * one + 0.5) for gain in given)

    @property
    def whole_offsets(self) -> tuple[int, ...]:
        """Offsets of all channels, 0 where none are given."""
        return self.offsets_adc or (0,) * self.channels


AnyChainSettings = TimingChainSettings | PositionChainSettings

CHAIN_FILES: dict[str, type[TimingChainSettings] | type[PositionChainSettings]] = {
    "timing": TimingChainSettings,
    "position": PositionChainSettings,
}
"""Models of the files by their ``kind``."""


def load_chain(chain: str | Path) -> AnyChainSettings:
    """Return settings by the name of shipped ones or by the path of a TOML file.

    Raises
    ------
    ConfigError
        There are no such settings, or their file does not fit.
    """
    path = Path(chain)
    if path.suffix != ".toml":
        folder = firmware_export_directory() / "front_ends"
        shipped = {one.stem: one for one in sorted(folder.glob("*.toml"))}
        if str(chain) not in shipped:
            raise ConfigError(
                "no such front end",
                field="front_end",
                value=str(chain),
                remedy=f"use one of {', '.join(shipped)}, or the path of a TOML file",
            )
        path = shipped[str(chain)]
    content = load_toml(path)
    model = CHAIN_FILES.get(str(content.get("kind")), TimingChainSettings)
    return validate(model, content, file=path)
