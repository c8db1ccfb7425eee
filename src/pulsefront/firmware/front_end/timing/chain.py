"""The timing chain emulated: ADC samples in, records out, integers throughout."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError
from pulsefront.firmware.front_end.record.fields import Records
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.record.outputs import with_no_decision
from pulsefront.firmware.front_end.settings import TimingChainSettings
from pulsefront.firmware.front_end.timing.kernel import EVENT, new_memory, trigger_events
from pulsefront.firmware.front_end.timing.layout import TIME_BITS, TimingLayout
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["TimingChain"]


class TimingChain:
    """A timing chain as its Verilog computes it, to the bit.

    It keeps what it knows between two calls of `feed`: a stream may come in pieces of any length.

    Parameters
    ----------
    model
        One input of as many counts as the window gives, one output.
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
        settings: TimingChainSettings,
        *,
        registers_behind: int = 0,
    ) -> None:
        self.layout = TimingLayout(settings, model, registers_behind)
        self._model = model
        offsets = np.array(self.layout.window) + settings.samples_before
        self._chosen = np.isin(np.arange(settings.gate), offsets)
        self.restart()

    def restart(self) -> None:
        """Forget all samples."""
        self._memory = new_memory(self.layout.constants, len(self.layout.window))

    def run(self, samples: npt.NDArray[np.integer]) -> Records:
        """Return the records of a whole stream (sample,), from the start."""
        self.restart()
        return self.feed(samples)

    def feed(self, samples: npt.NDArray[np.integer]) -> Records:
        """Return the records that the next *samples* (sample,) of the stream complete.

        Raises
        ------
        DataError
            They are no integers of the ADC's range.
        """
        events, windows = self._events(samples)
        return self._records(events, windows)

    def with_flat_end(self, samples: npt.NDArray[np.integer]) -> Integers:
        """Return a stream (sample,) with as many more of a constant as end every event.

        After it the last sample may be repeated for ever without another trigger.
        """
        self.restart()
        self._events(samples)
        settings = self.layout.settings
        recent = samples[-settings.gate :] if len(samples) else [0]
        level = int(np.median(recent))
        some = np.full(settings.gap + settings.baseline_samples + settings.gate, level)
        parts = [np.asarray(samples, np.int64)]
        while len(parts) < 2 or not self._rests_at(level):
            self._events(some)
            parts.append(some)
        return np.concatenate(parts)

    def _rests_at(self, level: int) -> bool:
        """Whether the chain is armed and its baseline is *level*, counts of the ADC."""
        constants, state = self.layout.constants, self._memory.state
        upright = constants.highest - level if constants.inverted else level
        return bool(
            state["armed"][0]
            and state["gate"][0] < 0
            and state["filled_1"][0] == 1 << constants.shift
            and state["sum"][0] == state["sum_1"][0] == upright << constants.shift
        )

    def windows(self, samples: npt.NDArray[np.integer]) -> Integers:
        """Return what the network reads of a whole stream, (event, window sample)."""
        self.restart()
        return self._events(samples)[1]

    def _events(self, samples: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.void], Integers]:
        settings = self.layout.settings
        samples = np.asarray(samples)
        if samples.ndim != 1 or samples.dtype.kind not in "iu":
            raise DataError("a stream is one row of integers", field="samples", value=samples.shape)
        if samples.size and (samples.min() < 0 or samples.max() >= 1 << settings.adc_bits):
            raise DataError(
                f"a sample lies outside {settings.adc_bits} bits",
                field="samples",
                value=(int(samples.min()), int(samples.max())),
            )
        most = len(samples) // settings.dead + 2
        events = np.zeros(most, EVENT)
        windows = np.zeros((most, len(self.layout.window)), np.int64)
        found = trigger_events(
            samples.astype(np.int64),
            self._chosen,
            self.layout.constants,
            self._memory,
            events,
            windows,
        )
        return events[:found], windows[:found]

    def _records(self, events: npt.NDArray[np.void], windows: Integers) -> Records:
        layout = self.layout
        shape = self._model.inputs[0].shape
        outputs = np.asarray(self._model.run(windows.reshape(-1, *shape)))
        outputs = outputs.reshape(len(events), len(layout.limits.low))
        low, high = layout.baseline_limits
        least, most = layout.energy_limits
        baseline, energy = events["baseline"], events["energy"]
        flags = events["flags"].astype(np.int64)
        for flag, doubtful in (
            (Flag.BASELINE, (baseline < low) | (baseline > high)),
            (Flag.ENERGY, (energy < least) | (energy > most)),
            (Flag.OUTPUT, layout.limits.outside(outputs)),
        ):
            flags |= np.where(doubtful, int(flag), 0)
        if layout.tests is not None:
            flags |= layout.tests.flags(windows)
        columns = {
            "number": events["number"],
            "sample": events["sample"],
            "energy": energy,
            "baseline": baseline,
            "flags": with_no_decision(flags, layout.settings.undecided),
            **{
                one.name: outputs[:, index]
                for index, one in enumerate(layout.limits.fields(layout.limits.format))
            },
        }
        if layout.has_time:
            columns["time"] = _times(events["sample"], outputs[:, 0], layout)
        return Records(layout.fields, columns)


def _times(sample: Integers, correction: Integers, layout: TimingLayout) -> Integers:
    """Return the time of each event in steps of 2^−(fraction + extra bits) ns, modulo its width."""
    # Unsigned: a product beyond 64 bits wraps, and of what is left only the lowest 62 count.
    whole = sample.astype(np.uint64) * np.uint64(layout.step)
    whole += (correction << layout.extra_bits).astype(np.uint64)
    return np.asarray((whole & np.uint64((1 << TIME_BITS) - 1)).astype(np.int64))
