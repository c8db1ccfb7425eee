"""How near the estimate for hls4ml comes to synthesis reports that it was not fitted to.

``python tests/benchmarks/hls_error.py`` fits the constants anew without each group of designs in
turn, prints what they say of the designs left out, and the constants fitted to all. A group is one
network of one author; the one network that was routed is five groups, one for each format. With
``--authors`` a group is all that one author built. See ``docs/estimates.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace

import numpy as np
import numpy.typing as npt
from hls_designs import HlsDesign, read_designs

from pulsefront.fixed_point.circuits import Build
from pulsefront.fixed_point.hls import FITTED, Family, HlsConstants, HlsTarget, elements_read
from pulsefront.fixed_point.resources import latency_work, price_latency

FIGURES = ("lut", "ff", "dsp", "latency_cycles")
REPORTED = {"lut": "lut", "ff": "ff", "dsp": "dsp", "latency_cycles": "latency"}
LUT_CONSTANTS = (
    "lut_7series", "lut_ultrascale", "lut_routed", "fabric_bit", "dsp_lut", "layer_lut",
)  # fmt: skip
TIME_CONSTANTS = (
    "adder_7series_ns", "adder_ultrascale_ns", "dsp_7series_ns", "dsp_ultrascale_ns",
    "product_adders", "result_ff", "product_ff", "reused_ff", "routed_ff",
)  # fmt: skip
START = HlsConstants(1.0, 1.0, 0.7, 2.0, 1.0, 4.0, 2.0, 1.0, 1.0, 3.0, 30.0, 1.0, 1.0, 0.7, 0.7)
"""Round numbers of the right size."""
CEILING = 0.7
"""Largest error, in natural logarithms, that one design adds to what is minimized."""
PRIOR = 0.01
"""Added for each constant times its squared logarithm from `START`: where reports say nothing,
a constant stays of the right size."""
COVERED = 0.9

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """Errors as factors, at least 1, by figure: (design,), NaN where a report does not tell."""

    designs: tuple[HlsDesign, ...]
    estimates: dict[str, Floats]
    factors: dict[str, Floats]
    spreads: dict[str, Floats]
    constants: HlsConstants

    def median(self, name: str) -> float:
        """Return the median factor."""
        return float(np.nanmedian(self.factors[name]))

    def coverage(self, name: str) -> float:
        """Return the share of designs within the range that the other groups gave."""
        factors = self.factors[name]
        told = np.isfinite(factors)
        return float(np.mean(factors[told] <= self.spreads[name][told]))

    def table(self) -> str:
        """Return one row a design, and the medians below."""
        lines = ["design                     " + "".join(f"{one:>30}" for one in FIGURES)]
        for row, design in enumerate(self.designs):
            cells = []
            for name in FIGURES:
                found = design.found[REPORTED[name]]
                factor = self.factors[name][row]
                told = "" if np.isnan(factor) else f" x{factor:.2f}"
                cells.append(f"{self.estimates[name][row]:>12,.0f} of {found:>8,}{told}")
            lines.append(f"{design.name:27}" + "".join(f"{one:>30}" for one in cells))
        for label, function in (
            ("median factor", self.median),
            ("90 % below", lambda name: float(np.nanquantile(self.factors[name], COVERED))),
            ("range, factor", lambda name: float(np.median(self.spreads[name]))),
            ("inside the range", self.coverage),
        ):
            lines.append(f"{label:27}" + "".join(f"{function(name):>30.2f}" for name in FIGURES))
        return "\n".join(lines)


class Prepared:
    """A design with everything counted that no constant changes."""

    def __init__(self, design: HlsDesign) -> None:
        family: Family = "7series" if design.device.startswith("xc7") else "ultrascale+"
        self.model = design.model
        self.target = HlsTarget(family, design.clock_period_ns, design.multipliers, design.routed)
        read = elements_read(self.model.steps, self.model.outputs)
        build = Build("Latency", design.reuse_factor)
        self.work = [
            latency_work(step, build, self.target, read[step.result.name])
            for step in self.model.steps
        ]

    def estimates(self, constants: HlsConstants) -> Floats:
        """Return the estimated figures, (figure,); a chain's latencies add up."""
        layers = [
            price_latency(step, work, self.target, constants)
            for step, work in zip(self.model.steps, self.work, strict=True)
        ]
        sums = [sum(getattr(one, name) for one in layers) for name in FIGURES]
        return np.array(sums, dtype=np.float64)


