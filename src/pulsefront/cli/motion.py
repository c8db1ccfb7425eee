"""Commands for motion of the patient: find it in a scan, simulate scans, judge the detectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from pulsefront.cli.data_options import Format, Mapping, Strict, read_options, warnings_on_stderr
from pulsefront.cli.motion_options import (
    beside_json,
    between,
    loaded_model,
    move_of,
    network_settings,
    one_of,
    page_name,
    table_of,
)
from pulsefront.cli.motion_told import followed, tell

if TYPE_CHECKING:
    from pulsefront.motion import MotionTrace
    from pulsefront.progress import Report

__all__ = ["app"]

EXIT_MOTION = 1
EXIT_NO_DECISION = 4


class _FileFirst(TyperGroup):
    """A group whose first word may be a file: then it is that of ``find``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in {"--help", "-h"}:
            args = ["find", *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    cls=_FileFirst,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Motion of the patient from list-mode data: pulsefront motion FILE finds it.",
)

Out = Annotated[
    Path | None,
    typer.Option("--out", help="The page to write; a JSON file of the same name lies beside it."),
]
DetectorName = Annotated[
    str,
    typer.Option("--detector", help="How steps are found: bayes, threshold, cusum or network."),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="Of the detector network: what motion train wrote, or the run directory of a study.",
    ),
]


@app.command()
def find(
    file: Annotated[
        Path,
        typer.Argument(help="A scan: list mode, a table of centroids, or a trace of this tool."),
    ],
    out: Out = None,
    mapping: Mapping = None,
    format_name: Format = None,
    detector: DetectorName = "bayes",
    model: Model = None,
    interval_s: Annotated[
        float, typer.Option("--interval-s", help="Shorter intervals are joined; 0.1 to 60.")
    ] = 1.0,
    smallest_mm: Annotated[
        float, typer.Option("--smallest-mm", help="Smaller movements do not split a frame.")
    ] = 0.3,
    matters_mm: Annotated[
        float,
        typer.Option(
            "--matters-mm",
            help="Where a step of this size would not be found within a minute there is no "
            "decision.",
        ),
    ] = 5.0,
    field_mm: Annotated[
        float,
        typer.Option(help="Of list mode: coincidences further from the axis are left out."),
    ] = 300.0,
    elements: Annotated[
        Path | None,
        typer.Option(
            help="Of list mode that names channels alone: a table channel,x_mm,y_mm,z_mm."
        ),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option("--trace", help="Write the trace too (HDF5).")
    ] = None,
    quiet_s: Annotated[
        float, typer.Option(help="With --live: end when the file has not grown for so long.")
    ] = 30.0,
    *,
    live: Annotated[
        bool,
        typer.Option("--live", help="Follow a file that grows: say each movement when decided."),
    ] = False,
    strict: Strict = False,
) -> None:
    """Find when the patient moved, and the frames between in which he did not.

    pulsefront motion FILE is the same. Exit code: 0 still, 1 motion, 4 no decision; 2 for an
    error. Nothing that is wrong with the data is taken for motion: it is named.
    """
    from pulsefront.motion import FindSettings, find_motion, open_trace
    from pulsefront.motion.readers.list_mode import ListModeSettings
    from pulsefront.motion.traces.store import write_trace
    from pulsefront.progress import progress, silent

    settings = FindSettings(
        detector,
        between(interval_s, 0.1, 60, "s", "--interval-s"),
        between(smallest_mm, 0, 100, "mm", "--smallest-mm"),
        between(matters_mm, 0.01, 1000, "mm", "--matters-mm"),
        network=network_settings(model, interval_s),
        model=loaded_model(model),
    )
    between(field_mm, 1, 10_000, "mm", "--field-mm")
    between(quiet_s, 0.1, 86_400, "s", "--quiet-s")
    target = page_name(out or Path(f"{file.stem}_motion.html"))
    options = read_options(mapping=mapping, strict=strict)
    lines = ListModeSettings(interval_s, field_mm, elements)

    def read(report: Report = silent) -> tuple[MotionTrace, tuple[float, ...]]:
        return open_trace(file, options, format_name=format_name, list_mode=lines, report=report)

    if live:
        found = followed(file, read, settings, target, quiet_s)
    else:
        with warnings_on_stderr(), progress("read", "events") as report:
            scan, breaks = read(report)
        if trace is not None:
            write_trace(trace, scan, breaks)
        found = find_motion(scan, settings, breaks=breaks)
        tell(found, file, target)
    raise typer.Exit({"motion": EXIT_MOTION, "still": 0}.get(found.decision, EXIT_NO_DECISION))


