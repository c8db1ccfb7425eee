"""What the commands for measured data share: options that say how files are read, warnings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pulsefront.events.readers.base import EventFile, ReadOptions

__all__ = [
    "Channels",
    "Disorder",
    "Files",
    "Format",
    "Join",
    "JoinName",
    "Mapping",
    "RecordSamples",
    "SampleInterval",
    "SampleTypeName",
    "Samples",
    "Strict",
    "TagInterval",
    "chosen_channels",
    "read_options",
    "warnings_on_stderr",
]


class SampleTypeName(StrEnum):
    """How WaveDump samples are written."""

    auto = "auto"
    u16 = "u16"
    f32 = "f32"
    u8 = "u8"


class JoinName(StrEnum):
    """How several files become one set of events."""

    auto = "auto"
    none = "none"
    event_counter = "event_counter"
    trigger_tag = "trigger_tag"
    order = "order"


Files = Annotated[
    list[Path],
    typer.Argument(help="Measured files, event stores, or one manifest.", show_default=False),
]
Channels = Annotated[
    str | None,
    typer.Option(
        "--channels",
        help="Channels to take, in this order, e.g. 14,26, 0-3,8 or CH1,CH2; all if left out.",
    ),
]
Format = Annotated[
    str | None, typer.Option("--format", help="Name of the format; recognised if not given.")
]
SampleInterval = Annotated[
    float | None,
    typer.Option("--sample-interval-ns", help="Sampling interval, where the file lacks it."),
]
TagInterval = Annotated[
    float | None,
    typer.Option("--tag-interval-ns", help="Tick of the trigger time tag, where needed."),
]
Samples = Annotated[
    SampleTypeName, typer.Option("--sample-type", help="How WaveDump samples are written.")
]
RecordSamples = Annotated[
    int | None, typer.Option(help="Samples per record of a file without headers.")
]
Mapping = Annotated[
    Path | None, typer.Option(help="TOML file that says which array of a table is what.")
]
Join = Annotated[
    JoinName,
    typer.Option(help="How files of one channel each become events of several channels."),
]
Disorder = Annotated[
    float,
    typer.Option(
        help="How far hits of a channel may be out of order in time; a clock that falls further "
        "back is taken to start anew."
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse a damaged file instead of keeping its events.")
]


def read_options(
    sample_interval_ns: float | None = None,
    tag_interval_ns: float | None = None,
    sample_type: SampleTypeName = SampleTypeName.auto,
    record_samples: int | None = None,
    mapping: Path | None = None,
    *,
    disorder_ms: float = 10.0,
    strict: bool = False,
) -> ReadOptions:
    """Return the options as the readers take them."""
    from pulsefront.events.readers.base import ReadOptions

    return ReadOptions(
        strict=strict,
        sample_interval_ns=sample_interval_ns,
        tag_interval_ns=tag_interval_ns,
        sample_type=sample_type.value,
        record_samples=record_samples,
        mapping=mapping,
        disorder_ms=disorder_ms,
    )


def chosen_channels(source: EventFile, text: str | None) -> EventFile:
    """Return *source* with the channels that ``--channels`` names."""
    from pulsefront.events.channels import channel_names, parse_channels, with_channels

    if text is None:
        return source
    return with_channels(source, parse_channels(text, channel_names(source)))


@contextmanager
def warnings_on_stderr() -> Iterator[None]:
    """Show each warning about the data as one line, where errors go too."""
    from pulsefront.events.readers.base import DataWarning

    with warnings.catch_warnings(record=False):
        warnings.simplefilter("always", DataWarning)
        original = warnings.showwarning

        def show(message, category, filename, lineno, file=None, line=None):  # type: ignore[no-untyped-def]
            if issubclass(category, DataWarning):
                typer.echo(f"warning: {message}", err=True)
            else:
                original(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield
