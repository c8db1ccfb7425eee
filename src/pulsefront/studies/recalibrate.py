"""A deployed network on another detector: new gains and offsets before it, no new weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.energy.photopeak import Photopeak, find_photopeak
from pulsefront.evaluate import Interval
from pulsefront.evaluate.intervals import (
    Statistic,
    bootstrap,
    mean_statistic,
    median_statistic,
    relative_gain,
)
from pulsefront.evaluate.record import Record
from pulsefront.events.container import EventTable
from pulsefront.files import firmware_export_directory
from pulsefront.firmware import export_model, load_board
from pulsefront.firmware.front_end.position.chain import PositionChain
from pulsefront.firmware.front_end.settings import AnyChainSettings, PositionChainSettings
from pulsefront.firmware.front_end.statement import FOLDER, read_statement
from pulsefront.firmware.front_end.window import with_window
from pulsefront.firmware.origin import origin_of
from pulsefront.fixed_point import FixedPointModel
from pulsefront.monitor import Profile
from pulsefront.monitor.recalibrate import channel_gains
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.measured_events import load_unlabelled
from pulsefront.studies.monitor import kind_of_profile
from pulsefront.studies.settings import ScanStudy

__all__ = ["Recalibration", "chain_of_export", "recalibrate", "write_recalibrated"]

LARGEST_GAIN = 16.0
"""That a front end multiplies with: see `PositionChainSettings.gains`."""

LIGHT = 0.05
"""Of the photopeak: more than a channel's noise, less than the brightest has of most events."""
MOST_LIT = 0.1
"""Share of events with light among those without: it moves a median by an eighth of the noise."""
SIGMA_OF_MEDIAN = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
MOST_SPREAD = 0.05
"""Of the photopeak: robust spread of the sums of events without light. Noise adds up to less, and
light that lies too thin on the channels to be seen in any of them spreads by tens of percent."""
LEAST_DARK = 200
"""Events without light: the median of fewer is no pedestal."""


class Recalibration(Record):
    """What was found of a detector, and what it changes."""

    profile_sha256: str
    """of the reference"""
    events: int
    """photopeak events that gains were found from"""
    dark_events: int
    """that offsets were found from; 0 where offsets stay as they were"""
    photopeak_adc: float
    """of the charge sum, offsets and gains corrected"""
    reference_photopeak_adc: float
    gains: tuple[float, ...]
    """of each channel relative to the reference, 1 on average over the light"""
    gain_errors: tuple[float | None, ...]
    """standard errors; none where a gain cannot be told, as of a dead channel: it stays"""
    corrections: tuple[float, ...]
    """what the front end multiplies with"""
    offsets_adc: tuple[int, ...]
    """what it takes away before"""
    loss: str
    """what the figures below are, in words; empty where the events have no truth"""
    before: Interval | None = None
    """with the gains and offsets that the front end had"""
    after: Interval | None = None
    """with those found here, of the same events"""
    gain_percent: Interval | None = None
    """before less after, relative to before, paired by event"""


@dataclass(frozen=True)
class _Selected:
    """Charges less offsets, (event, channel), and which of all events lie in the photopeak."""

    charges: NDArray[np.int64]
    inside: NDArray[np.bool_]


def chain_of_export(export: Path, given: AnyChainSettings | None) -> PositionChainSettings:
    """Return the settings of the front end of an export, or the *given* ones for its model.

    Raises
    ------
    ConfigError
        There are none, or they are those of a timing chain.
    """
    if given is None and not (export / FOLDER).is_dir():
        raise ConfigError(
            "has no front end, and gains are its own",
            file=export,
            remedy="give its settings with --front-end",
        )
    chain = read_statement(export / FOLDER).settings if given is None else given
    chain = with_window(chain, export / "model.json")
    if not isinstance(chain, PositionChainSettings):
        raise ConfigError(
            "gains are those of charges, and a timing chain has none",
            file=export,
            remedy="recalibrate a position chain",
        )
    return chain


