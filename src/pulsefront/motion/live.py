"""A scan that is still being written: look again whenever the file has grown.

The whole file is read anew each time, so that what is said is what would be said of the file as it
is. A table of an hour is read in a second, and detectors look at no interval twice in a way that
would change what they said of it: every decision uses only what came before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pulsefront.errors import DataError
from pulsefront.motion.find import FindSettings, FoundMotion, find_motion
from pulsefront.motion.frames import FoundMove
from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["follow", "new_moves"]

Open = Callable[[], tuple[MotionTrace, tuple[float, ...]]]


def follow(
    path: Path,
    open_now: Open,
    settings: FindSettings,
    *,
    every_s: float,
    quiet_s: float,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[FoundMotion]:
    """Yield what is found each time the file has grown; end when it has not for *quiet_s*.

    A file that cannot be read yet (its first rows are missing, its last is half written) is tried
    again.

    Raises
    ------
    DataError
        The file was never readable before it stopped growing.
    """
    size, grown_at = -1, now()
    problem: DataError | None = None
    ever = False
    while now() - grown_at <= quiet_s:
        here = path.stat().st_size if path.exists() else 0
        if here != size and here:
            size, grown_at = here, now()
            try:
                trace, breaks = open_now()
            except DataError as error:
                problem = error
            else:
                ever = True
                yield find_motion(trace, settings, breaks=breaks)
        sleep(every_s)
    if not ever:
        raise problem or DataError("no such file", file=path, remedy="check the path")


def new_moves(found: FoundMotion, told: set[float], *, apart_s: float = 5.0) -> list[FoundMove]:
    """Return the movements that are not among those *told*, by their begin; and add them."""
    fresh = [
        move
        for move in found.moves
        if not any(abs(move.start_s - before) <= apart_s for before in told)
    ]
    told.update(move.start_s for move in fresh)
    return fresh
