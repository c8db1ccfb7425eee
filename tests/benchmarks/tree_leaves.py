"""How often an imported ensemble of trees differs from scikit-learn's rounded estimate.

Leaves are rounded once and their sum once more. Of few trees there are few sums, each of many
events: whether one of them falls on the other side of a rounding decides over all of these.

    python tests/benchmarks/tree_leaves.py
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor

from pulsefront.imports import from_sklearn

TREES, SEEDS, EVENTS = (1, 5, 20, 100), range(6), 5000


def share(trees: int, seed: int) -> float:
    """Return the share of estimates that differ, of trees of 8 leaves on 12-bit counts."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4096, (2000, 6))
    target = np.sin(counts[:, 0] / 900) + counts[:, 1] * counts[:, 2] / 1e7
    fitted = GradientBoostingRegressor(n_estimators=trees, max_depth=3, random_state=seed)
    imported = from_sklearn(fitted.fit(counts, target), counts)
    (found,) = imported.compare(rng.integers(0, 4096, (EVENTS, 6)))
    assert found.largest_steps <= 1
    return found.different / found.integers


def main() -> None:
    """Print mean and ends over the seeds for each number of trees."""
    for trees in TREES:
        shares = [100 * share(trees, seed) for seed in SEEDS]
        sys.stdout.write(
            f"{trees:4d} trees: {np.mean(shares):.1f} %, {min(shares):.1f} to {max(shares):.1f} %\n"
        )


if __name__ == "__main__":
    main()
