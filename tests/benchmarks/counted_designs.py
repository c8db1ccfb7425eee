"""The designs at which the estimates of Verilog are fitted and tested, and yosys' counts of them.

Forty-eight random networks, each from its number alone: 0 to 23 time-shared, 24 to 47 unrolled by
alkaid. The constants of the estimates are fitted at those of an even number; those of an odd
number are held out. ``python tests/benchmarks/counted_designs.py`` counts whatever
``gate_counts.json`` does not hold yet, with yosys; that takes about an hour.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.files import write_json
from pulsefront.firmware.rtl.projects.time_shared import write_rtl
from pulsefront.firmware.rtl.projects.unrolled import write_unrolled
from pulsefront.firmware.rtl.resources.count import count_resources
from pulsefront.firmware.rtl.time_shared.plan import SharedPlan, plan
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point import (
    Assignment,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    Input,
    Layer,
    Relu,
)
from strategies_fixed_point import random_inputs

COUNTS = Path(__file__).with_name("gate_counts.json")
TIME_SHARED, UNROLLED = range(24), range(24, 48)
PARTS = {
    "ecp5": "LFE5U-25F-6BG381C",
    "xc7": "xc7a35ticsg324-1L",
    "ice40": "ice40up5k",
    "nexus": "LIFCL-40-9BG400C",
    "polarfire": "MPF300T-1FCG484I",
}
FIRST_OF_EACH = ("nexus", "polarfire")
"""Families at which only the first twelve designs of each kind are counted: they take an hour."""
VECTORS = 4


@dataclass(frozen=True)
class Design:
    """One network, and how it is built; *plan* is None where it is unrolled."""

    number: int
    model: FixedPointModel
    plan: SharedPlan | None

    @property
    def held_out(self) -> bool:
        """Whether no constant is fitted at it."""
        return self.number % 2 == 1

    def __str__(self) -> str:
        shapes = [
            "x".join(map(str, layer.weights.shape))
            for layer in self.model.layers
            if isinstance(layer, Dense | Conv1d)
        ]
        text = ", ".join(shapes)
        if self.plan is not None:
            text += f"; {self.plan.multipliers} multipliers, {self.plan.dsp} DSP"
        return text


def numbers_of(family: str) -> tuple[int, ...]:
    """Return the numbers of the designs that are counted for a family."""
    whole = (TIME_SHARED, UNROLLED)
    if family in FIRST_OF_EACH:
        return tuple(number for kind in whole for number in kind[:12])
    return tuple(number for kind in whole for number in kind)


def designs() -> tuple[Design, ...]:
    """Return all designs, by number."""
    return tuple(design(number) for number in (*TIME_SHARED, *UNROLLED))


def design(number: int) -> Design:
    """Return the design of a *number*."""
    rng = np.random.default_rng([15, number])
    if number in UNROLLED:
        sizes = [int(rng.integers(4, 17))]
        sizes += rng.integers(3, 9, int(rng.integers(0, 3))).tolist()
        sizes += [int(rng.integers(1, 4))]
        return Design(
            number, _network(rng, number, sizes, (3, 8), rng.choice([0.0, 0.3, 0.6])), None
        )
    sizes = [int(rng.integers(6, 33))]
    sizes += rng.integers(4, 25, int(rng.integers(0, 3))).tolist()
    sizes += [int(rng.integers(1, 5))]
    model = _network(rng, number, sizes, (4, 12), 0.0, convolution=number % 4 > 1)
    multipliers = {
        layer.name: int(rng.integers(1, 1 + min(8, layer.n_out)))
        for layer in model.layers
        if isinstance(layer, Dense | Conv1d)
    }
    # All multipliers in DSP blocks, some, or none.
    share = rng.choice([0.0, 0.5, 1.0])
    return Design(
        number, model, plan(model, multipliers, dsp=round(share * sum(multipliers.values())))
    )


def _network(
    rng: np.random.Generator,
    number: int,
    sizes: list[int],
    weight_bits: tuple[int, int],
    zeros: float,
    *,
    convolution: bool = False,
) -> FixedPointModel:
    adc = int(rng.integers(6, 15))
    one = FixedPointFormat(int(rng.integers(*weight_bits)), 1)
    activation = int(rng.integers(5, 13))
    rounding = str(rng.choice(["RND", "TRN", "RND_CONV"]))
    hidden = Assignment(FixedPointFormat(activation, adc + 2, signed=False), rounding, "SAT")
    last = Assignment(FixedPointFormat(16, adc + 4), rounding, "SAT")
    wide = FixedPointFormat(10, 8)
    layers: list[Layer] = []
    source, shape = "x", tuple(sizes[:1])
    if convolution:
        kernel, filters = int(rng.integers(3, 6)), int(rng.integers(2, 5))
        shape = (sizes[0], int(rng.integers(1, 3)))
        drawn = _weights(rng, (kernel, shape[1], filters), one, zeros)
        bias = rng.integers(-64, 64, filters)
        layers.append(Conv1d("conv", (source,), drawn, one, bias, wide, stride=2))
        layers.append(Relu("relu_conv", ("conv",), hidden))
        layers.append(Flatten("flat", ("relu_conv",)))
        source, sizes = "flat", [((sizes[0] - kernel) // 2 + 1) * filters, *sizes[1:]]
    for index, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        drawn = _weights(rng, (n_in, n_out), one, zeros)
        bias = rng.integers(-64, 64, n_out)
        final = index == len(sizes) - 2
        name = f"dense{index}"
        layers.append(Dense(name, (source,), drawn, one, bias, wide, last if final else None))
        if not final:
            source = f"relu{index}"
            layers.append(Relu(source, (name,), hidden))
    port = Input("x", shape, FixedPointFormat(adc, adc, signed=False))
    return FixedPointModel(f"design{number}", (port,), tuple(layers), (layers[-1].name,))


def _weights(
    rng: np.random.Generator, shape: tuple[int, ...], one: FixedPointFormat, zeros: float
) -> np.ndarray[Any, Any]:
    drawn = np.rint(rng.normal(0, 2.0 ** (one.width - 1) / 2.5, shape))
    weights = np.clip(drawn, one.minimum, one.maximum).astype(np.int64)
    weights[rng.random(shape) < zeros] = 0
    # A row or column of zeros would be left out of the circuit.
    weights[..., 0, :] += weights[..., 0, :] == 0
    return weights


def count(one: Design, family: str) -> dict[str, Any]:
    """Return yosys' counts of a design, and the clocks that the written design states."""
    with tempfile.TemporaryDirectory(prefix="pulsefront-count-") as folder:
        inputs = random_inputs(one.model, VECTORS, 0)
        sets = (VectorSet("random", inputs, one.model.emulator.run(inputs)),)
        found: dict[str, Any] = {}
        if one.plan is None:
            unrolled = write_unrolled(one.model, folder, sets)
            top = unrolled.top
            found["latency_cycles"] = unrolled.latency_cycles
            found["alkaid_lut"] = unrolled.lut_estimate
        else:
            top = write_rtl(one.model, folder, sets, multipliers=one.plan).top
            found["latency_cycles"] = one.plan.latency_cycles
        counted = count_resources(folder, top, PARTS[family])
    counts = counted.counts
    return {
        "lut": counts.lut,
        "ff": counts.ff,
        "dsp": counts.dsp,
        "block_ram_kbit": counts.block_ram_kbit,
        **found,
        "origin": counts.origin,
    }


def read_counts() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the stored counts: family → number of the design → counts."""
    return json.loads(COUNTS.read_text(encoding="utf-8")) if COUNTS.exists() else {}


def main() -> None:
    """Count what is not counted yet; every count is kept as soon as it is made."""
    for family in PARTS:
        for one in map(design, numbers_of(family)):
            counts = read_counts()
            mine = counts.setdefault(family, {})
            if str(one.number) in mine:
                continue
            mine[str(one.number)] = count(one, family)
            write_json(COUNTS, counts)
            sys.stdout.write(f"{family} {one.number}: {one}: {mine[str(one.number)]}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
