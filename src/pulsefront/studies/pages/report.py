"""``report.html``, ``results.json`` and the two cards of a run directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pulsefront.files import write_text
from pulsefront.report import (
    Block,
    Callout,
    FigureBlock,
    Files,
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
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.kinds.base import KindWords
from pulsefront.studies.metrics import METRICS
from pulsefront.studies.pages.augment import augment_blocks
from pulsefront.studies.pages.card import card_of
from pulsefront.studies.pages.checklist import checklist_with_evidence
from pulsefront.studies.pages.class_uncertainty import class_uncertainty_blocks
from pulsefront.studies.pages.data_card import data_card_of
from pulsefront.studies.pages.diagnosis import diagnosis_blocks
from pulsefront.studies.pages.external import external_blocks
from pulsefront.studies.pages.failures import failure_blocks
from pulsefront.studies.pages.network import ablation_blocks, network_blocks, proof_blocks
from pulsefront.studies.pages.regions import region_blocks
from pulsefront.studies.pages.tables import table_blocks
from pulsefront.studies.pages.uncertainty import uncertainty_blocks
from pulsefront.studies.pages.uses import power_blocks, use_blocks
from pulsefront.studies.pages.words import metrics_in, percent
from pulsefront.studies.records import Gain, SeedSpread, SplitRecord, TestRecord
from pulsefront.studies.results import StudyResults, collect_results
from pulsefront.studies.settings import StudyBase
from pulsefront.studies.steps import StepRecord

__all__ = ["EVIDENCE", "write_report"]

OUTCOME = "What came out"
DATA = KindWords().data
RESOLUTION = KindWords().figures
ERRORS = "Where the errors lie"
EXTERNAL = "External test sets"
STABILITY = "Stability over initializations"
DIAGNOSIS = "Size of data, sham data, uncertainty"
EVENTS = "Uncertainty of single events"
ABLATION = "Ablation"
TABLES = "Networks of look-up tables"
REGIONS = "Networks of regions"
USES = "What the exported network uses"
LIMITS = "Limits"
REPEAT = "To repeat it"
CHECKLIST = "Best-practice checklist"
FAILURES = "Where it fails, and where not to use it"

EVIDENCE = {
    "task": OUTCOME,
    "study_type": REPEAT,
    "plan": RESOLUTION,
    "bias": DATA,
    "set_sizes": DATA,
    "learning_curve": DIAGNOSIS,
    "data_decisions": DATA,
    "reference": DATA,
    "quantity": DATA,
    "comparison": RESOLUTION,
    "selection": ABLATION,
    "stability": STABILITY,
    "ablation": ABLATION,
    "cross_validation": DIAGNOSIS,
    "leakage": DATA,
    "test_set": DATA,
    "external": EXTERNAL,
    "metrics": RESOLUTION,
    "interpretability": USES,
    "sharing": REPEAT,
    "transparency": FAILURES,
    "reproducibility": REPEAT,
    "sham": DIAGNOSIS,
    "uncertainty": DIAGNOSIS,
    "monitoring": EXTERNAL,
}
"""Topic of the checklist → the section in which its answer can be checked."""


def write_report(
    kind: StudyKind, directory: Path, folders: RunFolders, steps: Sequence[StepRecord]
) -> None:
    """Write results, cards of model and data, and report, each atomically."""
    results = collect_results(kind, folders, steps)
    results.write(directory / "results.json")
    write_text(directory / "model_card.md", card_of(kind, results))
    write_text(directory / "data_card.md", data_card_of(kind, results, folders))
    write_text(directory / "report.html", render(_page(kind, results, folders)))


def _event_uncertainty(test: TestRecord, confidence: str) -> list[Section]:
    blocks: list[Block] = []
    if test.event_uncertainty is not None:
        blocks += uncertainty_blocks(test.event_uncertainty, confidence)
    if test.class_uncertainty is not None:
        blocks += class_uncertainty_blocks(test.class_uncertainty, confidence)
    return [Section(EVENTS, blocks)] if blocks else []


def _tables(results: StudyResults) -> list[Section]:
    if results.tables is None or results.tables_test is None:
        return []
    blocks = table_blocks(results.tables, results.tables_test, results.search)
    return [Section(TABLES, blocks)]


def _regions(results: StudyResults) -> list[Section]:
    if results.regions is None or results.regions_test is None:
        return []
    blocks = region_blocks(results.regions, results.regions_test, results.search)
    return [Section(REGIONS, blocks)]


_BESIDE = {
    "model_card.md": "what the network is for, how good it is, where it fails",
    "data_card.md": "what the events are, where they come from, how they were split",
    "results.json": "every number of this page",
}


def _page(kind: StudyKind, results: StudyResults, folders: RunFolders) -> Page:
    study, test, words = kind.study, results.test, kind.words
    confidence = percent(study.statistics.confidence)
    sections = [
        Section(OUTCOME, _summary(study, results, words)),
        Section(words.data, [*kind.data_blocks(folders), _split_table(results.data, words)]),
        Section(words.figures, _resolution(kind, results, confidence)),
        Section(ERRORS, [*kind.error_blocks(folders), _subgroups(test, words)]),
        Section(FAILURES, failure_blocks(kind, test.failures, folders)),
        Section(
            EXTERNAL,
            [*external_blocks(test, confidence), *augment_blocks(results.augment, confidence)],
        ),
        Section(STABILITY, [_stability(test, confidence)]),
        Section(
            DIAGNOSIS,
            diagnosis_blocks(results.diagnosis, test, confidence),
        ),
        *_event_uncertainty(test, confidence),
        Section(ABLATION, ablation_blocks(results, kind.ranking_figure)),
        *_tables(results),
        *_regions(results),
        Section(USES, use_blocks(kind, test)),
        Section("The network", network_blocks(results)),
        Section("Firmware and proof", proof_blocks(results.verification)),
        Section(LIMITS, [Callout(text, "warning") for text in study.purpose.limits]),
        Section(CHECKLIST, [checklist_with_evidence(results.checklist, _evidence(words))]),
        Section(REPEAT, _repeat(study, results)),
        Section("Beside this page", [Files(_BESIDE)]),
    ]
    environment = results.environment
    return Page(
        study.title or study.name,
        f"{study.study_type} study {study.name}",
        sections,
        {
            "Finished": environment.finished_at,
            "Software": f"pulsefront {environment.pulsefront}",
            "Study": results.study_sha256[:12],
            "Machine": f"{environment.processor}, {environment.cpu_count} cores",
        },
    )


def _evidence(words: KindWords) -> dict[str, str]:
    """Return `EVIDENCE` under the headings of a kind of study."""
    own = {DATA: words.data, RESOLUTION: words.figures}
    return {topic: own.get(section, section) for topic, section in EVIDENCE.items()}


def _summary(study: StudyBase, results: StudyResults, words: KindWords) -> list[Block]:
    test, model = results.test, results.model
    metric = test.main_metric
    over_baselines, overall = test.gain_over_baselines[metric.key], test.gain[metric.key]
    rival = over_baselines.baseline
    ours, theirs = test.estimators["network"][metric.key], test.estimators[rival][metric.key]
    better = over_baselines.excludes_zero and test.not_judged is None
    verification = results.verification
    limit = study.budget.weight_bytes
    bits = model.architecture.weight_bits or ()
    blocks: list[Block] = [
        Tiles(
            [
                Tile(
                    f"network, {metric.words}",
                    ours,
                    metric.unit,
                    tone="good" if better else "bad",
                ),
                Tile(f"{rival}, {metric.words}", theirs, metric.unit),
                Tile(
                    "network",
                    str(model.architecture),
                    note=f"weights of {', '.join(map(str, bits))} bits",
                ),
                Tile(
                    "weights",
                    model.weight_bytes,
                    "bytes",
                    note=f"budget {limit:,}" if limit else "",
                ),
                Tile("operations", model.macs, f"MACs per {words.event}"),
                Tile(
                    "differing bits",
                    verification.mismatches,
                    note=f"of {verification.integers_compared:,} integers compared",
                    tone="good" if verification.passed else "bad",
                ),
            ]
        ),
        *(Callout(_sentence(text), "bad") for text in results.data.label_findings),
    ]
    if model.part is not None:
        text = f"The network {model.part.summary}."
        blocks.append(Callout(text, "good" if model.part.fits else "bad"))
    if test.not_judged is not None:
        blocks.append(Callout(f"Not judged: {test.not_judged}.", "bad"))
    else:
        text = _verdict(over_baselines, metric.words, "the best of the tuned baselines")
        blocks.append(Callout(text, "good" if better else "bad"))
    if overall.baseline != rival and test.not_judged is None:
        apposition = "the strongest classical estimator, which iterates for every event"
        text = _verdict(overall, metric.words, apposition)
        blocks.append(Callout(text, "good" if overall.excludes_zero else "warning"))
    blocks.append(
        Paragraph(
            f"Task: {study.purpose.task}. For: {study.purpose.user}. "
            f"Requirement: {study.purpose.requirement}."
        )
    )
    return blocks


def _sentence(finding: str) -> str:
    return f"Labels: {finding}."


def _verdict(gain: Gain, name: str, apposition: str) -> str:
    """Return in words who is better in the metric *name*, by how much, with the interval."""
    rival = f"{gain.baseline}, {apposition}"
    value, low, high = gain.gain_percent.value, gain.gain_percent.low, gain.gain_percent.high
    differs = low > 0 or high < 0
    direction = "below"
    if high < 0 or (not differs and value < 0):
        value, low, high, direction = -value, -high, -low, "above"
    size = f"{value:.1f} % [{low:.1f}, {high:.1f}]"
    if not differs:
        size += " (not shown to differ)"
    return f"The network's {name} is {size} {direction} that of {rival}."


def _split_table(data: SplitRecord, words: KindWords) -> Table:
    events, positions = data.events_in_parts, data.positions_in_parts
    return Table(
        ("part", words.events, words.places),
        [(part, events[part], positions[part]) for part in events],
        caption=f"No {words.place} is shared between parts{_nearest(data)}. Excluded: "
        + ", ".join(
            f"{count:,} {rule.replace('_', ' ')}" for rule, count in data.exclusions.items()
        )
        + ".",
    )


def _nearest(data: SplitRecord) -> str:
    distance = data.minimum_distance_mm
    if distance is None:
        return ""
    return f"; the nearest test position lies {distance:.3g} mm from a training position"


def _resolution(kind: StudyKind, results: StudyResults, confidence: str) -> list[Block]:
    test = results.test
    rows, metric = test.estimators, test.main_metric
    shown = metrics_in(kind.metrics, rows["network"])
    values = {name: row[metric.key] for name, row in rows.items()}
    tried = {row.name: row.candidates_tried for row in results.baselines}
    gains = [*test.gain_over_baselines.items()]
    gains += [(key, g) for key, g in test.gain.items() if g != test.gain_over_baselines[key]]
    return [
        Table(
            ("estimator", *map(str, shown)),
            [(name, *(row[m.key] for m in shown)) for name, row in rows.items()],
            caption=f"{test.test_events:,} test {kind.words.events} "
            f"{'at' if kind.words.places == 'positions' else 'of'} {test.test_positions} "
            f"{kind.words.places}; "
            f"{confidence} bootstrap intervals; reference: {test.reference_standard}.",
            highlight=(0,),
        ),
        FigureBlock(
            comparison_bars(
                {name: (one.value, one.low, one.high) for name, one in values.items()},
                label=str(metric),
                emphasized=("network",),
            ),
            f"The {metric.words} of every estimator with its interval",
        ),
        Table(
            ("metric", "best classical", "improvement on it", "gain (%)", "excludes zero"),
            [
                (str(METRICS[key]), g.baseline, g.improvement, g.gain_percent, g.excludes_zero)
                for key, g in gains
            ],
            caption=f"Paired by {kind.words.paired}. Parameters of the classical estimators were "
            "tuned over "
            + ", ".join(f"{count} settings of {name}" for name, count in tried.items())
            + ".",
        ),
        *_ends(results),
        *power_blocks(test),
    ]


def _ends(results: StudyResults) -> list[Block]:
    """Return which classical estimators might be better still beyond what was tried."""
    rows = [f"{row.name}: {', '.join(row.at_ends)}" for row in results.baselines if row.at_ends]
    if not rows:
        return []
    text = "Best at an end of what was tried, so that settings beyond might be better: "
    return [Paragraph(f"{text}{'; '.join(rows)}.".replace("_", " "))]


def _subgroups(test: TestRecord, own: KindWords) -> Table:
    rows = test.subgroups
    names = list(dict.fromkeys(key for row in rows for key in row.measured.intervals))
    owners = {"network": "network", "baseline": test.best_baseline}

    def words(name: str) -> str:
        who, key = name.split("_", 1)
        return f"{owners[who]}, {METRICS[key]}"

    return Table(
        ("subgroup", own.subgroups, *map(words, names)),
        [
            (
                row.subgroup,
                row.events,
                *(row.measured.intervals.get(name, row.note or "") for name in names),
            )
            for row in rows
        ],
        caption=f"Subgroups of the test {own.subgroups}, by what is known of them.",
    )


def _stability(test: TestRecord, confidence: str) -> Table:
    found = test.initializations
    both: dict[str, Mapping[str, SeedSpread]] = {
        "searched network": found.final,
        "full float network": found.full,
    }
    return Table(
        ("network", "metric", "each initialization", f"mean with {confidence} t interval"),
        [
            (name, str(METRICS[key]), ", ".join(f"{v:.4g}" for v in row.each), row.mean)
            for name, metrics in both.items()
            for key, row in metrics.items()
        ],
        caption="On test data; the exported network is the initialization that was best on "
        "selection events.",
    )


def _repeat(study: StudyBase, results: StudyResults) -> list[Block]:
    environment = results.environment
    libraries = ", ".join(f"{name} {number}" for name, number in environment.libraries.items())
    seconds = ", ".join(f"{name} {value:.0f} s" for name, value in results.seconds.items())
    return [
        Preformatted(f"pulsefront run {study.name} --out DIR", caption="One command"),
        Paragraph(f"Libraries: {libraries}; Python {environment.python}."),
        Paragraph(f"Time of each step: {seconds}."),
    ]