@app.command()
def mapping(
    file: Annotated[
        Path | None, typer.Argument(help="A table of centroids: CSV, Parquet, NumPy, HDF5, ROOT.")
    ] = None,
) -> None:
    """Print a mapping file for a table of centroids: an example, or one guessed from its columns.

    Check names and units, save it, and give it with --mapping.
    """
    from pulsefront.events.readers.base import ReadOptions
    from pulsefront.events.readers.open import open_events
    from pulsefront.motion.readers.tables import MAPPING_EXAMPLE, guess_mapping

    text = MAPPING_EXAMPLE
    if file is not None:
        text = guess_mapping(open_events(file, ReadOptions(unmapped=True)))
    typer.echo(text, nl=False)


@app.command()
def simulate(
    out: Annotated[
        Path, typer.Option("--out", help="The trace to write (HDF5); the truth lies beside it.")
    ],
    phantom: Annotated[str, typer.Option(help="brain or torso.")] = "brain",
    rate_per_s: Annotated[float, typer.Option("--rate-per-s", help="Prompts.")] = 200_000.0,
    duration_s: Annotated[float, typer.Option("--duration-s", help="Length.")] = 600.0,
    interval_s: Annotated[float, typer.Option("--interval-s", help="Of the trace.")] = 1.0,
    step: Annotated[
        list[str] | None,
        typer.Option("--step", help="SECONDS:X,Y,Z, a translation in mm; again for more."),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option("--table", help="SECONDS:MM, the table moves along z; again for more."),
    ] = None,
    redistribution: Annotated[
        float, typer.Option(help="Strength of the tracer's redistribution: 0 none, 1 strong.")
    ] = 1.0,
    breathing_hz: Annotated[
        float | None, typer.Option("--breathing-hz", help="Frequency of breathing (torso).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the patient, the counts and all else.")] = 1,
    *,
    attenuation: Annotated[
        bool, typer.Option("--attenuation", help="The patient attenuates, as water does.")
    ] = False,
) -> None:
    """Simulate a scan of a patient who may move: its trace, and the truth as JSON.

    The truth lists each movement with the displacement of the centre that it made.
    """
    from dataclasses import replace

    from pulsefront.files import write_json
    from pulsefront.motion.simulate.moves import Breathing, PatientMotion
    from pulsefront.motion.simulate.phantom import PHANTOMS
    from pulsefront.motion.simulate.scan import ScanPlan, simulate_scan
    from pulsefront.motion.traces.store import write_trace

    one_of(phantom, PHANTOMS, "--phantom")
    beside_json(out, f"name the trace, as in {out.with_suffix('.h5').name}")
    moves = tuple(move_of(text) for text in step or ())
    tables = tuple(table_of(text) for text in table or ())
    breathing = None if breathing_hz is None else Breathing(breathing_hz)
    plan = ScanPlan(
        "torso" if phantom == "torso" else "brain",
        seed,
        duration_s,
        interval_s,
        rate_per_s=rate_per_s,
        redistribution=redistribution,
        attenuation=attenuation,
        motion=PatientMotion((*moves, *tables), breathing),
    )
    if phantom == "torso":
        plan = replace(plan, scanner=replace(plan.scanner, field_radius_mm=280.0))
    scan = simulate_scan(plan, seed)
    write_trace(out, scan.trace)
    truth = [
        {"start_s": one.move.start_s, "shift_mm": one.shift_mm, "patient_mm": one.move.shift_mm}
        for one in scan.moves
    ]
    drift = float(((scan.drift_mm[-1] - scan.drift_mm[0]) ** 2).sum() ** 0.5)
    beds = [{"start_s": one.start_s, "shift_mm": one.shift_mm[2]} for one in tables]
    told = {"seed": seed, "drift_mm": drift, "moves": truth, "table": beds}
    write_json(out.with_suffix(".json"), told)
    typer.echo(
        f"{out}: {len(scan.trace)} intervals, {scan.trace.counts.sum():,.0f} prompts, the centre "
        f"drifts by {drift:.2f} mm, {len(moves)} movements"
    )


