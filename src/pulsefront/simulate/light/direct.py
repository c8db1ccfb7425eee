"""Light that reaches a photosensor from the crystal straight away, integrated instead of traced.

Near the photosensors this part of the light changes over tenths of a millimetre, too fast for a
grid of traced positions, which then holds the smooth remainder. Behind one block on square
sensors one table serves all sensors (`pulsefront.simulate.light.direct_integral`). Of slabs,
pixels and round sensors it is computed on a fine grid of positions, with the total reflections by
polished sides counted as direct (`pulsefront.simulate.light.direct_grid`).
"""

from __future__ import annotations

from concurrent.futures import Executor

from pulsefront.detector import Detector
from pulsefront.simulate.light.direct_grid import gridded
from pulsefront.simulate.light.direct_integral import integrated, is_shift_invariant
from pulsefront.simulate.light.direct_table import DirectLight, add_direct, no_direct_light

__all__ = ["DirectLight", "add_direct", "direct_light", "is_shift_invariant", "no_direct_light"]


def direct_light(detector: Detector, *, executor: Executor | None = None) -> DirectLight:
    """Return the direct light of *detector* on every photosensor from every position."""
    if is_shift_invariant(detector):
        return integrated(detector)
    return gridded(detector, executor=executor)
