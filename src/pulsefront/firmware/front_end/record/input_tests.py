"""Integer tests of what the network of a front end reads, beside the network.

Two of the three of `fixed_point.input_check`: the sum of the inputs within a window, and no input
far below those that go with it best, as of a dead channel. They take one memory of the inputs and
two sums, without a multiplier. The distance from a low-rank fit takes sixteen products of each
input and stays a model of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pulsefront.errors import ConfigError
from pulsefront.firmware.front_end.input_test_settings import InputTestSettings
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.record.logic import CLOCK, Text
from pulsefront.firmware.rtl.language.verilog import address_bits, instance
from pulsefront.fixed_point.format import FixedPointFormat, Integers
from pulsefront.fixed_point.specification import Specification

__all__ = ["TESTS", "InputTestPlan", "input_test_lines", "input_test_plan"]

TESTS = "input_tests.hex"
PIPELINE_CLOCKS = 4
"""From one event looked at to the next, beyond a clock for each word."""
QUEUE_CLOCKS = 4
"""From the last input of an event to the first word, and from the result to the record."""


@dataclass(frozen=True, eq=False)
class InputTestPlan:
    """The tests of a chain in hardware: *format* is that of the network's input."""

    settings: InputTestSettings
    format: FixedPointFormat

    def flags(self, inputs: Integers) -> Integers:
        """Return the flags of inputs (event, input) as the network reads them, (event,)."""
        outside, dead, _ = self.settings.tests.flags(inputs).T
        return np.asarray(outside * int(Flag.INPUT_SUM) + dead * int(Flag.DEAD_CHANNEL))

    @property
    def group(self) -> int:
        """Words for each input."""
        return len(self.settings.neighbours[0]) + 1

    @property
    def words(self) -> Integers:
        """The inputs in the order in which they are looked at."""
        rows = [(*row, k) for k, row in enumerate(self.settings.neighbours)]
        return np.array(rows, np.int64).reshape(-1)

    @property
    def interval_clocks(self) -> int:
        """Clocks between two events that the tests take."""
        return len(self.words) + PIPELINE_CLOCKS

    @property
    def latency_clocks(self) -> int:
        """Clocks from the last input of an event to its result, at most."""
        return self.interval_clocks + QUEUE_CLOCKS

    @property
    def index_bits(self) -> int:
        """Width of the number of an input."""
        return address_bits(len(self.settings.neighbours))

    @property
    def sum_bits(self) -> int:
        """Width, with its sign, of every sum and limit: none wraps."""
        chosen, inputs = self.settings, len(self.settings.neighbours)
        largest = max(abs(self.format.minimum), self.format.maximum)
        return 1 + max(
            (largest * inputs).bit_length(),
            (largest * (self.group - 1 + chosen.ratio)).bit_length(),
            chosen.least.bit_length(),
            *(abs(one).bit_length() for one in chosen.sum_range),
        )


def input_test_plan(
    model: Specification, settings: InputTestSettings | Literal["study"] | None
) -> InputTestPlan | None:
    """Return the tests of a chain; None where it has none.

    Raises
    ------
    ConfigError
        The export names none, or they are of another number of inputs.
    """
    if settings is None:
        return None
    if settings == "study":
        raise ConfigError(
            f"no tests of the inputs of {model.name} are told beside it",
            field="input_tests",
            value="study",
            remedy="export a study with [uncertainty], or give their numbers",
        )
    inputs = model.tensors[model.inputs[0].name].size
    if len(settings.neighbours) != inputs:
        raise ConfigError(
            f"tests of {len(settings.neighbours)} inputs do not fit a network that reads {inputs}",
            field="input_tests.neighbours",
        )
    return InputTestPlan(settings, model.inputs[0].format)


def input_test_lines(plan: InputTestPlan, queue_log2: int) -> list[str]:
    """Return the tests between the streams ``window`` and ``read``; results wait as ``flagged``."""
    bits, width = plan.sum_bits, plan.format.width
    low, high = plan.settings.sum_range

    def constant(value: int) -> Text:
        return Text(f"{bits}'sh{value & ((1 << bits) - 1):x}")

    return [
        "// tests of what the network reads",
        "wire read_valid, read_ready, tested_valid, tested_ready, flagged_valid, flagged_ready;",
        f"wire [{width - 1}:0] read_value;",
        "wire [1:0] tested, flagged;",
        *instance(
            "pf_input_tests",
            "input_tests",
            {
                "WIDTH": width,
                "SIGNED": int(plan.format.signed),
                "INPUTS": len(plan.settings.neighbours),
                "INDEX_BITS": plan.index_bits,
                "GROUP": plan.group,
                "GROUP_BITS": address_bits(plan.group),
                "STEPS": len(plan.words),
                "STEP_BITS": address_bits(len(plan.words)),
                "RATIO_LOG2": plan.settings.ratio.bit_length() - 1,
                "SUM_BITS": bits,
                "LOW": constant(low),
                "HIGH": constant(high),
                "LEAST": constant(plan.settings.least),
                "FILE": TESTS,
            },
            {
                **CLOCK,
                "in_valid": "window_valid",
                "in_ready": "window_ready",
                "in_data": "window_value",
                "out_valid": "read_valid",
                "out_ready": "read_ready",
                "out_data": "read_value",
                "tested_valid": "tested_valid",
                "tested_ready": "tested_ready",
                "tested": "tested",
            },
        ),
        *instance(
            "pf_fifo",
            "flags",
            {"WIDTH": 2, "DEPTH_LOG2": queue_log2},
            {
                **CLOCK,
                "in_valid": "tested_valid",
                "in_ready": "tested_ready",
                "in_data": "tested",
                "out_valid": "flagged_valid",
                "out_ready": "flagged_ready",
                "out_data": "flagged",
            },
        ),
        "wire input_sum_outside = flagged[0];",
        "wire dead_channel = flagged[1];",
        "assign flagged_ready = takes;",
    ]
