"""The position chain emulated: charges in, records out, integers throughout."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError
from pulsefront.firmware.front_end.position.layout import PositionLayout
from pulsefront.firmware.front_end.record.fields import NUMBER_BITS, Records
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.record.outputs import with_no_decision
from pulsefront.firmware.front_end.settings import PositionChainSettings
from pulsefront.fixed_point.format import FixedPointFormat, Integers
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["PositionChain"]


class PositionChain:
    """A position chain as its Verilog computes it, to the bit.

    Parameters
    ----------
    model
        One input of as many counts as channels are chosen, one output.
    registers_behind
        Of its Verilog's multipliers: see `firmware.rtl.resources.parts.PartKind`.

    Raises
    ------
    ExportError, ConfigError
        Settings and model do not fit together.
    """

    def __init__(
        self,
        model: FixedPointModel,
        settings: PositionChainSettings,
        *,
        registers_behind: int = 0,
    ) -> None:
        self.layout = PositionLayout(settings, model, registers_behind)
        self._model = model
        self.restart()

    def restart(self) -> None:
        """Number events from 0 again."""
        self._events = 0

    def run(self, charges: npt.NDArray[np.integer]) -> Records:
        """Return the records of events from the start; see `feed`."""
        self.restart()
        return self.feed(charges)

    def feed(self, charges: npt.NDArray[np.integer]) -> Records:
        """Return the records of the next events.

        Parameters
        ----------
        charges
            (event, channel) ADC counts, or all of them in a row, channel by channel.

        Raises
        ------
        DataError
            They are no integers of the ADC's range, or no whole events.
        """
        layout, chain = self.layout, self.layout.settings
        raw = self._checked(charges)
        corrected = self.corrected(raw)
        sums = corrected.sum(axis=1)
        channels = (corrected >= chain.channel_adc).sum(axis=1)
        values = self._network_inputs(corrected, sums)
        shape = self._model.inputs[0].shape
        outputs = np.asarray(self._model.run(values.reshape(-1, *shape)))
        outputs = self._turned_back(corrected, outputs.reshape(len(raw), len(layout.limits.low)))
        low, high = chain.sum_range
        flags = np.zeros(len(raw), np.int64)
        for flag, doubtful in (
            (Flag.SATURATED, (raw == (1 << chain.adc_bits) - 1).any(axis=1)),
            (Flag.ENERGY, (sums < low) | (sums > high)),
            (Flag.OUTPUT, layout.limits.outside(outputs)),
            (Flag.FEW_CHANNELS, channels < chain.least_channels),
        ):
            flags |= np.where(doubtful, int(flag), 0)
        if layout.margin is not None:
            flags |= np.where(layout.margin.narrow(outputs), int(Flag.OUTPUT), 0)
        if layout.tests is not None:
            flags |= layout.tests.flags(values)
        number = self._events + np.arange(len(raw))
        self._events += len(raw)
        columns = {
            "number": number & ((1 << NUMBER_BITS) - 1),
            "energy": sums,
            "channels": channels,
            "flags": with_no_decision(flags, chain.undecided),
            **{
                one.name: outputs[:, index]
                for index, one in enumerate(layout.limits.fields(layout.limits.format))
            },
        }
        return Records(layout.fields, columns)

    def corrected(self, charges: npt.NDArray[np.integer]) -> Integers:
        """Return charges (event, channel) less offsets, times their gains, rounded half up."""
        chain = self.layout.settings
        bits = chain.gain_fraction_bits
        gains = np.array(chain.whole_gains, np.int64)
        moved = np.maximum(charges.astype(np.int64) - np.array(chain.whole_offsets), 0)
        return np.asarray((moved * gains + ((1 << bits) >> 1)) >> bits, np.int64)

    def network_inputs(self, charges: npt.NDArray[np.integer]) -> Integers:
        """Return what the network reads of charges (event, channel), (event, chosen channel)."""
        corrected = self.corrected(self._checked(charges))
        return self._network_inputs(corrected, corrected.sum(axis=1))

    def _network_inputs(self, corrected: Integers, sums: Integers) -> Integers:
        layout, form, drop = self.layout, self._model.inputs[0].format, self.layout.drop_bits
        whole = FixedPointFormat(form.width + drop, form.integer, form.signed)
        values, mirrors = corrected, layout.settings.mirrors
        if layout.normalisation is not None:
            values = layout.normalisation.scaled(values, sums, whole)
        if mirrors is not None:
            values = mirrors.folded(values, mirrors.turns(corrected))
        values = values[:, list(layout.chosen)] >> drop
        return np.clip(values, form.minimum, form.maximum)

    def _turned_back(self, corrected: Integers, outputs: Integers) -> Integers:
        """Return outputs (event, element) in the axes of the block."""
        mirrors, form = self.layout.settings.mirrors, self.layout.limits.format
        if mirrors is None:
            return outputs
        found = mirrors.back(outputs, mirrors.turns(corrected))
        return np.asarray(np.clip(found, form.minimum, form.maximum), np.int64)

    def _checked(self, charges: npt.NDArray[np.integer]) -> Integers:
        chain = self.layout.settings
        found = np.asarray(charges)
        if found.ndim == 1 and found.size % chain.channels == 0:
            found = found.reshape(-1, chain.channels)
        if found.ndim != 2 or found.shape[1] != chain.channels or found.dtype.kind not in "iu":
            raise DataError(
                f"charges are integers (event, {chain.channels})",
                field="charges",
                value=f"{found.dtype} {found.shape}",
            )
        if found.size and (found.min() < 0 or found.max() >= 1 << chain.adc_bits):
            raise DataError(
                f"a charge lies outside {chain.adc_bits} bits",
                field="charges",
                value=(int(found.min()), int(found.max())),
            )
        return found.astype(np.int64)
