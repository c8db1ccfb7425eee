"""Both chains behind one name: emulator, clocks, Verilog and bench by the kind of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError
from pulsefront.firmware.front_end.axis import axis_front_end
from pulsefront.firmware.front_end.bench import StreamSizes
from pulsefront.firmware.front_end.golden import made_charges, made_stream, stream_of_records
from pulsefront.firmware.front_end.position.bench import position_bench
from pulsefront.firmware.front_end.position.chain import PositionChain
from pulsefront.firmware.front_end.position.layout import PositionLayout
from pulsefront.firmware.front_end.position.top import GAINS, position_clocks, position_top
from pulsefront.firmware.front_end.record.input_tests import TESTS
from pulsefront.firmware.front_end.settings import AnyChainSettings, TimingChainSettings
from pulsefront.firmware.front_end.simulate import hex_words
from pulsefront.firmware.front_end.timing.bench import timing_bench
from pulsefront.firmware.front_end.timing.chain import TimingChain
from pulsefront.firmware.front_end.timing.layout import TimingLayout
from pulsefront.firmware.front_end.timing.top import LOST_BITS, timing_clocks, timing_top
from pulsefront.firmware.rtl.language.verilog_text import verilog_text
from pulsefront.firmware.rtl.resources.parts import registers_behind
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.specification import Specification

__all__ = ["AnyChain", "StatedClocks", "chain_of", "check_fit", "golden_stream", "hdl", "stated"]

MOST_RECORDS = 100
"""Measured records in a golden stream."""

AnyChain = TimingChain | PositionChain


@dataclass(frozen=True)
class StatedClocks:
    """What is stated of a chain; see `FrontEndStatement`."""

    dead: int
    interval: int
    latency: int
    loses_none: bool


def chain_of(model: FixedPointModel, settings: AnyChainSettings, part: str = "") -> AnyChain:
    """Return the emulator of a chain, whose Verilog is for a *part*.

    Raises
    ------
    ExportError, ConfigError
        Settings and model do not fit together.
    """
    if isinstance(settings, TimingChainSettings):
        return TimingChain(model, settings, registers_behind=registers_behind(part))
    return PositionChain(model, settings, registers_behind=registers_behind(part))


def check_fit(model: Specification, settings: AnyChainSettings) -> None:
    """Check that settings and model fit together; see `chain_of`."""
    if isinstance(settings, TimingChainSettings):
        TimingLayout(settings, model)
    else:
        PositionLayout(settings, model)


def stated(chain: AnyChain) -> StatedClocks:
    """Return the clocks of a chain."""
    if isinstance(chain, TimingChain):
        clocks = timing_clocks(chain.layout)
        return StatedClocks(clocks.dead, clocks.interval, clocks.latency, clocks.loses_none)
    found = position_clocks(chain.layout)
    return StatedClocks(0, found.interval, found.latency, loses_none=True)


def golden_stream(chain: AnyChain, waveforms: npt.NDArray[np.integer] | None = None) -> Integers:
    """Return what a chain is checked with, in a row; up to 100 measured records join it.

    Raises
    ------
    DataError
        A sample lies outside the ADC's range.
    ExportError
        Waveforms are given for a chain of charges.
    """
    if isinstance(chain, PositionChain):
        if waveforms is not None:
            raise ExportError("waveforms are for a timing chain", field="waveforms")
        return made_charges(chain.layout.settings).reshape(-1)
    settings = chain.layout.settings
    samples = made_stream(settings)
    if waveforms is not None:
        measured = stream_of_records(waveforms[:MOST_RECORDS], settings)
        samples = np.concatenate([samples, measured])
    return chain.with_flat_end(samples)


def hdl(chain: AnyChain, sizes: StreamSizes) -> Mapping[str, str]:
    """Return the files of a chain by name: top module, test bench, memories of its own."""
    top, tests = f"{chain.layout.model.name}_front_end", chain.layout.tests
    words = {} if tests is None else {TESTS: hex_words(tests.words, tests.index_bits)}
    if isinstance(chain, TimingChain):
        return {
            **words,
            f"{top}.v": timing_top(chain.layout),
            f"{top}_axis.v": _axis(chain, "sample", waits=False, beside={"lost": LOST_BITS}),
            f"{top}_tb.v": timing_bench(chain.layout, sizes),
        }
    gains = np.array(chain.layout.gain_words)
    return {
        **words,
        f"{top}.v": position_top(chain.layout),
        f"{top}_axis.v": _axis(chain, "charge", waits=True, beside={}),
        f"{top}_tb.v": position_bench(chain.layout, sizes),
        GAINS: hex_words(gains, chain.layout.gain_bits + chain.layout.offset_bits),
    }


def _axis(chain: AnyChain, port: str, *, waits: bool, beside: Mapping[str, int]) -> str:
    layout = chain.layout
    given = (port, layout.stream_bits)
    found = axis_front_end(layout.model.name, layout.fields, given, waits=waits, beside=beside)
    return verilog_text(found)
