"""What a record says of its event beside the numbers: one bit for each doubt."""

from __future__ import annotations

from enum import IntFlag

__all__ = ["Flag"]


class Flag(IntFlag):
    """The bits of a record's flags; `docs/front_end.md` says when each is set."""

    PILE_UP = 1
    """the signal rises again within the energy gate"""
    TAIL = 2
    """the trigger came soon after the chain was armed: it may stand on the tail of a pulse"""
    SATURATED = 4
    """a sample of the gate, or a channel, is at an end of the ADC's range"""
    BASELINE = 8
    """the baseline lies outside its range"""
    ENERGY = 16
    """the energy, or the sum of the channels, lies outside its range"""
    OUTPUT = 32
    """an output of the network lies outside its range"""
    FEW_CHANNELS = 64
    """too few channels have light"""
    NO_DECISION = 128
    """one of the flags that the settings name is set: the estimate is not to be used"""
    INPUT_SUM = 256
    """the sum of what the network reads lies outside that of training; only where it is tested"""
    DEAD_CHANNEL = 512
    """an input lies far below those that go with it; only where it is tested"""
