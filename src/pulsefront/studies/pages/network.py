"""What a report says of the network: its ablation, its layers, its proof; and words for metrics."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from pulsefront.evaluate import Interval
from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import ablation_path, format_audit
from pulsefront.report.figures.firmware import FormatRange
from pulsefront.report.figures.search import PathStep
from pulsefront.search.result import PathPoint, SearchSummary, TrialNetwork
from pulsefront.studies.kinds.base import Ranking
from pulsefront.studies.metrics import metric_named
from pulsefront.studies.pages.search import front_blocks
from pulsefront.studies.records import PartRecord, VerificationRecord
from pulsefront.studies.results import StudyResults

__all__ = ["ablation_blocks", "network_blocks", "proof_blocks"]


def ablation_blocks(results: StudyResults, ranking: Callable[[Ranking], Figure]) -> list[Block]:
    """Return the ablation's path, what each removal cost, and the ranking of the inputs."""
    search, budget = results.search, results.model.budget
    full = float(np.mean(search.full))
    words = str(metric_named(search.metric))

    def step(trial: TrialNetwork | PathPoint, *, accepted: bool) -> PathStep:
        found = trial.comparison
        value, low, high = (full * (1.0 + c) for c in (found.value, found.low, found.high))
        return PathStep(trial.cost.weight_bytes, value, low, high, accepted, trial.move)

    steps = [
        step(trial, accepted=False)
        for trial in search.candidates
        if not trial.accepted and math.isfinite(trial.comparison.value)
    ]
    steps += [step(point, accepted=True) for point in search.path]
    figure = ablation_path(
        steps,
        cost_label="weight bytes",
        label=f"{words}, selection events",
        budget=budget.get("weight_bytes"),
        limit=full * (1.0 + search.margin),
        named=2,
    )
    return [
        Paragraph(
            f"{search.candidates_tried} architectures ({search.networks_trained} networks) "
            f"were trained. A removal counts as not worse where the {words} over "
            f"{len(search.full)} initializations stays within {search.margin:.0%} of the "
            "full float network's at one-sided 95 % confidence."
            + _power(search)
            + _streamed(search.streamed_events)
        ),
        FigureBlock(
            figure,
            "Metric against weight bytes of every candidate; accepted steps are joined",
            "Every candidate that was tried. The search starts at the full network on the left.",
        ),
        *front_blocks(search, budget, words),
        Table(
            ("step", "removed", "bytes saved", "MACs saved", "change of the metric (%)"),
            [
                (
                    row.step,
                    row.removed,
                    row.weight_bytes_saved,
                    row.macs_saved,
                    Interval(row.change.value, row.change.low, row.change.high).scaled(100.0),
                )
                for row in search.attribution
            ],
            caption="What each accepted removal cost, relative to the step before it.",
        ),
        *_ranked(search, words, ranking),
    ]


def _ranked(search: SearchSummary, words: str, ranking: Callable[[Ranking], Figure]) -> list[Block]:
    """Return the ranking of inputs; a convolution needs them all, and has none."""
    if not search.input_ranking:
        return []
    return [
        FigureBlock(
            ranking(search.input_ranking),
            "Inputs by how much the metric rises without them",
            f"Rise of the {words} (%) where one input of the full network is replaced by its "
            "mean; selection events.",
        )
    ]


def _power(search: SearchSummary) -> str:
    """Return how fine the test is: what a network that loses nothing would need."""
    needed = [
        trial.comparison.needed
        for trial in search.candidates
        if trial.accepted and math.isfinite(trial.comparison.needed)
    ]
    if not needed:
        return ""
    margin = 100.0 * float(np.median(needed))
    return (
        " So many events and initializations show a network that loses nothing within "
        f"{margin:.1f} % in 80 of 100 cases (median over the steps taken)."
    )


def _streamed(events: int | None) -> str:
    """Return how many events training saw, where they were streamed."""
    if events is None:
        return ""
    return (
        f" Networks were trained on up to {events:,} simulated events, made as they were needed. "
        "None of them came to a network twice, or is one of selection or test."
    )


def network_blocks(results: StudyResults) -> list[Block]:
    """Return the layers with their formats and costs, and the audit."""
    model = results.model
    rows = [
        FormatRange(
            row.layer,
            (float(row.format_low), float(row.format_high)),
            (float(row.proven_low), float(row.proven_high)),
            None
            if row.seen_low is None or row.seen_high is None
            else (float(row.seen_low), float(row.seen_high)),
            1.0,
            saturates=row.overflow not in (None, "WRAP"),
        )
        for row in results.test.audit or ()
    ]
    return [
        Table(
            ("layer", "kind", "output", "output format", "weights", "biases"),
            [
                (
                    layer.name,
                    layer.kind,
                    "×".join(map(str, layer.output_shape)),
                    layer.output_format,
                    layer.weight_format,
                    layer.bias_format,
                )
                for layer in model.layers
            ],
            caption=f"{model.weight_bytes:,} bytes of weights and biases, "
            f"{model.activation_bytes:,} bytes of activations, {model.macs:,} MACs, "
            f"{model.bops:,.0f} BOPs, {model.ebops:,} EBOPs per event.",
        ),
        FigureBlock(
            format_audit(rows),
            "Bits of each layer's format, of its proven range and of the range in data",
            "No layer can wrap: the proven range of every sum lies within its format or is "
            "saturated by name.",
        ),
        *([] if model.part is None else [_part_table(model.part, _step_of(results))]),
    ]


def _step_of(results: StudyResults) -> str:
    """Return the step that wrote the exported model."""
    return "search" if results.test.event_uncertainty is None else "uncertainty"


def _part_table(part: PartRecord, step: str) -> Table:
    """Return what the design for the part takes of it."""
    sharing = {**part.multipliers, **part.reuse_factors}
    words = "multipliers" if part.multipliers else "reuse factors"
    listed = ", ".join(f"{name} {number}" for name, number in sharing.items())
    return Table(
        ("resource", "used", "share of what may be used (%)"),
        [(name, used, 100.0 * part.shares[name]) for name, used in part.used.items()],
        caption=f"{part.strategy} on {part.board}, {part.origin}: "
        f"{part.events_per_second:,.0f} events/s at {part.clock_mhz:g} MHz, "
        f"{part.latency_ns:,.0f} ns"
        + (f"; {words}: {listed}" if sharing else "")
        + f". Limited by {part.limited_by}. Written by pulsefront export steps/{step}/model.json "
        f"--out DIR {' '.join(part.export)}.",
    )


def proof_blocks(verification: VerificationRecord) -> list[Block]:
    """Return the verification table."""
    names = {"extra": "held-out events", "data": "golden, from data"}
    return [
        Table(
            ("backend", "vectors", "number", "integers", "differing", "result"),
            [
                (
                    row.backend,
                    names.get(row.vector_set, f"golden, {row.vector_set}"),
                    row.vectors,
                    row.integers,
                    row.mismatches,
                    row.status,
                )
                for row in verification.rows
            ],
            caption="Every executor against the project's emulator. The export folder is "
            "steps/export/firmware; pulsefront verify repeats the check on it alone.",
        )
    ]