def factors_of(estimates: Floats, designs: tuple[HlsDesign, ...]) -> dict[str, Floats]:
    """Return how far *estimates* (design, figure) are off, as factors.

    DSPs are compared where the report has any: none of none says nothing.
    """
    found = {}
    for column, name in enumerate(FIGURES):
        reported = np.array([one.found[REPORTED[name]] for one in designs], dtype=np.float64)
        if name == "dsp":
            reported[reported == 0] = np.nan
        ratio = np.maximum(estimates[:, column], 1) / reported
        found[name] = np.exp(np.abs(np.log(ratio)))
    return found


def fit(
    designs: tuple[HlsDesign, ...], prepared: Sequence[Prepared], seed: int = 15
) -> HlsConstants:
    """Return the constants of the smallest mean error in *designs*, found at random.

    Look-up tables on one side, registers and cycles on the other share no constant: each has a
    search of its own, which widens from `START` and narrows around the best.
    """
    rng = np.random.default_rng(seed)
    best = START
    for names, figures in ((LUT_CONSTANTS, ("lut",)), (TIME_CONSTANTS, ("ff", "latency_cycles"))):

        def loss(
            constants: HlsConstants,
            names: tuple[str, ...] = names,
            figures: tuple[str, ...] = figures,
        ) -> float:
            estimates = np.array([one.estimates(constants) for one in prepared])
            errors = factors_of(estimates, designs)
            mean = np.mean([np.minimum(np.log(errors[one]), CEILING) for one in figures])
            away = [np.log(getattr(constants, one) / getattr(START, one)) for one in names]
            return float(mean + PRIOR * np.dot(away, away))

        smallest = loss(best)
        for width in np.geomspace(*WIDTHS, TRIALS):
            drawn = np.exp(rng.normal(0, width, len(names)))
            trial = replace(
                best,
                **{name: getattr(best, name) * by for name, by in zip(names, drawn, strict=True)},
            )
            if (error := loss(trial)) < smallest:
                best, smallest = trial, error
    return best


WIDTHS, TRIALS = (0.4, 0.02), 1000


def held_out(designs: tuple[HlsDesign, ...]) -> Outcome:
    """Return the errors of every design with constants fitted to the groups that it is not of."""
    groups = np.array([one.group for one in designs])
    prepared = [Prepared(one) for one in designs]
    estimates = np.zeros((len(designs), len(FIGURES)))
    for group in np.unique(groups):
        rest = np.flatnonzero(groups != group)
        constants = fit(tuple(designs[row] for row in rest), [prepared[row] for row in rest])
        for row in np.flatnonzero(groups == group):
            estimates[row] = prepared[row].estimates(constants)
    factors = factors_of(estimates, designs)
    spreads = {}
    for name in FIGURES:
        # A range for one group is what the held-out errors of the others say.
        spreads[name] = np.array(
            [np.nanquantile(factors[name][groups != one], COVERED) for one in groups]
        )
    by_name = {name: estimates[:, column] for column, name in enumerate(FIGURES)}
    return Outcome(designs, by_name, factors, spreads, fit(designs, prepared))


def main() -> None:
    """Print the table and the constants; ``--authors`` leaves out all designs of one at a time."""
    designs = tuple(read_designs())
    if "--authors" in sys.argv[1:]:
        designs = tuple(replace(one, group=one.group.split("/")[0]) for one in designs)
    outcome = held_out(designs)
    sys.stdout.write(outcome.table() + "\n")
    for one, shipped in zip(fields(HlsConstants), astuple(FITTED), strict=True):
        value = getattr(outcome.constants, one.name)
        sys.stdout.write(f"{one.name:22} {value:8.3f} shipped {shipped}\n")


if __name__ == "__main__":
    main()
