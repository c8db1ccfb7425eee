"""How wrong gains are where a flood leaves out the rim that the reference saw.

    python tests/benchmarks/other_places.py

Spots of light on an array of 8 × 8 channels over 44 mm, seeds 1 and 5; nothing is refused here.
"""

from __future__ import annotations

import sys

import numpy as np

from pulsefront.monitor import recalibrate
from strategies_spots import spots


def peak(charges: np.ndarray) -> np.ndarray:
    """Return the events of the photopeak."""
    sums = charges.sum(axis=1, dtype=int)
    return charges[sums > 0.9 * np.quantile(sums, 0.7)]


def main() -> None:
    """Print, for each flood, events elsewhere and the error of gains that are all 1."""
    reference = peak(spots(60_000, 1)[0])
    recalibrate.MOST_ELSEWHERE = 1.0
    for half_mm in (22.0, 21.5, 21.0, 20.0, 18.0):
        charges = peak(spots(16_000, 5, half_mm=half_mm)[0])
        found = recalibrate.channel_gains(reference, charges)
        elsewhere = recalibrate.share_elsewhere(reference, charges / found.gains)
        off = found.gains / found.gains.mean() - 1.0
        sys.stdout.write(
            f"±{half_mm:g} mm: {100 * elsewhere:.1f} % elsewhere; gains wrong by "
            f"{100 * off.std():.1f} % rms, said {100 * np.median(found.errors):.1f} %\n"
        )


if __name__ == "__main__":
    main()
