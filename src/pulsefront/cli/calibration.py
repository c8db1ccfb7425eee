"""Commands for point-source data: coincidences, calibrate, split."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from pulsefront.cli.data_options import (
    Channels,
    Format,
    Mapping,
    Strict,
    TagInterval,
    chosen_channels,
    read_options,
    warnings_on_stderr,
)

if TYPE_CHECKING:
    from pulsefront.estimators.energy.calibration import CalibrationPeak
    from pulsefront.events.container import EventTable
    from pulsefront.events.readers.base import EventFile
    from pulsefront.measured.calibration.record import Calibration, Layout
    from pulsefront.measured.scans import Apart

__all__ = ["calibrate", "coincidences", "split"]


MOST_TOLD = 8
"""Pairs of channels whose time resolution is printed; all are in the file."""


class LayoutName(StrEnum):
    """How charges are calibrated."""

    auto = "auto"
    sum = "sum"
    each = "each"
    hits = "hits"


class ApartName(StrEnum):
    """What the parts of a split may not share."""

    run = "run"
    detector = "detector"
    source = "source"


def coincidences(
    files: Annotated[
        list[Path],
        typer.Argument(help="Two files of hits, or one with several channels.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", help="The store of pairs to write (HDF5).")],
    window_ns: Annotated[
        float, typer.Option("--window-ns", help="Half width of the coincidence window.")
    ],
    *,
    offset_ns: Annotated[
        float, typer.Option("--offset-ns", help="Expected time of side 0 minus side 1.")
    ] = 0.0,
    channels: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--channels",
            help="Channels of side 0 and of side 1, e.g. 0 1, or 0-63 64-127; with their boards "
            "0:0 1:0.",
        ),
    ] = None,
    disorder_ms: Annotated[
        float, typer.Option(help="How far hits in a file may be out of order in time.")
    ] = 10.0,
    without_flagged: Annotated[
        bool, typer.Option("--without-flagged", help="Leave hits with status flags out.")
    ] = False,
    format_name: Format = None,
    tag_interval_ns: TagInterval = None,
    mapping: Mapping = None,
    strict: Strict = False,
) -> None:
    """Pair the hits of two files, or of channels of one, by their times.

    A pair is two hits within the window that have no other partner in it. Every column that both
    sides have becomes a column of pairs; their time difference is beside them.
    """
    from pulsefront.errors import ConfigError
    from pulsefront.events import store
    from pulsefront.events.channels import parse_hit_channels
    from pulsefront.events.readers.open import open_events
    from pulsefront.measured.pairing.coincidences import Coincidences
    from pulsefront.measured.pairing.hits import PairingSettings, Side
    from pulsefront.measured.time_spread import TimeDifference
    from pulsefront.progress import progress

    if len(files) > 2:
        raise ConfigError("takes one or two files", field="files", value=len(files))
    options = read_options(tag_interval_ns=tag_interval_ns, mapping=mapping, strict=strict)
    with warnings_on_stderr(), progress("coincidences", "hits") as report:
        opened = [open_events(path, options, format_name=format_name) for path in files]
        chosen = [
            None if channels is None else parse_hit_channels(text) for text in channels or ("", "")
        ]
        found = Coincidences(
            Side(opened[0], chosen[0]),
            Side(opened[-1], chosen[1]),
            PairingSettings(window_ns, offset_ns, 1e6 * disorder_ms, without_flagged),
        )
        count = store.write_stream(found.tables(report), out, provenance=found.provenance)
    typer.echo(
        f"{out}: {count:,} pairs of {found.hits[0]:,} and {found.hits[1]:,} hits; "
        f"{found.alone:,} hits alone, {found.multiple:,} with several partners"
    )
    if (spread := found.spread_ns) is not None:
        typer.echo(f"time difference: {TimeDifference.of(spread, 'ns').told}")


def calibrate(
    file: Annotated[Path, typer.Argument(help="Charges of a point source: a store or table.")],
    out: Annotated[
        Path, typer.Option("--out", help="The calibration (JSON); with --apply the store (HDF5).")
    ],
    peaks_kev: Annotated[
        str, typer.Option("--peaks-kev", help="Energies of the source's peaks, rising.")
    ] = "511,1274.5",
    *,
    apply: Annotated[
        Path | None,
        typer.Option("--apply", help="Use this calibration on FILE instead of making one."),
    ] = None,
    channels: Channels = None,
    column: Annotated[
        str | None, typer.Option(help="Column of the charges; found if not given.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Column of the times; found if not given.")
    ] = None,
    walk: Annotated[
        bool,
        typer.Option(
            "--walk", help="Fit how much later smaller pulses are timed too, from all pairs."
        ),
    ] = False,
    layout: Annotated[
        LayoutName,
        typer.Option(help="Peaks in the sum of photosensors, in each channel, or in single hits."),
    ] = LayoutName.auto,
    photopeak_sigmas: Annotated[
        float, typer.Option(help="Half width of the photopeak window.")
    ] = 2.0,
    figure: Annotated[
        Path | None, typer.Option(help="Where to draw the fits; by default beside OUT.")
    ] = None,
    format_name: Format = None,
    mapping: Mapping = None,
    strict: Strict = False,
) -> None:
    """Fit the peaks of a source: energies, gains, time offsets and resolution of channels.

    Beside the calibration stand a figure and a page with the spectra and the coincidence time
    resolution of photopeak events. Then, with --apply, use them on a file: energies, the photopeak
    window as a status flag, equal gains, and times without their offsets.

    With --walk, also what a fixed threshold does to the times: a smaller pulse crosses it later.
    It is fitted as c1 (A0/A)^(1/2) + c2 (A0/A) of each channel's pulse height A, and taken out by
    --apply. It needs pairs of pulses that fired together (from pulsefront coincidences, or two
    channels of one file) and, for heights of pulses, tables of pulsefront pickoff.
    """
    from pulsefront.errors import ConfigError
    from pulsefront.events.readers.open import open_events
    from pulsefront.files import atomic_path
    from pulsefront.measured.calibration.figure import calibration_figure
    from pulsefront.measured.calibration.fit import calibrate as run
    from pulsefront.measured.calibration.page import write_calibration_page
    from pulsefront.progress import progress

    options = read_options(mapping=mapping, strict=strict)
    if apply is not None:
        with warnings_on_stderr():
            source = open_events(file, options, format_name=format_name)
            _apply(chosen_channels(source, channels), apply, out)
        return
    try:
        peaks = [float(word) for word in peaks_kev.split(",")]
    except ValueError:
        raise ConfigError(
            "must be numbers with commas", field="--peaks-kev", value=peaks_kev
        ) from None
    with warnings_on_stderr(), progress("calibrate", "events") as report:
        source = chosen_channels(open_events(file, options, format_name=format_name), channels)
        found, events = run(
            source,
            peaks,
            column=column,
            layout=None if layout == LayoutName.auto else cast("Layout", layout.value),
            time=time,
            walk=walk,
            photopeak_sigmas=photopeak_sigmas,
            report=report,
        )
    target = figure or out.with_suffix(".png")
    page = out.with_suffix(".html")
    drawn = calibration_figure(found, events)
    with atomic_path(target) as temporary:
        drawn.savefig(temporary, dpi=120, format=target.suffix.lstrip(".") or "png")
    write_calibration_page(found, drawn, page)
    found.write(out)
    for line in _told(found):
        typer.echo(line)
    typer.echo(f"{out}: {len(events):,} events; figure: {target}; page: {page}")


def split(
    file: Annotated[Path, typer.Argument(help="A manifest of scans, or the store made of it.")],
    apart: Annotated[
        list[ApartName] | None,
        typer.Option(help="What no two parts may share, beside positions; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the report (JSON).")
    ] = None,
    least_distance_mm: Annotated[
        float, typer.Option(help="Least distance of test positions from training positions.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the draw of selection positions.")] = 1,
    *,
    strict: Strict = False,
) -> None:
    """Split a point-source set for training and test, and show that nothing leaks."""
    from pulsefront.errors import DataError
    from pulsefront.events.ingest import open_sources
    from pulsefront.measured.scans import SplitReport, load_labels, split_scan_set
    from pulsefront.progress import progress

    names: tuple[Apart, ...] = tuple(name.value for name in apart or [ApartName.run])
    with warnings_on_stderr(), progress("split", "events") as report:
        source = open_sources([file], read_options(strict=strict))
        labels = load_labels(source, report=report)
    if not len(labels):
        raise DataError("holds no events", file=file)
    found, leaks = split_scan_set(
        labels, seed=seed, apart=names, least_distance_mm=least_distance_mm
    )
    for name, count in leaks.events.items():
        number = leaks.positions[name]
        told = f"{number:,} position{'' if number == 1 else 's'}"
        typer.echo(f"{name}: {count:,} events at {told}")
    for rule, count in found.excluded.items():
        if count:
            typer.echo(f"left out: {count:,} events, {rule}")
    typer.echo(f"shared between parts: no event, no position, no {', no '.join(names)}")
    if leaks.minimum_distance_mm is not None:
        typer.echo(f"least distance from training positions: {leaks.minimum_distance_mm:g} mm")
    if out is not None:
        SplitReport(
            file=file.name,
            seed=seed,
            apart=names,
            required_distance_mm=least_distance_mm,
            excluded=dict(found.excluded),
            leaks=leaks.as_record(),
        ).write(out)
        typer.echo(f"report: {out}")


def _apply(opened: EventFile, using: Path, out: Path) -> None:
    from pulsefront.events import store
    from pulsefront.measured.calibration.apply import open_calibrated
    from pulsefront.measured.calibration.record import load_calibration
    from pulsefront.progress import progress

    calibration = load_calibration(using)
    source = open_calibrated(opened, calibration, calibration_file=using)
    inside = 0
    with progress("calibrate", "events") as report:

        def counted() -> Iterator[EventTable]:
            nonlocal inside
            for table in source.reported(report):
                passed = table["in_photopeak"]
                inside += int(passed.all(axis=tuple(range(1, passed.ndim))).sum())
                yield table

        count = store.write_stream(counted(), out)
    typer.echo(f"{out}: {count:,} events, {inside:,} in the photopeak window")


def _told(found: Calibration) -> list[str]:
    """Return a line per channel: scale, resolution, goodness of the fits, time offset, walk."""
    lines = []
    names = (
        ("charge sum",)
        if found.layout == "sum"
        else tuple(f"channel {number}" for number in found.channels)
    )
    offsets = found.time_offsets_ns or (None,) * len(names)
    walks = found.walks or (None,) * len(names)
    for name, fitted, offset, walk in zip(names, found.energies, offsets, walks, strict=True):
        peaks = ", ".join(_of_peak(peak) for peak in fitted.peaks)
        scale = f"{fitted.gain_kev:.5g} keV per unit of charge {fitted.offset_kev:+.3g} keV"
        line = f"{name}: {scale}; {peaks}"
        if offset is not None:
            line += f"; time offset {offset:+.4f} ns"
        if walk is not None:
            line += f"; walk {walk.span:.3g} ns over the amplitudes"
        lines.append(line)
    if found.gains:
        low, high = min(found.gains), max(found.gains)
        lines.append(f"gains of {len(found.gains)} photosensors: {low:.3f} to {high:.3f}")
    lines += [
        f"channels {pair.channels[0]} − {pair.channels[1]}: CTR {pair.ctr_fwhm_ps:.4g} ± "
        f"{pair.ctr_fwhm_error_ps:.2g} ps FWHM ({found.time_column}, {pair.events:,} events in "
        "both photopeaks)"
        for pair in (found.resolutions or ())[:MOST_TOLD]
    ]
    few = found.provenance.channels_with_too_few_events
    if few:
        lines.append(f"left out for too few events: {len(few)} channels")
    return lines


def _of_peak(peak: CalibrationPeak) -> str:
    return (
        f"{peak.energy_kev:.4g} keV at {peak.centre_charge:.5g} ± {peak.centre_error_charge:.2g} "
        f"({peak.resolution_fwhm_percent:.1f} % FWHM, χ²/n {peak.chi_square_per_degree:.2f})"
    )
