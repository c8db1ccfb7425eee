"""Which fault comes on which night of a rehearsal, drawn beforehand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from numpy.random import Generator

from pulsefront.qc.times import DAY_S

__all__ = [
    "CODES",
    "SHIFTS_S",
    "Fault",
    "FaultPlan",
    "clock_changes",
    "night_time",
    "plan_faults",
    "undisturbed",
]

Fault = Literal[
    "none", "kill", "disk full", "locked", "gone", "two jobs", "clock back", "clock ahead",
    "clock far ahead", "receiver down", "off",
]  # fmt: skip

CODES: dict[Fault, tuple[int, ...]] = {
    "none": (0, 6),
    "kill": (0, 6),
    "disk full": (2, 3, 6),
    "locked": (5,),
    "gone": (3,),
    "two jobs": (0, 5, 6),
    "clock back": (0, 6),
    "clock ahead": (0, 6),
    "clock far ahead": (3,),
    "receiver down": (6, 0),
}
"""Exit codes that a job may end with on a night, as the operations guide has them."""

SHIFTS_S: dict[Fault, int] = {
    "clock back": -20 * DAY_S, "clock ahead": 2 * DAY_S, "clock far ahead": 20 * DAY_S,
}  # fmt: skip

_TIMER = time(3, 30)
_REPEATED = time(2, 30)
_OFTEN: tuple[tuple[Fault, int], ...] = (
    ("disk full", 3), ("gone", 2), ("two jobs", 2), ("clock back", 2), ("clock far ahead", 1),
    ("clock ahead", 1), ("locked", 1), ("receiver down", 1),
)  # fmt: skip


@dataclass(frozen=True)
class FaultPlan:
    """By night: its fault, how many jobs are killed, and whether one runs to its end after them."""

    faults: tuple[Fault, ...]
    kills: tuple[int, ...]
    ends_whole: tuple[bool, ...]

    def counts(self) -> dict[str, int]:
        """Return how many nights have each fault."""
        return dict(Counter(self.faults))


def plan_faults(nights: int, kills: int, random: Generator, *, only: int = 99) -> FaultPlan:
    """Return the faults of a month.

    The last night has none, so that what was left undone before it can be mended. So has the night
    after one whose clock is two days ahead: until a job with the right clock has seen the dates of
    that night, they can become the past, which nothing contradicts.

    Parameters
    ----------
    kills
        How many jobs are killed in all.
    only
        How many nights of one fault there are at most.
    """
    faults: list[Fault] = ["none"] * nights
    free = random.permutation(nights - 1).tolist()
    must_end = {nights - 1}
    wanted = [fault for fault, often in _OFTEN for _ in range(min(often, only))]
    for fault in sorted(wanted, key=lambda fault: fault != "clock ahead"):
        if len(free) < 3:  # some nights stay for kills
            break
        night = free.pop(0)
        faults[night] = fault
        if fault == "clock ahead":
            must_end.add(night + 1)
            free = [other for other in free if other != night + 1]
    plain = [k for k, fault in enumerate(faults) if fault == "none"]
    several = random.multinomial(kills, [1.0 / len(plain)] * len(plain))
    found = dict(zip(plain, several.tolist(), strict=True))
    for night, many in found.items():
        faults[night] = "kill" if many else "none"
    whole = tuple(
        fault != "kill" or bool(random.random() < 0.7) or night in must_end
        for night, fault in enumerate(faults)
    )
    return FaultPlan(tuple(faults), tuple(found.get(k, 0) for k in range(nights)), whole)


def undisturbed(nights: int, off: frozenset[int] = frozenset()) -> FaultPlan:
    """Return a month without faults; on the nights *off* the machine is switched off."""
    faults = tuple[Fault, ...]("off" if k in off else "none" for k in range(nights))
    return FaultPlan(faults, (0,) * nights, (True,) * nights)


def night_time(start_s: int, night: int, zone: str) -> int:
    """Return when the timer starts the job of a night: in the local night after its day."""
    return round(datetime.combine(_after(start_s, night), _TIMER, ZoneInfo(zone)).timestamp())


def clock_changes(start_s: int, night: int, zone: str) -> tuple[int, ...]:
    """Return both times at which a clock shows half past two, where summer time ends that night.

    A timer set to that time would start twice; where the time does not exist, or is there once,
    there is none.
    """
    local = datetime.combine(_after(start_s, night), _REPEATED, ZoneInfo(zone))
    twice = [round(local.replace(fold=fold).timestamp()) for fold in (0, 1)]
    return tuple(twice) if twice[0] < twice[1] else ()


def _after(start_s: int, night: int) -> date:
    day = datetime.fromtimestamp(start_s, UTC).date()
    return day + timedelta(days=night + 1)
