"""How near the estimates of Verilog come to yosys' counts of designs that nothing was fitted to.

``python tests/benchmarks/gates_error.py`` fits the weights of each family to the designs of an even
number, prints them, and tells how far the estimates of all others are off. The counts are kept in
``gate_counts.json``; ``counted_designs.py`` makes them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from counted_designs import Design, designs, numbers_of, read_counts

from pulsefront.firmware.rtl.resources.estimate import (
    Estimate,
    SharedCounts,
    UnrolledCounts,
    count_time_shared,
    count_unrolled,
    weigh_time_shared,
    weigh_unrolled,
)
from pulsefront.firmware.rtl.resources.parts import KINDS, PartKind, Weights

FAMILIES = ("ecp5", "xc7", "ice40", "nexus", "polarfire")
FIGURES = ("lut", "ff", "dsp", "block_ram_kbit", "latency_cycles")
START = Weights(150, 1, 2, 1, 2, 100, 1, 2, 1, 1, 2, 1, 3)
"""Round numbers of the right size; no design has a say in them."""
SHARED_CONSTANTS = {
    "lut": ("control_lut", "lane_lut", "multiplier_lut", "rom_lut", "finish_lut"),
    "ff": ("control_ff", "lane_ff", "finish_ff"),
}
UNROLLED_CONSTANTS = {
    "lut": ("adder_bit_lut", "adder_lut", "output_lut"),
    "ff": ("adder_bit_ff", "output_ff"),
}
PRIOR = 0.005
"""Added for each weight times its squared logarithm from `START`."""
WIDTHS, TRIALS = (0.4, 0.01), 4000

Floats = npt.NDArray[np.float64]
Counted = SharedCounts | UnrolledCounts


@dataclass(frozen=True)
class Row:
    """Errors as factors, at least 1, of one family, way of building and figure: (design,)."""

    family: str
    built: str
    figure: str
    fitted: Floats
    held_out: Floats

    def __str__(self) -> str:
        fitted, held = np.median(self.fitted), np.median(self.held_out)
        return (
            f"{self.family:6} {self.built:12} {self.figure:15} "
            f"fitted {fitted:5.2f}   held out {held:5.2f}, 9 of 10 within "
            f"{np.quantile(self.held_out, 0.9):5.2f}, worst {self.held_out.max():5.2f}"
        )


@cache
def all_designs() -> tuple[Design, ...]:
    """Return the designs, made once."""
    return designs()


def designs_of(family: str, *, unrolled: bool) -> list[Design]:
    """Return the designs of one way of building that are counted for a family."""
    numbers = numbers_of(family)
    return [
        one for one in all_designs() if one.number in numbers and (one.plan is None) is unrolled
    ]


def counted(design: Design, kind: PartKind) -> Counted:
    """Return what a design consists of."""
    if design.plan is None:
        return count_unrolled(design.model, kind)
    return count_time_shared(design.model, design.plan, kind)


def weighed(counts: Counted, weights: Weights) -> Estimate:
    """Return what *counts* take."""
    if isinstance(counts, UnrolledCounts):
        return weigh_unrolled(counts, weights)
    return weigh_time_shared(counts, weights)


def fit(family: str) -> Weights:
    """Return the weights of the smallest mean error at the designs that are not held out."""
    kind, truth = KINDS[family], read_counts()[family]
    found = START
    for unrolled, constants in ((False, SHARED_CONSTANTS), (True, UNROLLED_CONSTANTS)):
        mine = [one for one in designs_of(family, unrolled=unrolled) if not one.held_out]
        counts = [counted(one, kind) for one in mine]
        for figure, names in constants.items():
            real = np.array([truth[str(one.number)][figure] for one in mine], dtype=np.float64)

            def loss(
                weights: Weights,
                counts: list[Counted] = counts,
                real: Floats = real,
                figure: str = figure,
                names: tuple[str, ...] = names,
            ) -> float:
                made = [getattr(weighed(one, weights), figure) for one in counts]
                away = [np.log(getattr(weights, one) / getattr(START, one)) for one in names]
                errors = np.abs(np.log(np.maximum(made, 1) / real))
                return float(errors.mean() + PRIOR * np.dot(away, away))

            found = _narrowed(loss, found, names)
    return found


def _narrowed(loss: Callable[[Weights], float], start: Weights, names: tuple[str, ...]) -> Weights:
    """Return the best of random steps, wide at first and narrow in the end."""
    rng = np.random.default_rng(15)
    best, smallest = start, loss(start)
    for width in np.geomspace(*WIDTHS, TRIALS):
        drawn = np.exp(rng.normal(0, width, len(names)))
        trial = replace(
            best, **{one: getattr(best, one) * by for one, by in zip(names, drawn, strict=True)}
        )
        if (error := loss(trial)) < smallest:
            best, smallest = trial, error
    return best


def rounded(weights: Weights) -> Weights:
    """Return the weights with three digits, as they are shipped."""
    return Weights(*(float(f"{getattr(weights, one.name):.3g}") for one in fields(Weights)))


def errors(family: str, weights: Weights) -> list[Row]:
    """Return how far the estimates of a family are off with *weights*."""
    kind, truth = KINDS[family], read_counts()[family]
    rows = []
    for unrolled in (False, True):
        mine = designs_of(family, unrolled=unrolled)
        made = [weighed(counted(one, kind), weights) for one in mine]
        out = np.array([one.held_out for one in mine])
        for figure in FIGURES:
            if not hasattr(made[0], figure):
                continue
            estimated = np.array([getattr(one, figure) for one in made], dtype=np.float64)
            real = np.array([truth[str(one.number)][figure] for one in mine], dtype=np.float64)
            ratio = np.maximum(estimated, 1) / np.maximum(real, 1)
            factor = np.exp(np.abs(np.log(ratio)))
            built = "unrolled" if unrolled else "time-shared"
            rows.append(Row(family, built, figure, factor[~out], factor[out]))
    return rows


def main() -> None:
    """Print the weights of each family and the errors."""
    for family in FAMILIES:
        weights = rounded(fit(family))
        sys.stdout.write(f"{family}: {weights}\n")
        for row in errors(family, weights):
            sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
    main()