def recalibrate(
    model: FixedPointModel,
    profile: Profile,
    chain: PositionChainSettings,
    files: Sequence[str | Path],
    dark: Sequence[str | Path] = (),
) -> tuple[PositionChainSettings, Recalibration]:
    """Return the settings of a front end with new gains and offsets, and what was found.

    Parameters
    ----------
    files
        Events of a flood or a scan over the whole face, as the reference was.
    dark
        Events without light, such as those of a random trigger; left out, offsets stay as they are.

    Raises
    ------
    DataError
        The profile is of another model or knows no charges, the events are too few or of other
        channels, or gains cannot be told.
    """
    kind = _kind(model, profile, chain)
    events = _read(kind, files, chain)
    wanted = find_photopeak(profile.reference.spectra["photopeak"]).position
    offsets = np.array(chain.whole_offsets)
    if dark:
        offsets = _offsets(_read(kind, dark, chain), wanted)
    reference = profile.reference.charges
    assert reference is not None  # `_kind` has looked
    # The window of the photopeak is found once more on charges whose gains are right.
    gains = np.ones(chain.channels)
    for _ in range(2):
        some = _select(kind, events, offsets, gains)
        found = channel_gains(reference, some.charges[some.inside])
        gains = found.gains
    peak = _peak(_corrected(some.charges, gains))
    corrections = (wanted / peak.position) / gains
    untold = np.isnan(found.errors)
    if (corrections >= LARGEST_GAIN).any():
        raise DataError(
            f"the photopeak lies at {peak.position:.0f} counts, that of the reference at "
            f"{wanted:.0f}: a front end multiplies with less than {LARGEST_GAIN:g}",
            field="events",
            remedy="raise the gain of the electronics",
        )
    changed = chain.model_copy(
        update={
            "gains": tuple(float(one) for one in corrections),
            "offsets_adc": tuple(int(one) for one in offsets) if offsets.any() else None,
        }
    )
    record = Recalibration(
        profile_sha256=profile.sha256,
        events=found.events,
        dark_events=sum(len(_table(kind, file)) for file in dark),
        photopeak_adc=peak.position,
        reference_photopeak_adc=wanted,
        gains=tuple(float(one) for one in gains),
        gain_errors=tuple(
            None if lost else float(one) for one, lost in zip(found.errors, untold, strict=True)
        ),
        corrections=tuple(float(one) for one in corrections),
        offsets_adc=tuple(int(one) for one in offsets),
        loss="",
    )
    judged = events.select(some.inside)
    if not _has_truth(judged):
        return changed, record
    return changed, record.model_copy(update=_judged(kind, model, (chain, changed), judged))


def write_recalibrated(
    model: FixedPointModel,
    export: Path,
    out: Path,
    chain: PositionChainSettings,
    found: Recalibration,
    board: str | None = None,
) -> None:
    """Write a new export of *model* with a front end of these settings into *out*.

    Its ``provenance.json`` is that of *export*, with what was found.
    """
    origin = origin_of(export / "model.json")
    units = origin.pop("units", {})
    if board is None and (export / FOLDER).is_dir():
        board = _shipped(read_statement(export / FOLDER).board)
    export_model(
        model,
        out,
        targets=("front_end",),
        front_end=chain,
        board=board,
        provenance={**origin, "recalibration": found.to_json()},
        units=units,
    )


def _shipped(name: str) -> str | None:
    """Return the file of the shipped board of that name; None where none has it."""
    folder = firmware_export_directory() / "boards"
    named = {load_board(path).name: path.stem for path in sorted(folder.glob("*.toml"))}
    return named.get(name)


def _kind(model: FixedPointModel, profile: Profile, chain: PositionChainSettings) -> StudyKind:
    """Return the study of a profile that fits a model and the channels of its front end."""
    if profile.model.to_json() != model.to_json():
        raise DataError(
            f"the profile is of another network ({profile.model.name})",
            field="profile",
            remedy="give the profile of the run that the export is from",
        )
    kind, charges = kind_of_profile(profile), profile.reference.charges
    if charges is None or not isinstance(kind.study, ScanStudy):
        raise DataError(
            "the profile holds no charges",
            field="profile",
            remedy="make it again: pulsefront monitor profile RUN",
        )
    if charges.shape[1] != chain.channels:
        raise DataError(
            f"the front end takes {chain.channels} charges, the reference has {charges.shape[1]}",
            field="channels",
            remedy="give the settings of the front end that the network is for",
        )
    return kind


def _table(kind: StudyKind, file: str | Path) -> EventTable:
    return load_unlabelled(file, kind.measured_kind)


def _read(kind: StudyKind, files: Sequence[str | Path], chain: PositionChainSettings) -> EventTable:
    """Return the events of *files* without a status.

    Raises
    ------
    DataError
        A file has other channels, or charges beyond those of the front end.
    """
    tables = [_table(kind, file) for file in files]
    for file, table in zip(files, tables, strict=True):
        charges = table["charge_adc"]
        if charges.ndim != 2 or charges.shape[1] != chain.channels:
            raise DataError(
                f"holds {charges.shape[-1]} channels, the front end takes {chain.channels}",
                file=file,
                field="charge_adc",
                remedy="give events of the detector that the export was made for",
            )
        if charges.min(initial=0) < 0 or charges.max(initial=0) >= 1 << chain.adc_bits:
            raise DataError(
                f"holds charges outside the {chain.adc_bits} bits of the front end",
                file=file,
                field="charge_adc",
                value=(int(charges.min()), int(charges.max())),
                remedy="give integers as the front end counts them",
            )
    events = EventTable.concatenate(tables)
    return events.select(events.status == 0)


