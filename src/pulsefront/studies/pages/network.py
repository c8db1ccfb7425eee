"""What a report says of the network: its ablation, its layers, its proof; and words for metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pulsefront.evaluate.intervals import Interval
from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import ablation_path, format_audit
from pulsefront.report.figures.firmware import AuditRow
from pulsefront.report.figures.search import PathStep
from pulsefront.studies.pages.search import front_blocks

__all__ = [
    "METRICS",
    "Ranking",
    "Results",
    "ablation_blocks",
    "interval",
    "metric_words",
    "network_blocks",
    "proof_blocks",
]

Results = Mapping[str, Any]
Ranking = Sequence[tuple[str, float]]

METRICS = {
    "median_error_3d_mm": ("median 3-D error", "mm"),
    "mean_error_3d_mm": ("mean 3-D error", "mm"),
    "median_error_2d_mm": ("median 2-D error", "mm"),
    "mean_error_2d_mm": ("mean 2-D error", "mm"),
    "fwhm_2d_mm": ("2-D FWHM", "mm"),
    "fwtm_2d_mm": ("2-D FWTM", "mm"),
    "mean_absolute_x_error_mm": ("mean |x error|", "mm"),
    "mean_absolute_y_error_mm": ("mean |y error|", "mm"),
    "mean_absolute_depth_error_mm": ("mean |depth error|", "mm"),
    "wrong_crystal_percent": ("share in the wrong crystal", "%"),
    "wrong_of_one_crystal_percent": ("wrong, one crystal hit", "%"),
    "wrong_of_scattered_percent": ("wrong, several hit", "%"),
    "mean_misplacement_mm": ("mean misplacement", "mm"),
    "wrong_crystal_share": ("share in the wrong crystal", "1"),
    "ctr_fwhm_ps": ("CTR FWHM", "ps"),
    "ctr_fwtm_ps": ("CTR FWTM", "ps"),
    "central_width_ps": ("central 76.1 % width", "ps"),
    "central_width_ns": ("central 76.1 % width", "ns"),
    "central_40_width_ns": ("width of the central 40 %", "ns"),
    "bias_ps_per_10_ps": ("bias per 10 ps of offset", "ps"),
}


def metric_words(key: str) -> str:
    """Return a metric's name with its unit."""
    name, unit = METRICS[key]
    return f"{name} ({unit})"


def interval(row: Mapping[str, Any], key: str) -> Interval:
    """Return a metric of a row of results with its interval."""
    return Interval(row[key], row[f"{key}_low"], row[f"{key}_high"])


def ablation_blocks(results: Results, ranking: Callable[[Ranking], Figure]) -> list[Block]:
    """Return the ablation's path, what each removal cost, and the ranking of the inputs."""
    search = results["search"]
    full = float(np.mean(search["full"]))
    limit = results["model"]["budget"].get("weight_bytes")
    words = metric_words(search["metric"]) if search["metric"] in METRICS else search["metric"]

    def step(trial: Mapping[str, Any], *, accepted: bool) -> PathStep:
        comparison = trial["comparison"]
        value, low, high = (full * (1.0 + comparison[k]) for k in ("value", "low", "high"))
        cost = trial["cost"]["weight_bytes"]
        return PathStep(cost, value, low, high, accepted, str(trial["move"]))

    steps = [
        step(trial, accepted=False)
        for trial in search["candidates"]
        if not trial["accepted"] and trial["comparison"]["value"] is not None
    ]
    steps += [step(point, accepted=True) for point in search["path"]]
    figure = ablation_path(
        steps,
        cost_label="weight bytes",
        label=f"{words}, selection events",
        budget=limit,
        limit=full * (1.0 + search["margin"]),
        named=2,
    )
    return [
        Paragraph(
            f"{search['candidates_tried']} architectures ({search['networks_trained']} networks) "
            f"were trained. A removal counts as not worse where the {words} over "
            f"{len(search['full'])} initializations stays within {search['margin']:.0%} of the "
            "full float network's at one-sided 95 % confidence."
        ),
        FigureBlock(
            figure,
            "Metric against weight bytes of every candidate; accepted steps are joined",
            "Every candidate that was tried. The search starts at the full network on the left.",
        ),
        *front_blocks(search, results["model"]["budget"], words),
        Table(
            ("step", "removed", "bytes saved", "MACs saved", "change of the metric (%)"),
            [
                (
                    row["step"],
                    row["removed"],
                    row["weight_bytes_saved"],
                    row["macs_saved"],
                    Interval(*(100.0 * row["change"][k] for k in ("value", "low", "high"))),
                )
                for row in search["attribution"]
            ],
            caption="What each accepted removal cost, relative to the step before it.",
        ),
        FigureBlock(
            ranking(search["input_ranking"]),
            "Inputs by how much the metric rises without them",
            f"Rise of the {words} (%) where one input of the full network is replaced by its "
            "mean; selection events.",
        ),
    ]


def network_blocks(results: Results) -> list[Block]:
    """Return the layers with their formats and costs, and the audit."""
    model = results["model"]
    rows = [
        AuditRow(
            row["layer"],
            (float(row["format_low"]), float(row["format_high"])),
            (float(row["proven_low"]), float(row["proven_high"])),
            None if row["seen_low"] is None else (float(row["seen_low"]), float(row["seen_high"])),
            1.0,
            saturates=row["overflow"] not in (None, "WRAP"),
        )
        for row in results["test"]["audit"]
    ]
    return [
        Table(
            ("layer", "kind", "output", "output format", "weights", "biases"),
            [
                (
                    layer["name"],
                    layer["kind"],
                    "×".join(map(str, layer["output_shape"])),
                    layer["output_format"],
                    layer["weight_format"],
                    layer["bias_format"],
                )
                for layer in model["layers"]
            ],
            caption=f"{model['weight_bytes']:,} bytes of weights and biases, "
            f"{model['activation_bytes']:,} bytes of activations, {model['macs']:,} MACs, "
            f"{model['bops']:,.0f} BOPs, {model['ebops']:,} EBOPs per event.",
        ),
        FigureBlock(
            format_audit(rows),
            "Bits of each layer's format, of its proven range and of the range in data",
            "No layer can wrap: the proven range of every sum lies within its format or is "
            "saturated by name.",
        ),
    ]


def proof_blocks(results: Results) -> list[Block]:
    """Return the verification table."""
    verification = results["verification"]
    names = {"extra": "held-out events", "data": "golden, from data"}
    return [
        Table(
            ("backend", "vectors", "number", "integers", "differing", "result"),
            [
                (
                    row["backend"],
                    names.get(row["vector_set"], f"golden, {row['vector_set']}"),
                    row["vectors"],
                    row["integers"],
                    row["mismatches"],
                    row["status"],
                )
                for row in verification["rows"]
            ],
            caption="Every executor against the project's emulator. The export folder is "
            "steps/export/firmware; pulsefront verify repeats the check on it alone.",
        )
    ]
