"""Baseline, trigger and gate, sample by sample: the reference that the Verilog is held against.

The order of the steps is that of ``pf_trigger.v`` and ``pf_capture.v``; `docs/front_end.md` is the
specification in words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["EVENT", "STATE", "TriggerConstants", "TriggerMemory", "new_memory", "trigger_events"]

Int = np.int64

STATE = np.dtype(
    [
        (name, Int)
        for name in (
            "sample",  # index of the next sample
            "sum",  # of the baseline's samples
            "filled",  # how many of them there are
            "oldest",  # where in the ring
            "sum_1",  # the sum one sample ago
            "filled_1",
            "armed",
            "since",  # samples since the trigger
            "calm",  # samples since the chain was armed
            "number",  # of the next trigger
            "gate",  # samples of the open gate; -1 where none is
            "trigger_sample",
            "baseline",  # sum at the trigger
            "energy",
            "flags",
            "taken",  # samples of the window
        )
    ]
)
"""What the chain knows between two samples."""

EVENT = np.dtype([(name, Int) for name in ("number", "sample", "baseline", "energy", "flags")])
"""What baseline, trigger and gate say of an event."""


class TriggerConstants(NamedTuple):
    """Settings as whole numbers; heights are those of upright pulses."""

    highest: int
    inverted: bool
    shift: int
    gap: int
    trigger: int
    rearm: int
    dead: int
    timeout: int
    tail: int
    before: int
    gate: int
    energy_gate: int
    pile_up_rise: int
    pile_up_lag: int
    pile_up_start: int
    input_low: int
    input_high: int
    number_mask: int
    sample_mask: int


class TriggerMemory(NamedTuple):
    """Arrays that the kernel keeps between chunks.

    *state* has one entry; *ring* holds the baseline's samples, *past* and *idle* the last samples,
    index modulo their length, and whether the chain was idle at each; *window* what an open gate
    has taken.
    """

    state: NDArray[np.void]
    ring: NDArray[np.int64]
    past: NDArray[np.int64]
    idle: NDArray[np.bool_]
    window: NDArray[np.int64]


def new_memory(constants: TriggerConstants, window: int) -> TriggerMemory:
    """Return the memory of a chain that has seen nothing; *window* samples go to the network."""
    reach = max(constants.gap, constants.before + constants.pile_up_lag) + 1
    state = np.zeros(1, STATE)
    state["armed"] = 1
    state["gate"] = -1
    return TriggerMemory(
        state,
        np.zeros(1 << constants.shift, np.int64),
        np.zeros(reach, np.int64),
        np.zeros(reach, np.bool_),
        np.zeros(window, np.int64),
    )


@njit(nogil=True, cache=True)
def trigger_events(
    samples: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    constants: TriggerConstants,
    memory: TriggerMemory,
    events: NDArray[np.void],
    windows: NDArray[np.int64],
) -> int:
    """Run the chain over *samples* (sample,); return how many events were completed.

    Parameters
    ----------
    chosen
        (gate,) whether the network reads a sample of the gate.
    memory
        Changed in place: the next chunk goes on where this one ends.
    events, windows
        (event,) of `EVENT` and (event, window sample), filled in order; long enough for a gate
        that closes at every ``dead`` samples.
    """
    c = constants
    s = memory.state[0]
    reach = len(memory.past)
    full = 1 << c.shift
    found = 0
    for raw in samples:
        n = s.sample
        upright = c.highest - raw if c.inverted else raw
        height = upright - (s.sum_1 >> c.shift)
        told = s.sum_1
        known = s.filled_1 == full
        s.sum_1 = s.sum
        s.filled_1 = s.filled
        memory.past[n % reach] = upright

        # trigger, or armed again
        fires = s.armed == 1 and known and height >= c.trigger
        idle = s.armed == 1 and not fires
        relearn = False
        if fires:
            s.armed = 0
            s.since = 0
            s.gate = 0
            s.trigger_sample = n
            s.baseline = told
            s.energy = 0
            s.taken = 0
            s.flags = 2 if s.calm < c.tail else 0
        elif s.armed == 1:
            s.calm = min(s.calm + 1, c.tail)
        else:
            s.since += 1
            if s.since >= c.dead and height <= c.rearm:
                s.armed = 1
                s.calm = 0
            elif s.since >= c.timeout:
                relearn = True
                s.armed = 1
                s.calm = 0
        memory.idle[n % reach] = idle

        # baseline
        back = c.gap - 2
        if idle and n >= back and memory.idle[(n - back) % reach]:
            value = memory.past[(n - back) % reach]
            s.sum += value - (memory.ring[s.oldest] if s.filled == full else 0)
            memory.ring[s.oldest] = value
            s.oldest = (s.oldest + 1) % full
            s.filled = min(s.filled + 1, full)
        if relearn:
            s.sum = 0
            s.filled = 0
            s.filled_1 = 0  # nor does the next sample trigger on what is forgotten

        # window and energy
        if s.gate >= 0:
            k = s.gate
            value = memory.past[(n - c.before) % reach]
            if chosen[k]:
                seen = value - (s.baseline >> c.shift)
                memory.window[s.taken] = min(max(seen, c.input_low), c.input_high)
                s.taken += 1
            if value in (0, c.highest):
                s.flags |= 4
            if k < c.energy_gate:
                s.energy += (value << c.shift) - s.baseline
                earlier = memory.past[(n - c.before - c.pile_up_lag) % reach]
                if k >= c.pile_up_start and value - earlier >= c.pile_up_rise:
                    s.flags |= 1
            s.gate = k + 1
            if s.gate == c.gate:
                s.gate = -1
                event = events[found]
                event.number = s.number & c.number_mask
                event.sample = s.trigger_sample & c.sample_mask
                event.baseline = s.baseline
                half = full >> 1
                event.energy = (s.energy + half) >> c.shift
                event.flags = s.flags
                windows[found] = memory.window
                found += 1
                s.number += 1
        s.sample = n + 1
    return found