@app.command()
def judge(
    out: Annotated[
        Path, typer.Option("--out", help="The page to write; a JSON file lies beside it.")
    ] = Path("motion_detection.html"),
    scans: Annotated[int, typer.Option(help="For each rate and size, three steps each.")] = 20,
    still: Annotated[int, typer.Option(help="Without motion, for each rate.")] = 40,
    seed: Annotated[int, typer.Option(help="First seed, above 1000.")] = 10_000,
    tuning: Annotated[int, typer.Option(help="Scans for each rate to tune thresholds on.")] = 40,
    rate_per_s: Annotated[
        list[float] | None,
        typer.Option("--rate-per-s", help="Counts; again for more. Five of them where left out."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Judge this detector; again for more. All where left out."),
    ] = None,
    model: Model = None,
) -> None:
    """Judge the detectors of motion on simulated scans: found, delay, size error, false splits.

    Thresholds are tuned on the seeds from 0 on, and judged on fresh ones, at all count rates. With
    --model a network is judged on the same scans, and compared with each of the others.
    """
    from dataclasses import replace

    from pulsefront.errors import ConfigError
    from pulsefront.files import write_json, write_text
    from pulsefront.motion.judge.study import DetectionTrials, study_detection
    from pulsefront.motion.judge.tune import CLASSICAL, LADDERS, network_at, tune
    from pulsefront.motion.report.study_page import study_page, study_record
    from pulsefront.progress import progress
    from pulsefront.report import render

    if seed < 1000 or min(scans, still, tuning) < 1:
        raise ConfigError("seeds below 1000 are those of tuning, and no number may be 0",
                          field="--seed", value=seed)  # fmt: skip
    page_name(out)
    trials = DetectionTrials(scans=scans, still=still, seed=seed)
    if rate_per_s:
        rates = tuple(between(rate, 100, 1e8, "counts/s", "--rate-per-s") for rate in rate_per_s)
        trials = replace(trials, rates_per_s=rates)
    tuned, detectors = {}, {}
    at_threshold = dict(CLASSICAL)
    network = loaded_model(model)
    if network is not None:
        at_threshold["network"] = network_at(network)
    for name in only or ():
        one_of(name, at_threshold, "--only")
    at_threshold = {n: detect for n, detect in at_threshold.items() if not only or n in only}
    for name, detect in at_threshold.items():
        tuned[name] = tune(detect, LADDERS[name], trials.plan, trials.rates_per_s, range(tuning))
        at = tuned[name].threshold
        typer.echo(f"{name}: threshold {at:g}, {tuned[name].worst_per_10_min:.2f} false splits per "
                   "10 min at the worst rate")  # fmt: skip
        detectors[name] = lambda trace, detect=detect, at=at: detect(trace, at)
    with progress("judge", "scans") as report:
        study = study_detection(detectors, trials, report=report)
    write_text(out, render(study_page(study, tuned)))
    write_json(out.with_suffix(".json"), study_record(study, tuned))
    typer.echo(f"page: {out}")


@app.command()
def train(
    out: Annotated[Path, typer.Option("--out", help="The model to write (JSON).")],
    scans: Annotated[int, typer.Option(help="Of any count rate, with steps of any size.")] = 1500,
    seed: Annotated[int, typer.Option(help="Of the network's first weights.")] = 1,
) -> None:
    """Train a small network that finds motion, on simulated scans, as a fixed-point model.

    Use it with --detector network --model; pulsefront export writes firmware of it, and pulsefront
    motion judge --model tells how it compares.
    """
    from pulsefront.progress import progress
    from pulsefront.studies.motion_network import MotionNetworkSettings, train_motion_network

    with progress("train", "scans") as report:
        trained = train_motion_network(MotionNetworkSettings(scans=scans, seed=seed), report=report)
    trained.model.save(out)
    cost = trained.model.cost()
    typer.echo(
        f"{out}: {trained.model.name}, {cost.macs} multiply-accumulates a window, trained on "
        f"{trained.windows:,} windows, {trained.positive:,} of them with a step"
    )
