"""Commands that measure the pulses of waveforms: pickoff, charges."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.cli.data_options import (
    Channels,
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
    chosen_channels,
    read_options,
    warnings_on_stderr,
)

if TYPE_CHECKING:
    from pulsefront.estimators.pulses.settings import PickoffSettings
    from pulsefront.events.readers.base import EventFile
    from pulsefront.progress import Report

__all__ = ["charges", "pickoff"]


class TableName(StrEnum):
    """File type of the table of events."""

    csv = "csv"
    h5 = "h5"
    parquet = "parquet"


class PolarityName(StrEnum):
    """Side of the baseline on which the pulses lie."""

    auto = "auto"
    positive = "positive"
    negative = "negative"


class AlsoName(StrEnum):
    """What to measure beside what every pulse gets."""

    shape = "shape"
    trapezoid = "trapezoid"
    template = "template"
    optimal_filter = "optimal-filter"


class CellsName(StrEnum):
    """What the cells of a ring sampler are compared with."""

    level = "level"
    neighbours = "neighbours"


SettingsFile = Annotated[Path | None, typer.Option(help="TOML file with all pulse settings.")]
Polarity = Annotated[
    PolarityName | None, typer.Option(help="Side on which the pulses lie; found if not given.")
]
BaselineSamples = Annotated[
    int | None, typer.Option(help="Samples at the start that are baseline; found if not given.")
]
SaturationLow = Annotated[
    float | None,
    typer.Option(help="A sample at or below is cut off; found from the data if not given."),
]
SaturationHigh = Annotated[
    float | None,
    typer.Option(help="A sample at or above is cut off; found from the data if not given."),
]


def pickoff(
    files: Files,
    out: Annotated[Path, typer.Option("--out", help="Folder for table and figures.")],
    settings: SettingsFile = None,
    table: Annotated[TableName, typer.Option(help="File type of the table.")] = TableName.csv,
    channels: Channels = None,
    polarity: Polarity = None,
    baseline_samples: BaselineSamples = None,
    saturation_low_adc: SaturationLow = None,
    saturation_high_adc: SaturationHigh = None,
    threshold_adc: Annotated[
        float | None, typer.Option(help="Leading-edge threshold above the baseline.")
    ] = None,
    fraction: Annotated[
        float | None, typer.Option(help="Fraction of the constant-fraction discriminator.")
    ] = None,
    delay_samples: Annotated[float | None, typer.Option(help="Its delay.")] = None,
    smoothing: Annotated[
        int | None, typer.Option(help="Length of the moving average; odd.")
    ] = None,
    also: Annotated[
        list[AlsoName] | None,
        typer.Option(help="Measure this too; may be repeated."),
    ] = None,
    cells: Annotated[
        CellsName | None,
        typer.Option(
            help="Take out the offsets of the cells of a DRS4 or WaveCatcher, learned from the "
            "first events: against the level before the pulses, or against neighbouring samples.",
        ),
    ] = None,
    *,
    even_grid: Annotated[
        bool,
        typer.Option(
            "--even-grid",
            help="Interpolate samples with times of their own (DRS4) to even ones first.",
        ),
    ] = False,
    charges: Annotated[
        bool,
        typer.Option(
            "--charges",
            help="Only charge_adc of every photosensor, as calibrate and position studies take it.",
        ),
    ] = False,
    format_name: Format = None,
    sample_interval_ns: SampleInterval = None,
    tag_interval_ns: TagInterval = None,
    sample_type: Samples = SampleTypeName.auto,
    record_samples: RecordSamples = None,
    mapping: Mapping = None,
    join: Join = JoinName.auto,
    strict: Strict = False,
) -> None:
    """Measure every pulse: amplitude, charge, leading-edge and constant-fraction times, status.

    --also shape adds the rise time and the time over the threshold; --also trapezoid the height
    after pole-zero cancellation and trapezoidal shaping, for energies; --also template time and
    height of the mean pulse, fitted to each; --also optimal-filter the same by the optimal filter
    for the mean pulse in the noise of the samples before it. Mean pulse, decay and noise are
    learned from the first 2,000 clean pulses of each channel.

    A file of settings (--settings) has keys such as baseline_stop, charge_start, charge_stop and
    saturation_high_adc and, for what is found otherwise, tables: [shape] low, high; [trapezoid]
    decay_samples, rise_samples, flat_samples; [template] before_samples, after_samples,
    oversampling; [optimal_filter] most_shift_samples. summary.json says what was used.
    """
    from pulsefront.events.ingest import open_sources
    from pulsefront.measured.pickoff import counted_status, told_limits
    from pulsefront.measured.pickoff import pickoff as run
    from pulsefront.progress import progress

    chain = _pickoff_settings(
        settings,
        {
            "polarity": polarity.value if polarity else None,
            "baseline_stop": baseline_samples,
            "saturation_low_adc": saturation_low_adc,
            "saturation_high_adc": saturation_high_adc,
            "threshold_adc": threshold_adc,
            "fraction": fraction,
            "delay_samples": delay_samples,
            "smoothing": smoothing,
            "cells": cells.value if cells else None,
            "even_grid": even_grid or None,
            "charges_only": charges or None,
        },
        [name.name for name in also or ()],
    )
    options = read_options(
        sample_interval_ns, tag_interval_ns, sample_type, record_samples, mapping, strict=strict
    )
    with warnings_on_stderr(), progress("pickoff", "events") as report:
        opened = open_sources(files, options, format_name=format_name, join=join.value)
        source = chosen_channels(opened, channels)
        summary = run(source, out, chain, table_format=table.value, report=report)
    counted = counted_status(summary.events_by_status)
    typer.echo(f"{out}: {summary.events} events, {summary.channels} channel(s); {counted}")
    for line in told_limits(summary.settings):
        typer.echo(line)
    for name, spread in summary.time_difference_channel_0_minus_1.items():
        typer.echo(f"{name.replace('_', ' ')}, channel 0 − 1: {spread.told}")


def charges(
    files: Files,
    out: Annotated[Path, typer.Option("--out", help="The store of charges to write (HDF5).")],
    settings: SettingsFile = None,
    channels: Channels = None,
    polarity: Polarity = None,
    baseline_samples: BaselineSamples = None,
    start: Annotated[
        int | None, typer.Option(help="First sample of the charge; the first one if not given.")
    ] = None,
    stop: Annotated[
        int | None, typer.Option(help="Sample before which it ends; the last one if not given.")
    ] = None,
    saturation_low_adc: SaturationLow = None,
    saturation_high_adc: SaturationHigh = None,
    least_channels: Annotated[
        int | None,
        typer.Option(help="Of groups of hits: flag those in which fewer channels fired."),
    ] = None,
    format_name: Format = None,
    sample_interval_ns: SampleInterval = None,
    tag_interval_ns: TagInterval = None,
    sample_type: Samples = SampleTypeName.auto,
    record_samples: RecordSamples = None,
    mapping: Mapping = None,
    join: Join = JoinName.auto,
    *,
    strict: Strict = False,
) -> None:
    """Integrate waveforms: charge_adc of every channel, as calibrate and position studies take it.

    The charge is the sum of the samples above the baseline (below it for negative pulses), over
    the whole waveform or from --start to --stop; of bipolar pulses that of the first lobe. Labels
    of a scan go along: the store of a manifest is the [measured] of a position study. An event is
    flagged where a sample of any channel is cut off.

    Of PETsys groups an event is a group, and the charge of a channel the energy of its hit: 0 where
    it did not fire. --channels lists the channels of one detector in the order of its photosensors;
    hits elsewhere are left out and counted.
    """
    from pulsefront.events.ingest import open_sources
    from pulsefront.measured.charges import write_charges
    from pulsefront.measured.groups import holds_groups
    from pulsefront.measured.pickoff import counted_status, told_limits
    from pulsefront.progress import progress

    given: dict[str, object] = {
        "polarity": polarity.value if polarity else None,
        "baseline_stop": baseline_samples,
        "charge_start": start,
        "charge_stop": stop,
        "saturation_low_adc": saturation_low_adc,
        "saturation_high_adc": saturation_high_adc,
    }
    chain = _pickoff_settings(settings, given, [])
    options = read_options(
        sample_interval_ns, tag_interval_ns, sample_type, record_samples, mapping, strict=strict
    )
    with warnings_on_stderr(), progress("charges", "events") as report:
        opened = open_sources(files, options, format_name=format_name, join=join.value)
        if holds_groups(opened):
            others = {**given, "settings": settings, "saturation_high_adc": None}
            _refuse(others, "is for waveforms, and this file holds groups of hits")
            _charges_of_groups(opened, out, channels, saturation_high_adc, least_channels, report)
            return
        _refuse({"least_channels": least_channels}, "is for groups of hits")
        found = write_charges(chosen_channels(opened, channels), out, chain, report=report)
    counted = counted_status(found.status)
    typer.echo(f"{out}: {found.events} events, {found.channels} channel(s); {counted}")
    for line in told_limits(found.settings):
        typer.echo(line)


def _charges_of_groups(
    source: EventFile,
    out: Path,
    channels: str | None,
    saturation: float | None,
    least_channels: int | None,
    report: Report,
) -> None:
    """Write the charges of groups of hits, and say what they hold."""
    from pulsefront.events.channels import parse_channels
    from pulsefront.measured.groups import write_group_charges
    from pulsefront.measured.pickoff import counted_status

    found = write_group_charges(
        source,
        out,
        () if channels is None else parse_channels(channels),
        saturation=saturation,
        least_channels=least_channels or 1,
        report=report,
    )
    counted = counted_status(found.status)
    typer.echo(f"{out}: {found.events:,} groups, {len(found.channels)} channels; {counted}")
    mean = found.hits / max(found.events, 1)
    typer.echo(f"{mean:.3g} hits a group on average; channels that did not fire have charge 0")
    if found.hits_elsewhere:
        typer.echo(
            f"left out: {found.hits_elsewhere:,} hits in other channels, and with them "
            f"{found.groups_elsewhere:,} groups"
        )
    if found.damaged:
        typer.echo(f"left out: {found.damaged:,} damaged records")
    if saturation is None:
        for channel, level in found.saturation.items():
            typer.echo(f"channel {channel}: hits pile up at {level:g}, taken for saturation")


def _refuse(options: dict[str, object], problem: str) -> None:
    """Raise `ConfigError` for the first option that was given in vain."""
    from pulsefront.errors import ConfigError

    for name, value in options.items():
        if value is not None:
            raise ConfigError(problem, field=f"--{name.replace('_', '-')}", value=str(value))


def _pickoff_settings(
    file: Path | None, given: dict[str, object], also: list[str]
) -> PickoffSettings:
    from pulsefront.config import load_toml, validate
    from pulsefront.estimators.pulses.settings import PickoffSettings

    content = load_toml(file) if file else {}
    content |= {name: value for name, value in given.items() if value is not None}
    content |= {name: {} for name in also if name not in content}
    return validate(PickoffSettings, content, file=file or Path("command line"))
