"""Commands for measured data: ingest, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.cli.data_options import (
    Disorder,
    Files,
    Format,
    Join,
    JoinName,
    Mapping,
    RecordSamples,
    SampleInterval,
    Samples,
    SampleTypeName,
    Strict,
    TagInterval,
    read_options,
    warnings_on_stderr,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pulsefront.events.readers.base import ReadOptions

__all__ = ["ingest", "inspect"]


def ingest(
    files: Files,
    out: Annotated[Path, typer.Option("--out", help="The store to write (HDF5).")],
    format_name: Format = None,
    sample_interval_ns: SampleInterval = None,
    tag_interval_ns: TagInterval = None,
    sample_type: Samples = SampleTypeName.auto,
    record_samples: RecordSamples = None,
    mapping: Mapping = None,
    join: Join = JoinName.auto,
    disorder_ms: Disorder = 10.0,
    *,
    append: Annotated[
        bool, typer.Option("--append", help="Add to the store, chunk by chunk.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Take a file whose events are in the store once more."),
    ] = False,
    strict: Strict = False,
) -> None:
    """Read measured files, or the scans of a manifest, into one event store."""
    from pulsefront.events.ingest import ingest as run
    from pulsefront.events.manifest import is_manifest
    from pulsefront.progress import progress

    options = read_options(
        sample_interval_ns,
        tag_interval_ns,
        sample_type,
        record_samples,
        mapping,
        disorder_ms=disorder_ms,
        strict=strict,
    )
    with warnings_on_stderr(), progress("ingest", "events") as report:
        count = run(
            files,
            out,
            options,
            format_name=format_name,
            join=join.value,
            append=append,
            again=again,
            report=report,
        )
    typer.echo(f"{out}: {count} events {'added' if append else 'written'}")
    if any(is_manifest(file) for file in files):
        for line in _told_of_set(out):
            typer.echo(line)


def inspect(
    file: Annotated[
        Path,
        typer.Argument(
            help="A measured file, a store, a light map, a model.json, a detector (TOML) or a "
            "shipped one's name."
        ),
    ],
    figure: Annotated[
        Path | None,
        typer.Option(help="Where to draw it; by default beside you, named after the file."),
    ] = None,
    format_name: Format = None,
    sample_interval_ns: SampleInterval = None,
    tag_interval_ns: TagInterval = None,
    sample_type: Samples = SampleTypeName.auto,
    record_samples: RecordSamples = None,
    mapping: Mapping = None,
    *,
    no_figure: Annotated[bool, typer.Option("--no-figure", help="Draw nothing.")] = False,
    strict: Strict = False,
) -> None:
    """Show what a file holds: columns, units, status counts, rates; draw its pulses."""
    from pulsefront.files import atomic_path

    drawn: Figure | None = None
    if file.suffix == ".toml" or _may_be_a_detector_name(file):
        lines, drawn = _inspected_detector(file)
    elif (model := _inspected_model(file)) is not None:
        lines = model
    elif (light_map := _inspected_light_map(file)) is not None:
        lines = light_map
    else:
        options = read_options(
            sample_interval_ns, tag_interval_ns, sample_type, record_samples, mapping, strict=strict
        )
        lines, drawn = _inspected_events(file, options, format_name)
    for line in lines:
        typer.echo(line)
    if drawn is not None and not no_figure:
        target = figure or Path(f"{file.stem}_inspect.png")
        with atomic_path(target) as temporary:
            drawn.savefig(temporary, dpi=120, format=target.suffix.lstrip(".") or "png")
        typer.echo(f"figure: {target}")


def _told_of_set(path: Path) -> list[str]:
    """Return what a point-source set covers, and whether training and test can be kept apart."""
    from pulsefront.errors import DataError
    from pulsefront.events.readers.open import open_events
    from pulsefront.measured.scans import load_labels, split_scan_set

    source = open_events(path, format_name="store")
    labels = load_labels(source)
    index = "grid_index" if "grid_index" in labels.columns else "offset_index"
    names = source.provenance.get("names", {})
    counted = [(len({*map(str, labels[index].tolist())}), "position")]
    counted += [(len(names.get(name, ())), name) for name in ("run", "detector")]
    lines = [", ".join(f"{n} {name}{'' if n == 1 else 's'}" for n, name in counted)]
    try:
        found, leaks = split_scan_set(labels, seed=1)
    except DataError as error:
        return [*lines, f"runs cannot be kept apart between training and test: {error}"]
    parts = ", ".join(f"{name} {count:,}" for name, count in leaks.events.items())
    left_out = sum(found.excluded.values())
    return [
        *lines,
        f"split without a shared position or run: {parts}, left out {left_out:,} events",
    ]


def _may_be_a_detector_name(file: Path) -> bool:
    return file.parent == Path() and not file.suffix and not file.exists()


def _inspected_model(file: Path) -> list[str] | None:
    """Describe a fixed-point model, which holds no events, and say which commands take it."""
    if file.suffix != ".json" or not file.is_file():
        return None
    from pulsefront.errors import PrecisionError
    from pulsefront.fixed_point import FixedPointModel
    from pulsefront.fixed_point.display import as_line

    try:
        model = FixedPointModel.load(file)
    except PrecisionError:
        return None
    layers = [
        f"  {one.layer.name}: {one.layer.kind} {one.result.shape}, {one.result.format}"
        for one in model.steps
    ]
    return [
        f"{file}: a fixed-point model",
        as_line(model),
        *layers,
        f"go on with: pulsefront export {file} --out firmware; pulsefront fit, pulsefront monitor",
    ]


def _inspected_light_map(file: Path) -> list[str] | None:
    if file.suffix not in {".h5", ".hdf5"}:
        return None
    from pulsefront.simulate.light.table import describe_light_map, is_light_map

    if not is_light_map(file):
        return None
    return [_row(row) for row in describe_light_map(file)]


def _row(row: tuple[str, str, str]) -> str:
    quantity, value, unit = row
    return f"{quantity}: {value} {unit}".rstrip()


def _inspected_detector(file: Path) -> tuple[list[str], Figure | None]:
    from pulsefront.simulate.inspect import describe_detector

    rows, figure = describe_detector(file)
    return [_row(row) for row in rows], figure


def _inspected_events(
    file: Path, options: ReadOptions, format_name: str | None
) -> tuple[list[str], Figure | None]:
    from dataclasses import replace

    from pulsefront.events.ingest import open_sources
    from pulsefront.measured.inspect import inspect_events
    from pulsefront.measured.pickoff import counted_status
    from pulsefront.progress import progress

    with warnings_on_stderr(), progress("inspect", "events") as report:
        # A table without a mapping file shows its columns as they are.
        source = open_sources([file], replace(options, unmapped=True), format_name=format_name)
        found = inspect_events(source, report=report)
    lines = [f"{file}: {found.format}, {found.events} events"]
    if found.duration_s is not None:
        rate = f", {found.rate_per_s:.4g} events/s" if found.rate_per_s else ""
        lines.append(f"from first to last {found.duration_s:.4g} s{rate}")
    lines.append(f"status: {counted_status(found.status)}")
    if found.pulse_status:
        lines.append(f"first pulses, measured: {counted_status(found.pulse_status)}")
    for column in found.columns:
        # Of no events, or of no number among them, there is no range.
        known = column.lowest <= column.highest
        ends = f"{column.lowest:.6g} to {column.highest:.6g}" if known else "no values"
        shape = "".join(f"[{length}]" for length in column.shape)
        lines.append(
            f"  {column.name}{shape} {column.dtype}, {column.unit}: {column.description}; {ends}"
        )
    for name, value in found.provenance.items():
        told = str(value)
        lines.append(f"  {name} = {told if len(told) <= 120 else told[:117] + '…'}")
    return lines, found.figure
