"""Commands for motion of the patient: find it in a scan, simulate scans, judge the detectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from pulsefront.cli.data_options import Format, Mapping, Strict, read_options, warnings_on_stderr

if TYPE_CHECKING:
    from pulsefront.motion import FoundMotion

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
    str, typer.Option("--detector", help="How steps are found: bayes, threshold or cusum.")
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
    *,
    strict: Strict = False,
) -> None:
    """Find when the patient moved, and the frames between in which he did not.

    pulsefront motion FILE is the same. Exit code: 0 still, 1 motion, 4 no decision; 2 for an
    error. Nothing that is wrong with the data is taken for motion: it is named.
    """
    from pulsefront.motion import FindSettings, find_motion, open_trace
    from pulsefront.motion.readers.list_mode import ListModeSettings
    from pulsefront.motion.traces.store import write_trace
    from pulsefront.progress import progress

    settings = FindSettings(detector, _checked_interval(interval_s), smallest_mm, matters_mm)
    options = read_options(mapping=mapping, strict=strict)
    lines = ListModeSettings(interval_s, field_mm, elements)
    with warnings_on_stderr(), progress("read", "events") as report:
        read, breaks = open_trace(
            file, options, format_name=format_name, list_mode=lines, report=report
        )
    if trace is not None:
        write_trace(trace, read, breaks)
    found = find_motion(read, settings, breaks=breaks)
    _tell(found, file, out or Path(f"{file.stem}_motion.html"))
    raise typer.Exit({"motion": EXIT_MOTION, "still": 0}.get(found.decision, EXIT_NO_DECISION))


def _checked_interval(interval_s: float) -> float:
    from pulsefront.errors import ConfigError

    if not 0.1 <= interval_s <= 60:
        raise ConfigError("must lie between 0.1 and 60 s", field="--interval-s", value=interval_s)
    return interval_s


def _tell(found: FoundMotion, file: Path, out: Path) -> None:
    """Write page and JSON, and say the answer."""
    from pulsefront.files import write_json, write_text
    from pulsefront.motion.report.page import motion_page
    from pulsefront.motion.report.record import as_record, sentence
    from pulsefront.report import render

    write_text(out, render(motion_page(found, file)))
    write_json(out.with_suffix(".json"), as_record(found, file))
    typer.echo(f"{file}: {sentence(found)}")
    for frame in found.frames[:20]:
        doubt = "" if frame.decided else ", no decision"
        typer.echo(
            f"  {frame.start_s:9.1f} to {frame.stop_s:9.1f} s, part {frame.part + 1}: "
            f"{frame.size_mm:.2f} ± {1.96 * frame.size_error_mm:.2f} mm{doubt}"
        )
    if len(found.frames) > 20:
        typer.echo(f"  … {len(found.frames) - 20} more frames")
    for one in found.findings[:10]:
        typer.echo(f"  not motion: {one.kind} at {one.start_s:.1f} s: {one.text}")
    if len(found.findings) > 10:
        typer.echo(f"  … {len(found.findings) - 10} more findings")
    typer.echo(f"page: {out}")


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
