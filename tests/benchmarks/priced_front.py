"""Learned widths at other prices than a finished timing study tried, with look-up tables.

``python tests/benchmarks/priced_front.py RUN --strengths 0.8 1.2`` trains the run's network on its
own events with its own settings at every strength, and prints, of every initialization, look-up
tables as alkaid counts them, EBOPs, and the central width on selection and test events.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alkaid_fixed_point import alkaid_logic
from pulsefront.networks.cost import model_cost
from pulsefront.networks.learned_bits import train_with_ebops
from pulsefront.networks.lower import lower
from pulsefront.search import PriceSettings
from pulsefront.search.silent import without_silent
from pulsefront.search.stages import train_float, train_quantized
from pulsefront.search.trainer import FINAL_STAGE, seed_of_stage
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.load import load_study


def main() -> None:
    """Print one line a network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--strengths", nargs="+", type=float, required=True)
    asked = parser.parse_args()
    study, _ = load_study(asked.run / "study.toml")
    parts = read_split(RunFolders(asked.run / "steps"))
    task = kind_of(study).learning_task(parts, RunFolders(asked.run / "steps"))
    settings = study.search
    price = settings.price or PriceSettings()
    start = train_quantized(task, settings, train_float(task, settings))
    data = task.training_data()
    for strength in asked.strengths:
        found = train_with_ebops(
            start,
            data,
            price.training,
            [strength] * len(start),
            seed=seed_of_stage(settings.seed, FINAL_STAGE),
            input_format=task.network_format,
            widths=price.widths,
        )
        for candidate in without_silent(found, data):
            model = lower(
                candidate, data.scaling, task.input_format, task.output_format, name=task.name
            )
            said = [
                f"{float(alkaid_logic(model).cost):,.0f} LUT, {model_cost(model).ebops:,} EBOPs"
            ]
            for part, rows in (("selection", task.selection), ("test", parts.split.test)):
                width = float(task.metric(task.residuals(candidate, data.scaling, rows)))
                said.append(f"{part} {1000.0 * width:.1f} ps")
            sys.stdout.write(f"price {strength:g}: {', '.join(said)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
