"""What a price on other costs than bit operations leaves, and points that are drawn together.

``python tests/benchmarks/priced_costs.py --repetition 9658`` trains the network of the shipped
position study against prices on bit operations, look-up tables of distributed arithmetic, stored
bytes, and bit operations and bytes together, and the first with several alignments, all from the
same quantized network on the same events. It prints every network, and of each way what it takes at
equal test medians: a parabola through the logarithms of the costs, which every network has a part
in.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from shipped_methods import float_start, quantized_start
from shipped_task import Point, ShippedTask, shipped_task

from alkaid_fixed_point import alkaid_logic
from pulsefront.networks import Candidate, train, train_with_ebops
from pulsefront.networks.charges import BitOperations, Charge, PerProduct, StoredBits
from pulsefront.networks.training import repeatable
from pulsefront.search.silent import without_silent

ERRORS_MM = (0.98, 1.0, 1.02, 1.05)
PRICES = 8
FLOAT_SECONDS = 45.0
QUANTIZED_EPOCHS = 1.0


@dataclass(frozen=True)
class Way:
    """What is priced, from which strength to which: such as leave networks of about one size."""

    charges: tuple[Charge, ...]
    lowest: float
    highest: float
    alignment: float = 0.0


WAYS = {
    "ebops": Way((BitOperations(),), 0.3, 3.2),
    "ebops, alignment 1": Way((BitOperations(),), 0.3, 3.2, 1.0),
    "ebops, alignment 2": Way((BitOperations(),), 0.3, 3.2, 2.0),
    "ebops, alignment 4": Way((BitOperations(),), 0.3, 3.2, 4.0),
    "lut": Way((PerProduct.luts("distributed_arithmetic"),), 0.15, 2.2),
    "weight_bytes": Way((StoredBits(),), 0.02, 0.25),
    "ebops and weight_bytes": Way((BitOperations(), StoredBits()), 0.04, 0.4),
}


def front(given: ShippedTask, base: Candidate, way: Way, epochs: float, seed: int) -> list[Point]:
    """Return the networks of one way."""
    price = given.search.price
    assert price is not None, "the study has a price"
    strengths = np.geomspace(way.lowest, way.highest, PRICES).tolist()
    found = train_with_ebops(
        [base] * PRICES,
        given.data,
        price.training.model_copy(update={"epochs": epochs}),
        strengths,
        seed=seed,
        input_format=given.task.network_format,
        widths=price.widths.model_copy(update={"alignment": way.alignment}),
        charges=way.charges,
    )
    return [given.point(one) for one in without_silent(found, given.data)]


def at_errors(points: Sequence[Point], costs: Sequence[float]) -> str:
    """Return the costs at `ERRORS_MM`, of those between the best and the worst network."""
    errors = np.array([one.test for one in points])
    parabola = np.polyfit(errors, np.log(costs), 2)
    inside = [error for error in ERRORS_MM if errors.min() <= error <= errors.max()]
    return ", ".join(f"{np.exp(np.polyval(parabola, one)):,.0f} at {one:g}" for one in inside)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Print the networks of every way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repetition", type=int, required=True)
    parser.add_argument("--share", type=float, default=0.25, help="of the study's training events")
    parser.add_argument("--epochs", type=float, default=8.0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--cache", type=Path, default=Path("out/shipped"))
    asked = parser.parse_args()
    seed = asked.repetition
    with repeatable():
        given = shipped_task("position_lyso_learned_bits", seed, asked.share, asked.cache)
        start = float_start(given, seed, FLOAT_SECONDS)
        first = given.search.quantized_training.model_copy(update={"epochs": QUANTIZED_EPOCHS})
        base = train([quantized_start(given, start.network)], given.data, first, seed=seed + 1)[0]
        say(f"{len(given.data):,} training events, float network {start.test:.4g} mm")
        for name in asked.ways:
            points = front(given, base, WAYS[name], asked.epochs, seed + 2)
            luts = [float(alkaid_logic(one.model).cost) for one in points]
            say(f"{name}:")
            for one, lut in zip(points, luts, strict=True):
                say(
                    f"  {one.ebops:9,} EBOPs {lut:9,.0f} LUT {one.weight_bytes:6,} bytes, "
                    f"selection {one.selection:.4g}, test {one.test:.4g} mm"
                )
            say(f"  EBOPs {at_errors(points, [one.ebops for one in points])}")
            say(f"  LUT {at_errors(points, luts)}")
            say(f"  bytes {at_errors(points, [one.weight_bytes for one in points])}")


if __name__ == "__main__":
    main()