def _offsets(dark: EventTable, photopeak_adc: float) -> NDArray[np.int64]:
    """Return the median charge of each channel without light.

    Raises
    ------
    DataError
        The events are few, or light is in them: their median would be no pedestal.
    """
    if len(dark) < LEAST_DARK:
        raise DataError(
            f"{len(dark)} events without light are too few for a pedestal",
            field="dark",
            remedy=f"give at least {LEAST_DARK}",
        )
    middle = np.median(dark["charge_adc"], axis=0)
    above = np.asarray(dark["charge_adc"], np.float64) - middle
    lit = float((above > LIGHT * photopeak_adc).any(axis=1).mean())
    if lit > MOST_LIT:
        raise DataError(
            f"{100 * lit:.0f} % of the events without light have a channel more than "
            f"{100 * LIGHT:g} % of the photopeak above its median",
            field="dark",
            remedy="give those of a random trigger, without a source",
        )
    sums = dark["charge_adc"].sum(axis=1, dtype=np.float64)
    spread = SIGMA_OF_MEDIAN * float(np.median(np.abs(sums - np.median(sums)))) / photopeak_adc
    if spread > MOST_SPREAD:
        raise DataError(
            f"the charge sums of the events without light spread by {100 * spread:.0f} % of the "
            "photopeak: light lies on many channels, or noise that all share",
            field="dark",
            remedy="give those of a random trigger, without a source",
        )
    return np.asarray(np.floor(middle + 0.5), np.int64)


def _corrected(charges: NDArray[np.int64], gains: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((charges / gains).sum(axis=1), np.float64)


def _peak(sums: NDArray[np.float64]) -> Photopeak:
    return find_photopeak(sums)


def _select(
    kind: StudyKind,
    events: EventTable,
    offsets: NDArray[np.int64],
    gains: NDArray[np.float64],
) -> _Selected:
    """Return the charges less *offsets*, and which events lie in the photopeak of their sum."""
    assert isinstance(kind.study, ScanStudy)
    charges = np.maximum(np.asarray(events["charge_adc"], np.int64) - offsets, 0)
    sums = _corrected(charges, gains)
    return _Selected(charges, _peak(sums).contains(sums, kind.study.events.photopeak_sigmas))


def _has_truth(events: EventTable) -> bool:
    if "first_interaction_mm" in events.columns or "element" in events.columns:
        return True
    stage = events.columns.get("stage_position_mm")
    return stage is not None and len(np.unique(stage, axis=0)) > 1


def _judged(
    kind: StudyKind,
    model: FixedPointModel,
    chains: tuple[PositionChainSettings, PositionChainSettings],
    events: EventTable,
) -> dict[str, Any]:
    """Return how wrong the network is behind both front ends, of the same events."""
    both = [kind.losses(events, _estimates(kind, model, one, events)) for one in chains]
    of: Any = median_statistic if kind.study.kind == "position" else mean_statistic
    before, after = (of(losses) for losses in both)

    def interval(statistic: Statistic) -> Interval:
        return bootstrap(
            statistic, len(events), replicates=500, confidence=0.95, seed=kind.study.seed
        )

    words = kind.loss_words.replace("mean", "median", 1) if of is median_statistic else None
    return {
        "loss": words or kind.loss_words,
        "before": interval(before),
        "after": interval(after),
        "gain_percent": interval(relative_gain(after, before)).scaled(100.0),
    }


def _estimates(
    kind: StudyKind, model: FixedPointModel, chain: PositionChainSettings, events: EventTable
) -> NDArray[np.generic]:
    """Return what the network says behind a front end, as the kind gives estimates."""
    emulator = PositionChain(model, chain)
    records = emulator.run(np.asarray(events["charge_adc"], np.int64))
    form = emulator.layout.limits.format
    names = [one.name for one in emulator.layout.limits.fields(form)]
    outputs = form.values(np.column_stack([records[name] for name in names]))
    # Positions leave the front end in the axes of the block, also where the network's are turned.
    return outputs if kind.study.kind == "position" else kind.estimates_of(events, outputs)
