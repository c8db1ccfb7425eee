"""How near rule4ml comes to the synthesis reports of other people's hls4ml designs.

``python tests/benchmarks/rule4ml_error.py`` prints the median factors that stand beside those of
`hls_error`. rule4ml (0.2.0) brings TensorFlow and torch of its own: run it in an environment where
it is installed; nothing else of this project is needed there. Where torch brings triton, its import
after TensorFlow crashed: uninstall triton there. The table of designs is the one that `hls_designs`
reads; ``PULSEFRONT_HLS_REPORTS`` names its folder.

Of each design rule4ml is told what it asks for: the sizes of the dense layers with ReLU between
them, the precision of the input for all of it, the reuse factor, the clock, the version of the tool
and the nearest of its boards. It does not see the weights.
"""

from __future__ import annotations

import csv
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[3]
REPORTS = Path(os.environ.get("PULSEFRONT_HLS_REPORTS", ROOT / "shared/data/hls_reports"))
TABLE = REPORTS / "designs.csv"
FIGURES = {"LUT": "real_lut", "FF": "real_ff", "DSP": "real_dsp", "CYCLES": "real_latency"}
"""Columns of rule4ml's predictions, and of the table."""
HLS4ML_VERSION = "0.8.1"
"""The one that rule4ml's networks were trained for."""


def absent() -> str | None:
    """Return what is missing to run this; None where nothing is."""
    if find_spec("rule4ml") is None:
        return "rule4ml is not installed: pip install rule4ml==0.2.0, in an environment of its own"
    if not TABLE.is_file():
        return f"{TABLE} is not there; PULSEFRONT_HLS_REPORTS names its folder"
    return None


def designs() -> list[dict[str, str]]:
    """Return the rows of the designs that high-level synthesis reported."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["stage"] == "csynth"]


def _network(sizes: list[int]) -> Any:
    import keras

    layers: list[Any] = [keras.layers.Input((sizes[0],))]
    for number, size in enumerate(sizes[1:], 2):
        layers.append(keras.layers.Dense(size))
        if number < len(sizes):
            layers.append(keras.layers.Activation("relu"))
    return keras.Sequential(layers)


def _precision(row: dict[str, str]) -> str:
    text = row["input_type"].replace("fixed", "ap_fixed").replace(" ", "")
    return text if text.endswith(">") else f"{text}>"


def factors() -> dict[str, np.ndarray[Any, Any]]:
    """Return by figure the factors, at least 1, between prediction and report: (design,).

    Designs that have none of a figure, such as no DSP, are left out there.
    """
    from rule4ml.models.wrappers import MultiModelWrapper

    model = MultiModelWrapper()
    model.load_default_models()
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for row in designs():
        settings = {
            "model": {
                "precision": _precision(row),
                "reuse_factor": int(row["rf"]),
                "strategy": "Latency",
            },
            "board": "pynq-z2" if row["device"].startswith("xc7") else "alveo-u200",
            "clock_period": float(row["clock_ns"]),
        }
        sizes = [int(size) for size in row["shape"].split(" ")[0].split("-")]
        told = model.predict(
            _network(sizes),
            hls_configs=settings,
            hls4ml_versions=HLS4ML_VERSION,
            vivado_versions=row["version"][:6],
        ).iloc[0]
        for name, column in FIGURES.items():
            real = float(row[column])
            if real > 0:
                ratio = max(float(told[name]), 1.0) / max(real, 1.0)
                found[name].append(max(ratio, 1.0 / ratio))
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    """Print the factors."""
    missing = absent()
    if missing is not None:
        sys.exit(f"skipped: {missing}")
    for name, values in factors().items():
        sys.stdout.write(
            f"{name:7} {len(values)} designs: median {np.median(values):.3g}, "
            f"9 of 10 within {np.quantile(values, 0.9):.3g}\n"
        )


if __name__ == "__main__":
    main()
