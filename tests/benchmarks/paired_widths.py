"""How much wider or narrower one timing network is than another, on the same coincidences.

``python tests/benchmarks/paired_widths.py RUN RUN`` takes two finished timing studies of one seed
and one set of events, as ``pulsefront run timing_lyso_pair`` and ``… timing_lyso_pair_ecp5`` write
them, and prints of each width (FWHM, FWTM, width of the central part) the difference of the second
network from the first, with a 95 % interval by bootstrap over coincidences. Both networks see the
same resampled coincidences: what is common to both, the light of the events, cancels.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import bootstrap
from pulsefront.evaluate.metrics import choose_binning
from pulsefront.evaluate.statistics import central_width_statistic, difference, fwhm_statistic

RESIDUAL = "residual_network_ps"
SAME = ("known_difference_ps", "residual_leading edge_ps")
"""Arrays that are equal where two studies judge the same coincidences."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """Widths of two networks in ps, and *low* to *high*, 95 % of the second less the first."""

    width: str
    first: float
    second: float
    low: float
    high: float

    def __str__(self) -> str:
        away, share = self.second - self.first, 100 / self.first
        return (
            f"{self.width}: {self.first:.1f} and {self.second:.1f} ps, difference {away:+.1f} "
            f"[{self.low:+.1f}, {self.high:+.1f}] ps, {away * share:+.1f} "
            f"[{self.low * share:+.1f}, {self.high * share:+.1f}] %"
        )


def residuals(run: Path) -> dict[str, Floats]:
    """Return what a finished study keeps of its test coincidences: name → (coincidence,), ps."""
    path = run / "steps" / "evaluate" / "arrays.npz"
    if not path.exists():
        raise DataError("holds no finished study", file=run, remedy="pulsefront run STUDY --out it")
    with np.load(path) as kept:
        return {name: kept[name] for name in (RESIDUAL, *SAME)}


def differences(
    first: dict[str, Floats], second: dict[str, Floats], *, replicates: int, seed: int
) -> list[Difference]:
    """Return how the widths of the second network differ from those of the first.

    Raises
    ------
    DataError
        They were not judged on the same coincidences.
    """
    for name in SAME:
        if not np.array_equal(first[name], second[name]):
            raise DataError("the studies judge different coincidences", field=name)
    return compared(first[RESIDUAL], second[RESIDUAL], replicates=replicates, seed=seed)


def compared(a: Floats, b: Floats, *, replicates: int, seed: int) -> list[Difference]:
    """Return how the widths of residuals *b* (coincidence,) differ from those of *a*, in ps."""
    # One width of bins for both: half of what is compared here would be their rounding.
    bins = choose_binning(a).width
    measures = {
        "FWHM": lambda x: fwhm_statistic(x, bins),
        "FWTM": lambda x: fwhm_statistic(x, bins, level=0.1),
        "central width": central_width_statistic,
    }
    found, whole = [], np.ones(len(a))
    for name, measure in measures.items():
        one, other = measure(a), measure(b)
        interval = bootstrap(difference(other, one), len(a), replicates=replicates, seed=seed)
        found.append(Difference(name, one(whole), other(whole), interval.low, interval.high))
    return found


def main() -> None:
    """Print the differences of two studies."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    first, second = residuals(asked.first), residuals(asked.second)
    sys.stdout.write(f"{len(first[RESIDUAL]):,} coincidences\n")
    for one in differences(first, second, replicates=asked.replicates, seed=asked.seed):
        sys.stdout.write(f"{one}\n")


if __name__ == "__main__":
    main()
