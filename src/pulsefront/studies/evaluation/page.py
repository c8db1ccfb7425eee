"""``report.html`` of an evaluation study: the claim and its verdict first."""

from __future__ import annotations

from pathlib import Path

from pulsefront.evaluate import Interval
from pulsefront.files import write_text
from pulsefront.report import (
    Block,
    Callout,
    FigureBlock,
    Page,
    Paragraph,
    Preformatted,
    Section,
    Table,
    Tile,
    Tiles,
    render,
)
from pulsefront.report.figures import comparison_bars
from pulsefront.report.page import Tone
from pulsefront.studies.evaluation.checklist import EVIDENCE, SECTIONS
from pulsefront.studies.evaluation.frozen import FrozenNetwork
from pulsefront.studies.evaluation.records import ClaimPower, EvaluationResults, SetResult
from pulsefront.studies.evaluation.settings import EvaluationStudy
from pulsefront.studies.metrics import METRICS
from pulsefront.studies.pages.checklist import checklist_with_evidence

__all__ = ["write_evaluation_report"]

TONES: dict[str, Tone] = {"confirmed": "good", "not confirmed": "warning", "contradicted": "bad"}


def write_evaluation_report(
    study: EvaluationStudy, frozen: FrozenNetwork, results: EvaluationResults, directory: Path
) -> None:
    """Write the report of an evaluation."""
    blocks: tuple[list[Block], ...] = (
        _verdict(study, frozen, results),
        _plan(study, frozen, results),
        _power(study, results),
        [block for row in results.sets for block in _data(row)],
        [block for row in results.sets for block in _metrics(row, results)],
        [block for row in results.sets for block in _subgroups(row, frozen.baseline)],
        [Callout(text, "warning") for text in study.purpose.limits],
        [checklist_with_evidence(results.checklist, EVIDENCE)],
        _repeat(study, results),
    )
    environment = results.environment
    page = Page(
        study.title or study.name,
        f"evaluation study {study.name}: nothing was fitted",
        [Section(title, some) for title, some in zip(SECTIONS, blocks, strict=True)],
        {
            "Finished": environment.finished_at,
            "Software": f"pulsefront {environment.pulsefront}",
            "Plan": results.plan.sha256[:12],
            "Model": results.plan.model_sha256[:12],
        },
    )
    write_text(directory / "report.html", render(page))


def _verdict(
    study: EvaluationStudy, frozen: FrozenNetwork, results: EvaluationResults
) -> list[Block]:
    claim, metric = study.claim, results.plan.metric
    unit = metric.unit if claim.bound is not None else "%"
    label = f"network, {metric.words}"
    if claim.bound is None:
        label = f"{metric.words} {claim.direction} that of {frozen.baseline} by"
    said = results.plan.claim
    blocks: list[Block] = [
        Callout(f"{results.verdict.capitalize()}: {said}.", TONES[results.verdict]),
    ]
    blocks += [
        Callout(
            f"{row.name}: the plan went on with fewer events than the claim needs; it would be "
            f"confirmed with a chance of {row.power.power or 0.0:.2f} were it as true as expected.",
            "warning",
        )
        for row in results.sets
        if row.power.enough is False
    ]
    blocks.append(
        Tiles(
            [
                Tile(
                    f"{row.name}: {label}",
                    row.found.tested,
                    unit,
                    note=f"{row.found.verdict}; claimed {row.found.threshold:g} {unit}",
                    tone=TONES[row.found.verdict],
                )
                for row in results.sets
            ]
        )
    )
    if len(results.sets) > 1:
        blocks.append(
            Paragraph(
                "The claim is of every set: it is confirmed only if each confirms it at the "
                "plan's alpha, which then holds of the whole (intersection-union test, Berger "
                "1982)."
            )
        )
    blocks.append(
        Paragraph(
            f"Task: {study.purpose.task}. For: {study.purpose.user}. "
            f"Requirement: {study.purpose.requirement}."
        )
    )
    return blocks


def _plan(study: EvaluationStudy, frozen: FrozenNetwork, results: EvaluationResults) -> list[Block]:
    plan, opened, claim = results.plan, results.opened, study.claim
    bound = (
        f"{claim.bound:g} {plan.metric.unit}"
        if claim.bound is not None
        else f"{claim.margin_percent:g} % of {frozen.baseline}"
    )
    return [
        Paragraph(
            f"Written at {opened.plan_written_at}, before the data were opened at "
            f"{opened.opened_at}. From then on a run with another plan is refused. Network, way of "
            "reading events and baseline are those of the development study, as its files say; no "
            "learning curve, ablation, cross validation or sham run belongs here."
        ),
        Table(
            ("decided beforehand", "value"),
            [
                ("claim", plan.claim),
                ("metric", str(plan.metric)),
                ("direction, bound or margin", f"{claim.direction} {bound}"),
                ("alpha, one-sided", f"{claim.alpha:g}"),
                ("power asked for", f"{claim.power:g}"),
                ("baseline, frozen", frozen.baseline),
                ("sets", ", ".join(row.name for row in study.external)),
                ("hash of the plan", plan.sha256),
                (
                    "hash of the model"
                    + (", that of the development" if plan.model_of_development else ""),
                    plan.model_sha256,
                ),
                ("hash of the baseline's file", plan.baseline_sha256),
                ("hash of the development study", plan.development_study_sha256),
            ],
        ),
    ]


