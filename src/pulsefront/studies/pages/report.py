"""``report.html``, ``results.json`` and ``model_card.md`` of a run directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pulsefront.files import write_json, write_text
from pulsefront.report import (
    Block,
    Callout,
    Checklist,
    ChecklistItem,
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
from pulsefront.studies.config import AnyStudy, CrystalStudy, PositionStudy
from pulsefront.studies.pages import crystal as report_crystal
from pulsefront.studies.pages import position as report_position
from pulsefront.studies.pages import timing as report_timing
from pulsefront.studies.pages.card import card_of
from pulsefront.studies.pages.diagnosis import diagnosis_blocks
from pulsefront.studies.pages.external import external_blocks
from pulsefront.studies.pages.network import (
    METRICS,
    Results,
    ablation_blocks,
    interval,
    metric_words,
    network_blocks,
    proof_blocks,
)
from pulsefront.studies.results import checklist, collect_results

__all__ = ["write_report"]


def write_report(study: AnyStudy, directory: Path, folders: Mapping[str, Path]) -> None:
    """Write results, model card and report, each atomically."""
    results = collect_results(study, folders)
    write_json(directory / "results.json", results)
    write_text(directory / "model_card.md", card_of(study, results))
    write_text(directory / "report.html", render(_page(study, results, folders)))


def _page(study: AnyStudy, results: Results, folders: Mapping[str, Path]) -> Page:
    # What is particular to a kind: the detector, the data, the error pictures.
    if isinstance(study, CrystalStudy):
        data_blocks = report_crystal.data_blocks(study, results, folders)
        error_blocks = report_crystal.error_blocks(study, results, folders)
        ranking = report_position.ranking_figure(study)
    elif isinstance(study, PositionStudy):
        data_blocks = report_position.data_blocks(study, results, folders)
        error_blocks = report_position.error_blocks(results, folders)
        ranking = report_position.ranking_figure(study)
    else:
        data_blocks = report_timing.data_blocks(study, results, folders)
        error_blocks = report_timing.error_blocks(results, folders)
        ranking = report_timing.ranking_figure
    sections = [
        Section("What came out", _summary(study, results)),
        Section("Detector and data", [*data_blocks, _split_table(results)]),
        Section("Resolution beside the classical estimators", _resolution(results)),
        Section("Where the errors lie", [*error_blocks, _subgroups(results)]),
        Section("External test sets", external_blocks(results["test"])),
        Section("Stability over initializations", [_stability(results)]),
        Section("Size of data, sham data, uncertainty", diagnosis_blocks(results)),
        Section("Ablation", ablation_blocks(results, ranking)),
        Section("The network", network_blocks(results)),
        Section("Firmware and proof", proof_blocks(results)),
        Section("Limits", [Callout(text, "warning") for text in study.purpose.limits]),
        Section("Best-practice checklist", [_checklist(study, results)]),
        Section("To repeat it", _repeat(study, results)),
    ]
    environment = results["environment"]
    return Page(
        study.title,
        f"{study.study_type} study {study.name}",
        sections,
        {
            "Finished": environment["finished_at"],
            "Software": f"pulsefront {environment['pulsefront']}",
            "Study": results["study_sha256"][:12],
            "Machine": f"{environment['processor']}, {environment['cpu_count']} cores",
        },
    )


def _summary(study: AnyStudy, results: Results) -> list[Block]:
    test, model = results["test"], results["model"]
    key = test["main_metric"]
    name, unit = METRICS[key]
    over_baselines, overall = test["gain_over_baselines"][key], test["gain"][key]
    rival = over_baselines["baseline"]
    ours, theirs = test["estimators"]["network"], test["estimators"][rival]
    better = over_baselines["excludes_zero"]
    verification = results["verification"]
    limit = model["budget"].get("weight_bytes")
    architecture = model["architecture"]
    layers = [architecture["inputs"], *architecture["hidden"], architecture["outputs"]]
    blocks: list[Block] = [
        Tiles(
            [
                Tile(
                    f"network, {name}", interval(ours, key), unit, tone="good" if better else "bad"
                ),
                Tile(f"{rival}, {name}", interval(theirs, key), unit),
                Tile(
                    "network",
                    "-".join(map(str, layers)),
                    note=f"weights of {', '.join(map(str, architecture['weight_bits']))} bits",
                ),
                Tile(
                    "weights",
                    model["weight_bytes"],
                    "bytes",
                    note=f"budget {limit:,}" if limit else "",
                ),
                Tile("operations", model["macs"], "MACs per event"),
                Tile(
                    "differing bits",
                    verification["mismatches"],
                    note=f"of {verification['integers_compared']:,} integers compared",
                    tone="good" if verification["passed"] else "bad",
                ),
            ]
        ),
        Callout(
            _verdict(over_baselines, key, "the best of the tuned baselines"),
            "good" if better else "bad",
        ),
    ]
    if overall["baseline"] != rival:
        text = _verdict(
            overall, key, "the strongest classical estimator, which iterates for every event"
        )
        blocks.append(Callout(text, "good" if overall["excludes_zero"] else "warning"))
    blocks.append(
        Paragraph(
            f"Task: {study.purpose.task}. For: {study.purpose.user}. "
            f"Requirement: {study.purpose.requirement}."
        )
    )
    return blocks


def _verdict(gain: Results, key: str, apposition: str) -> str:
    """Return in words who is better in the main metric, by how much, with the interval."""
    name = METRICS[key][0]
    rival = f"{gain['baseline']}, {apposition}"
    value, low, high = (gain[f"gain_percent{end}"] for end in ("", "_low", "_high"))
    if low > 0:
        size, direction = f"{value:.1f} % [{low:.1f}, {high:.1f}]", "below"
    elif high < 0:
        size, direction = f"{-value:.1f} % [{-high:.1f}, {-low:.1f}]", "above"
    else:
        size, direction = f"{value:.1f} % [{low:.1f}, {high:.1f}] (not shown to differ)", "below"
    return f"The network's {name} is {size} {direction} that of {rival}."


def _split_table(results: Results) -> Table:
    data = results["data"]
    return Table(
        ("part", "events", "positions"),
        [(p, data[f"events_{p}"], data[f"positions_{p}"]) for p in ("train", "selection", "test")],
        caption="No position is shared between parts; the nearest test position lies "
        f"{data['minimum_distance_mm']:.3g} mm from a training position. Excluded: "
        + ", ".join(
            f"{count:,} {name.replace('_', ' ')}"
            for name, count in results["checklist"]["data_decisions"]["exclusions"].items()
        )
        + ".",
    )


def _resolution(results: Results) -> list[Block]:
    test = results["test"]
    rows = test["estimators"]
    key = test["main_metric"]
    shown = [k for k in METRICS if k in rows["network"] and f"{k}_low" in rows["network"]]
    values = {name: (row[key], row[f"{key}_low"], row[f"{key}_high"]) for name, row in rows.items()}
    tried = {row["name"]: row["candidates_tried"] for row in results["baselines"]}
    return [
        Table(
            ("estimator", *(metric_words(k) for k in shown)),
            [(name, *(interval(row, k) for k in shown)) for name, row in rows.items()],
            caption=f"{test['test_events']:,} test events at {test['test_positions']} positions; "
            f"95 % bootstrap intervals; reference: {test['reference_standard']}.",
            highlight=(0,),
        ),
        FigureBlock(
            comparison_bars(values, label=metric_words(key), emphasized=("network",)),
            f"The {METRICS[key][0]} of every estimator with its interval",
        ),
        Table(
            ("metric", "best classical", "improvement on it", "gain (%)", "excludes zero"),
            [
                (
                    metric_words(k),
                    g["baseline"],
                    interval(g, "improvement"),
                    interval(g, "gain_percent"),
                    g["excludes_zero"],
                )
                for gains in ("gain_over_baselines", "gain")
                for k, g in test[gains].items()
                if gains == "gain_over_baselines" or g != test["gain_over_baselines"][k]
            ],
            caption="Paired by event. Parameters of the classical estimators were tuned over "
            + ", ".join(f"{count} settings of {name}" for name, count in tried.items())
            + ".",
        ),
    ]


def _subgroups(results: Results) -> Table:
    test = results["test"]
    rows = test["subgroups"]
    keys = [k for k in rows[0] if k.startswith(("network_", "baseline_"))]
    names = [k for k in keys if f"{k}_low" in keys]
    owners = {"network": "network", "baseline": test["best_baseline"]}
    words = {k: f"{owners[k.split('_')[0]]}, {metric_words(k.split('_', 1)[1])}" for k in names}
    return Table(
        ("subgroup", "events", *(words[k] for k in names)),
        [
            (
                row["subgroup"],
                row["events"],
                *(interval(row, k) if k in row else row.get("note", "") for k in names),
            )
            for row in rows
        ],
        caption="Subgroups of the test events, by what the simulation knows of them.",
    )


def _stability(results: Results) -> Table:
    found = results["test"]["initializations"]
    labels = {"final": "searched network", "full": "full float network"}
    return Table(
        ("network", "metric", "each initialization", "mean with 95 % t interval"),
        [
            (
                labels[name],
                metric_words(key),
                ", ".join(f"{v:.4g}" for v in row["each"]),
                interval(row, "mean"),
            )
            for name in labels
            for key, row in found[name].items()
        ],
        caption="Test events; the exported network is the initialization that was best on "
        "selection events.",
    )


def _checklist(study: AnyStudy, results: Results) -> Checklist:
    return Checklist(
        [
            ChecklistItem(answer.topic.title, answer.topic.question, answer.text, answer.done)
            for answer in checklist(study, results)
        ]
    )


def _repeat(study: AnyStudy, results: Results) -> list[Block]:
    environment = results["environment"]
    libraries = ", ".join(f"{name} {number}" for name, number in environment["libraries"].items())
    seconds = ", ".join(f"{name} {value:.0f} s" for name, value in results["seconds"].items())
    return [
        Preformatted(f"pulsefront run {study.name} --out DIR", caption="One command"),
        Paragraph(f"Libraries: {libraries}; Python {environment['python']}."),
        Paragraph(f"Time of each step: {seconds}."),
    ]
