"""No decision where the two largest scores of classes lie close together, in a front end."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ConfigError
from pulsefront.evaluate.margins import margins_of
from pulsefront.firmware.front_end.record.logic import CLOCK, Text
from pulsefront.firmware.front_end.record.outputs import OutputLimits
from pulsefront.firmware.rtl.language.verilog import instance
from pulsefront.fixed_point.format import FixedPointFormat, Integers

__all__ = ["MARGIN_CLOCKS", "MarginPlan", "margin_lines", "margin_plan"]

MARGIN_CLOCKS = 2
"""From the last score to what its margin says, at most, beyond what collects the scores."""


@dataclass(frozen=True)
class MarginPlan:
    """The largest score is believed where it lies *least* steps or more above the second."""

    least: int
    format: FixedPointFormat

    def narrow(self, outputs: Integers) -> npt.NDArray[np.bool_]:
        """Return whether the margin of scores (event, class) is too small, (event,)."""
        return np.asarray(margins_of(outputs) < self.least)


def margin_plan(limits: OutputLimits, least: float | None) -> MarginPlan | None:
    """Return the test of margins; None where there is none.

    Raises
    ------
    ConfigError
        The network has one output only, or no margin is as large.
    """
    if least is None:
        return None
    if len(limits.low) < 2:
        raise ConfigError(
            "one output has no margin over another", field="least_margin", value=least
        )
    steps = math.ceil(math.ldexp(least, limits.format.fraction))
    largest = limits.format.maximum - limits.format.minimum
    if steps > largest:
        raise ConfigError(
            f"no margin is above {math.ldexp(largest, -limits.format.fraction):g}",
            field="least_margin",
            value=least,
        )
    return MarginPlan(steps, limits.format)


def margin_lines(plan: MarginPlan, queue_log2: int) -> list[str]:
    """Return what follows the scores of the network; the result waits as ``margin``."""
    width = plan.format.width
    return [
        "// margin between the two largest scores",
        "wire told_valid, told_ready, told, margin_valid, margin_ready, margin_narrow;",
        *instance(
            "pf_margin",
            "margin",
            {
                "WIDTH": width,
                "SIGNED": int(plan.format.signed),
                "LEAST": Text(f"{width + 1}'h{plan.least:x}"),
            },
            {
                **CLOCK,
                "passes": "element_valid && element_ready",
                "last": "element_last",
                "score": "element",
                "out_valid": "told_valid",
                "out_narrow": "told",
            },
        ),
        *instance(
            "pf_fifo",
            "margins",
            {"WIDTH": 1, "DEPTH_LOG2": queue_log2},
            {
                **CLOCK,
                "in_valid": "told_valid",
                "in_ready": "told_ready",
                "in_data": "told",
                "out_valid": "margin_valid",
                "out_ready": "margin_ready",
                "out_data": "margin_narrow",
            },
        ),
        "assign margin_ready = takes;",
    ]