def _power(study: EvaluationStudy, results: EvaluationResults) -> list[Block]:
    claim = study.claim
    rows = [
        (row.set_name, when, *_power_cells(row))
        for when, powers in (
            ("planned", results.plan.power),
            ("opened", [one.power for one in results.sets]),
        )
        for row in powers
    ]
    spread = (
        "the spread that the plan states"
        if claim.standard_error is not None
        else "the spread of the development study's test events, resampled by whole positions "
        "where it did"
    )
    return [
        Table(
            (
                "set",
                "when",
                "usable events",
                "expected",
                "standard error",
                "power",
                "needed",
                "at positions",
            ),
            rows,
            caption=f"Chance to confirm the claim if it is as true as expected, from {spread}; "
            f"needed: usable events for a power of {claim.power:g}, at so many positions or "
            "offsets. "
            "Expected: " + ("in %." if claim.bound is None else f"in {results.plan.metric.unit}."),
        )
    ]


def _power_cells(row: ClaimPower) -> tuple[object, ...]:
    return (
        row.usable_events,
        row.expected,
        row.standard_error,
        row.power,
        row.needed,
        row.needed_positions,
    )


def _data(row: SetResult) -> list[Block]:
    facts: list[tuple[str, object]] = [("origin", row.origin)]
    facts += [("detector", row.detector)] if row.detector else []
    facts += [("changes", ", ".join(row.perturb))] if row.perturb else []
    facts += [(f"SHA-256 of {name}", digest) for name, digest in (row.files_sha256 or {}).items()]
    facts += [
        ("usable events", row.usable_events),
        ("positions or offsets", row.positions),
        ("events that the development study holds too", row.events_seen_in_development),
        ("largest shift of an input, standard deviations", row.input_shift_sigmas),
        *((name.replace("_", " "), value) for name, value in row.selection.items()),
    ]
    facts += [
        (f"delay of {name} taken out, ps", 1000 * one.removed_ns)
        for name, one in (row.channel_delays or {}).items()
    ]
    return [
        Table(
            (row.name, "value"),
            facts,
            caption="The photopeak window is that of the set's own spectrum, as a detector is "
            "calibrated in energy before use; nothing else is adapted"
            + (" but the delay between the channels." if row.channel_delays else "."),
        )
    ]


def _metrics(row: SetResult, results: EvaluationResults) -> list[Block]:
    shown = [key for key in row.estimators["network"].intervals if key in METRICS]
    main = results.plan.metric
    bars: dict[str, Interval] = {name: found[main.key] for name, found in row.estimators.items()}
    alpha = 1 - bars["network"].confidence
    return [
        Table(
            ("estimator", *(str(METRICS[key]) for key in shown)),
            [
                (name, *(found.intervals.get(key) for key in shown))
                for name, found in row.estimators.items()
            ],
            caption=f"{row.name}: {row.usable_events:,} events; {1 - alpha:.0%} bootstrap "
            "intervals. Only the metric of the claim decides.",
            highlight=(0,),
        ),
        FigureBlock(
            comparison_bars(
                {name: (one.value, one.low, one.high) for name, one in bars.items()},
                label=str(main),
                emphasized=("network",),
            ),
            f"{row.name}: the {main.words} of network and frozen baseline with intervals",
        ),
    ]


def _subgroups(row: SetResult, baseline: str) -> list[Block]:
    if not row.subgroups:
        return [Paragraph(f"{row.name}: nothing is known that would tell parts of it apart.")]
    return [
        Table(
            ("subgroup", "events", "network", baseline),
            [
                (one.subgroup, one.events, one.network or one.note, one.baseline or one.note)
                for one in row.subgroups
            ],
            caption=f"{row.name}: {row.loss}, not corrected for the number of subgroups; none of "
            "them is part of the claim.",
        )
    ]


def _repeat(study: EvaluationStudy, results: EvaluationResults) -> list[Block]:
    environment = results.environment
    libraries = ", ".join(f"{name} {number}" for name, number in environment.libraries.items())
    return [
        Preformatted(f"pulsefront run {study.name}.toml --out DIR", caption="One command"),
        Paragraph(f"Libraries: {libraries}; Python {environment.python}."),
    ]
