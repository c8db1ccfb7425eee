"""Pickoff of whole files: a table of pulse quantities, a summary and figures in one folder."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.chain import (
    measure_charges,
    measure_pulses,
    measure_table,
    process,
    resolve,
    usable_rows,
)
from pulsefront.estimators.pulses.settings import PICKOFFS, PickoffSettings, PulseSettings
from pulsefront.evaluate.record import Record
from pulsefront.events.container import EventTable, Status
from pulsefront.events.readers.base import DataWarning, EventFile
from pulsefront.files import atomic_directory, write_json
from pulsefront.measured.prepare import Preparation, learn_preparation, prepared
from pulsefront.measured.time_spread import TimeDifference, TimeUnit, time_spread
from pulsefront.measured.write_tables import TableFormat, write_tables
from pulsefront.progress import Report, silent

if TYPE_CHECKING:
    from pulsefront.estimators.pulses.learn import Learned

__all__ = [
    "PickoffSummary",
    "PulseChain",
    "counted_status",
    "pickoff",
    "status_counts",
    "told_limits",
]

PULSES_SHOWN = 200
DIFFERENCES_SHOWN = 1_000_000
SUMMARY = "summary.json"


class PickoffSummary(Record):
    """What was found of a file, as ``summary.json`` holds it."""

    events: int
    """number of events"""
    channels: int
    """number of channels per event"""
    events_by_status: dict[str, int]
    """name of each flag → events that carry it; ``OK`` → events without any"""
    time_difference_channel_0_minus_1: dict[str, TimeDifference]
    """pickoff → how far the times of channel 0 and channel 1 lie apart, over the events without
    flags; empty for one channel"""
    settings: PickoffSettings
    """as they were decided from the first pulses"""
    provenance: dict[str, Any]
    """where the events come from"""


@dataclass
class _Seen:
    """What is kept of all chunks: counts, differences of times, the first pulses for figures."""

    events: int = 0
    channels: int = 1
    status: Counter[str] = field(default_factory=Counter)
    differences: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    time_unit: TimeUnit = "samples"
    shown: list[EventTable] = field(default_factory=list)
    measured: list[EventTable] = field(default_factory=list)


_OF_PULSES = tuple(PulseSettings.model_fields)


class PulseChain:
    """How every chunk of a file is measured, as the first one decided.

    Levels of saturation are looked for in all chunks: the largest pulses may come late.
    """

    def __init__(self, first: EventTable, settings: PickoffSettings) -> None:
        """Decide what is left open, and learn what is asked for, from the *first* events."""
        self.preparation: Preparation = learn_preparation(first, settings)
        self.raw: PulseSettings | None = None
        if self.preparation.changes:
            # Samples pile up as they were digitized, not as they were made even.
            self.raw = PulseSettings(**{name: getattr(settings, name) for name in _OF_PULSES})
            settings = settings.model_copy(update={"find_saturation": False})
        ready = prepared(first, self.preparation)
        waveforms = ready["waveform_adc"][usable_rows(ready)]
        self.settings: PickoffSettings = resolve(settings, waveforms)
        self.learned: tuple[Learned, ...] = ()
        self.events = 0
        if self.settings.asks_for_more:
            from pulsefront.estimators.pulses.learn import learn

            self.learned = learn(waveforms, self.settings, *process(waveforms, self.settings))
            self.settings = self.learned[0].settings

    def measure(self, raw: EventTable) -> tuple[EventTable, EventTable]:
        """Return the events with their waveforms as they were measured, and measured."""
        ready = prepared(raw, self.preparation)
        chosen: PulseSettings = self.settings
        if self.raw is not None:
            given = {
                "saturation_low_adc": chosen.saturation_low_adc,
                "saturation_high_adc": chosen.saturation_high_adc,
            }
            limits = tuple(own.model_copy(update=given) for own in chosen.limits)
            chosen = chosen.model_copy(update={"limits": limits})
        if self.settings.charges_only:
            table, settings = measure_charges(ready, chosen)
        else:
            table, settings = measure_table(ready, chosen, learned=self.learned)
        if self.raw is not None:
            table, settings = self._with_raw_saturation(raw, table)
        self._go_on_with(settings)
        self.events += len(raw)
        return ready, table

    def _with_raw_saturation(
        self, raw: EventTable, table: EventTable
    ) -> tuple[EventTable, PulseSettings]:
        """Flag what was cut off in the samples as they were digitized."""
        waveforms = raw["waveform_adc"]
        found = measure_pulses(waveforms, self.raw or PulseSettings(), usable_rows(raw))
        self.raw = found.settings
        flags = found.status & np.uint16(Status.SATURATED)
        status = table.status | (flags if flags.ndim == 1 else np.bitwise_or.reduce(flags, axis=1))
        columns = dict(table.columns)
        if "channel_status" in columns:
            columns["channel_status"] = columns["channel_status"] | flags
        limits = tuple(
            own.model_copy(
                update={
                    "saturation_low_adc": raw_own.saturation_low_adc,
                    "saturation_high_adc": raw_own.saturation_high_adc,
                }
            )
            for own, raw_own in zip(self.settings.limits, found.settings.limits, strict=True)
        )
        told = self.settings.model_copy(update={"limits": limits})
        return EventTable(columns, table.quantities, status, table.provenance), told

    def _go_on_with(self, settings: PulseSettings) -> None:
        """Take over levels of saturation, and warn of one that the events before did not show."""
        known = self.settings.limits
        self.settings = self.settings.model_copy(update={"limits": settings.limits})
        if not self.events:
            return
        for channel, (before, now) in enumerate(zip(known, settings.limits, strict=True)):
            for end in ("low", "high"):
                name = f"saturation_{end}_adc"
                level = getattr(now, name)
                if level is not None and level != getattr(before, name):
                    warnings.warn(
                        f"channel {channel} saturates at {level:g}, which only the events from "
                        f"{self.events} on show; earlier ones that reach it have no flag: give "
                        f"--saturation-{end}-adc {level:g} to flag them all",
                        DataWarning,
                        stacklevel=4,
                    )


def pickoff(
    source: EventFile,
    out: str | Path,
    settings: PickoffSettings | None = None,
    *,
    table_format: TableFormat = "csv",
    report: Report = silent,
) -> PickoffSummary:
    """Measure every pulse of *source* and write the folder *out*, which appears as a whole.

    It holds ``events.csv`` (or ``.h5``, ``.parquet``), ``data_dictionary.json``, ``summary.json``,
    ``pulses.png`` and, for two channels or more, ``time_differences.png``; without pictures where
    only charges are asked for. Memory does not grow with the file but for the last figure's
    differences.

    Raises
    ------
    ConfigError
        The settings do not fit the waveforms, or *out* holds something else than an earlier
        pickoff.
    DataError
        The source holds no waveforms or is damaged, or has too few clean pulses to learn from.
    ToolMissing
        Parquet is asked for without pyarrow.
    PulsefrontError
        The folder cannot be written.
    """
    out = Path(out)
    if out.exists() and not (out / SUMMARY).is_file() and (out.is_file() or any(out.iterdir())):
        raise ConfigError(
            "exists and is not an earlier pickoff",
            file=out,
            field="--out",
            remedy="choose another folder or empty this one",
        )
    if "waveform_adc" not in source.quantities:
        raise DataError("holds no waveforms", file=source.path, field="waveform_adc")
    asked = settings or PickoffSettings()
    seen = _Seen()
    chain: PulseChain | None = None

    def tables() -> Iterator[EventTable]:
        nonlocal chain
        for raw in source.reported(report):
            chain = chain or PulseChain(raw, asked)
            ready, table = chain.measure(raw)
            _note(seen, ready, table)
            yield table

    with atomic_directory(out) as folder:
        dictionary = write_tables(tables(), folder / f"events.{table_format}", table_format)
        if seen.events == 0 or chain is None:
            raise DataError("holds no events", file=source.path)
        told = {n: {"unit": q.unit, "description": q.description} for n, q in dictionary.items()}
        write_json(folder / "data_dictionary.json", told)
        summary = _summary(seen, chain.settings, source)
        summary.write(folder / SUMMARY)
        if not chain.settings.charges_only:
            _write_figures(folder, seen)
    return summary


def status_counts(status: NDArray[np.uint16]) -> dict[str, int]:
    """Return how many events carry each flag, and under ``"OK"`` how many carry none."""
    counts = {"OK": int(np.count_nonzero(status == 0))}
    for flag in Status:
        if flag and (count := int(np.count_nonzero(status & np.uint16(flag)))):
            counts[str(flag.name)] = count
    return counts


def counted_status(counts: Mapping[str, int]) -> str:
    """Return counts of `status_counts` in words."""
    return ", ".join(
        f"{count} {'without flags' if name == 'OK' else name.replace('_', ' ').lower()}"
        for name, count in counts.items()
    )


def told_limits(settings: PulseSettings) -> list[str]:
    """Return a line for each channel that is bipolar, or saturates at a level that was found."""
    lines = []
    for channel, limits in enumerate(settings.limits):
        found = [
            f"{level:g}"
            for level, given in (
                (limits.saturation_low_adc, settings.saturation_low_adc),
                (limits.saturation_high_adc, settings.saturation_high_adc),
            )
            if level is not None and given is None
        ]
        if found:
            levels = " and ".join(found)
            lines.append(f"channel {channel}: samples pile up at {levels}, taken for saturation")
        if limits.bipolar and settings.charge_lobe == "auto":
            lines.append(f"channel {channel}: bipolar pulses; charge is that of the first lobe")
    return lines


def _note(seen: _Seen, ready: EventTable, table: EventTable) -> None:
    seen.events += len(table)
    seen.status.update(status_counts(table.status))
    if ready["waveform_adc"].ndim == 3:
        seen.channels = ready["waveform_adc"].shape[1]
    if "amplitude_adc" not in table.columns:
        return
    if sum(map(len, seen.shown)) < PULSES_SHOWN:
        seen.shown.append(ready.select(slice(PULSES_SHOWN)))
        seen.measured.append(table.select(slice(PULSES_SHOWN)))
    if seen.channels < 2:
        return
    seen.time_unit = "ns" if "leading_edge_ns" in table.columns else "samples"
    good = table.status == 0
    for name in PICKOFFS:
        times = table.columns.get(f"{name}_{seen.time_unit}")
        if times is not None:
            difference = times[good, 0] - times[good, 1]
            known = seen.differences.get(name, np.zeros(0))
            both = np.concatenate([known, difference[np.isfinite(difference)]])
            seen.differences[name] = both[:DIFFERENCES_SHOWN]


def _summary(seen: _Seen, settings: PickoffSettings, source: EventFile) -> PickoffSummary:
    spreads = {name: time_spread(values) for name, values in seen.differences.items()}
    return PickoffSummary(
        events=seen.events,
        channels=seen.channels,
        events_by_status=seen.status,
        time_difference_channel_0_minus_1={
            name: TimeDifference.of(spread, seen.time_unit)
            for name, spread in spreads.items()
            if spread is not None
        },
        settings=settings,
        provenance=dict(source.provenance),
    )


def _write_figures(folder: Path, seen: _Seen) -> None:
    from pulsefront.measured.figures import difference_figure, pulse_figure

    raw, table = EventTable.concatenate(seen.shown), EventTable.concatenate(seen.measured)
    interval_ns = raw.provenance.get("sample_interval_ns")
    pulse_figure(raw, table, interval_ns).savefig(folder / "pulses.png", dpi=120)
    if seen.channels > 1:
        figure = difference_figure(seen.differences, seen.time_unit)
        figure.savefig(folder / "time_differences.png", dpi=120)
